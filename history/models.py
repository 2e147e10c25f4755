"""What was done: executions, final deliveries, earlier attempts, and their counts.

`Delivery` and `Attempt` are partitioned by range of id and append-only: a final
delivery never changes its state (a trigger sees to it); what is learnt later are facts
beside it.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from events.models import Channel, Event, Source
from templates_app.models import Message, Version


class DeliveryStatus(models.TextChoices):
    """How a delivery ended."""

    SENT = "sent", "Sent"
    FAILED = "failed", "Failed"
    EXCLUDED = "excluded", "Excluded"
    EXPIRED = "expired", "Expired"
    CANCELLED = "cancelled", "Cancelled"
    UNCERTAIN = "uncertain", "Uncertain"


class Reason(models.TextChoices):
    """Why a delivery was not sent, or an event came to nothing: the closed list."""

    RENDER_ERROR = "render_error", "The message could not be rendered for this event."
    HARD_BOUNCE = "hard_bounce", "The recipient's server refused the address for good."
    SOFT_BOUNCE = "soft_bounce", "The recipient's server refused it for now."
    REJECTED = "rejected", "The recipient's server refused the content for good."
    ATTACHMENT = "attachment", "A file to be attached could not be fetched."
    INVALID_ADDRESS = "invalid_address", "The address cannot be used on this channel."
    NO_ADDRESS = "no_address", "The event holds no address for the channel."
    SUPPRESSED = "suppressed", "The address is on the suppression list."
    EXHAUSTED = "exhausted", "Every try failed and no more were due."
    EXPIRED = "expired", "It was not worth sending any more."
    CANCELLED = "cancelled", "It was cancelled before it left."
    CRASH = "crash", "The worker died each of the three times it handled this alone."
    UNKNOWN_OUTCOME = (
        "unknown_outcome",
        "A crash or a lost connection hid whether it was sent; it often was.",
    )
    ROUTE_DOWN = "route_down", "The provider could not be reached."
    NO_PUBLISHED_MESSAGE = (
        "no_published_message",
        "No message was published for its event type and channel.",
    )
    CONTEXT_GONE = "context_gone", "The event's data was purged before it was sent."
    ENDED_BY_OPERATOR = "ended_by_operator", "An operator ended it."


class AttemptOutcome(models.TextChoices):
    """How one try ended."""

    SENT = "sent", "Sent"
    TRANSIENT = "transient", "Refused for now"
    PERMANENT = "permanent", "Refused for good"
    ROUTE = "route", "Provider not reached"
    UNKNOWN = "unknown", "Unknown"


class Resolution(models.TextChoices):
    """What an operator learnt of an uncertain delivery."""

    SENT = "sent", "It arrived"
    NOT_SENT = "not_sent", "It did not arrive"
    SENT_AGAIN = "sent_again", "It was sent again"


class SuppressionReason(models.TextChoices):
    """Why an address gets nothing."""

    HARD_BOUNCE = "hard_bounce", "The address does not exist"
    COMPLAINT = "complaint", "The recipient complained"
    UNSUBSCRIBE = "unsubscribe", "The recipient unsubscribed"
    MANUAL = "manual", "Added by hand"


class Execution(models.Model):
    """A version's deliveries of one month: what the History tab lists."""

    message = models.ForeignKey(
        Message, on_delete=models.PROTECT, related_name="executions"
    )
    version = models.ForeignKey(Version, on_delete=models.PROTECT, related_name="+")
    month = models.DateField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-month", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["version", "month"], name="history_execution_version_month"
            )
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y/%m} {self.message.label} v{self.version.number}"


