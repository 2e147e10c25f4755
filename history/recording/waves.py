"""What became of a wave, written in one transaction, and repeatable."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from uuid import UUID

from django.db import DataError

from events import arrays, statements, work
from history.models import Reason, SuppressionReason
from history.recording import announcing
from history.recording import endings as ends
from history.results import Ending, Postponement, Recorded, Results

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


def _record_at_once(results: Results, *, lease_no: int) -> Recorded:
    tries = [*results.postponed, *results.unknown, *results.held]
    asked = {e.id for e in results.endings} | {p.id for p in tries}
    if not asked:
        return Recorded()
    with statements.transaction():
        ends.lock(results.endings, asked)
        ended = ends.finish(results.endings, lease_no=lease_no)
        ends.end_events(results.endings, ended)
        announcing.announce(ended)
        later = _postpone(results, lease_no=lease_no)
        _log_tries([p for p in tries if p.id in later])
        own = {row.id for row in ended}
        _suppress(results.endings, own)
        own |= later
        if len(own) < len(asked):
            own |= _recorded_before(asked - own, lease_no=lease_no)
        ends.tally(ended)
    return Recorded(own=own, fenced=asked - own)


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
        "providers": arrays.texts(ends.clean(t.provider, 40) for t in tries),
        "answers": arrays.texts(ends.clean(t.answer, 500) for t in tries),
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
