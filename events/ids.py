"""Ids of events and deliveries: UUIDv7 whose last byte is the ordinal.

An event has the ordinal 0; its deliveries have its id with the last byte 1 to 255, so
that they lie in the event's month, and an event's deliveries are a range of the key.
"""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import uuid_utils

MAX_ORDINAL = 255
MAX_BATCH = 1024
_BATCH_MASK = MAX_BATCH * 256 - 1


def new_event_id() -> UUID:
    """Return a new event id; ids made later sort later, to the millisecond."""
    return UUID(int=uuid_utils.uuid7().int & ~0xFF)


def new_event_ids(count: int) -> list[UUID]:
    """Return ids for the events of one batch, at most 1,024.

    Each has its number in the ten bits above the ordinal and else the same bits, so
    that any of them leads to the others (`batch_range_of`, `batch_number_of`).
    """
    if count > MAX_BATCH:
        message = f"a batch has at most {MAX_BATCH} events, not {count}"
        raise ValueError(message)
    first = uuid_utils.uuid7().int & ~_BATCH_MASK
    return [UUID(int=first | number << 8) for number in range(count)]


def batch_range_of(event_id: UUID) -> tuple[UUID, UUID]:
    """Return the smallest and the greatest id that events of a batch can have."""
    first = event_id.int & ~_BATCH_MASK
    return UUID(int=first), UUID(int=first | (MAX_BATCH - 1) << 8)


def batch_number_of(event_id: UUID) -> int:
    """Return which event of its batch an event is, from 0 on."""
    return (event_id.int & _BATCH_MASK) >> 8


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
