"""What sources did, for people: what was refused, and how much came on a day."""

from __future__ import annotations

from django.db import models

from events.models.contracts import Source


class RefusedRequest(models.Model):
    """A request of a known source that was refused, without any value it held.

    The newest of each source; `events.refusals` writes them and removes the others.
    """

    source = models.ForeignKey(
        Source, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    key = models.CharField(max_length=32, blank=True)
    at = models.DateTimeField()
    path = models.CharField(max_length=200)
    type_name = models.CharField(max_length=64, blank=True)
    status = models.PositiveSmallIntegerField()
    code = models.CharField(max_length=60)
    request_id = models.CharField(max_length=32)
    problem = models.JSONField(help_text="As it was answered, keys in it masked.")
    body = models.TextField(blank=True)
    body_is_json = models.BooleanField(default=False)
    body_note = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            # The ring and the list of one source: source_id = …, newest first.
            models.Index(fields=["source", "id"], name="events_refused_of_source"),
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.code}"


class RefusalCount(models.Model):
    """How many requests were refused on a day for a reason, kept ones and others.

    Without a source: those that came without a key that is known.
    """

    day = models.DateField()
    source = models.ForeignKey(
        Source, on_delete=models.CASCADE, null=True, related_name="+"
    )
    code = models.CharField(max_length=60)
    count = models.PositiveBigIntegerField()

    class Meta:
        constraints = [
            # What is counted up: day = …, source_id = … or null, code = …
            models.UniqueConstraint(
                fields=["day", "source", "code"],
                name="events_refusalcount_once",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return f"{self.count} {self.code} on {self.day}"


class UsageDay(models.Model):
    """The events of one day, counted for all sources when somebody looked.

    `counts` is ``{"<source id>": {"processed": 12, "open": 1}}``.
    """

    day = models.DateField(primary_key=True)
    counted_at = models.DateTimeField()
    counts = models.JSONField(default=dict)

    def __str__(self) -> str:
        return str(self.day)
