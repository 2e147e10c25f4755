"""When a process that stays looks for garbage: seldom, for most of it frees itself.

What one request or one batch of messages needs is freed without a collection. Python's
own thresholds have it look at all that was ever loaded while a batch is read.
"""

from __future__ import annotations

import gc

_NEW_OBJECTS = 50_000


def collect_seldom() -> None:
    """Leave alone what is loaded by now, and look at new objects in large portions."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, 20, 50)
