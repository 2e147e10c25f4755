"""Filters of the list of event types."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from events import ids
from events.admin_lists import SelectFilter
from events.models import Channel, Event

_DAYS = (1, 7, 30, 90, 365)


class PublishedFilter(SelectFilter):
    """Types with a published message, on any channel or on one, or with none."""

    title = "published"
    parameter_name = "published"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the ways in which a type is published."""
        channels = [(str(c.value), f"On {c.label}") for c in Channel]
        return [("any", "On any channel"), *channels, ("none", "Nothing published")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Any]
    ) -> QuerySet[Any] | None:
        """Return the types that are published so."""
        match self.chosen():
            case "":
                return queryset
            case "none":
                return queryset.filter(live_channels=[])
            case "any":
                return queryset.exclude(live_channels=[])
            case channel:
                return queryset.filter(live_channels__contains=[channel])


class SilentFilter(SelectFilter):
    """Types of which nothing came in for some time: dead ones."""

    title = "last event"
    parameter_name = "silent"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the spans offered."""
        spans = [
            (str(days), f"{days} day{'' if days == 1 else 's'} ago or longer")
            for days in _DAYS
        ]
        return [*spans, ("never", "Never, or purged")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Any]
    ) -> QuerySet[Any] | None:
        """Return the types without an event since then: a range of ids for each."""
        chosen = self.chosen()
        if not chosen:
            return queryset
        newer = Event.objects.filter(type=OuterRef("pk"))
        if chosen != "never":
            since = timezone.now() - timedelta(days=int(chosen))
            newer = newer.filter(pk__gte=ids.first_id_at(since))
        return queryset.filter(~Exists(newer))