class Delivery(models.Model):
    """One message to one recipient on one channel, ended.

    Its id is its event's with an ordinal in the last byte. Partitioned by range of id.
    """

    id = models.UUIDField(primary_key=True)
    event = models.ForeignKey(
        Event,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="deliveries",
    )
    execution = models.ForeignKey(
        Execution,
        on_delete=models.PROTECT,
        null=True,
        db_index=False,
        related_name="deliveries",
    )
    channel = models.CharField(max_length=8, choices=Channel)
    address = models.CharField(max_length=512)
    status = models.CharField(max_length=10, choices=DeliveryStatus)
    reason = models.CharField(max_length=24, choices=Reason, blank=True)
    detail = models.TextField(
        blank=True, help_text="For a render error: what, in which line, which path."
    )
    attempts = models.PositiveSmallIntegerField()
    claimed_at = models.DateTimeField(
        null=True, help_text="When its version was pinned; templates see this as now."
    )
    marked_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField()
    provider = models.CharField(max_length=40, blank=True)
    provider_id = models.CharField(max_length=200, blank=True)
    answer = models.CharField(max_length=500, blank=True)
    digest = models.BinaryField(max_length=16, null=True)
    possible_duplicate = models.BooleanField(default=False)
    lease_no = models.BigIntegerField()
    retry_of = models.UUIDField(null=True)
    resolved_as = models.CharField(max_length=10, choices=Resolution, blank=True)
    resolved_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    bounced_at = models.DateTimeField(null=True)
    complained_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "deliveries"
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=DeliveryStatus.values),
                name="history_delivery_status",
            ),
            models.CheckConstraint(
                condition=Q(reason__in=["", *Reason.values]),
                name="history_delivery_reason",
            ),
            models.CheckConstraint(
                condition=Q(status=DeliveryStatus.SENT) | ~Q(reason=""),
                name="history_delivery_unsent_has_reason",
            ),
            models.CheckConstraint(
                condition=Q(possible_duplicate=False)
                | Q(status__in=[DeliveryStatus.SENT, DeliveryStatus.UNCERTAIN]),
                name="history_delivery_flagged_ends",
            ),
            models.CheckConstraint(
                condition=Q(resolved_as__in=["", *Resolution.values]),
                name="history_delivery_resolved_as",
            ),
        ]
        indexes = [
            # An execution's deliveries, newest first; its sending and exclusion logs.
            # Ascending, read backwards: ids grow, and then pages are filled.
            models.Index(
                fields=["execution", "id"], name="history_delivery_of_execution"
            ),
            # "Did this customer get the mail?": address = …, newest first.
            models.Index(fields=["address", "-id"], name="history_delivery_by_address"),
            # Deliveries that an operator should look at: status = 'uncertain'.
            models.Index(
                fields=["-id"],
                condition=Q(status=DeliveryStatus.UNCERTAIN, resolved_as=""),
                name="history_delivery_uncertain",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Attempt(models.Model):
    """A try before the last; the last stands in the delivery itself.

    Partitioned by range of delivery_id.
    """

    pk = models.CompositePrimaryKey("delivery_id", "number")
    delivery_id = models.UUIDField()
    number = models.PositiveSmallIntegerField()
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    outcome = models.CharField(max_length=10, choices=AttemptOutcome)
    provider = models.CharField(max_length=40, blank=True)
    answer = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome__in=AttemptOutcome.values),
                name="history_attempt_outcome",
            )
        ]

    def __str__(self) -> str:
        return f"{self.delivery_id} #{self.number}"


class Suppression(models.Model):
    """An address that gets nothing on a channel."""

    channel = models.CharField(max_length=8, choices=Channel)
    address = models.CharField(
        max_length=512, help_text="Normalized: email in lower case, phone as E.164."
    )
    reason = models.CharField(
        max_length=12, choices=SuppressionReason, default=SuppressionReason.MANUAL
    )
    note = models.TextField(blank=True)
    delivery_id = models.UUIDField(null=True, blank=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )
    source = models.ForeignKey(
        Source,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        help_text="The calling system that added it.",
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "address"], name="history_suppression_address"
            ),
            models.CheckConstraint(
                condition=Q(reason__in=SuppressionReason.values),
                name="history_suppression_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.address} ({self.channel})"


class Tally(models.Model):
    """How many deliveries of an execution ended so in an hour: the only counters."""

    pk = models.CompositePrimaryKey("execution_id", "hour", "status")
    execution = models.ForeignKey(
        Execution, on_delete=models.PROTECT, db_index=False, related_name="tallies"
    )
    hour = models.DateTimeField()
    status = models.CharField(max_length=10, choices=DeliveryStatus)
    count = models.PositiveIntegerField()

    class Meta:
        verbose_name_plural = "tallies"
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=DeliveryStatus.values),
                name="history_tally_status",
            )
        ]
        indexes = [
            # Browse's "sent today" and the reports: hour >= …
            models.Index(F("hour"), name="history_tally_by_hour"),
        ]

    def __str__(self) -> str:
        return f"{self.count} {self.status} at {self.hour:%Y-%m-%d %H}"
