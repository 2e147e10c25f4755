"""Ending deliveries and their events: the locks, the move to history, the counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from events import arrays, statements, work
from history.recording import announcing
from history.results import Ended, Ending

# One statement for both: the second half looks only when the first has its locks. It
# also turns the planner to hashing, as the claim does: see there.
_LOCK = """
    WITH by_index AS MATERIALIZED (
        SELECT set_config('enable_nestloop', 'off', true),
               set_config('enable_mergejoin', 'off', true)
    ), events AS MATERIALIZED (
        SELECT id FROM events_event
        WHERE id = ANY(%(events)b) AND id BETWEEN %(first)b AND %(final)b
        ORDER BY id FOR NO KEY UPDATE
    )
    SELECT count(*) FROM by_index CROSS JOIN (
        SELECT id FROM events_work
        WHERE id = ANY(%(rows)b) AND (SELECT count(*) FROM events) >= 0
        ORDER BY id FOR UPDATE
    ) AS rows
"""


def lock(endings: Sequence[Ending], row_ids: Iterable[UUID]) -> None:
    """Lock the events that may end, and then rows of work, each by id."""
    events = sorted({_head(e.id) + _FIRST for e in endings})
    _lock_rows(events, sorted({row_id.bytes for row_id in row_ids}))


def _lock_rows(events: Sequence[bytes], rows: Sequence[bytes]) -> None:
    first, final = (events[0], events[-1]) if events else (_NOBODY, _NOBODY)
    values = {
        "events": arrays.uuids_of_bytes(events),
        "first": UUID(bytes=first),
        "final": UUID(bytes=final),
        "rows": arrays.uuids_of_bytes(rows),
    }
    statements.rows(_LOCK, values)


# An id without its last byte, the ordinal; and the ordinals of an event and of the
# last delivery that it can have.
_FIRST, _LAST = b"\x00", b"\xff"
_NOBODY = b"\x00" * 16


def _head(row_id: UUID) -> bytes:
    return row_id.bytes[:15]


def lock_events(event_ids: Iterable[UUID]) -> None:
    """Lock events in the order of their ids: the first lock of every writer here."""
    _lock_rows(sorted({event_id.bytes for event_id in event_ids}), [])


def end_taken(endings: Sequence[Ending], *, lease_no: int) -> list[Ended]:
    """End rows that an operator took over; the caller holds the locks of both."""
    ended = finish(endings, lease_no=lease_no)
    end_events(endings, ended)
    announcing.announce(ended)
    tally(ended)
    return ended


_FINISH = f"""
    WITH facts AS (
        SELECT * FROM unnest(
            %(ids)b, %(executions)b, %(statuses)b, %(reasons)b, %(details)b,
            %(providers)b, %(provider_ids)b, %(answers)b, %(digests)b, %(ends)b,
            %(tried)b)
        AS f(fact_id, execution_id, status, reason, detail, provider, provider_id,
             answer, digest, finished_at, tried)
    ), gone AS ({work.FINISH}), written AS (
        INSERT INTO history_delivery (
            id, event_id, execution_id, channel, address, status, reason, detail,
            attempts, claimed_at, marked_at, finished_at, provider, provider_id,
            answer, digest, possible_duplicate, lease_no, retry_of, resolved_as)
        SELECT id, event_id, execution_id, channel, address,
               CASE WHEN possible_duplicate AND status <> 'sent'
                    THEN 'uncertain' ELSE status END,
               reason, detail, attempts + tried, pinned_at, marked_at,
               coalesce(finished_at, clock_timestamp()), provider, provider_id,
               answer, digest, possible_duplicate, lease_no, retry_of, ''
        FROM gone WHERE channel <> ''
        RETURNING id, execution_id, status, date_trunc('hour', finished_at, 'UTC')
    )
    SELECT * FROM written
    UNION ALL SELECT id, NULL, NULL, NULL FROM gone WHERE channel = ''
"""


def finish(endings: Sequence[Ending], *, lease_no: int) -> list[Ended]:
    """Move rows from work to history; return those that were still ours.

    A row that was flagged as a possible duplicate ends only sent or uncertain.
    """
    if not endings:
        return []
    values = {
        "ids": arrays.uuids(e.id for e in endings),
        "lease_no": lease_no,
        "executions": arrays.bigints(e.execution_id for e in endings),
        "statuses": arrays.texts(e.status.value for e in endings),
        "reasons": arrays.texts(e.reason.value if e.reason else "" for e in endings),
        "details": arrays.texts(clean(e.detail, 4000) for e in endings),
        "providers": arrays.texts(clean(e.provider, 40) for e in endings),
        "provider_ids": arrays.texts(clean(e.provider_id, 200) for e in endings),
        "answers": arrays.texts(clean(e.answer, 500) for e in endings),
        "digests": arrays.blobs(e.digest for e in endings),
        "ends": arrays.moments(e.finished_at for e in endings),
        "tried": arrays.ints(e.was_tried for e in endings),
    }
    return [Ended(*row) for row in statements.rows(_FINISH, values)]


# Nothing beats `sent`, so the other deliveries of these events need not be read.
_END_SENT = """
    UPDATE events_event e
    SET outcome = 'processed', reason = '', finished_at = clock_timestamp()
    WHERE e.id = ANY(%(events)b) AND e.id BETWEEN %(first)b AND %(final)b
      AND NOT EXISTS (
          SELECT FROM events_work w WHERE w.id > e.id
          AND w.id <= encode(set_byte(uuid_send(e.id), 15, 255), 'hex')::uuid
          OFFSET 0)
