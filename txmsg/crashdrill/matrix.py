"""The crash matrix: a death at each point, for each policy and transport, in numbers.

Waves and batches of one: the only delivery that a death can touch is the one that it
is meant for, so each cell has exact numbers. A stop is a process frozen for twice its
lease, which then goes on: a zombie that must change nothing any more.
"""

from __future__ import annotations

import itertools
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from templates_app.models import UnknownOutcome
from txmsg.crashdrill.client import Accepted, Wish
from txmsg.crashdrill.content import CHANNELS, POLICIES, type_of
from txmsg.crashdrill.installation import LEASE_SECONDS, ONES, Installation
from txmsg.crashdrill.oracle import Monitor, Oracle, Row
from txmsg.crashdrill.report import Run

POINTS = [f"P{number}" for number in range(9)]
STOP_POINTS = ["P2", "P4", "P5", "P7"]
TRANSPORTS = {"email": "SMTP", "sms": "HTTP", "push": "HTTP with key"}
Facts = tuple[int, str, bool]
"""Copies at the peer, the state, and whether it is flagged as a possible duplicate."""
_WORKERS = 4
_FROZEN_AT_ONCE = 36
_FROZEN_SECONDS = 2.0 * LEASE_SECONDS


@dataclass(frozen=True, slots=True)
class Cell:
    """Where, how, and over what kind of delivery a process dies."""

    point: str
    action: str
    policy: str
    channel: str

    def __str__(self) -> str:
        return (
            f"{self.action} at {self.point}, {self.policy}, {TRANSPORTS[self.channel]}"
        )

    def expected(self) -> list[Facts]:
        """Return what may come of it: one thing, but where a frozen process wakes up.

        Stopped before the final dot it sends it when it wakes up, or sees that the
        time for sending is over and does not: both are safe, and the second is better.
        """
        if self.point not in ("P5", "P6", "P7") or self.channel == "push":
            return [(1, "sent", False)]
        firsts = [1]
        if self.point == "P5":
            firsts = [0] if self.action == "kill" else [0, 1]
        if self.policy == UnknownOutcome.MUST_ARRIVE:
            return [(first + 1, "sent", True) for first in firsts]
        if self.policy == UnknownOutcome.NEVER_TWICE:
            return [(first, "uncertain", False) for first in firsts]
        return [(first, "held", True) for first in firsts]


def cells(points: Sequence[str], action: str) -> list[Cell]:
    """Return a cell for each point, policy and transport."""
    return [
        Cell(point, action, policy, channel)
        for point, policy, channel in itertools.product(points, POLICIES, CHANNELS)
    ]


def kill(
    installation: Installation, oracle: Oracle, *, each: int, wanted: Sequence[Cell]
) -> Run:
    """Kill -9 a process at each cell's point, `each` deliveries a cell."""
    run = Run("matrix, kill -9")
    began = time.monotonic()
    posted = _post_at_the_door(installation, wanted, each)
    later = [cell for cell in wanted if cell.point != "P0"]
    posted += _post(installation, later, each)
    installation.disarm()
    installation.arm(_rules([(c, e) for c, e in posted if c.point != "P0"]))
    with Monitor(installation) as monitor:
        for number in range(_WORKERS):
            installation.keep_worker(number, **ONES)
        installation.keep_sweeper()
        expected = len(later) * each
        struck = installation.wait(
            lambda: len(installation.strikes()) >= expected,
            seconds=20 + expected,
            step=0.2,
        )
        settled = installation.settle(seconds=30)
    run.faults = len(installation.strikes()) + sum(c.point == "P0" for c, _ in posted)
    if not (struck and settled):
        run.problems.append(f"only {len(installation.strikes())} of {expected} struck")
    _finish(installation, oracle, monitor, run, posted)
    run.seconds = time.monotonic() - began
    return run


