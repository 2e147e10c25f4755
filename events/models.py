"""What happened: types with their contracts, sources with their keys, events and work.

Tables with a month in their id (`Event`, `EventContext`) are partitioned by range of
id; see `events.partitions`. `Work` holds only what is still to be done.
"""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from events import ids


class Channel(models.TextChoices):
    """The ways a message can take."""

    EMAIL = "email", "Email"
    SMS = "sms", "SMS"
    PUSH = "push", "Push"


class Lane(models.TextChoices):
    """How urgent an event is; at least one worker serves only the critical lane."""

    CRITICAL = "critical", "Critical"
    NORMAL = "normal", "Normal"
    BULK = "bulk", "Bulk"


class TypeKind(models.TextChoices):
    """Whether the recipient stands in the event or is found in a profile."""

    EVENT = "event", "Event-based"
    PROFILE = "profile", "Profile-based"


class ContractMode(models.TextChoices):
    """What happens to an event whose context does not fit the contract."""

    OPEN = "open", "Open: anything is accepted"
    WARN = "warn", "Warn: accepted, with warnings in the answer"
    STRICT = "strict", "Strict: refused"


class WhenUncovered(models.TextChoices):
    """What happens to an event whose type has no published message."""

    REJECT = "reject", "Refuse it (409)"
    STORE = "store", "Store it as not covered"


class Scope(models.TextChoices):
    """What an API key may do."""

    EVENTS_WRITE = "events:write", "Post events"
    EVENTS_READ = "events:read", "Read events"
    EVENTS_CRITICAL = "events:critical", "Choose the critical lane"
    DELIVERIES_READ = "deliveries:read", "Read deliveries"
    CONTENT_READ = "content:read", "Read messages as sent"
    MESSAGES_PREVIEW = "messages:preview", "Preview messages"
    MESSAGES_PROOF = "messages:proof", "Send proofs"
    SUPPRESSIONS_READ = "suppressions:read", "Read the suppression list"
    SUPPRESSIONS_WRITE = "suppressions:write", "Change the suppression list"
    WEBHOOKS_READ = "webhooks:read", "Read webhooks"
    WEBHOOKS_WRITE = "webhooks:write", "Change webhooks"


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


def all_scopes() -> list[str]:
    """Return every scope, the default of a source and of a key."""
    return [str(scope) for scope in Scope.values]


def default_channel_order() -> list[str]:
    """Return the order in which channels are tried when the event wishes none."""
    return [Channel.EMAIL.value, Channel.SMS.value, Channel.PUSH.value]


def empty_contract() -> dict[str, Any]:
    """Return the contract that any object fits."""
    return {"type": "object"}


class Source(models.Model):
    """A calling system."""

    name = models.SlugField(max_length=64, unique=True)
    description = models.TextField(blank=True)
    is_active = models.BooleanField(default=True)
    scopes = ArrayField(
        models.CharField(max_length=40, choices=Scope), default=all_scopes
    )
    allowed_types = ArrayField(
        models.CharField(max_length=64),
        default=list,
        blank=True,
        help_text="Event types it may post; empty means all.",
    )
    allowed_networks = ArrayField(
        models.CharField(max_length=43),
        default=list,
        blank=True,
        help_text="Networks it may call from, for example 10.0.0.0/8; empty means all.",
    )
    rate_per_minute = models.PositiveIntegerField(
        null=True, blank=True, help_text="Events a minute; empty means no limit."
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ApiKey(models.Model):
    """A key of a source; only a hash of its secret is kept."""

    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="keys")
    prefix = models.CharField(max_length=16, unique=True)
    secret_hash = models.BinaryField(max_length=32)
    last_four = models.CharField(max_length=4)
    scopes = ArrayField(
        models.CharField(max_length=40, choices=Scope), default=all_scopes
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = "API key"
        ordering = ["source", "-created_at"]

    def __str__(self) -> str:
        return f"txk_{self.prefix}_…{self.last_four}"


class EventType(models.Model):
    """A business fact that can be posted: its name and its contract."""

    name = models.CharField(
        max_length=64,
        unique=True,
        validators=[
            RegexValidator(
                r"^[A-Za-z0-9][A-Za-z0-9._-]*\Z",
                "Use letters, digits, dots, hyphens and underscores, "
                "for example order.confirmed.",
            )
        ],
        help_text="The name callers post, for example order.confirmed.",
    )
    label = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    kind = models.CharField(max_length=8, choices=TypeKind, default=TypeKind.EVENT)
    contract = models.JSONField(
        default=empty_contract,
        help_text="JSON Schema 2020-12 of the context (ctx).",
    )
    contract_mode = models.CharField(
        max_length=6, choices=ContractMode, default=ContractMode.STRICT
    )
    sample = models.JSONField(
        default=dict, blank=True, help_text="An example of the context (ctx)."
    )
    sensitive_paths = ArrayField(
        models.CharField(max_length=200),
        default=list,
        blank=True,
        help_text="Paths in ctx that are never shown, for example reset.link.",
    )
    lane = models.CharField(max_length=8, choices=Lane, default=Lane.NORMAL)
    ttl_seconds = models.PositiveIntegerField(
        default=5 * 86_400,
        help_text="Seconds after which an event is no longer worth sending.",
    )
    channel_order = ArrayField(
        models.CharField(max_length=8, choices=Channel), default=default_channel_order
    )
    fan_out = models.BooleanField(
        default=False, help_text="Send on every channel with an address, not the first."
    )
    when_uncovered = models.CharField(
        max_length=6, choices=WhenUncovered, default=WhenUncovered.REJECT
    )
    retention_days = models.PositiveSmallIntegerField(default=400)
    context_retention_days = models.PositiveSmallIntegerField(default=30)
    live_channels = ArrayField(
        models.CharField(max_length=8, choices=Channel),
        default=list,
        blank=True,
        editable=False,
        help_text="Channels with a published or paused message; kept by publishing.",
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    modified_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(lane__in=Lane.values), name="events_eventtype_lane"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=TypeKind.values), name="events_eventtype_kind"
            ),
            models.CheckConstraint(
                condition=Q(contract_mode__in=ContractMode.values),
                name="events_eventtype_contract_mode",
            ),
            models.CheckConstraint(
                condition=Q(when_uncovered__in=WhenUncovered.values),
                name="events_eventtype_when_uncovered",
            ),
        ]

    def __str__(self) -> str:
        return self.name


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
            # Event history filtered by type: type_id = …, newest first.
            models.Index(fields=["type", "-id"], name="events_event_by_type"),
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
            # Waking parked rows, and the operator's list of held ones.
            models.Index(
                fields=["type", "stage"],
                condition=Q(stage__in=["paused", "not_covered", "held"]),
                name="events_work_parked",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.stage} {self.id}"