"""
_END = """
    WITH candidate AS (
        SELECT * FROM unnest(%(events)b, %(lasts)b, %(outcomes)b, %(reasons)b)
            AS c(id, last, outcome, reason)
        WHERE NOT EXISTS (
            SELECT FROM events_work w WHERE w.id BETWEEN c.id AND c.last OFFSET 0)
    ), verdict AS (
        SELECT c.id, d.outcome, d.reason, c.outcome AS own, c.reason AS own_reason
        FROM candidate c LEFT JOIN LATERAL (
            SELECT CASE status
                       WHEN 'sent' THEN 'processed'
                       WHEN 'failed' THEN 'failed' WHEN 'uncertain' THEN 'failed'
                       WHEN 'expired' THEN 'expired'
                       WHEN 'cancelled' THEN 'cancelled'
                       ELSE 'ignored' END AS outcome,
                   reason
            FROM history_delivery
            WHERE id BETWEEN c.id AND c.last AND id BETWEEN %(first)b AND %(final)b
            ORDER BY array_position(ARRAY['sent', 'failed', 'uncertain', 'expired',
                                          'cancelled', 'excluded'], status::text),
                     id DESC
            LIMIT 1
        ) d ON true
    )
    UPDATE events_event e
    SET outcome = coalesce(v.outcome, nullif(v.own, ''), 'failed'),
        reason = CASE WHEN v.outcome IS NULL THEN v.own_reason
                      WHEN v.outcome = 'processed' THEN '' ELSE v.reason END,
        finished_at = clock_timestamp()
    FROM verdict v
    WHERE e.id = v.id AND e.id = ANY(%(events)b)
      AND e.id BETWEEN %(first)b AND %(final)b
"""


def end_events(endings: Sequence[Ending], ended: Sequence[Ended]) -> None:
    """End the events of which no work is left; their deliveries decide the outcome.

    Sent beats failed beats the rest. An event without deliveries takes the outcome and
    the reason of its ending.
    """
    sent = {_head(row.id) for row in ended if row.status == "sent"}
    others = {_head(row.id) for row in ended} - sent
    if sent:
        statements.rows(_END_SENT, _range_of(sorted(sent)))
    if not others:
        return
    bare = {row.id for row in ended if row.status is None}
    unrouted = {_head(e.id): e for e in endings if e.id in bare}
    heads = sorted(others)
    values = _range_of(heads) | {
        "lasts": arrays.uuids_of_bytes([head + _LAST for head in heads]),
        "outcomes": arrays.texts(_outcome_of(unrouted.get(head)) for head in heads),
        "reasons": arrays.texts(_reason_of(unrouted.get(head)) for head in heads),
    }
    statements.rows(_END, values)


def _range_of(heads: Sequence[bytes]) -> dict[str, Any]:
    return {
        "events": arrays.uuids_of_bytes([head + _FIRST for head in heads]),
        "first": UUID(bytes=heads[0] + _FIRST),
        "final": UUID(bytes=heads[-1] + _LAST),
    }


def _outcome_of(ending: Ending | None) -> str:
    return ending.event_outcome.value if ending and ending.event_outcome else ""


def _reason_of(ending: Ending | None) -> str:
    return ending.reason.value if ending and ending.reason else ""


_TALLY = """
    INSERT INTO history_tally (execution_id, hour, status, count)
    SELECT * FROM unnest(%(executions)b, %(hours)b, %(statuses)b, %(counts)b)
    ON CONFLICT (execution_id, hour, status)
    DO UPDATE SET count = history_tally.count + excluded.count
"""


def tally(ended: Sequence[Ended]) -> None:
    """Count what was inserted, keys sorted: unsorted ones deadlock with each other."""
    counts = Counter(
        (row.execution_id, row.hour, row.status)
        for row in ended
        if row.execution_id is not None and row.status and row.hour
    )
    if not counts:
        return
    keys = sorted(counts)
    values = {
        "executions": arrays.bigints(key[0] for key in keys),
        "hours": arrays.moments(key[1] for key in keys),
        "statuses": arrays.texts(key[2] for key in keys),
        "counts": arrays.ints(counts[key] for key in keys),
    }
    statements.rows(_TALLY, values)


def clean(text: str, limit: int) -> str:
    """Make a provider's words storable: no NUL, no lone surrogates, not too long."""
    if text.isascii():
        return text.replace("\x00", "")[:limit] if text else ""
    return text.replace("\x00", "").encode(errors="replace").decode()[:limit]
