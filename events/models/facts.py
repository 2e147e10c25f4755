"""What happened and what is still to be done about it.

Tables with a month in their id (`Event`, `EventContext`) are partitioned by range of
id; see `events.partitions`. `Work` holds only what is still to be done.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from events import ids
from events.models.contracts import Channel, EventType, Lane, Source


class EventOutcome(models.TextChoices):
    """How an event ended; empty while `Work` holds a row of it."""

    PROCESSED = "processed", "Processed"
    IGNORED = "ignored", "Ignored"
    FAILED = "failed", "Failed"
    EXPIRED = "expired", "Expired"
    CANCELLED = "cancelled", "Cancelled"
    NOT_COVERED = "not_covered", "Not covered"


class Stage(models.TextChoices):
    """Where a row of `Work` stands."""

    PENDING = "pending", "Pending"
    PAUSED = "paused", "Paused"
    NOT_COVERED = "not_covered", "Not covered"
    QUEUED = "queued", "Queued"
    SENDING = "sending", "Sending"
    RETRY = "retry", "Retry"
    HELD = "held", "Held"


class IdentityKind(models.TextChoices):
    """Which key of the caller an `EventIdentity` keeps."""

    EXTERNAL_ID = "external_id", "External id"
    IDEMPOTENCY_KEY = "idempotency_key", "Idempotency key"


class Event(models.Model):
    """A business fact that was accepted; updated once, at its end.

    Partitioned by range of id, one partition a month.
    """

    id = models.UUIDField(primary_key=True, default=ids.new_event_id, editable=False)
    type = models.ForeignKey(
        EventType, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    source = models.ForeignKey(
        Source, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    lane = models.CharField(max_length=8, choices=Lane)
    channel = models.CharField(
        max_length=8, choices=Channel, blank=True, help_text="The wished channel."
    )
    outcome = models.CharField(max_length=12, choices=EventOutcome, blank=True)
    reason = models.CharField(max_length=40, blank=True)
    external_id = models.CharField(max_length=200, blank=True)
    correlation_id = models.CharField(max_length=200, blank=True)
    origin = models.CharField(max_length=100, blank=True)
    address = models.CharField(max_length=320, blank=True)
    replay_of = models.UUIDField(null=True, blank=True)
    scheduled_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField()
    received_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "event history"
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(lane__in=Lane.values), name="events_event_lane"
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=["", *EventOutcome.values]),
                name="events_event_outcome",
            ),
            models.CheckConstraint(
                condition=Q(outcome="", finished_at=None)
                | (~Q(outcome="") & Q(finished_at__isnull=False)),
                name="events_event_finished_with_outcome",
            ),
        ]
        indexes = [
            # Event history filtered by type: type_id = …, newest first. Ascending, read
            # backwards: ids grow, and then each page is filled before the next.
            models.Index(fields=["type", "id"], name="events_event_of_type"),
            # Event history searched by address: address = …, newest first.
            models.Index(
                fields=["address", "-id"],
                condition=~Q(address=""),
                name="events_event_by_address",
            ),
            # GET /events?external_id=… and the search of Event history.
            models.Index(
                fields=["external_id"],
                condition=~Q(external_id=""),
                name="events_event_by_external_id",
            ),
            # Event history filtered by a rare status: outcome = …, newest first.
            models.Index(
                fields=["outcome", "-id"],
                condition=~Q(outcome__in=["", "processed"]),
                name="events_event_by_outcome",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class EventContext(models.Model):
    """The data of an event, kept apart: it is large, personal and kept for less long.

    Partitioned by range of event_id, one partition a month.
    """

    event = models.OneToOneField(
        Event,
        on_delete=models.DO_NOTHING,
        primary_key=True,
        db_constraint=False,
        related_name="context",
    )
    ctx = models.JSONField()
    recipient = models.JSONField(
        help_text='{"email", "phone", "push": […], "name", "language", "timezone"}'
    )
    metadata = models.JSONField(default=dict)
    warnings = models.JSONField(default=list, help_text="As answered to the caller.")

    def __str__(self) -> str:
        return f"context of {self.event_id}"


class EventIdentity(models.Model):
    """A key that the caller gave, so that the same event is accepted once.

    `scope_id` is the event type for an external id, the source for an idempotency key.
    """

    pk = models.CompositePrimaryKey("kind", "scope_id", "key")
    kind = models.CharField(max_length=16, choices=IdentityKind)
    scope_id = models.BigIntegerField()
    key = models.CharField(max_length=255)
    event_id = models.UUIDField()
    source_id = models.BigIntegerField(null=True)
    fingerprint = models.BinaryField(max_length=32)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=IdentityKind.values),
                name="events_eventidentity_kind",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


class Work(models.Model):
    """What is still to be done: an event not yet routed, or an unfinished delivery.

    Small, hot and unpartitioned. A row leaves it in the statement that writes its
    `Delivery`. While a worker has it, `due_at` is the end of the lease. Its storage
    parameters (fillfactor, autovacuum) stand in the first migration.
    """

    id = models.UUIDField(primary_key=True)
    event_id = models.UUIDField()
    type = models.ForeignKey(
        EventType,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    lane = models.CharField(max_length=8, choices=Lane)
    stage = models.CharField(max_length=12, choices=Stage)
    channel = models.CharField(max_length=8, choices=Channel, blank=True)
    address = models.CharField(max_length=512, blank=True)
    version_id = models.BigIntegerField(null=True)
    pinned_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_no = models.BigIntegerField(default=0)
    lease_owner = models.CharField(max_length=120, blank=True)
    lease_size = models.PositiveSmallIntegerField(default=0)
    begun = models.BigIntegerField(default=0)
    deaths = models.PositiveSmallIntegerField(default=0)
    marked_at = models.DateTimeField(null=True)
    possible_duplicate = models.BooleanField(default=False)
    retry_of = models.UUIDField(null=True)

    class Meta:
        verbose_name_plural = "work"
        constraints = [
            models.CheckConstraint(
                condition=Q(stage__in=Stage.values), name="events_work_stage"
            ),
            models.CheckConstraint(
                condition=Q(lane__in=Lane.values), name="events_work_lane"
            ),
        ]
        indexes = [
            # The claim, the sweeper's ring and expiry: lane = …, type_id = …, due_at <=
            models.Index(fields=["lane", "type", "due_at"], name="events_work_due"),
            # Waking parked rows: type_id = …, by id. Not by stage: a mark changes that,
            # and leaves the indexes alone as long as none of them holds it.
            models.Index(
                fields=["type", "id"],
                condition=Q(due_at=F("expires_at")),
                name="events_work_parked",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.stage} {self.id}"
