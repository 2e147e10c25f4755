"""The drill itself: which runs there are, in which order, and what they say."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator

from txmsg.crashdrill import faults, loads, matrix
from txmsg.crashdrill.installation import Installation
from txmsg.crashdrill.oracle import Oracle
from txmsg.crashdrill.report import Run
from txmsg.crashdrill.scene import Scene

EACH_FULL, EACH_SHORT = 20, 1


def _kill_matrix(scene: Scene) -> Run:
    return matrix.kill(
        scene.installation,
        scene.oracle,
        each=scene.size(EACH_SHORT, EACH_FULL),
        wanted=matrix.cells(matrix.POINTS, "kill"),
    )


def _stop_matrix(scene: Scene) -> Run:
    return matrix.stop(
        scene.installation,
        scene.oracle,
        each=scene.size(EACH_SHORT, EACH_FULL),
        wanted=matrix.cells(matrix.STOP_POINTS, "stop"),
    )


def _sample(scene: Scene) -> Run:
    """A dozen cells of the kill matrix, as a first look and for the tests."""
    return matrix.kill(
        scene.installation,
        scene.oracle,
        each=EACH_SHORT,
        wanted=[
            cell
            for cell in matrix.cells(["P0", "P2", "P5", "P6"], "kill")
            if cell.channel == "email"
        ],
    )


SAMPLES: dict[str, Callable[[Scene], Run]] = {"sample": _sample}
"""Runs that are part of others, made only when asked for."""
RUNS: dict[str, Callable[[Scene], Run]] = {
    "kill-matrix": _kill_matrix,
    "stop-matrix": _stop_matrix,
    "decisions": loads.decisions,
    "kills": faults.kills,
    "stops": faults.stops,
    "flushes": faults.flushes,
    "valkey": faults.valkey_deaths,
    "half-open": faults.valkey_half_open,
    "postgres": faults.postgres_deaths,
    "commits": faults.lost_commits,
    "restarts": faults.rolling_restarts,
    "expiry": loads.expiry,
    "poison": loads.poison,
    "publish": loads.publishing_meanwhile,
    "cancel": loads.cancels,
    "flood": loads.flood,
    "drainers": loads.drainers,
}


def runs(*, seed: int, full: bool, only: Collection[str] = ()) -> Iterator[Run]:
    """Make an installation and yield each run as it ends; all of them, or `only`."""
    chosen = {name: run for name, run in (RUNS | SAMPLES).items() if name in only}
    with Installation(seed=seed) as installation:
        oracle = Oracle(installation)
        for name, run in (chosen or RUNS).items():
            # Each run has its own, so that it is the same when it runs alone.
            chance = random.Random(f"{seed} {name}")  # noqa: S311
            yield run(Scene(installation, oracle, chance, full))
