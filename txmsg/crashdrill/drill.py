"""The drill itself: which runs there are, in which order, and what they say."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from txmsg.crashdrill import matrix
from txmsg.crashdrill.installation import Installation
from txmsg.crashdrill.oracle import Oracle
from txmsg.crashdrill.report import Run

FULL, SHORT = 20, 1


def runs(*, seed: int, full: bool) -> Iterator[Run]:
    """Make an installation and yield each run as it ends."""
    chance = random.Random(seed)  # noqa: S311
    each = FULL if full else SHORT
    with Installation(seed=seed) as installation:
        oracle = Oracle(installation)
        yield matrix.kill(
            installation,
            oracle,
            each=each,
            wanted=matrix.cells(matrix.POINTS, "kill"),
        )
        yield matrix.stop(
            installation,
            oracle,
            each=each,
            wanted=matrix.cells(matrix.STOP_POINTS, "stop"),
        )
