"""Ids of events and deliveries: UUIDv7 whose last byte is the ordinal.

An event has the ordinal 0; its deliveries have its id with the last byte 1 to 255, so
that they lie in the event's month, and an event's deliveries are a range of the key.
"""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import uuid_utils

MAX_ORDINAL = 255


def new_event_id() -> UUID:
    """Return a new event id; ids made later sort later, to the millisecond."""
    return UUID(int=uuid_utils.uuid7().int & ~0xFF)


def delivery_id(event_id: UUID, ordinal: int) -> UUID:
    """Return the id of an event's delivery; `ordinal` is 1 to 255."""
    if not 1 <= ordinal <= MAX_ORDINAL:
        message = f"a delivery's ordinal is 1 to {MAX_ORDINAL}, not {ordinal}"
        raise ValueError(message)
    return UUID(int=event_id.int & ~0xFF | ordinal)


def event_id_of(delivery: UUID) -> UUID:
    """Return the id of the event that a delivery belongs to."""
    return UUID(int=delivery.int & ~0xFF)


def ordinal_of(delivery: UUID) -> int:
    """Return the last byte: 0 for an event, 1 to 255 for a delivery."""
    return delivery.int & 0xFF


def last_id_of(event_id: UUID) -> UUID:
    """Return the greatest id in an event's range."""
    return UUID(int=event_id.int | 0xFF)


def first_id_at(moment: datetime) -> UUID:
    """Return the smallest id that an event of this moment or later can have."""
    milliseconds = int(moment.astimezone(UTC).timestamp() * 1000)
    return UUID(int=milliseconds << 80)


def moment_of(identifier: UUID) -> datetime:
    """Return the moment, to the millisecond, at which an id was made."""
    return datetime.fromtimestamp((identifier.int >> 80) / 1000, UTC)
