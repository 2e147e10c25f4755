"""What an event says, read for rendering: one query for a batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import jiter

from events import arrays, statements
from events.problems import rfc3339

# OFFSET keeps the look-up of each context as it stands; as a plain join it was done by
# its bounds alone, and every event read the contexts of all.
_STORED = """
    SELECT e.id, e.type_id, e.channel, e.external_id, e.correlation_id, e.origin,
           e.received_at, c.ctx, c.recipient, c.metadata
    FROM events_event e LEFT JOIN LATERAL (
        SELECT ctx::text, recipient::text, metadata::text FROM events_eventcontext
        WHERE event_id = e.id AND event_id BETWEEN %(first)b AND %(last)b OFFSET 0
    ) AS c ON true
    WHERE e.id = ANY(%(ids)b) AND e.id BETWEEN %(first)b AND %(last)b
"""


def _read_json(text: str) -> Any:
    """Return data that we stored ourselves, numbers with a fraction as Decimal."""
    return jiter.from_json(text.encode(), float_mode="decimal")


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


@dataclass(slots=True, eq=False)
class StoredFacts:
    """An event's data as it is stored: JSON texts, None when they were purged.

    A claim reads many of these, and leaves it to whoever handles one to make sense of
    it: if that kills the worker, it is known over which event it died.
    """

    id: UUID
    type_id: int
    channel: str
    external_id: str
    correlation_id: str
    origin: str
    received_at: datetime
    ctx: str | None
    recipient: str | None
    metadata: str | None
    type_name: str

    def recipient_data(self) -> dict[str, Any]:
        """Return who it goes to, which routing needs too."""
        return _read_json(self.recipient) if self.recipient else {}

    def read(self) -> EventFacts:
        """Return the data; numbers with a fraction are Decimal."""
        return EventFacts(
            ctx=_read_json(self.ctx) if self.ctx is not None else None,
            recipient=self.recipient_data(),
            metadata=(
                _read_json(self.metadata) if self.metadata not in (None, "{}") else {}
            ),
            event={
                "id": str(self.id),
                "type": self.type_name,
                "external_id": self.external_id,
                "correlation_id": self.correlation_id,
                "origin": self.origin,
                "received_at": rfc3339(self.received_at),
            },
        )


def stored(
    event_ids: Iterable[UUID], type_names: Mapping[int, str]
) -> dict[UUID, StoredFacts]:
    """Return the facts of events by id, as they are stored; names are by type id."""
    keys = sorted({event_id.bytes for event_id in event_ids})
    if not keys:
        return {}
    found = statements.rows(
        _STORED,
        {
            "ids": arrays.uuids_of_bytes(keys),
            "first": UUID(bytes=keys[0]),
            "last": UUID(bytes=keys[-1]),
        },
    )
    return {row[0]: StoredFacts(*(*row, type_names[row[1]])) for row in found}


def facts_of(event_ids: Iterable[UUID]) -> dict[UUID, EventFacts]:
    """Return the facts of events by id; numbers with a fraction are Decimal."""
    names = dict(statements.rows("SELECT id, name FROM events_eventtype", {}))
    return {key: row.read() for key, row in stored(event_ids, names).items()}
