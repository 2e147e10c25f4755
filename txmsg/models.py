"""What the machine keeps for its operators: heartbeats, and what the inbox received."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from events.models import Channel


class Heartbeat(models.Model):
    """A sign of life of a process of ours, written every few seconds."""

    name = models.CharField(max_length=80, primary_key=True)
    at = models.DateTimeField(db_default=Now())
    detail = models.JSONField(default=dict)

    def __str__(self) -> str:
        return self.name


class InboxMessage(models.Model):
    """A message that the built-in inbox or a capture channel received."""

    channel = models.CharField(max_length=8, choices=Channel)
    sender = models.CharField(max_length=320, blank=True)
    recipient = models.CharField(max_length=512)
    subject = models.CharField(max_length=998, blank=True)
    raw = models.BinaryField()
    delivery_id = models.UUIDField(null=True)
    received_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(channel__in=Channel.values),
                name="txmsg_inboxmessage_channel",
            )
        ]
        indexes = [
            # From a delivery to what arrived of it: delivery_id = …
            models.Index(
                fields=["delivery_id"],
                condition=Q(delivery_id__isnull=False),
                name="txmsg_inbox_by_delivery",
            )
        ]

    def __str__(self) -> str:
        return f"{self.subject or self.channel} to {self.recipient}"
