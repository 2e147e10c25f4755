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
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import DataError, connection, transaction

from events import ids, work
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


def record(results: Results, *, lease_no: int) -> Recorded:
    """Write what became of rows under a lease; repeatable after a database error.

    A row that is missing but stands in `Delivery` with this lease was recorded by an
    earlier call whose answer was lost: it is our own. Others are fenced: their lease
    ran out and somebody else has them. Data that the database refuses is recorded row
    by row, so that one bad row does not keep its neighbours.
    """
    try:
        recorded = _record_at_once(results, lease_no=lease_no)
    except DataError:
        logger.exception("a wave was refused for its data; recording row by row")
        recorded = Recorded()
        for single in _singles(results):
            one = _record_singly(single, lease_no=lease_no)
            recorded.own |= one.own
            recorded.fenced |= one.fenced
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


def _record_at_once(results: Results, *, lease_no: int) -> Recorded:
    tries = [*results.postponed, *results.unknown, *results.held]
    asked = {e.id for e in results.endings} | {p.id for p in tries}
    if not asked:
        return Recorded()
    with transaction.atomic(), connection.cursor() as cursor:
        lock_events(cursor, {ids.event_id_of(e.id) for e in results.endings})
        _lock_work(cursor, asked)
        ended = _finish(cursor, results.endings, lease_no=lease_no)
        end_events(cursor, results.endings, ended)
        later = {p.id for p in tries} & _postpone(cursor, results, lease_no=lease_no)
        _log_tries(cursor, [p for p in tries if p.id in later])
        _suppress(cursor, results.endings, {row.id for row in ended})
        own = {row.id for row in ended} | later
        own |= _recorded_before(cursor, asked - own, lease_no=lease_no)
        _tally(cursor, ended)
    return Recorded(own=own, fenced=asked - own)


def lock_events(cursor: Any, event_ids: Iterable[UUID]) -> None:
    """Lock events in the order of their ids: the first lock of every writer here."""
    wanted = sorted(event_ids)
    if wanted:
        cursor.execute(
            """
            SELECT id FROM events_event
            WHERE id = ANY(%s) AND id BETWEEN %s AND %s
            ORDER BY id FOR NO KEY UPDATE
            """,
            [wanted, wanted[0], wanted[-1]],
        )


def end_taken(cursor: Any, endings: Sequence[Ending], *, lease_no: int) -> list[Ended]:
    """End rows that an operator took over; the caller holds the locks of both."""
    ended = _finish(cursor, endings, lease_no=lease_no)
    end_events(cursor, endings, ended)
    _tally(cursor, ended)
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


def _lock_work(cursor: Any, wanted: set[UUID]) -> None:
    cursor.execute(
        "SELECT id FROM events_work WHERE id = ANY(%s) ORDER BY id FOR UPDATE",
        [list(wanted)],
    )


def _finish(cursor: Any, endings: Sequence[Ending], *, lease_no: int) -> list[Ended]:
    """Move rows from work to history; return those that were still ours.

    A row that was flagged as a possible duplicate ends only sent or uncertain.
    """
    if not endings:
        return []
    cursor.execute(
        f"""
        WITH gone AS ({work.FINISH}), facts AS (
            SELECT * FROM unnest(
                %(ids)s::uuid[], %(executions)s::bigint[], %(statuses)s::text[],
                %(reasons)s::text[], %(details)s::text[], %(providers)s::text[],
                %(provider_ids)s::text[], %(answers)s::text[], %(digests)s::bytea[],
                %(ends)s::timestamptz[], %(tried)s::int[])
            AS f(id, execution_id, status, reason, detail, provider, provider_id,
                 answer, digest, finished_at, tried)
        ), written AS (
        INSERT INTO history_delivery (
            id, event_id, execution_id, channel, address, status, reason, detail,
            attempts, claimed_at, marked_at, finished_at, provider, provider_id,
            answer, digest, possible_duplicate, lease_no, retry_of, resolved_as)
        SELECT g.id, g.event_id, f.execution_id, g.channel, g.address,
               CASE WHEN g.possible_duplicate AND f.status <> 'sent'
                    THEN 'uncertain' ELSE f.status END,
               f.reason, f.detail, g.attempts + f.tried, g.pinned_at, g.marked_at,
               coalesce(f.finished_at, clock_timestamp()), f.provider, f.provider_id,
               f.answer, f.digest, g.possible_duplicate, g.lease_no, g.retry_of, ''
        FROM gone g JOIN facts f ON f.id = g.id
        WHERE g.channel <> ''
        RETURNING id, execution_id, status, finished_at
        )
        SELECT g.id, w.execution_id, w.status, w.finished_at
        FROM gone g LEFT JOIN written w ON w.id = g.id
        """,
        {
            "ids": [e.id for e in endings],
            "lease_no": lease_no,
            "executions": [e.execution_id for e in endings],
            "statuses": [e.status.value for e in endings],
            "reasons": [e.reason.value if e.reason else "" for e in endings],
            "details": [_clean(e.detail, 4000) for e in endings],
            "providers": [_clean(e.provider, 40) for e in endings],
            "provider_ids": [_clean(e.provider_id, 200) for e in endings],
            "answers": [_clean(e.answer, 500) for e in endings],
            "digests": [e.digest for e in endings],
            "ends": [e.finished_at for e in endings],
            "tried": [int(e.was_tried) for e in endings],
        },
    )
    return [Ended(*row) for row in cursor.fetchall()]


