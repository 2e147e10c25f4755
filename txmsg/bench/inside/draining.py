"""One drain by real worker processes: from the first claim to the last record."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from txmsg import worker
from txmsg.bench import machine
from txmsg.bench.inside import filling
from txmsg.embedded.processes import end, open_log, spawn, tail

_READY_SECONDS = 30.0
# Times are the database's: asking seldom disturbs less.
_POLL_SECONDS = 0.1
_COUNT_SECONDS = 5.0
_STALL_SECONDS = 45.0


def drain(
    rows: int, workers: int = 1, postgres_pid: int = 0, settle: float = 0.3
) -> dict[str, Any]:
    """Have warm, idle workers find all rows at once; return speed, cores and memory.

    All events are committed in one transaction, so that nobody begins before all are
    there, and the workers are rung for as always.
    """
    worker.queue_connection().flushdb()
    with running_workers(workers) as processes:
        pids = [process.pid for process in processes]
        time.sleep(settle)
        with machine.Watch(pids[0]) as watch:
            began_at = _ask("SELECT clock_timestamp()")
            with transaction.atomic():
                filling.fill(rows)
            used = _used(pids, postgres_pid)
            wait_until_empty()
            used = [
                after - before
                for before, after in zip(used, _used(pids, postgres_pid), strict=True)
            ]
            first, last, sent, early = _times(began_at)
        peak = max(machine.peak_mb(pid) for pid in pids)
    seconds = (last - first).total_seconds()
    return {
        "rows": sent,
        "seconds": seconds,
        "per_second": sent / seconds,
        "busy": watch.busy(first.timestamp(), last.timestamp()),
        "worker_us": used[0] / rows * 1e6,
        "postgres_us": used[1] / rows * 1e6,
        "peak_mb": peak,
        "growth_mb": watch.resident_at(last.timestamp())
        - watch.resident_at(early.timestamp()),
    }


@contextlib.contextmanager
def running_workers(
    number: int, lanes: str = "normal,bulk"
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Have worker processes run as `up` starts them; yields once they serve."""
    log = open_log(_worker_log())
    processes = []
    try:
        for place in range(number):
            name = f"bench-worker-{place + 1}"
            manage = [sys.executable, str(settings.BASE_DIR / "manage.py"), "worker"]
            command = [*manage, "--name", name, "--lanes", lanes]
            processes.append(spawn(command, death_signal=signal.SIGKILL, output=log))
        _wait_until_served(number)
        yield processes
    finally:
        os.close(log)
        for process in processes:
            process.terminate()
        for process in processes:
            end(process, ask=signal.SIGTERM, grace=12)


def wait_until_empty() -> None:
    """Wait until no row of work is left; raise TimeoutError when none leaves for long.

    Looks for any row often, which costs nothing, and counts them seldom.
    """
    left, moved_at, counted_at = -1, time.monotonic(), 0.0
    while _ask("SELECT EXISTS (SELECT FROM events_work)"):
        now = time.monotonic()
        if now - counted_at > _COUNT_SECONDS:
            counted_at, before = now, left
            left = _ask("SELECT count(*) FROM events_work")
            moved_at = moved_at if left == before else now
        if now - moved_at > _STALL_SECONDS:
            said = tail(_worker_log())
            message = f"{left} rows of work are left and none moves; workers: {said}"
            raise TimeoutError(message)
        time.sleep(_POLL_SECONDS)


def _wait_until_served(number: int) -> None:
    redis = worker.queue_connection()
    deadline = time.monotonic() + _READY_SECONDS
    while len(list(redis.scan_iter(worker.alive_key("normal", "*")))) < number:
        if time.monotonic() > deadline:
            message = f"{number} workers did not come up"
            raise TimeoutError(message)
        time.sleep(0.05)


def _worker_log() -> Path:
    return Path(settings.TXMSG_HOME) / "log" / "workers.log"


def _ask(statement: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]


def _used(pids: list[int], postgres_pid: int) -> list[float]:
    """Return the processor seconds of the workers, and of PostgreSQL."""
    ours = sum(machine.cpu_seconds(pid) for pid in pids)
    return [ours, machine.family_cpu_seconds(postgres_pid) if postgres_pid else 0.0]


def _times(since: Any) -> tuple[Any, Any, int, Any]:
    """Return first claim, last record, the number sent, and when 10,000 were done."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT min(d.claimed_at), max(e.finished_at),
                   count(*) FILTER (WHERE d.status = 'sent')
            FROM history_delivery d JOIN events_event e ON e.id = d.event_id
            WHERE e.finished_at >= %s
            """,
            [since],
        )
        first, last, sent = cursor.fetchone()
        cursor.execute(
            """
            SELECT finished_at FROM events_event WHERE finished_at >= %s
            ORDER BY finished_at OFFSET 9999 LIMIT 1
            """,
            [since],
        )
        row = cursor.fetchone()
    return first, last, sent, row[0] if row else last
