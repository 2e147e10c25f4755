"""What was published: immutable versions, the log, and the renders that proved them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from events.models import Channel
from templates_app.models.content import Message, UnknownOutcome


class PublicationAction(models.TextChoices):
    """What was done to a message's public state."""

    PUBLISHED = "published", "Published"
    PAUSED = "paused", "Paused"
    RESUMED = "resumed", "Resumed"
    UNPUBLISHED = "unpublished", "Unpublished"
    CHECKED = "checked", "Checked"
    RENDERED = "rendered", "Rendered past events"
    REFUSED = "refused", "Refused"


class Version(models.Model):
    """An immutable snapshot of a message, made when it was published."""

    message = models.ForeignKey(
        Message, on_delete=models.PROTECT, related_name="versions"
    )
    number = models.PositiveIntegerField()
    label = models.CharField(max_length=120)
    channel = models.CharField(max_length=8, choices=Channel)
    default_language = models.CharField(max_length=12)
    content = models.JSONField(help_text="The source by language, as edited.")
    compiled = models.JSONField(help_text="The compiled content by language.")
    unknown_outcome = models.CharField(max_length=12, choices=UnknownOutcome)
    properties = models.JSONField(
        default=dict, help_text="Internal name, nature, delivery code as published."
    )
    contract = models.JSONField()
    sensitive_paths = models.JSONField(default=list)
    blocks = models.JSONField(
        default=dict,
        help_text="The content blocks used, as they stood, by internal name.",
    )
    content_hash = models.CharField(max_length=64)
    note = models.TextField(blank=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["message", "-number"]
        constraints = [
            models.UniqueConstraint(
                fields=["message", "number"], name="templates_app_version_number"
            )
        ]

    def __str__(self) -> str:
        return f"{self.label} v{self.number}"


class PublicationLog(models.Model):
    """One line of what was done to a message's public state, by whom and why."""

    message = models.ForeignKey(
        Message, on_delete=models.CASCADE, related_name="publication_log"
    )
    version = models.ForeignKey(
        Version, on_delete=models.PROTECT, null=True, related_name="+"
    )
    action = models.CharField(max_length=12, choices=PublicationAction)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    note = models.TextField(blank=True)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(action__in=PublicationAction.values),
                name="templates_app_publicationlog_action",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_action_display()} {self.at:%Y-%m-%d %H:%M}"


class ShadowStatus(models.TextChoices):
    """Where a shadow render stands."""

    QUEUED = "queued", "Waiting for a worker"
    RUNNING = "running", "Rendering"
    DONE = "done", "Done"
    STOPPED = "stopped", "Stopped"


class ShadowOutcome(models.TextChoices):
    """How one event fares under a new version, compared with the live one."""

    UNCHANGED = "unchanged", "Unchanged"
    CHANGED = "changed", "Changed"
    NEWLY_FAILING = "newly_failing", "Newly failing"
    STILL_FAILING = "still_failing", "Still failing"
    MENDED = "mended", "Mended"


class ShadowRun(models.Model):
    """A message as it stands, rendered for past events of its type; nothing is sent.

    Without past events the samples are rendered. `candidate` is an unsaved version as
    plain data, so that an edit in the meantime changes nothing under the run.
    """

    message = models.ForeignKey(
        Message, on_delete=models.CASCADE, related_name="shadow_runs"
    )
    content_hash = models.CharField(max_length=64)
    candidate = models.JSONField()
    base_version = models.ForeignKey(
        Version, on_delete=models.PROTECT, null=True, related_name="+"
    )
    status = models.CharField(
        max_length=8, choices=ShadowStatus, default=ShadowStatus.QUEUED
    )
    problem = models.TextField(blank=True, help_text="Why it was stopped.")
    uses_samples = models.BooleanField(default=False)
    subjects = models.JSONField(
        default=list, help_text="Ids of events, or keys of samples, to be rendered."
    )
    done = models.PositiveIntegerField(default=0)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())
    beat_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=ShadowStatus.values),
                name="templates_app_shadowrun_status",
            )
        ]
        indexes = [
            # What a worker looks for when it is rung.
            models.Index(
                fields=["created_at"],
                condition=Q(status__in=["queued", "running"]),
                name="templates_app_shadowrun_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self.message} {self.created_at:%Y-%m-%d %H:%M}"


class ShadowResult(models.Model):
    """One event or sample of a shadow run, and what came of it.

    Sizes are bytes of the HTML for email, segments for SMS, bytes of all for push.
    """

    run = models.ForeignKey(ShadowRun, on_delete=models.CASCADE, related_name="results")
    position = models.PositiveIntegerField()
    subject = models.CharField(max_length=80, help_text="Event id or key of a sample.")
    label = models.CharField(max_length=160)
    outcome = models.CharField(max_length=16, choices=ShadowOutcome)
    error = models.JSONField(null=True, help_text="As RenderError.as_dict.")
    size_before = models.PositiveIntegerField(null=True)
    size_after = models.PositiveIntegerField(null=True)

    class Meta:
        ordering = ["run", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "position"], name="templates_app_shadowresult_position"
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=ShadowOutcome.values),
                name="templates_app_shadowresult_outcome",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label}: {self.get_outcome_display()}"