def end_events(cursor: Any, endings: Sequence[Ending], ended: Sequence[Ended]) -> None:
    """End the events of which no work is left; their deliveries decide the outcome.

    Sent beats failed beats the rest. An event without deliveries takes the outcome and
    the reason of its ending.
    """
    bare = {row.id for row in ended if row.status is None}
    unrouted = {ids.event_id_of(e.id): e for e in endings if e.id in bare}
    event_ids = sorted({ids.event_id_of(row.id) for row in ended})
    if not event_ids:
        return
    cursor.execute(
        """
        WITH candidate AS (
            SELECT * FROM unnest(%(events)s::uuid[], %(lasts)s::uuid[],
                                 %(outcomes)s::text[], %(reasons)s::text[])
                AS c(id, last, outcome, reason)
            WHERE NOT EXISTS (
                SELECT FROM events_work w WHERE w.id BETWEEN c.id AND c.last)
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
                WHERE id BETWEEN c.id AND c.last AND id BETWEEN %(first)s AND %(final)s
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
        WHERE e.id = v.id AND e.id BETWEEN %(first)s AND %(final)s
        """,
        {
            "events": event_ids,
            "lasts": [ids.last_id_of(i) for i in event_ids],
            "outcomes": [_outcome_of(unrouted.get(i)) for i in event_ids],
            "reasons": [_reason_of(unrouted.get(i)) for i in event_ids],
            "first": event_ids[0],
            "final": ids.last_id_of(event_ids[-1]),
        },
    )


def _outcome_of(ending: Ending | None) -> str:
    return ending.event_outcome.value if ending and ending.event_outcome else ""


def _reason_of(ending: Ending | None) -> str:
    return ending.reason.value if ending and ending.reason else ""


def _postpone(cursor: Any, results: Results, *, lease_no: int) -> set[UUID]:
    later = work.postpone(
        cursor,
        {p.id: p.delay_seconds for p in results.postponed},
        lease_no=lease_no,
        is_unknown=False,
    )
    later |= work.postpone(
        cursor,
        {p.id: p.delay_seconds for p in results.unknown},
        lease_no=lease_no,
        is_unknown=True,
    )
    return later | work.hold(cursor, [p.id for p in results.held], lease_no=lease_no)


def _log_tries(cursor: Any, postponed: Sequence[Postponement]) -> None:
    """Keep the try that failed; its number is the count that postponing has raised."""
    if not postponed:
        return
    cursor.execute(
        """
        INSERT INTO history_attempt (
            delivery_id, number, started_at, ended_at, outcome, provider, answer)
        SELECT w.id, w.attempts, t.started_at, t.ended_at, t.outcome, t.provider,
               t.answer
        FROM unnest(%s::uuid[], %s::timestamptz[], %s::timestamptz[], %s::text[],
                    %s::text[], %s::text[])
             AS t(id, started_at, ended_at, outcome, provider, answer)
        JOIN events_work w ON w.id = t.id
        """,
        [
            [p.id for p in postponed],
            [p.last_try.started_at for p in postponed],
            [p.last_try.ended_at for p in postponed],
            [p.last_try.outcome.value for p in postponed],
            [_clean(p.last_try.provider, 40) for p in postponed],
            [_clean(p.last_try.answer, 500) for p in postponed],
        ],
    )


def _suppress(cursor: Any, endings: Sequence[Ending], ended: set[UUID]) -> None:
    """Put addresses that a server said do not exist on the suppression list."""
    bad = [
        e.id
        for e in endings
        if e.id in ended
        and e.reason == Reason.HARD_BOUNCE
        and _BAD_ADDRESS.search(e.answer)
    ]
    if not bad:
        return
    cursor.execute(
        """
        INSERT INTO history_suppression (channel, address, reason, note, delivery_id)
        SELECT channel, lower(address), %s, answer, id FROM history_delivery
        WHERE id = ANY(%s) AND id BETWEEN %s AND %s ORDER BY channel, lower(address)
        ON CONFLICT (channel, address) DO NOTHING
        """,
        [SuppressionReason.HARD_BOUNCE, bad, min(bad), max(bad)],
    )


def _recorded_before(cursor: Any, missing: set[UUID], *, lease_no: int) -> set[UUID]:
    if not missing:
        return set()
    cursor.execute(
        """
        SELECT id FROM history_delivery
        WHERE id = ANY(%s) AND id BETWEEN %s AND %s AND lease_no = %s
        """,
        [list(missing), min(missing), max(missing), lease_no],
    )
    return {row[0] for row in cursor.fetchall()}


def _tally(cursor: Any, ended: Sequence[Ended]) -> None:
    """Count what was inserted, keys sorted: unsorted ones deadlock with each other."""
    counts = Counter(
        (
            row.execution_id,
            row.finished_at.replace(minute=0, second=0, microsecond=0),
            row.status,
        )
        for row in ended
        if row.execution_id is not None and row.status and row.finished_at
    )
    if not counts:
        return
    keys = sorted(counts)
    cursor.execute(
        """
        INSERT INTO history_tally (execution_id, hour, status, count)
        SELECT * FROM unnest(%s::bigint[], %s::timestamptz[], %s::text[], %s::int[])
        ON CONFLICT (execution_id, hour, status)
        DO UPDATE SET count = history_tally.count + excluded.count
        """,
        [
            [key[0] for key in keys],
            [key[1] for key in keys],
            [key[2] for key in keys],
            [counts[key] for key in keys],
        ],
    )


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
    return text.replace("\x00", "").encode(errors="replace").decode()[:limit]
