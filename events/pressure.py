"""Back-pressure at the door: is there room for one more event?

The bulk lane takes none while its oldest row has been due for too long: what is queued
now would be sent too late anyway, and who sends it can wait. Critical and normal go
on. No lane takes any when the disk of the embedded database is nearly full: PostgreSQL
stops on a full disk, and does not come back by itself. What was accepted before is
still sent, which makes room. Both are looked at as often as the door looks up its
keys: once a second a process.

The floor under the disk is a number of megabytes and not a share: what PostgreSQL
writes between our last look and its end (WAL, temporary files) does not grow with the
disk, and a twentieth of a large one would refuse events with 100 GB free.
"""

from __future__ import annotations

import math
import random
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from events import statements
from events.models import Lane
from events.problems import Refused

STORAGE_RETRY_SECONDS = 60
_LEAST_RETRY_SECONDS = 5
_MOST_RETRY_SECONDS = 60
# One descent of the index a type: (lane, type, due_at).
_OLDEST = """
    SELECT extract(epoch FROM clock_timestamp() - min(first.due_at))::float8
    FROM events_eventtype t
    CROSS JOIN LATERAL (
        SELECT due_at FROM events_work
        WHERE lane = %(lane)b::text AND type_id = t.id
          AND due_at <= (SELECT clock_timestamp())
        ORDER BY due_at LIMIT 1
    ) AS first
"""


@dataclass(slots=True)
class _Seen:
    """A number that was looked up a moment ago; one thread at a time looks anew."""

    value: float = 0.0
    until: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def now(self, look: Callable[[], float]) -> float:
        """Return the number, as fresh as all that the door keeps in memory."""
        if time.monotonic() < self.until:
            return self.value
        # The first to come waits for the answer; who comes meanwhile takes the old one.
        if self.lock.acquire(blocking=not self.until):
            try:
                if time.monotonic() >= self.until:
                    self.value = look()
                    self.until = time.monotonic() + settings.TXMSG_INTAKE_CACHE_SECONDS
            finally:
                self.lock.release()
        return self.value

    def forget(self) -> None:
        """Look anew the next time."""
        self.until = 0.0


_age = _Seen()
_free = _Seen()


def require_room(lane: str) -> None:
    """Raise Refused (503, to be repeated) when a lane can take no more for now.

    `storage_low` for every lane, `backpressure` for bulk alone.
    """
    if is_storage_low():
        raise Refused(
            503,
            "storage_low",
            "The disk of this installation is nearly full: nothing is taken in until "
            "there is room again. What was accepted before is still sent.",
            retryable=True,
            headers=_after(STORAGE_RETRY_SECONDS),
        )
    if lane != Lane.BULK:
        return
    age = bulk_age()
    if age > settings.TXMSG_BACKLOG_SECONDS:
        raise Refused(
            503,
            "backpressure",
            f"The bulk lane is {age:.0f} s behind: send the request again later. "
            "Critical and normal events are taken in.",
            retryable=True,
            headers=_after(
                min(_MOST_RETRY_SECONDS, max(_LEAST_RETRY_SECONDS, age / 10))
            ),
        )


def bulk_age() -> float:
    """Return for how many seconds the oldest due row of the bulk lane has been due.

    What is scheduled, being sent, or waiting for its next try is not due.
    """
    return _age.now(_look_at_age)


def is_storage_low() -> bool:
    """Say whether the embedded database's disk has less free than it may."""
    floor: int = settings.TXMSG_FREE_DISK_MB
    if not settings.TXMSG_EMBEDDED_DATABASE or floor <= 0:
        return False
    return free_megabytes() < floor


def free_megabytes() -> float:
    """Return what is free on the disk of the data folder, in MB of 2^20 bytes."""
    return _free.now(_look_at_disk)


def forget() -> None:
    """Look anew at the next question."""
    _age.forget()
    _free.forget()


def _look_at_age() -> float:
    [(age,)] = statements.rows(_OLDEST, {"lane": str(Lane.BULK)})
    return float(age or 0)


def _look_at_disk() -> float:
    return shutil.disk_usage(Path(settings.TXMSG_HOME)).free / 2**20


def _after(seconds: float) -> dict[str, str]:
    """Return a Retry-After: spread, so that not all come back at the same moment."""
    spread = seconds * random.uniform(0.75, 1.25)  # noqa: S311
    return {"Retry-After": str(math.ceil(spread))}
