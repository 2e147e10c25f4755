"""Whether this process is to leave: no message is begun then, what is out ends soon.

Said once, from a signal's handler; channels ask while they send, in whatever thread.
It must not know channels, nor why the process leaves.
"""

from __future__ import annotations

import math
import time

_ends_by = math.inf


def leave(seconds: float) -> None:
    """Begin no further message, and let those under way have so many seconds."""
    global _ends_by
    _ends_by = min(_ends_by, time.monotonic() + seconds)


def stay() -> None:
    """Take it back."""
    global _ends_by
    _ends_by = math.inf


def is_near() -> bool:
    """Say whether the process is to leave."""
    return _ends_by < math.inf


def sooner(deadline: float) -> float:
    """Return a deadline (`time.monotonic()`), or the end of this process before it."""
    return min(deadline, _ends_by)
