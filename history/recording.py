"""The only writer of history: what became of a wave, in one transaction.

In the order of its locks: the events, the rows of work, the tallies, each by id. The
statement that deletes a row of work writes its delivery; events are ended by a
statement of their own afterwards, since two workers that finish two deliveries of one
event do not see each other's rows within one statement.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import DataError, transaction

from events import arrays, statements, work
from history.models import Execution, Reason, Resolution, SuppressionReason
from history.results import (
    Ended,
    Ending,
    Postponement,
    Recorded,
    Results,
    Try,
)

__all__ = [
    "Ended",
    "Ending",
    "Postponement",
    "Recorded",
    "Results",
    "Try",
    "end_events",
    "end_taken",
    "execution_for",
    "lock_events",
    "record",
    "reopen",
    "resolve",
]

logger = logging.getLogger(__name__)

# Enhanced status codes that say the address itself is wrong (RFC 3463, 5.1.x).
_BAD_ADDRESS = re.compile(r"\b5\.1\.(?:1|2|3|6|10)\b")


Mark = Callable[[], set[UUID]]


def record(
    results: Results,
    *,
    lease_no: int,
    and_lock: Iterable[UUID] = (),
    then_mark: Mark | None = None,
) -> Recorded:
    """Write what became of rows under a lease; repeatable after a database error.

    A row that is missing but stands in `Delivery` with this lease was recorded by an
    earlier call whose answer was lost: it is our own. Others are fenced: their lease
    ran out and somebody else has them. Data that the database refuses is recorded row
    by row, so that one bad row does not keep its neighbours.

    `then_mark` marks the next wave in the same transaction, which spares a commit; the
    rows that it is going to mark stand in `and_lock`, so that all are locked in order.
    """
    try:
        recorded = _record_at_once(
            results, lease_no=lease_no, and_lock=and_lock, then_mark=then_mark
        )
    except DataError:
        logger.exception("a wave was refused for its data; recording row by row")
        recorded = Recorded()
        for single in _singles(results):
            one = _record_singly(single, lease_no=lease_no)
            recorded.own |= one.own
            recorded.fenced |= one.fenced
        if then_mark is not None:
            with transaction.atomic():
                recorded.marked = then_mark()
    if recorded.fenced:
        logger.warning(
            "fenced: %d rows of lease %d belong to another by now",
            len(recorded.fenced),
            lease_no,
        )
    return recorded


def execution_for(version_id: int, message_id: int, *, at: datetime) -> int:
    """Return the id of a version's execution of a month, made when missing."""
    month = at.astimezone(UTC).date().replace(day=1)
    execution, _ = Execution.objects.get_or_create(
        version_id=version_id, month=month, defaults={"message_id": message_id}
    )
    return int(execution.pk)


def _record_at_once(
    results: Results,
    *,
    lease_no: int,
    and_lock: Iterable[UUID] = (),
    then_mark: Mark | None = None,
) -> Recorded:
    tries = [*results.postponed, *results.unknown, *results.held]
    asked = {e.id for e in results.endings} | {p.id for p in tries}
    if not asked and then_mark is None:
        return Recorded()
    recorded = Recorded()
    with transaction.atomic():
        _lock(results.endings, {*asked, *and_lock})
        ended = _finish(results.endings, lease_no=lease_no)
        end_events(results.endings, ended)
        later = _postpone(results, lease_no=lease_no)
        _log_tries([p for p in tries if p.id in later])
        own = {row.id for row in ended}
        _suppress(results.endings, own)
        own |= later
        if len(own) < len(asked):
            own |= _recorded_before(asked - own, lease_no=lease_no)
        if then_mark is not None:
            recorded.marked = then_mark()
        _tally(ended)
    recorded.own, recorded.fenced = own, asked - own
    return recorded


def lock_events(event_ids: Iterable[UUID]) -> None:
    """Lock events in the order of their ids: the first lock of every writer here."""
    _lock_rows(sorted({event_id.bytes for event_id in event_ids}), [])


def end_taken(endings: Sequence[Ending], *, lease_no: int) -> list[Ended]:
    """End rows that an operator took over; the caller holds the locks of both."""
    ended = _finish(endings, lease_no=lease_no)
    end_events(endings, ended)
    _tally(ended)
    return ended


def reopen(cursor: Any, event_id: UUID) -> None:
    """Make an event unfinished again, as it has work once more."""
    cursor.execute(
        """
        UPDATE events_event SET outcome = '', reason = '', finished_at = NULL
        WHERE id = %s
        """,
        [event_id],
    )


def resolve(cursor: Any, delivery_id: UUID, resolution: Resolution) -> bool:
    """Note what became of an uncertain delivery; return whether it was open."""
    cursor.execute(
        """
        UPDATE history_delivery SET resolved_as = %s, resolved_at = clock_timestamp()
        WHERE id = %s AND status = 'uncertain' AND resolved_as = ''
        """,
        [resolution.value, delivery_id],
    )
    return bool(cursor.rowcount)


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


def _lock(endings: Sequence[Ending], row_ids: Iterable[UUID]) -> None:
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


