"""Runs under fire, and what an oracle says of them.

`python -m tests.crash` runs them in full: 2,000 events while a worker is killed every
second for 20 s, 500 events across a flush and a restart of Valkey, 100 while it does
not answer, 500 while PostgreSQL is killed five times, one event into an idle system.
Prints one line each; exits 1 if a promise was broken.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import redis

from tests import drill
from tests.drill import Installation

FINAL_SECONDS = 120.0


@dataclass
class Report:
    """What a run came to; `copies` maps copies at the server to recipients."""

    name: str
    kills: int = 0
    copies: dict[int, int] = field(default_factory=dict)
    flagged: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    seconds_to_final: float = 0.0
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        verdict = "; ".join(self.problems) or "every promise kept"
        return (
            f"{self.name}: {self.kills} kills, copies {self.copies}, flagged "
            f"{self.flagged}, {self.statuses}, final {self.seconds_to_final:.1f} s "
            f"after the last post: {verdict}"
        )


def kill_workers(installation: Installation, *, events: int, seconds: float) -> Report:
    """Post events while a worker is killed with -9 every second."""
    report = Report("workers killed")
    addresses = _addresses("kill", events)
    stop = threading.Event()

    def kill() -> None:
        deadline = time.monotonic() + seconds
        while not stop.wait(1.0) and time.monotonic() < deadline:
            report.kills += bool(installation.kill("txmsg-worker"))

    killer = threading.Thread(target=kill)
    killer.start()
    step = max(1, int(events / (seconds * 4)))
    for start in range(0, events, step):
        installation.post("drill", addresses[start : start + step])
        time.sleep(0.1)
    killer.join()
    stop.set()
    return _judge(installation, report, addresses, may_double=True)


def lose_valkey(installation: Installation, *, events: int) -> Report:
    """Flush Valkey and end it, to be restarted, while events wait for workers."""
    report = Report("Valkey lost")
    addresses = _addresses("valkey", events)
    queue = redis.Redis.from_url(installation.home.redis_url, socket_timeout=2)
    frozen = installation.freeze("txmsg-worker")
    installation.post("drill", addresses)
    (waiting,) = installation.query("SELECT count(*) FROM events_work")[0]
    if waiting != events:
        report.problems.append(f"only {waiting} of {events} events waited")
    with contextlib.suppress(redis.RedisError):
        queue.flushall()
        queue.shutdown(nosave=True)
    report.kills = 1
    installation.thaw(frozen)
    return _judge(installation, report, addresses, may_double=False)


def stop_valkey(installation: Installation, *, events: int) -> Report:
    """Freeze Valkey while events are posted: each must be accepted all the same."""
    report = Report("Valkey frozen")
    addresses = _addresses("frozen", events)
    before = installation.answers[202]
    frozen = installation.freeze("valkey-server")
    try:
        installation.post("drill", addresses)
    finally:
        installation.thaw(frozen)
    if installation.answers[202] - before != events:
        report.problems.append(f"not all were accepted: {dict(installation.answers)}")
    return _judge(installation, report, addresses, may_double=False)


def kill_postgres(installation: Installation, *, events: int, times: int) -> Report:
    """Kill the database while events are posted; callers repeat until accepted."""
    report = Report("PostgreSQL killed")
    addresses = _addresses("postgres", events)
    step = -(-events // times)
    for start in range(0, events, step):
        report.kills += bool(installation.kill("bin/postgres"))
        installation.post("drill", addresses[start : start + step])
    if set(installation.answers) - {0, 200, 202, 503}:
        report.problems.append(f"answers: {dict(installation.answers)}")
    return _judge(installation, report, addresses, may_double=True)


def idle_latency(installation: Installation, *, times: int) -> list[float]:
    """Return milliseconds from posting one event to its mail at the server."""
    found = []
    for address in _addresses("idle", times):
        installation.wait(installation.is_idle, seconds=30)
        # Longer than a worker lingers (2 s): the event finds everybody asleep.
        time.sleep(2.5)
        start = time.time()
        installation.post("drill", [address], threads=1)
        installation.wait(
            lambda address=address: installation.sink.copies()[address] > 0,
            seconds=10,
        )
        arrived = [at for to, _, at in installation.sink.received if to == address]
        found.append((arrived[0] - start) * 1000 if arrived else float("inf"))
    return found


def _addresses(run: str, count: int) -> list[str]:
    stamp = f"{time.time_ns():x}"
    return [f"{run}-{stamp}-{number}@example.com" for number in range(count)]


def _judge(
    installation: Installation,
    report: Report,
    addresses: list[str],
    *,
    may_double: bool,
) -> Report:
    start = time.monotonic()
    is_final = installation.wait(installation.is_idle, seconds=FINAL_SECONDS)
    report.seconds_to_final = time.monotonic() - start
    if not is_final:
        report.problems.append("events are not final")
    wanted = set(addresses)
    copies = {to: n for to, n in installation.sink.copies().items() if to in wanted}
    report.copies = dict(Counter(copies.get(address, 0) for address in addresses))
    rows = installation.query(
        "SELECT address, status, possible_duplicate FROM history_delivery"
    )
    mine = [row for row in rows if row[0] in wanted]
    report.statuses = dict(Counter(row[1] for row in mine))
    report.flagged = sum(row[2] for row in mine)
    if len(mine) != len(addresses):
        report.problems.append(f"{len(mine)} deliveries for {len(addresses)} events")
    if report.copies.get(0):
        report.problems.append(f"{report.copies[0]} recipients have nothing")
    flagged = {row[0] for row in mine if row[2]}
    hidden = [to for to, count in copies.items() if count > 1 and to not in flagged]
    if hidden:
        report.problems.append(f"{len(hidden)} second copies are not flagged")
    if not may_double and any(count > 1 for count in copies.values()):
        report.problems.append("somebody has a second copy")
    return report


def main() -> int:
    """Run everything in full."""
    with (
        tempfile.TemporaryDirectory() as folder,
        drill.installation(Path(folder) / "home") as installation,
    ):
        reports = [
            kill_workers(installation, events=2000, seconds=20),
            lose_valkey(installation, events=500),
            stop_valkey(installation, events=100),
            kill_postgres(installation, events=500, times=5),
        ]
        for report in reports:
            print(report)  # noqa: T201
        latencies = idle_latency(installation, times=5)
        print("idle, one event:", ", ".join(f"{ms:.0f} ms" for ms in latencies))  # noqa: T201
        return int(any(report.problems for report in reports))


if __name__ == "__main__":
    sys.exit(main())
