"""What an event says, read for rendering: one query for a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from events import strict_json
from events.problems import rfc3339


@dataclass(frozen=True, slots=True)
class EventFacts:
    """An event's data; `ctx` is None when it was purged.

    `event` is what templates see under that name: ``{"id", "type", "external_id",
    "correlation_id", "origin", "received_at"}``.
    """

    ctx: dict[str, Any] | None
    recipient: dict[str, Any]
    metadata: dict[str, Any]
    event: dict[str, Any]


def facts_of(event_ids: Sequence[UUID]) -> dict[UUID, EventFacts]:
    """Return the facts of events by id; numbers with a fraction are Decimal."""
    if not event_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT e.id, t.name, e.external_id, e.correlation_id, e.origin,
                   e.received_at, c.ctx, c.recipient, c.metadata
            FROM events_event e
            JOIN events_eventtype t ON t.id = e.type_id
            LEFT JOIN events_eventcontext c
              ON c.event_id = e.id AND c.event_id BETWEEN %(first)s AND %(last)s
            WHERE e.id = ANY(%(ids)s) AND e.id BETWEEN %(first)s AND %(last)s
            """,
            {"ids": list(event_ids), "first": min(event_ids), "last": max(event_ids)},
        )
        return {
            row[0]: EventFacts(
                ctx=strict_json.read(row[6]),
                recipient=strict_json.read(row[7]) or {},
                metadata=strict_json.read(row[8]) or {},
                event={
                    "id": str(row[0]),
                    "type": row[1],
                    "external_id": row[2],
                    "correlation_id": row[3],
                    "origin": row[4],
                    "received_at": rfc3339(row[5]),
                },
            )
            for row in cursor.fetchall()
        }