def _finish(endings: Sequence[Ending], *, lease_no: int) -> list[Ended]:
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
        "details": arrays.texts(_clean(e.detail, 4000) for e in endings),
        "providers": arrays.texts(_clean(e.provider, 40) for e in endings),
        "provider_ids": arrays.texts(_clean(e.provider_id, 200) for e in endings),
        "answers": arrays.texts(_clean(e.answer, 500) for e in endings),
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
    WHERE e.id = v.id AND e.id = ANY(%(events)b) AND e.id BETWEEN %(first)b AND %(final)b
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


def _postpone(results: Results, *, lease_no: int) -> set[UUID]:
    delays = {p.id: (p.delay_seconds, False) for p in results.postponed}
    delays |= {p.id: (p.delay_seconds, True) for p in results.unknown}
    later = work.postpone(delays, lease_no=lease_no)
    return later | work.hold([p.id for p in results.held], lease_no=lease_no)


_LOG_TRIES = """
    INSERT INTO history_attempt (
        delivery_id, number, started_at, ended_at, outcome, provider, answer)
    SELECT w.id, w.attempts, t.started_at, t.ended_at, t.outcome, t.provider, t.answer
    FROM unnest(%(ids)b, %(starts)b, %(ends)b, %(outcomes)b, %(providers)b, %(answers)b)
         AS t(id, started_at, ended_at, outcome, provider, answer)
    JOIN events_work w ON w.id = t.id AND w.id = ANY(%(ids)b)
"""


def _log_tries(postponed: Sequence[Postponement]) -> None:
    """Keep the try that failed; its number is the count that postponing has raised."""
    if not postponed:
        return
    tries = [p.last_try for p in postponed]
    values = {
        "ids": arrays.uuids(p.id for p in postponed),
        "starts": arrays.moments(t.started_at for t in tries),
        "ends": arrays.moments(t.ended_at for t in tries),
        "outcomes": arrays.texts(t.outcome.value for t in tries),
        "providers": arrays.texts(_clean(t.provider, 40) for t in tries),
        "answers": arrays.texts(_clean(t.answer, 500) for t in tries),
    }
    statements.rows(_LOG_TRIES, values)


def _suppress(endings: Sequence[Ending], ended: set[UUID]) -> None:
    """Put addresses that a server said do not exist on the suppression list."""
    bad = [
        e.id.bytes
        for e in endings
        if e.reason is Reason.HARD_BOUNCE
        and e.id in ended
        and _BAD_ADDRESS.search(e.answer)
    ]
    if not bad:
        return
    statements.rows(
        """
        INSERT INTO history_suppression (channel, address, reason, note, delivery_id)
        SELECT channel, lower(address), %(reason)b::text, answer, id
        FROM history_delivery
        WHERE id = ANY(%(ids)b) AND id BETWEEN %(first)b AND %(last)b
        ORDER BY channel, lower(address)
        ON CONFLICT (channel, address) DO NOTHING
        """,
        {
            "reason": SuppressionReason.HARD_BOUNCE.value,
            "ids": arrays.uuids_of_bytes(bad),
            "first": UUID(bytes=min(bad)),
            "last": UUID(bytes=max(bad)),
        },
    )


def _recorded_before(missing: set[UUID], *, lease_no: int) -> set[UUID]:
    found = statements.rows(
        """
        SELECT id FROM history_delivery
        WHERE id = ANY(%(ids)b) AND id BETWEEN %(first)b AND %(last)b
          AND lease_no = %(lease_no)b
        """,
        {
            "ids": arrays.uuids(missing),
            "first": min(missing),
            "last": max(missing),
            "lease_no": lease_no,
        },
    )
    return {row[0] for row in found}


_TALLY = """
    INSERT INTO history_tally (execution_id, hour, status, count)
    SELECT * FROM unnest(%(executions)b, %(hours)b, %(statuses)b, %(counts)b)
    ON CONFLICT (execution_id, hour, status)
    DO UPDATE SET count = history_tally.count + excluded.count
"""


def _tally(ended: Sequence[Ended]) -> None:
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


def _singles(results: Results) -> Iterable[Results]:
    yield from (Results(endings=[e]) for e in results.endings)
    yield from (Results(postponed=[p]) for p in results.postponed)
    yield from (Results(unknown=[p]) for p in results.unknown)
    yield from (Results(held=[p]) for p in results.held)


def _record_singly(single: Results, *, lease_no: int) -> Recorded:
    """Record one row; what the provider said is dropped if the database refuses it."""
    try:
        return _record_at_once(single, lease_no=lease_no)
    except DataError:
        logger.exception("recording one row without the provider's words")
        plain = replace(
            single,
            endings=[
                replace(e, answer="", detail="", provider_id="") for e in single.endings
            ],
        )
        return _record_at_once(plain, lease_no=lease_no)


def _clean(text: str, limit: int) -> str:
    """Make a provider's words storable: no NUL, no lone surrogates, not too long."""
    if text.isascii():
        return text.replace("\x00", "")[:limit] if text else ""
    return text.replace("\x00", "").encode(errors="replace").decode()[:limit]
