"""What every run shares: an installation with its oracle, and a crew that works it.

It must not know which runs there are.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from txmsg.crashdrill.client import Accepted, Wish
from txmsg.crashdrill.content import POLICIES, type_of
from txmsg.crashdrill.installation import Installation
from txmsg.crashdrill.oracle import Monitor, Oracle
from txmsg.crashdrill.report import Run

WAVE = 50


@dataclass(slots=True)
class Scene:
    """Where a run happens; `full` makes it long."""

    installation: Installation
    oracle: Oracle
    chance: random.Random
    full: bool

    def size(self, short: int, full: int) -> int:
        """Return one of two sizes."""
        return full if self.full else short

    @contextlib.contextmanager
    def crew(self, *, lanes: Sequence[str] = ("",) * 3) -> Iterator[Monitor]:
        """Have a worker for each of `lanes` ("" is all) and the sweeper at work."""
        installation = self.installation
        with Monitor(installation) as monitor:
            installation.keep_sweeper()
            names = [
                installation.keep_worker(number, lanes=served or "critical,normal,bulk")
                for number, served in enumerate(lanes)
            ]
            yield monitor
            installation.drop("txmsg-sweeper", *names)

    def wishes(self, count: int, *, script: str = "plain") -> list[Wish]:
        """Return wishes for mails, the policies in turns."""
        return [
            Wish(type_of(POLICIES[number % len(POLICIES)]), script=script)
            for number in range(count)
        ]


@dataclass
class Posting:
    """Events that are posted in a thread of their own while something happens."""

    scene: Scene
    wishes: Sequence[Wish]
    seconds: float
    """About how long the posting is spread over."""
    batch: int = 1
    events: list[Accepted] = field(default_factory=list)

    def __enter__(self) -> Posting:
        self._thread = threading.Thread(target=self._post, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()

    def is_on(self) -> bool:
        """Say whether events are still being posted."""
        return self._thread.is_alive()

    def _post(self) -> None:
        steps = max(1, int(self.seconds / 0.25))
        share = -(-len(self.wishes) // steps)
        for start in range(0, len(self.wishes), share):
            began = time.monotonic()
            group = self.wishes[start : start + share]
            self.events += self.scene.installation.client.post(group, batch=self.batch)
            time.sleep(max(0.0, 0.25 - (time.monotonic() - began)))


@contextlib.contextmanager
def timed(name: str) -> Iterator[Run]:
    """Have a run whose seconds are taken."""
    run = Run(name)
    began = time.monotonic()
    yield run
    run.seconds = time.monotonic() - began


def judge(
    scene: Scene,
    run: Run,
    events: Sequence[Accepted],
    *,
    monitor: Monitor | None = None,
    calm: bool = False,
) -> None:
    """Hold a run's events to the invariants, when all is over."""
    run.judgement = scene.oracle.judge(events, calm=calm)
    if monitor is not None:
        run.judgement.breaches += monitor.breaches
        run.notes += (
            [f"a lease lay {monitor.longest:.1f} s"] if monitor.longest > 1 else []
        )
    refused = scene.installation.client.refused
    run.problems += refused
    refused.clear()


def settle(scene: Scene, run: Run, *, seconds: float = 60) -> None:
    """Wait until all is handled; what is left then is a breach that is found."""
    began = time.monotonic()
    if not scene.installation.settle(seconds=seconds):
        run.problems.append(f"not all was handled {seconds:.0f} s after the last fault")
    run.notes.append(f"handled {time.monotonic() - began:.1f} s after the last fault")


def every(
    seconds: Callable[[], float], do: Callable[[], None], *, while_: Callable[[], bool]
) -> None:
    """Do something again and again while something holds."""
    while while_():
        time.sleep(seconds())
        do()
