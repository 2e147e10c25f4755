"""Which languages the recipients of a type's recent events asked for."""

from __future__ import annotations

from datetime import timedelta

from django.db import connection
from django.utils import timezone

from events import ids
from events.models import EventType

RECENT_EVENTS = 500


def asked_for(event_type: EventType, *, limit: int = RECENT_EVENTS) -> dict[str, int]:
    """Return how many of the newest events asked for each language, by its tag.

    Events whose recipient has no language, or whose context was purged, count nowhere.
    """
    now = timezone.now()
    first = ids.first_id_at(now - timedelta(days=event_type.context_retention_days))
    last = ids.first_id_at(now + timedelta(days=1))
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.recipient ->> 'language', count(*)
            FROM (
                SELECT id FROM events_event
                WHERE type_id = %(type)s AND id BETWEEN %(first)s AND %(last)s
                ORDER BY id DESC LIMIT %(limit)s
            ) AS e
            JOIN events_eventcontext c
              ON c.event_id = e.id AND c.event_id BETWEEN %(first)s AND %(last)s
            GROUP BY 1
            """,
            {"type": event_type.pk, "first": first, "last": last, "limit": limit},
        )
        rows = cursor.fetchall()
    return {str(tag): count for tag, count in rows if tag}
