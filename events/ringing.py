"""Rings of the door: at most one a lane each 5 ms, and never one too few.

A ring costs a round trip to Redis. Those that come right after another are rung
together, once, when their time has come; so none waits longer than that.
"""

from __future__ import annotations

import functools
import logging
import queue
import threading
import time

from django.conf import settings
from django.db import transaction

from events import doorbell

logger = logging.getLogger(__name__)

_lock = threading.Lock()
_next: dict[str, float] = {}
_waiting: set[str] = set()
_late: queue.SimpleQueue[tuple[str, float]] = queue.SimpleQueue()
_ringer: threading.Thread | None = None


def ring_on_commit(lane: str) -> None:
    """Ring once the current transaction has committed; at once outside of one."""
    if transaction.get_connection().in_atomic_block:
        transaction.on_commit(functools.partial(ring, lane), robust=True)
        return
    # What Django would do, without what it costs: the event is taken in, whatever
    # becomes of its ring.
    try:
        ring(lane)
    except Exception:
        logger.exception("ringing for %s failed", lane)


def ring(lane: str) -> None:
    """Ring for a lane now, or together with others within `TXMSG_RING_SECONDS`."""
    with _lock:
        if lane in _waiting:
            return
        now = time.monotonic()
        due = _next.get(lane, 0.0)
        if due > now:
            _waiting.add(lane)
            _late.put((lane, due))
            _see_to_ringer()
            return
        _next[lane] = now + settings.TXMSG_RING_SECONDS
    doorbell.ring(lane)


def _see_to_ringer() -> None:
    """Have a thread that rings late: one a process, a forked one too."""
    global _ringer
    if _ringer is None or not _ringer.is_alive():
        _ringer = threading.Thread(target=_ring_late, name="ringer", daemon=True)
        _ringer.start()


def _ring_late() -> None:
    while True:
        lane, due = _late.get()
        time.sleep(max(0.0, due - time.monotonic()))
        with _lock:
            # First, so that whoever commits from now on rings anew.
            _waiting.discard(lane)
            _next[lane] = time.monotonic() + settings.TXMSG_RING_SECONDS
        try:
            doorbell.ring(lane)
        except Exception:
            # Lanes that wait would wait for good if this thread ended.
            logger.exception("ringing for %s failed", lane)
