"""The worker process: what it runs, and what it says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from redis import Redis
from rq.queue import Queue
from rq.serializers import JSONSerializer

from events import doorbell
from txmsg import jobs, worker
from txmsg.channels import leaving
from txmsg.worker import Doorbell, LaneWorker

pytestmark = pytest.mark.django_db


@pytest.fixture
def redis() -> Iterator[Redis]:
    connection = Redis.from_url(settings.REDIS_URL)
    connection.flushdb()
    yield connection
    connection.flushdb()


@pytest.fixture
def queue(redis: Redis) -> Queue:
    return Queue(
        "bulk", connection=redis, serializer=JSONSerializer, job_class=Doorbell
    )


def work_off(queue: Queue, redis: Redis) -> None:
    LaneWorker(
        [queue], connection=redis, serializer=JSONSerializer, job_class=Doorbell
    ).work(burst=True, logging_level="CRITICAL")


def test_a_job_that_somebody_wrote_into_redis_is_refused(
    queue: Queue, redis: Redis, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    job = queue.enqueue_call("os.mkdir", args=(str(victim),))
    work_off(queue, redis)
    assert not victim.exists()
    assert job.is_failed


def test_a_doorbell_is_answered(
    queue: Queue, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    lanes: list[str] = []
    monkeypatch.setattr(jobs, "drain", lanes.append)
    assert doorbell.ring("bulk")
    work_off(queue, redis)
    assert lanes == ["bulk"]


def test_a_lane_is_served_as_long_as_a_worker_says_so(redis: Redis) -> None:
    assert worker.served_lanes(redis) == set()
    redis.set(worker.alive_key("bulk", "txmsg-worker-2"), 1, ex=5)
    assert worker.served_lanes(redis) == {"bulk"}


def test_a_stop_reaches_the_drain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "here", jobs.Place(owner="test"))
    monkeypatch.setattr(worker.SimpleWorker, "request_stop", lambda *_a: None)
    stopped: Any = object.__new__(LaneWorker)
    try:
        stopped.request_stop(15, None)
        assert leaving.is_near()
    finally:
        leaving.stay()
    assert jobs.here.is_stopping
