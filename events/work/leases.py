"""What a worker does to rows it has a lease on: mark, renew, postpone, hand back, park.

Every statement names the lease: a row that was lost to another changes nothing. Rows
are locked in the order of their ids, so that these statements cannot deadlock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from events import arrays, statements

# The inner half of recording's statement: a row leaves Work as its delivery is written.
FINISH = """
    DELETE FROM events_work w
    USING facts f
    WHERE w.id = f.fact_id AND w.id = ANY(%(ids)b) AND w.lease_no = %(lease_no)b
    RETURNING w.id, w.event_id, w.channel, w.address, w.attempts, w.pinned_at,
              w.marked_at, w.possible_duplicate, w.lease_no, w.retry_of, f.*
"""
_MINE = """
    SELECT id FROM events_work WHERE id = ANY(%(ids)b) AND lease_no = %(lease_no)b
"""
# Commits that rows are about to be sent, and returns those that may be: the inner half
# of the statement of whoever knows which versions may leave, and says so in `only`.
# Left out are rows whose lease was lost or has less left than the sending may take, and
# rows that have expired since they were claimed. The lease begins anew, unless what is
# left is the sending's time and half of the rest: then no index changes, which is half
# of what a mark costs. A row marked alone counts as begun: if its worker dies now, the
# death counts against it.
MARK = f"""
    UPDATE events_work
    SET stage = 'sending', marked_at = clock_timestamp(),
        begun = CASE WHEN %(alone)b THEN lease_no ELSE begun END,
        due_at = CASE
            WHEN due_at > clock_timestamp() + make_interval(secs => %(enough)b)
            THEN due_at
            ELSE clock_timestamp() + make_interval(secs => %(lease)b) END
    WHERE id = ANY(ARRAY({_MINE}
        AND stage <> 'sending' AND expires_at > clock_timestamp()
        AND due_at > clock_timestamp() + make_interval(secs => %(send)b)
        {{only}}
        ORDER BY id FOR UPDATE))
    RETURNING id
"""
_RENEW = f"""
    UPDATE events_work
    SET due_at = clock_timestamp() + make_interval(secs => %(lease)b)
    WHERE id = ANY(ARRAY({_MINE} ORDER BY id FOR UPDATE))
"""
_HAND_BACK = f"""
    UPDATE events_work
    SET stage = CASE WHEN attempts > 0 THEN 'retry' ELSE 'queued' END,
        version_id = CASE WHEN attempts > 0 THEN version_id END,
        pinned_at = CASE WHEN attempts > 0 THEN pinned_at END,
        marked_at = NULL, lease_owner = '', lease_size = 0,
        due_at = least(clock_timestamp() + make_interval(secs => %(delay)b), expires_at)
    WHERE id = ANY(ARRAY({_MINE} ORDER BY id FOR UPDATE))
    RETURNING id
"""
_POSTPONE = """
    UPDATE events_work w
    SET stage = 'retry', attempts = attempts + 1, marked_at = NULL,
        lease_owner = '', lease_size = 0,
        possible_duplicate = possible_duplicate OR d.is_unknown,
        due_at = least(clock_timestamp() + make_interval(secs => d.delay), expires_at)
    FROM unnest(%(ids)b, %(delays)b, %(unknown)b) AS d(id, delay, is_unknown)
    WHERE w.id = d.id AND w.id = ANY(%(ids)b)
      AND w.lease_no = %(lease_no)b AND w.stage = 'sending'
    RETURNING w.id
