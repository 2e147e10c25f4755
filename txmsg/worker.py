"""The worker process: RQ's loop without a fork, at some lanes, until it is stopped.

It must not know what a job does. It says that it lives in Redis, by a key that ends
with it, so that `/readyz` can tell which lanes are served.
"""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import secrets
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

import django_rq
from django.conf import settings
from redis import Redis
from redis.exceptions import RedisError
from rq.job import Job
from rq.queue import Queue
from rq.serializers import JSONSerializer
from rq.worker import SimpleWorker
from rq.worker.base import DequeueStrategy

from events import doorbell, work
from events.models import Lane
from txmsg import garbage, jobs
from txmsg.channels import close_channels, leaving

logger = logging.getLogger(__name__)

ALIVE_SECONDS = 6
BEAT_SECONDS = 2
# For the messages under way when a stop is asked for; `up` waits little longer.
LEAVE_SECONDS = 4.0
# A worker listens for minutes on end; only the connection itself may not hang.
_PATIENCE = {"socket_connect_timeout": 5, "socket_timeout": None}


class Doorbell(Job):
    """A job that runs nothing but our two, whatever somebody wrote into Redis."""

    @property
    def func(self) -> Callable[..., Any]:
        """Return the function to run; raise PermissionError for any but our two."""
        if self.func_name == doorbell.DRAIN:
            return jobs.drain
        if self.func_name == doorbell.SERVE_AUTHORS:
            return jobs.serve_authors
        message = f"a job named {self.func_name} is no doorbell of ours"
        raise PermissionError(message)


class LaneWorker(SimpleWorker):
    """RQ's worker in one process; a stop also ends the drain, soon."""

    job_class = Doorbell

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Stop claiming, end what is under way, hand back the rest, and leave."""
        jobs.here.is_stopping = True
        leaving.leave(LEAVE_SECONDS)
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]


def alive_key(lane: str, name: str) -> str:
    """Return the key that says a worker serves a lane."""
    return f"txmsg:alive:{lane}:{name}"


def served_lanes(redis: Redis) -> set[str]:
    """Return the lanes that a living worker serves."""
    return {
        lane
        for lane in Lane.values
        if next(redis.scan_iter(alive_key(lane, "*"), count=100), None) is not None
    }


def run(name: str, lanes: Sequence[str]) -> None:
    """Serve some lanes until SIGTERM or SIGINT.

    First ends the leases of dead predecessors under the same name in the same
    installation: whoever starts a worker of a name sees to it that there is only one.
    """
    place = f"{platform.node()}:{_installation()}:{name}:"
    # A process number alone comes again when a container starts anew.
    life = f"{os.getpid()}-{secrets.token_hex(4)}"
    jobs.here = jobs.Place(owner=f"{place}{life}", lanes=list(lanes))
    ended = work.end_leases_of(place, but=jobs.here.owner)
    if ended:
        logger.warning("%s: took over %d rows of a dead predecessor", name, ended)
    redis = Redis.from_url(settings.REDIS_URL, **_PATIENCE)
    bells = [*lanes, doorbell.AUTHORING] if jobs.here.serves_authors else lanes
    queues = [
        Queue(bell, connection=redis, serializer=JSONSerializer, job_class=Doorbell)
        for bell in bells
    ]
    beating = threading.Event()
    thread = threading.Thread(target=_beat, args=(name, lanes, beating), daemon=True)
    thread.start()
    for lane in lanes:
        # What came due while nobody was here.
        doorbell.answer(lane)
        doorbell.ring(lane)
    if jobs.here.serves_authors:
        doorbell.answer(doorbell.AUTHORING)
        doorbell.ring_authors()
    garbage.collect_seldom()
    worker = LaneWorker(
        queues,
        name=f"{name}-{platform.node()}-{life}",
        connection=redis,
        serializer=JSONSerializer,
        job_class=Doorbell,
        log_job_description=False,
    )
    try:
        worker.work(
            logging_level="WARNING", dequeue_strategy=DequeueStrategy.ROUND_ROBIN
        )
    finally:
        beating.set()
        jobs.finish()
        close_channels()


def queue_connection() -> Any:
    """Return a connection to Redis that gives up at once."""
    return django_rq.get_connection(Lane.NORMAL.value)


def _installation() -> str:
    """Return a name of this installation that is not another's on the same host."""
    return hashlib.sha256(str(settings.TXMSG_HOME).encode()).hexdigest()[:12]


def _beat(name: str, lanes: Sequence[str], ended: threading.Event) -> None:
    redis = Redis.from_url(
        settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2
    )
    while not ended.wait(BEAT_SECONDS if _said(redis, name, lanes) else 1):
        pass


def _said(redis: Redis, name: str, lanes: Sequence[str]) -> bool:
    try:
        for lane in lanes:
            redis.set(alive_key(lane, name), os.getpid(), ex=ALIVE_SECONDS)
    except RedisError as error:
        logger.warning("%s: no sign of life in Redis: %s", name, error)
        return False
    return True
