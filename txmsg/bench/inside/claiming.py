"""Claims under the clock: while much passes through, and while much stands in the way.

The pipeline's own claim and its own handling of what was claimed, in this process.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Iterator
from typing import Any

from django.db import connection, connections

from events.models import Work
from txmsg import jobs, pipeline, worker
from txmsg.bench.inside.filling import fill
from txmsg.bench.report import percentile
from txmsg.pipeline import Drain

LANE = "normal"
CHUNK = 20_000
FIRST_SECONDS = 60.0
_AT_ONCE = 100_000


def churn(rows: int, postgres_pid: int = 0) -> dict[str, Any]:
    """Let rows pass through Work; return claims of the first minute and of the end.

    Milliseconds, of full claims alone. What one row takes on disk is read at the end.
    """
    worker.queue_connection().flushdb()
    run = Drain(lane=LANE, owner=jobs.here.owner)
    found: list[tuple[float, float]] = []
    began = time.monotonic()
    for first in range(0, rows, CHUNK):
        fill(min(CHUNK, rows - first), first=first, has_ids=True)
        _drain(run, found, began)
    early = [ms for at, ms in found if at <= FIRST_SECONDS] or [found[0][1]]
    late = [ms for _, ms in found[-max(1, len(found) // 10) :]]
    return {
        "first_ms": statistics.median(early),
        "last_ms": statistics.median(late),
        "first_p95_ms": percentile(early, 0.95),
        "last_p95_ms": percentile(late, 0.95),
        **bytes_a_row(),
    }


def stand_in_the_way(
    due: int, paused: int, passing: int, chunk: int = CHUNK, postgres_pid: int = 0
) -> dict[str, Any]:
    """Claim while idle; then beside many due and paused rows, and an old snapshot.

    While the snapshot is open, `passing` messages go through: their rows cannot be
    vacuumed away.
    """
    worker.queue_connection().flushdb()
    run = Drain(lane=LANE, owner=jobs.here.owner)
    idle: list[tuple[float, float]] = []
    busy: list[tuple[float, float]] = []
    fill(chunk)
    _drain(run, idle, time.monotonic())
    with _old_snapshot():
        for first in range(0, passing, chunk):
            fill(min(chunk, passing - first), first=chunk + first)
            _drain(run, [], time.monotonic())
        fill(chunk, first=chunk + passing)
        _copy_rows(due, due_at="clock_timestamp()")
        _copy_rows(paused, stage="'paused'", due_at="expires_at")
        # Not to the end: behind these rows stand copies, which have no events.
        _drain(run, busy, time.monotonic(), at_most=chunk - chunk // 10)
    return {
        "idle_ms": statistics.median(ms for _, ms in idle),
        "busy_ms": statistics.median(ms for _, ms in busy),
        "idle_p95_ms": percentile([ms for _, ms in idle], 0.95),
        "busy_p95_ms": percentile([ms for _, ms in busy], 0.95),
    }


def bytes_a_row() -> dict[str, float]:
    """Return what deliveries, events and identities take on disk, indexes included."""
    with connection.cursor() as cursor:
        found = {}
        for name, tables in (
            ("delivery", ("history_delivery", "history_attempt")),
            ("event", ("events_event",)),
            ("context", ("events_eventcontext",)),
            ("identity", ("events_eventidentity",)),
        ):
            cursor.execute(
                """
                SELECT sum(pg_total_relation_size(
                    coalesce(leaf.relid, t.name::regclass)))
                FROM unnest(%s::text[]) AS t(name)
                LEFT JOIN pg_partition_tree(t.name::regclass) AS leaf ON leaf.isleaf
                """,
                [list(tables)],
            )
            size = float(cursor.fetchone()[0])
            cursor.execute(f"SELECT count(*) FROM {tables[0]}")
            found[f"{name}_bytes"] = size / max(1, cursor.fetchone()[0])
    return found


def _drain(
    run: Drain, found: list[tuple[float, float]], since: float, *, at_most: int = 0
) -> None:
    """Handle what is due; note when each claim was made and its milliseconds.

    Not those that found little: a claim costs by what it finds.
    """
    handled, largest = 0, 0
    while not at_most or handled < at_most:
        began = time.perf_counter()
        claim = pipeline.claim_batch(run)
        took = (time.perf_counter() - began) * 1000
        if not claim.items:
            break
        largest = max(largest, len(claim.items))
        if len(claim.items) > largest // 2:
            found.append((time.monotonic() - since, took))
        pipeline.handle(run, claim)
        handled += len(claim.items)


@contextlib.contextmanager
def _old_snapshot() -> Iterator[None]:
    """Hold a snapshot open on a connection of its own, as a backup does."""
    other = connections.create_connection("default")
    try:
        with other.cursor() as cursor:
            cursor.execute("SET idle_in_transaction_session_timeout = 0")
            cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("SELECT count(*) FROM events_work")
            yield
    finally:
        other.close()


def _copy_rows(count: int, **changes: str) -> None:
    """Copy a row of work so many times, each with an id of its own."""
    made = {"id": "uuidv7()", "event_id": "uuidv7()", **changes}
    table = Work._meta.db_table
    names = [field.column for field in Work._meta.concrete_fields]
    columns = ", ".join(names)
    values = ", ".join(made.get(name, name) for name in names)
    for first in range(0, count, _AT_ONCE):
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                INSERT INTO {table} ({columns})
                SELECT {values} FROM (SELECT * FROM {table} LIMIT 1) AS one,
                       generate_series(1, %s)
                """,
                [min(_AT_ONCE, count - first)],
            )
