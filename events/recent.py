"""Recent events of one type, for people: sensitive values are hidden.

Every statement is bounded by ids, so that it reads only the months it needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from events import ids, strict_json
from events.masking import MASK, mask_context
from events.models import EventOutcome, EventType, Stage

_LABELS = {
    **{str(stage.value): str(stage.label) for stage in Stage},
    **{str(outcome.value): str(outcome.label) for outcome in EventOutcome},
}
_WORDS = 4
_AHEAD = timedelta(days=1)  # A clock that is fast still makes ids in this range.


@dataclass(frozen=True, slots=True)
class LatestEvent:
    """An event in a short list; `code` is its stage, once it ended its outcome."""

    id: UUID
    received_at: datetime
    external_id: str
    code: str
    label: str


def recent_contexts(
    event_type: EventType, limit: int = 20
) -> list[tuple[UUID, datetime, str, dict[str, Any]]]:
    """Return the newest events as ``(id, received_at, external_id, masked ctx)``.

    Newest first; events whose context was purged are left out.
    """
    first, last = _range(days=event_type.context_retention_days)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT e.id, e.received_at, e.external_id, c.ctx
            FROM events_event e
            JOIN events_eventcontext c
              ON c.event_id = e.id AND c.event_id BETWEEN %(first)s AND %(last)s
            WHERE e.type_id = %(type)s AND e.id BETWEEN %(first)s AND %(last)s
            ORDER BY e.id DESC LIMIT %(limit)s
            """,
            {"type": event_type.pk, "first": first, "last": last, "limit": limit},
        )
        rows = cursor.fetchall()
    paths = event_type.sensitive_paths
    return [
        (event_id, received_at, external_id, mask_context(strict_json.read(ctx), paths))
        for event_id, received_at, external_id, ctx in rows
    ]


def ctx_of(event_id: UUID, event_type: EventType) -> dict[str, Any] | None:
    """Return the masked context of one event of this type; None if there is none."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.ctx FROM events_event e
            JOIN events_eventcontext c ON c.event_id = e.id AND c.event_id = %(id)s
            WHERE e.id = %(id)s AND e.type_id = %(type)s
            """,
            {"id": event_id, "type": event_type.pk},
        )
        row = cursor.fetchone()
    if row is None:
        return None
    return mask_context(strict_json.read(row[0]), event_type.sensitive_paths)


def latest_events(event_type: EventType, limit: int = 10) -> list[LatestEvent]:
    """Return the newest events of a type with where they stand, newest first."""
    first, last = _range(days=event_type.retention_days)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT e.id, e.received_at, e.external_id, coalesce(w.stage, e.outcome)
            FROM (
                SELECT id, received_at, external_id, outcome FROM events_event
                WHERE type_id = %(type)s AND id BETWEEN %(first)s AND %(last)s
                ORDER BY id DESC LIMIT %(limit)s
            ) AS e
            LEFT JOIN LATERAL (
                SELECT stage FROM events_work
                WHERE id >= e.id
                  AND id <= (substr(e.id::text, 1, 34) || 'ff')::uuid
                ORDER BY id DESC LIMIT 1
            ) AS w ON true
            ORDER BY e.id DESC
            """,
            {"type": event_type.pk, "first": first, "last": last, "limit": limit},
        )
        rows = cursor.fetchall()
    return [
        LatestEvent(event_id, received_at, external_id, code, _LABELS.get(code, code))
        for event_id, received_at, external_id, code in rows
    ]


def words_of(ctx: Mapping[str, Any]) -> str:
    """Return the first few values of a context, to tell one event from another."""
    return " · ".join(islice(_texts(ctx), _WORDS))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value[:1]:
            yield from _texts(each)
    elif value not in (None, "", MASK) and not isinstance(value, bool):
        text = str(value)
        if "://" not in text:
            yield text[:40]


def _range(*, days: int) -> tuple[UUID, UUID]:
    """Return the ids of events of the last days."""
    now = timezone.now()
    first = ids.first_id_at(now - timedelta(days=max(1, days)))
    return first, ids.first_id_at(now + _AHEAD)
