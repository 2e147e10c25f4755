"""Who may post what: event types with their contracts, sources with their keys."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


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
    recipient_limit = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="Events of this type that one recipient gets; empty means no limit.",
    )
    recipient_limit_seconds = models.PositiveIntegerField(
        default=3_600, help_text="Within how many seconds."
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


class EventSample(models.Model):
    """A further example of a type's context, by name; `EventType.sample` is the first.

    All of them together are what the contract is inferred from, and what a message of
    the type is simulated with.
    """

    event_type = models.ForeignKey(
        EventType, on_delete=models.CASCADE, related_name="samples"
    )
    name = models.CharField(max_length=80)
    ctx = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    modified_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["event_type", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["event_type", "name"], name="events_eventsample_name"
            )
        ]

    def __str__(self) -> str:
        return self.name
