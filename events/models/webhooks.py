"""Outgoing webhooks: who is told what happens, and what is still to be told.

A message is what one endpoint is told of one fact. It is written in the transaction
of its fact, and sent later by the machine above. Messages and attempts are deleted in
batches once they are old, so no constraint of the database ties them to anything.
"""

from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from events.models.contracts import Source


class WebhookName(models.TextChoices):
    """What can be told: the life of an event, and of each of its deliveries."""

    EVENT_ACCEPTED = "event.accepted", "An event was accepted"
    EVENT_PROCESSED = "event.processed", "An event ended: something was sent"
    EVENT_FAILED = "event.failed", "An event ended: sending failed"
    EVENT_IGNORED = "event.ignored", "An event ended: nothing was to be sent"
    EVENT_EXPIRED = "event.expired", "An event ended: it was not worth sending any more"
    EVENT_CANCELLED = "event.cancelled", "An event ended: it was cancelled"
    EVENT_NOT_COVERED = "event.not_covered", "An event ended: no message was published"
    DELIVERY_SENT = "delivery.sent", "A message was handed over to its provider"
    DELIVERY_FAILED = "delivery.failed", "A message could not be sent"
    DELIVERY_EXCLUDED = "delivery.excluded", "A message was not to be sent"
    DELIVERY_EXPIRED = "delivery.expired", "A message was not worth sending any more"
    DELIVERY_CANCELLED = "delivery.cancelled", "A message was cancelled before it left"
    DELIVERY_UNCERTAIN = "delivery.uncertain", "Nobody knows whether a message was sent"
    TEST = "webhook.test", "Somebody asked for a test"


class EndpointStatus(models.TextChoices):
    """Whether an endpoint is told anything."""

    ACTIVE = "active", "Active"
    PAUSED = "paused", "Paused"
    DISABLED = "disabled", "Disabled after days of failing"
    GONE = "gone", "Disabled by its answer 410"


class WebhookStatus(models.TextChoices):
    """Where a message to an endpoint stands."""

    PENDING = "pending", "Pending"
    DELIVERED = "delivered", "Delivered"
    FAILED = "failed", "Given up"


class WebhookEndpoint(models.Model):
    """An address that is told what becomes of a source's events.

    The secret is not stored: it is derived from its seed and the secret key.
    `failing_since` is the first failure after the last success; `failures` counts
    the messages that failed since then.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    source = models.ForeignKey(
        Source, on_delete=models.CASCADE, related_name="webhook_endpoints"
    )
    url = models.CharField(max_length=2000)
    description = models.CharField(max_length=200, blank=True)
    events = ArrayField(
        models.CharField(max_length=20, choices=WebhookName),
        default=list,
        blank=True,
        help_text="What it is told; empty means everything.",
    )
    event_types = ArrayField(
        models.CharField(max_length=64),
        default=list,
        blank=True,
        help_text="Of which event types it is told; empty means of all.",
    )
    status = models.CharField(
        max_length=8, choices=EndpointStatus, default=EndpointStatus.ACTIVE
    )
    secret_seed = models.CharField(max_length=100, editable=False)
    old_secret_seed = models.CharField(max_length=100, blank=True, editable=False)
    old_secret_until = models.DateTimeField(null=True, editable=False)
    failures = models.PositiveIntegerField(default=0, editable=False)
    failing_since = models.DateTimeField(null=True, editable=False)
    held_until = models.DateTimeField(null=True, editable=False)
    last_success_at = models.DateTimeField(null=True, editable=False)
    last_failure_at = models.DateTimeField(null=True, editable=False)
    last_problem = models.CharField(max_length=300, blank=True, editable=False)
    disabled_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = "webhook endpoint"
        ordering = ["source", "created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=EndpointStatus.values),
                name="events_webhookendpoint_status",
            )
        ]

    def __str__(self) -> str:
        return self.url


class WebhookMessage(models.Model):
    """What an endpoint is told of one fact; its `webhook_id` is the same at each try.

    While somebody sends it, `due_at` is the end of the lease, and `attempts`, which a
    claim counts up, tells whose it is. `step` is its place in the schedule.
    """

    webhook_id = models.UUIDField(unique=True, db_default=RandomUUID(), editable=False)
    endpoint = models.ForeignKey(
        WebhookEndpoint,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="messages",
    )
    name = models.CharField(max_length=20, choices=WebhookName)
    event_id = models.UUIDField(null=True)
    delivery_id = models.UUIDField(null=True)
    data = models.JSONField()
    occurred_at = models.DateTimeField()
    status = models.CharField(
        max_length=9, choices=WebhookStatus, db_default=WebhookStatus.PENDING
    )
    due_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(db_default=0)
    step = models.PositiveSmallIntegerField(db_default=0)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "webhook message"
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=WebhookStatus.values),
                name="events_webhookmessage_status",
            )
        ]
        indexes = [
            # The claim: endpoint_id = …, due_at <= …, the oldest first.
            models.Index(
                fields=["endpoint", "due_at"],
                condition=Q(status=WebhookStatus.PENDING),
                name="events_webhookmessage_due",
            ),
            # The log of an endpoint, newest first.
            models.Index(fields=["endpoint", "id"], name="events_webhookmessage_log"),
            # Recover since: endpoint_id = …, occurred_at >= …
            models.Index(
                fields=["endpoint", "occurred_at"],
                condition=Q(status=WebhookStatus.FAILED),
                name="events_webhookmessage_failed",
            ),
            # "Were they told of this event?": event_id = …
            models.Index(fields=["event_id"], name="events_webhookmessage_of_event"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.webhook_id}"


class WebhookAttempt(models.Model):
    """One try to tell, and what was answered: a status, or why there is none."""

    pk = models.CompositePrimaryKey("message_id", "number")
    message = models.ForeignKey(
        WebhookMessage,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="tries",
    )
    number = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    seconds = models.FloatField()
    status_code = models.PositiveSmallIntegerField(null=True)
    answer = models.CharField(max_length=1024, blank=True)
    problem = models.CharField(max_length=300, blank=True)

    def __str__(self) -> str:
        return f"{self.message_id} #{self.number}"
