"""The doorbell: tells the workers that something is due in a lane, or for authors.

An RQ job here carries the lane's name or nothing at all. Rings are coalesced: a flag
a bell says that a ring is on its way. Losing a ring, or all of Redis, loses nothing:
the sweeper rings again from the tables. So a failure is counted and logged, never
raised. What is said of a lane here holds for `AUTHORING` too, where a proof or a
shadow render waits.
"""

from __future__ import annotations

import functools
import logging
import time
from collections import Counter

import django_rq
from django.db import transaction
from redis.exceptions import RedisError

from events.models import Lane

logger = logging.getLogger(__name__)

AUTHORING = "authoring"
DRAIN = "txmsg.jobs.drain"
SERVE_AUTHORS = "txmsg.jobs.serve_authors"
FLAG_SECONDS = 10
# After a failure the bell rests for a moment, so that a Redis which does not answer
# costs one time-out and not one a request.
REST_SECONDS = 1.0

failures: Counter[str] = Counter()
_resting_until = 0.0


def flag_key(lane: str) -> str:
    """Return the name of the flag that says a ring is on its way."""
    return f"txmsg:doorbell:{lane}"


def ring(lane: str, *, again: bool = False) -> bool:
    """Ring for a lane unless a ring is on its way; return whether a job was enqueued.

    `again` rings in any case: for the sweeper, when the earlier ring came to nothing.
    """
    return _ring(lane, DRAIN, (lane,), again=again)


def ring_authors(*, again: bool = False) -> bool:
    """Ring for what authors wait for; return whether a job was enqueued."""
    return _ring(AUTHORING, SERVE_AUTHORS, (), again=again)


def _ring(lane: str, job: str, arguments: tuple[str, ...], *, again: bool) -> bool:
    global _resting_until
    if time.monotonic() < _resting_until:
        failures[lane] += 1
        return False
    try:
        queue = django_rq.get_queue(lane)
        connection = queue.connection
        is_first = connection.set(flag_key(lane), 1, nx=True, ex=FLAG_SECONDS)
        if not is_first and not again:
            return False
        if again and queue.count:
            return False
        queue.enqueue_call(
            job,
            args=arguments,
            timeout=-1,
            result_ttl=0,
            failure_ttl=3600,
            ttl=60,
            description=f"{job} {lane}",
        )
    except (RedisError, OSError) as error:
        failures[lane] += 1
        _resting_until = time.monotonic() + REST_SECONDS
        logger.warning("doorbell %s not rung: %s", lane, error)
        return False
    return True


def ring_all() -> None:
    """Ring for every lane."""
    for lane in Lane.values:
        ring(lane)


def ring_on_commit(lane: str) -> None:
    """Ring once the current transaction has committed; at once outside of one."""
    transaction.on_commit(functools.partial(ring, lane), robust=True)


def ring_authors_on_commit() -> None:
    """Ring for what authors wait for, once the current transaction has committed."""
    transaction.on_commit(ring_authors, robust=True)


def answer(lane: str) -> None:
    """Take down the flag, before claiming: a ring from now on is a new one."""
    try:
        django_rq.get_queue(lane).connection.delete(flag_key(lane))
    except (RedisError, OSError) as error:
        logger.warning("doorbell flag of %s not taken down: %s", lane, error)


def is_rung(lane: str) -> bool:
    """Return whether somebody rang since the flag was last taken down."""
    try:
        return bool(django_rq.get_queue(lane).connection.exists(flag_key(lane)))
    except (RedisError, OSError):
        return False


def is_waited_for(lane: str) -> bool:
    """Return whether a ring for this lane waits in its queue for a worker."""
    try:
        return django_rq.get_queue(lane).count > 0
    except (RedisError, OSError):
        return False
