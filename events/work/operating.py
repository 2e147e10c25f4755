"""What an operator does to rows of work: add one, take some over, wake a held one.

The caller holds the event's lock (`history.recording.lock_events`), so that no row of
the event ends meanwhile; workers may still claim and mark its rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from events import ids
from events.models import Stage
from events.work.leases import NEW_LEASE, next_lease_no


@dataclass(frozen=True, slots=True)
class NewRow:
    """A row of work to be; without a channel it is an event to be routed."""

    id: UUID
    channel: str = ""
    address: str = ""
    retry_of: UUID | None = None
    possible_duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """A row that was taken over under a lease of the operator's own."""

    id: UUID
    stage: str
    version_id: int | None


def add(cursor: Any, row: NewRow) -> str:
    """Insert a row of work, due now, with the event's lane; return the lane.

    Its time to live begins anew. No version is pinned: the next claim does it.
    """
    cursor.execute(
        """
        INSERT INTO events_work (
            id, event_id, type_id, lane, stage, channel, address, due_at, expires_at,
            attempts, lease_no, lease_owner, lease_size, begun, deaths,
            possible_duplicate, retry_of)
        SELECT %(id)s, e.id, e.type_id, e.lane, %(stage)s, %(channel)s, %(address)s,
               clock_timestamp(),
               clock_timestamp() + make_interval(secs => t.ttl_seconds),
               0, 0, '', 0, 0, 0, %(possible_duplicate)s, %(retry_of)s
        FROM events_event e JOIN events_eventtype t ON t.id = e.type_id
        WHERE e.id = %(event)s
        RETURNING lane
        """,
        {
            "id": row.id,
            "event": ids.event_id_of(row.id),
            "stage": Stage.QUEUED if row.channel else Stage.PENDING,
            "channel": row.channel,
            "address": row.address,
            "possible_duplicate": row.possible_duplicate,
            "retry_of": row.retry_of,
        },
    )
    return str(cursor.fetchone()[0])


def take_over(
    cursor: Any, first: UUID, last: UUID, *, stages: Sequence[str]
) -> tuple[int, list[Taken]]:
    """Put the rows of an id range in these stages under a new lease; return both.

    Whoever had them is fenced. The rows are locked by a statement of its own before:
    one that a worker was just marking is then seen as marked, and left alone.
    """
    cursor.execute(
        "SELECT id FROM events_work WHERE id BETWEEN %s AND %s ORDER BY id FOR UPDATE",
        [first, last],
    )
    lease_no = next_lease_no(cursor)
    cursor.execute(
        """
        UPDATE events_work SET lease_no = %s
        WHERE id BETWEEN %s AND %s AND stage = ANY(%s)
        RETURNING id, stage, version_id
        """,
        [lease_no, first, last, list(stages)],
    )
    taken = sorted((Taken(*row) for row in cursor.fetchall()), key=lambda row: row.id)
    return lease_no, taken


def wake_held(work_id: UUID) -> str | None:
    """Make a held row due now; return its lane, or None if it is not held any more."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE events_work
            SET stage = 'retry', lease_no = {NEW_LEASE},
                lease_owner = '', lease_size = 0, due_at = clock_timestamp()
            WHERE id = %s AND stage = 'held' AND expires_at > clock_timestamp()
            RETURNING lane
            """,
            [work_id],
        )
        row = cursor.fetchone()
    return str(row[0]) if row else None
