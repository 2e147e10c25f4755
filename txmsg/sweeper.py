"""The sweeper: makes every loss of Redis and every death of a worker harmless.

It goes by the clock, not when idle: rings for what is due, resolves what was being
sent when a lease ran out, wakes what was parked in vain, makes partitions. One at a
time: an advisory lock of PostgreSQL sees to it.
"""

from __future__ import annotations

import logging
import os
import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, InterfaceError, connection
from django.db.models.functions import Now

from events import doorbell, partitions, work
from events.models import Lane
from events.work import Item
from history import recording
from history.models import AttemptOutcome, DeliveryStatus, Reason
from history.recording import Ending, Try
from templates_app import publishing, versions
from txmsg import errands, outcomes
from txmsg.channels import get_channel
from txmsg.models import Heartbeat
from txmsg.outcomes import Verdict

logger = logging.getLogger(__name__)

STEP_SECONDS = 1.0
PARTITIONS_SECONDS = 3600.0
PARTITIONS_AGAIN_SECONDS = 60.0
# What is due for longer than this was rung for in vain.
RING_AGAIN_SECONDS = 1.5
NAME = "sweeper"
_LOCK_KEY = 7_401_002
_BATCH = 500


def run(should_stop: Callable[[float], bool]) -> None:
    """Sweep every second until told to stop.

    `should_stop` waits for so many seconds and returns whether to stop.
    """
    partitions_at = 0.0
    while True:
        try:
            if _is_ours():
                sweep()
                if time.monotonic() >= partitions_at:
                    partitions_at = time.monotonic() + PARTITIONS_AGAIN_SECONDS
                    partitions.ensure()
                    partitions_at = time.monotonic() + PARTITIONS_SECONDS
        except (DatabaseError, InterfaceError):
            logger.exception("sweeping failed; trying again")
            connection.close()
        if should_stop(STEP_SECONDS):
            return


def sweep() -> None:
    """Do everything once."""
    for lane in Lane.values:
        while resolve_unknown(lane) == _BATCH:
            pass
    publishing.wake_parked()
    ring_for_due()
    ring_for_authors()
    Heartbeat.objects.update_or_create(
        name=NAME, defaults={"at": Now(), "detail": {"pid": os.getpid()}}
    )


def ring_for_due() -> None:
    """Ring for every lane in which something is due; again if that was in vain."""
    for lane, age in work.due_lanes().items():
        doorbell.ring(lane, again=age > RING_AGAIN_SECONDS)


def ring_for_authors() -> None:
    """Ring while a proof or a shadow render waits for a worker."""
    age = errands.waiting_seconds()
    if age is not None:
        doorbell.ring_authors(again=age > RING_AGAIN_SECONDS)


def resolve_unknown(lane: str) -> int:
    """Resolve what was being sent when its lease ran out; return how many there were.

    Nobody knows whether it left: each by the policy of its message.
    """
    lease_no, items = work.claim_run_out(
        lane,
        owner=f"{NAME}:{platform.node()}",
        limit=_BATCH,
        lease_seconds=settings.TXMSG_LEASE_SECONDS,
    )
    if not items:
        return 0
    verdict = Verdict()
    for item in items:
        _resolve(verdict, item)
    recording.record(verdict.results(), lease_no=lease_no)
    logger.warning(
        "%s: %d deliveries of unknown outcome: %d sent again, %d held, %d ended",
        lane,
        len(items),
        len(verdict.unknown) + len(verdict.postponed),
        len(verdict.held),
        len(verdict.endings),
    )
    return len(items)


def _resolve(verdict: Verdict, item: Item) -> None:
    version = versions.load(item.version_id or 0)
    now = datetime.now(UTC)
    ending = Ending(
        item.id,
        DeliveryStatus.UNCERTAIN,
        Reason.CRASH if item.crashed else Reason.UNKNOWN_OUTCOME,
        execution_id=recording.execution_for(version.id, version.message_id, at=now),
        was_tried=True,
    )
    a_try = Try(
        outcome=AttemptOutcome.UNKNOWN,
        started_at=item.marked_at or now,
        ended_at=now,
        answer="The worker was gone before it wrote down what became of it.",
    )
    outcomes.unknown(
        verdict,
        item,
        ending,
        a_try,
        policy=version.unknown_outcome,
        repeats_are_safe=_repeats_are_safe(item.channel),
    )


def _repeats_are_safe(channel: str) -> bool:
    try:
        return get_channel(channel).repeats_are_safe
    except (ValueError, ImproperlyConfigured):
        return False


def _is_ours() -> bool:
    """Take the lock of the one sweeper; it is held as long as the connection lives."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT EXISTS (
                SELECT FROM pg_locks
                WHERE locktype = 'advisory' AND classid = 0 AND objid = %s
                  AND pid = pg_backend_pid()
            ) OR pg_try_advisory_lock(%s)
            """,
            [_LOCK_KEY, _LOCK_KEY],
        )
        return bool(cursor.fetchone()[0])