"""


# The number of a lease is its moment in microseconds, by the database's clock. A claim
# does not wait for the disk, so a crash of the database may undo it: a sequence could
# then give the same number to another worker, and the first would not be fenced.
NEW_LEASE = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"


def next_lease_no(cursor: Any) -> int:
    """Return a lease number greater than every one before."""
    cursor.execute(f"SELECT {NEW_LEASE}")
    return int(cursor.fetchone()[0])


def mark_values(
    item_ids: Sequence[UUID],
    *,
    lease_no: int,
    send_timeout: float,
    lease_seconds: float,
) -> dict[str, Any]:
    """Return the values of `MARK` for these rows."""
    return {
        "ids": arrays.uuids(item_ids),
        "lease_no": lease_no,
        "alone": len(item_ids) == 1,
        "send": float(send_timeout),
        "enough": (send_timeout + lease_seconds) / 2,
        "lease": float(lease_seconds),
    }


def mark(
    item_ids: Sequence[UUID],
    *,
    lease_no: int,
    send_timeout: float,
    lease_seconds: float,
) -> set[UUID]:
    """Mark rows, whatever their versions; return those that may be sent."""
    values = mark_values(
        item_ids,
        lease_no=lease_no,
        send_timeout=send_timeout,
        lease_seconds=lease_seconds,
    )
    return {row[0] for row in statements.rows(MARK.format(only=""), values)}


def renew(item_ids: Sequence[UUID], *, lease_no: int, lease_seconds: float) -> None:
    """Begin the lease of these rows anew, as far as it is still ours."""
    values = {
        "ids": arrays.uuids(item_ids),
        "lease_no": lease_no,
        "lease": float(lease_seconds),
    }
    statements.rows(_RENEW, values)


def hand_back(
    item_ids: Sequence[UUID], *, lease_no: int, delay_seconds: float = 0
) -> set[UUID]:
    """End the lease of rows that were certainly not sent; nothing counts against them.

    A row that was never tried loses its version, so that the next claim pins the one
    that is live then. Returns the rows that were still ours.
    """
    values = {
        "ids": arrays.uuids(item_ids),
        "lease_no": lease_no,
        "delay": float(delay_seconds),
    }
    return {row[0] for row in statements.rows(_HAND_BACK, values)}


def postpone(delays: Mapping[UUID, tuple[float, bool]], *, lease_no: int) -> set[UUID]:
    """Let rows be tried again after a delay, in seconds; count one attempt each.

    The second of each pair: the try may have arrived, so the next is a possible
    duplicate. For use inside recording's transaction, which holds their locks.
    """
    if not delays:
        return set()
    values = {
        "ids": arrays.uuids(delays),
        "delays": arrays.floats(delay for delay, _ in delays.values()),
        "unknown": arrays.bools(is_unknown for _, is_unknown in delays.values()),
        "lease_no": lease_no,
    }
    return {row[0] for row in statements.rows(_POSTPONE, values)}


def hold(item_ids: Sequence[UUID], *, lease_no: int) -> set[UUID]:
    """Park rows of unknown outcome for an operator, until they expire."""
    if not item_ids:
        return set()
    found = statements.rows(
        """
        UPDATE events_work
        SET stage = 'held', attempts = attempts + 1, possible_duplicate = true,
            lease_owner = '', lease_size = 0, due_at = expires_at
        WHERE id = ANY(%(ids)b) AND lease_no = %(lease_no)b AND stage = 'sending'
        RETURNING id
        """,
        {"ids": arrays.uuids(item_ids), "lease_no": lease_no},
    )
    return {row[0] for row in found}


def park(item_ids: Sequence[UUID], *, lease_no: int) -> None:
    """Let rows wait whose message was paused after they were claimed."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            WITH mine AS (
                SELECT id FROM events_work
                WHERE id = ANY(%s) AND lease_no = %s AND stage <> 'sending'
                ORDER BY id FOR UPDATE
            )
            UPDATE events_work w
            SET stage = 'paused', lease_owner = '', lease_size = 0,
                version_id = CASE WHEN attempts > 0 THEN version_id END,
                pinned_at = CASE WHEN attempts > 0 THEN pinned_at END,
                due_at = expires_at
            FROM mine WHERE w.id = mine.id
            """,
            [list(item_ids), lease_no],
        )


def wake(
    type_id: int, *, channel: str | None = None, stages: Sequence[str], limit: int
) -> int:
    """Make the parked rows of a type due now, once each; return how many there were.

    In batches of `limit`, each its own transaction. Rows that somebody holds locked
    are passed over. All get a new lease number, so that whoever had them before cannot
    touch them any more.
    """
    woken, after = 0, UUID(int=0)
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                f"""
                WITH parked AS (
                    SELECT id FROM events_work
                    WHERE type_id = %s AND stage = ANY(%s)
                      AND due_at = expires_at
                      AND stage IN ('paused', 'not_covered', 'held')
                      AND (%s::text IS NULL OR channel IN ('', %s)) AND id > %s
                    ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
                )
                UPDATE events_work w
                SET stage = CASE WHEN channel = '' THEN 'pending'
                                 WHEN attempts > 0 THEN 'retry' ELSE 'queued' END,
                    lease_no = {NEW_LEASE}, lease_owner = '',
                    lease_size = 0, due_at = clock_timestamp()
                FROM parked WHERE w.id = parked.id
                RETURNING w.id
                """,
                [type_id, list(stages), channel, channel, after, limit],
            )
            batch = [row[0] for row in cursor.fetchall()]
        if not batch:
            return woken
        woken += len(batch)
        after = max(batch)


def end_leases_of(owner_prefix: str, *, but: str) -> int:
    """Run out the leases of a worker's dead predecessors in the same place."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            WITH dead AS (
                SELECT id FROM events_work
                WHERE lease_owner LIKE %s AND lease_owner <> %s
                  AND due_at > clock_timestamp()
                ORDER BY id FOR UPDATE
            )
            UPDATE events_work w SET due_at = clock_timestamp()
            FROM dead WHERE w.id = dead.id
            """,
            [owner_prefix.replace("_", r"\_") + "%", but],
        )
        return int(cursor.rowcount)


def give_up(owner: str) -> int:
    """End the leases that an owner could not hand back over a database error.

    It lives, so no row is to blame. What was marked is left to the sweeper.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            WITH own AS (
                SELECT id FROM events_work WHERE lease_owner = %s
                ORDER BY id FOR UPDATE
            )
            UPDATE events_work w
            SET due_at = clock_timestamp(), begun = 0,
                lease_owner = CASE WHEN stage = 'sending' THEN lease_owner ELSE '' END,
                lease_size = CASE WHEN stage = 'sending' THEN lease_size ELSE 0 END
            FROM own WHERE w.id = own.id
            """,
            [owner],
        )
        return int(cursor.rowcount)


def due_lanes() -> dict[str, float]:
    """Return the lanes with something due, and the age of the oldest in seconds."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT l.lane,
                   max(extract(epoch FROM clock_timestamp() - first.due_at))::float8
            FROM unnest(ARRAY['critical', 'normal', 'bulk']) AS l(lane)
            CROSS JOIN events_eventtype t
            CROSS JOIN LATERAL (
                SELECT due_at FROM events_work
                WHERE lane = l.lane AND type_id = t.id
                  AND due_at <= (SELECT clock_timestamp())
                ORDER BY due_at LIMIT 1
            ) AS first
            GROUP BY l.lane
            """
        )
        return dict(cursor.fetchall())