def stop(
    installation: Installation, oracle: Oracle, *, each: int, wanted: Sequence[Cell]
) -> Run:
    """Freeze a process at each cell's point for twice its lease, then let it go on."""
    run = Run("matrix, stop and go on")
    began = time.monotonic()
    all_posted: list[tuple[Cell, Accepted]] = []
    todo = [cell for cell in wanted for _ in range(each)]
    with Monitor(installation) as monitor:
        installation.keep_sweeper()
        for start in range(0, len(todo), _FROZEN_AT_ONCE):
            group = todo[start : start + _FROZEN_AT_ONCE]
            posted = _post(installation, group, 1)
            installation.disarm()
            installation.arm(_rules(posted))
            run.faults += _freeze_and_thaw(installation, run, len(posted))
            all_posted += posted
    _finish(installation, oracle, monitor, run, all_posted)
    fenced = sum(text.count(" fenced: ") for _, text in installation.logs())
    run.notes.append(f"{fenced} records of zombies were fenced")
    if not fenced:
        run.problems.append("no zombie tried to record anything")
    run.seconds = time.monotonic() - began
    return run


def _post_at_the_door(
    installation: Installation, wanted: Sequence[Cell], each: int
) -> list[tuple[Cell, Accepted]]:
    """Post what the door dies over: after the commit, before the doorbell.

    The caller gets no answer, repeats with its key, and is given the same event.
    """
    at_door = [cell for cell in wanted if cell.point == "P0"]
    if not at_door:
        return []
    installation.arm([{"point": "P0", "action": "kill", "times": len(at_door) * each}])
    return _post(installation, at_door, each, threads=1)


def _post(
    installation: Installation, wanted: Sequence[Cell], each: int, threads: int = 4
) -> list[tuple[Cell, Accepted]]:
    todo = [cell for cell in wanted for _ in range(each)]
    wishes = [Wish(type_of(cell.policy), cell.channel) for cell in todo]
    return list(
        zip(todo, installation.client.post(wishes, threads=threads), strict=True)
    )


def _rules(posted: Sequence[tuple[Cell, Accepted]]) -> list[dict[str, object]]:
    """Return the failpoints' rules: by delivery, but before the claim by number."""
    rules: list[dict[str, object]] = []
    for point, action in sorted({(c.point, c.action) for c, _ in posted}):
        keys = [e.delivery for c, e in posted if (c.point, c.action) == (point, action)]
        known = {"times": len(keys)} if point == "P1" else {"keys": keys}
        rules.append({"point": point, "action": action, **known})
    return rules


def _freeze_and_thaw(installation: Installation, run: Run, expected: int) -> int:
    """Have each delivery's worker frozen and thawed; return how many were."""
    names = [installation.keep_worker(number, **ONES) for number in range(expected + 2)]
    thaw_at: dict[str, float] = {}
    thawed: set[str] = set()
    deadline = time.monotonic() + 30 + 2 * _FROZEN_SECONDS
    while len(thawed) < expected and time.monotonic() < deadline:
        strikes = installation.strikes()
        for mark in strikes.keys() - thaw_at.keys():
            thaw_at[mark] = time.monotonic() + _FROZEN_SECONDS
        for mark, at in thaw_at.items():
            if mark not in thawed and time.monotonic() >= at:
                installation.kill(installation.name_of(strikes[mark]), signal.SIGCONT)
                thawed.add(mark)
        time.sleep(0.05)
    if len(thawed) < expected or not installation.settle(seconds=30):
        run.problems.append(f"only {len(thawed)} of {expected} were frozen and settled")
    # Those that woke up last still write what they think they know.
    installation.drop(*names)
    return len(thawed)


def _finish(
    installation: Installation,
    oracle: Oracle,
    monitor: Monitor,
    run: Run,
    posted: Sequence[tuple[Cell, Accepted]],
) -> None:
    """Compare each delivery with its cell's numbers, and all with the invariants."""
    installation.disarm()
    if workers := installation.workers():
        installation.drop(*workers)
    installation.drop("txmsg-sweeper")
    run.judgement = oracle.judge([event for _, event in posted])
    run.judgement.breaches += monitor.breaches
    rows = oracle.rows_of({str(event.id): event for _, event in posted})
    copies = Counter(copy["delivery"] for copy in installation.copies())
    for cell, event in posted:
        found = [_facts(row, copies) for row in rows.get(str(event.id), ())]
        if len(found) != 1 or found[0] not in cell.expected():
            run.problems.append(f"{cell}: {found}, not {cell.expected()}")


def _facts(row: Row, copies: Counter[str]) -> Facts:
    return copies[row.id], row.status, row.flagged
