"""Proofs: real sends of unpublished content, to people who asked for them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from events.models import Channel, EventType, Source
from templates_app.models.content import Message, Template


class TestProfile(models.Model):
    """A made-up or willing recipient: addresses for proofs, data for simulations.

    With `ctx` it brings its own event data; without, that of the sample is used. An
    empty event type means every one.
    """

    __test__ = False  # pytest would take the name for a test's

    label = models.CharField(max_length=120)
    event_type = models.ForeignKey(
        EventType,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="test_profiles",
        help_text="Empty: offered for every event type.",
    )
    name = models.CharField(max_length=120, blank=True)
    email = models.EmailField(blank=True)
    phone = models.CharField(max_length=20, blank=True)
    push_token = models.CharField(max_length=4096, blank=True)
    language = models.CharField(max_length=35, blank=True)
    timezone = models.CharField(max_length=64, blank=True)
    external_id = models.CharField(max_length=255, blank=True)
    ctx = models.JSONField(
        null=True, blank=True, help_text="The event's data; empty: that of the sample."
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    modified_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["label"]

    def __str__(self) -> str:
        return self.label


class ProofStatus(models.TextChoices):
    """Where a proof, or one recipient of it, stands."""

    QUEUED = "queued", "Waiting for a worker"
    SENDING = "sending", "Being sent"
    SENT = "sent", "Sent"
    FAILED = "failed", "Failed"


class Proof(models.Model):
    """One request for proofs of a message or template as it stood.

    `compiled` is the content of one language, `context` what it is rendered with, so
    an edit in the meantime changes nothing. Proofs are in no statistic.
    """

    message = models.ForeignKey(
        Message, on_delete=models.CASCADE, null=True, related_name="proofs"
    )
    template = models.ForeignKey(
        Template, on_delete=models.CASCADE, null=True, related_name="proofs"
    )
    number = models.PositiveIntegerField(help_text="Counted for each message.")
    channel = models.CharField(max_length=8, choices=Channel)
    language = models.CharField(max_length=12)
    sample_label = models.CharField(max_length=160)
    content_hash = models.CharField(max_length=64)
    compiled = models.JSONField()
    context = models.JSONField(help_text="ctx, recipient, event and message, as JSON.")
    frozen_at = models.DateTimeField(help_text="What the content sees as now.")
    status = models.CharField(
        max_length=8, choices=ProofStatus, default=ProofStatus.QUEUED
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    source = models.ForeignKey(
        Source,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        help_text="The calling system that asked for it.",
    )
    idempotency_key = models.CharField(max_length=255, blank=True)
    request_hash = models.CharField(
        max_length=64, blank=True, help_text="Of what was asked for under the key."
    )
    created_at = models.DateTimeField(db_default=Now())
    begun_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(message__isnull=False, template__isnull=True)
                | Q(message__isnull=True, template__isnull=False),
                name="templates_app_proof_of_one_thing",
            ),
            models.CheckConstraint(
                condition=Q(status__in=ProofStatus.values),
                name="templates_app_proof_status",
            ),
            models.CheckConstraint(
                condition=Q(channel__in=Channel.values),
                name="templates_app_proof_channel",
            ),
            models.UniqueConstraint(
                fields=["message", "number"], name="templates_app_proof_message_number"
            ),
            models.UniqueConstraint(
                fields=["template", "number"],
                name="templates_app_proof_template_number",
            ),
            models.UniqueConstraint(
                fields=["source", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="templates_app_proof_idempotency_key",
            ),
        ]
        indexes = [
            # What a worker looks for when it is rung.
            models.Index(
                fields=["created_at"],
                condition=Q(status__in=["queued", "sending"]),
                name="templates_app_proof_open",
            )
        ]

    def __str__(self) -> str:
        return f"Proof {self.number} of {self.message or self.template}"


class ProofRecipient(models.Model):
    """One address of a proof, and what became of it."""

    proof = models.ForeignKey(
        Proof, on_delete=models.CASCADE, related_name="recipients"
    )
    address = models.CharField(max_length=4096)
    name = models.CharField(max_length=120, blank=True)
    status = models.CharField(
        max_length=8, choices=ProofStatus, default=ProofStatus.QUEUED
    )
    answer = models.CharField(
        max_length=500, blank=True, help_text="The provider's words, or what failed."
    )
    digest = models.BinaryField(
        max_length=16, null=True, help_text="Of the message without the PROOF mark."
    )
    sent_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["proof", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=ProofStatus.values),
                name="templates_app_proofrecipient_status",
            )
        ]

    def __str__(self) -> str:
        return f"{self.address}: {self.get_status_display()}"
