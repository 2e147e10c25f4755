"""The clock around a yardstick's enqueueing and sending, and the result."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable


def measure(
    rows: int,
    *,
    enqueue: Callable[[int], None],
    send: Callable[[], None],
    sent: Callable[[], int],
) -> None:
    """Put mails into a queue, send them, print both times; exit 1 if some failed."""
    began = time.perf_counter()
    enqueue(rows)
    queued = time.perf_counter()
    send()
    ended = time.perf_counter()
    if sent() != rows:
        sys.exit(f"only {sent()} of {rows} mails were sent")
    result = {"rows": rows, "enqueue": queued - began, "send": ended - queued}
    sys.stdout.write(json.dumps(result) + "\n")
