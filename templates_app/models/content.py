"""What authors edit: folders, templates, and the messages made from them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from events.models import Channel, EventType


class MessageStatus(models.TextChoices):
    """Where a message stands."""

    DRAFT = "draft", "Draft"
    PUBLISHED = "published", "Published"
    PAUSED = "paused", "Paused"


class UnknownOutcome(models.TextChoices):
    """What to do when a crash hides whether a message was sent."""

    MUST_ARRIVE = "must_arrive", "Must arrive: a second copy is acceptable"
    NEVER_TWICE = "never_twice", "Never twice: end as uncertain"
    ASK = "ask", "Ask: hold it for an operator"


def default_content() -> dict[str, Any]:
    """Return a content with one empty language."""
    return {"en": {}}


class Platform(models.TextChoices):
    """What a device runs, as push services tell them apart."""

    ANDROID = "android", "Android"
    IOS = "ios", "iOS"
    WEB = "web", "Web"


def all_platforms() -> list[str]:
    """Return every platform, the default of a mobile app."""
    return [str(platform) for platform in Platform.values]


class Folder(models.Model):
    """A place for templates and messages in a tree."""

    name = models.CharField(max_length=80)
    parent = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="children"
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["parent", "name"],
                nulls_distinct=False,
                name="templates_app_folder_unique_name",
            )
        ]

    def __str__(self) -> str:
        return self.name


class MobileApp(models.Model):
    """An app on its users' devices that push messages go to."""

    label = models.CharField(max_length=120)
    internal_name = models.SlugField(max_length=64, unique=True)
    platforms = ArrayField(
        models.CharField(max_length=8, choices=Platform), default=all_platforms
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["label"]

    def __str__(self) -> str:
        return self.label


class Content(models.Model):
    """What templates and messages share: properties, sample, settings, content."""

    label = models.CharField(max_length=120)
    internal_name = models.SlugField(
        max_length=64, unique=True, help_text="Unique; used by the API and packages."
    )
    folder = models.ForeignKey(
        Folder, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    channel = models.CharField(max_length=8, choices=Channel)
    mobile_app = models.ForeignKey(
        MobileApp,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="The app that a push message goes to.",
    )
    nature = models.CharField(max_length=60, blank=True)
    description = models.TextField(blank=True)
    delivery_code = models.CharField(
        max_length=60, blank=True, help_text="Free code to group reports by."
    )
    context_sample = models.JSONField(
        default=dict, blank=True, help_text="An example of the event's context (ctx)."
    )
    default_language = models.CharField(max_length=12, default="en")
    content = models.JSONField(
        default=default_content,
        help_text='By language: {"en": {"subject": …, "source_kind": …, "source": …}}.',
    )
    unknown_outcome = models.CharField(
        max_length=12, choices=UnknownOutcome, default=UnknownOutcome.MUST_ARRIVE
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    modified_at = models.DateTimeField(auto_now=True)
    modified_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.label


class Template(Content):
    """A reusable start of messages; it has no event type and is never sent."""

    is_builtin = models.BooleanField(default=False, editable=False)

    class Meta:
        ordering = ["label"]
        constraints = [
            models.CheckConstraint(
                condition=Q(channel__in=Channel.values),
                name="templates_app_template_channel",
            ),
            models.CheckConstraint(
                condition=Q(unknown_outcome__in=UnknownOutcome.values),
                name="templates_app_template_unknown_outcome",
            ),
        ]


class Message(Content):
    """What a marketer edits, binds to an event type and publishes.

    Edits of a published message set `has_unpublished_changes`; they reach production
    only when it is published again.
    """

    event_type = models.ForeignKey(
        EventType,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="messages",
    )
    template = models.ForeignKey(
        Template,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )
    status = models.CharField(
        max_length=10,
        choices=MessageStatus,
        default=MessageStatus.DRAFT,
        editable=False,
    )
    live_version = models.ForeignKey(
        "Version",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )
    has_unpublished_changes = models.BooleanField(default=True, editable=False)
    published_at = models.DateTimeField(null=True, blank=True, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Since its last publish or resume, until the sweeper has woken all that waited.
    opened_at = models.DateTimeField(
        null=True, blank=True, editable=False, db_index=True
    )

    class Meta:
        ordering = ["label"]
        permissions = [
            ("proof_message", "Can send proofs of messages"),
            ("publish_message", "Can publish, pause and unpublish messages"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(channel__in=Channel.values),
                name="templates_app_message_channel",
            ),
            models.CheckConstraint(
                condition=Q(unknown_outcome__in=UnknownOutcome.values),
                name="templates_app_message_unknown_outcome",
            ),
            models.CheckConstraint(
                condition=Q(status__in=MessageStatus.values),
                name="templates_app_message_status",
            ),
            models.UniqueConstraint(
                fields=["event_type", "channel"],
                condition=~Q(status=MessageStatus.DRAFT),
                name="templates_app_message_one_live",
            ),
            models.CheckConstraint(
                condition=Q(status=MessageStatus.DRAFT)
                | Q(
                    live_version__isnull=False,
                    event_type__isnull=False,
                    deleted_at__isnull=True,
                ),
                name="templates_app_message_live_is_complete",
            ),
        ]
