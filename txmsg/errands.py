"""What workers do for authors between two doorbells: proofs, and shadow renders.

In short slices, so that no lane waits for an author. All of it stands in tables: who
is rung finds it, and the sweeper rings again for what is left.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Min, Q, QuerySet

from templates_app import proofing, shadow
from templates_app.models import ShadowRun, ShadowStatus
from txmsg import proofs

SLICE_SECONDS = 0.2
# A shadow render that is silent for longer is nobody's any more.
SILENCE = timedelta(seconds=30)


def serve(should_leave: Callable[[], bool], *, seconds: float) -> bool:
    """Do what authors wait for until nothing is left, or it is time to leave.

    Asks between slices whether to leave. Returns whether something is left.
    """
    deadline = time.monotonic() + seconds
    while not should_leave() and time.monotonic() < deadline:
        was_proof = proofs.send_next(should_leave)
        if not shadow.advance(SLICE_SECONDS) and not was_proof:
            return False
    return waiting_seconds() is not None


def waiting_seconds() -> float | None:
    """Return how long the oldest errand has waited for a worker; None without any."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (now,) = cursor.fetchone()
    oldest = [
        proofing.waiting().aggregate(oldest=Min("created_at"))["oldest"],
        _waiting_runs(now).aggregate(oldest=Min("created_at"))["oldest"],
    ]
    ages = [(now - moment).total_seconds() for moment in oldest if moment is not None]
    return max(ages, default=None)


def _waiting_runs(now: datetime) -> QuerySet[ShadowRun]:
    """Return the open shadow renders that nobody is at."""
    is_open = Q(status__in=[ShadowStatus.QUEUED, ShadowStatus.RUNNING])
    is_free = Q(beat_at=None) | Q(beat_at__lt=now - SILENCE)
    return ShadowRun.objects.filter(is_open & is_free)
