"""Which past events would take a channel: what a new version is tried on.

Reads only. Every statement is bounded by ids, so that it reads only the months it
needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from events import ids
from events.models import Event, EventContext, EventType
from events.routing import TypeRules, choose_routes

_BATCH = 500
_BATCHES = 10  # Where few events take the channel, we do not look back for ever.


def takers(event_type: EventType, channel: str, *, limit: int) -> list[UUID]:
    """Return the newest events of a type that would take a channel, newest first.

    Were this channel live, that is, beside those that are now. Events whose data was
    purged are left out.
    """
    rules = TypeRules(tuple(event_type.channel_order), event_type.fan_out)
    live = {channel, *event_type.live_channels}
    now = timezone.now()
    first = ids.first_id_at(now - timedelta(days=event_type.context_retention_days))
    before = ids.first_id_at(now + timedelta(seconds=1))
    found: list[UUID] = []
    for _ in range(_BATCHES):
        rows = _newest(event_type, first, before)
        recipients = _recipients([event_id for event_id, _ in rows])
        for event_id, wished in rows:
            routes = choose_routes(
                rules,
                wished=wished,
                recipient=recipients.get(event_id, {}),
                has_message=live.__contains__,
            )
            if any(route.channel == channel for route in routes):
                found.append(event_id)
        if len(rows) < _BATCH or len(found) >= limit:
            break
        before = rows[-1][0]
    return found[:limit]


def _newest(event_type: EventType, first: UUID, before: UUID) -> list[tuple[UUID, str]]:
    """Return a batch of events between two ids with the channel each wished."""
    rows = Event.objects.filter(type=event_type, id__gte=first, id__lt=before)
    return list(rows.order_by("-id").values_list("id", "channel")[:_BATCH])


def _recipients(event_ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    if not event_ids:
        return {}
    rows = EventContext.objects.filter(
        event_id__in=event_ids,
        event_id__gte=min(event_ids),
        event_id__lte=max(event_ids),
    )
    return dict(rows.values_list("event_id", "recipient"))
