"""The doorbell: many rings are one job, and without Redis nothing is raised."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import django_rq
import pytest
from django.db import transaction
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from events import doorbell
from events.models import Lane

LANE = "bulk"


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Start with empty queues, no flag, and a bell that does not rest."""
    monkeypatch.setattr(doorbell, "_resting_until", 0.0)
    doorbell.failures.clear()
    clear()
    yield
    clear()
    doorbell.failures.clear()


def clear() -> None:
    for lane in Lane.values:
        django_rq.get_queue(lane).empty()
        django_rq.get_queue(lane).connection.delete(doorbell.flag_key(lane))


def jobs(lane: str = LANE) -> list[Any]:
    return list(django_rq.get_queue(lane).jobs)


def test_a_hundred_rings_are_one_job() -> None:
    rung = [doorbell.ring(LANE) for _ in range(100)]
    assert rung == [True] + [False] * 99
    (job,) = jobs()
    assert (job.func_name, job.args, job.kwargs) == ("txmsg.jobs.drain", [LANE], {})
    assert doorbell.is_waited_for(LANE)
    assert not doorbell.is_waited_for("normal")


def test_rings_at_once_are_one_job() -> None:
    barrier = threading.Barrier(10)

    def ring() -> None:
        barrier.wait(timeout=10)
        doorbell.ring(LANE)

    threads = [threading.Thread(target=ring) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert len(jobs()) == 1


def test_once_the_flag_is_down_the_next_ring_is_a_new_job() -> None:
    doorbell.ring(LANE)
    assert doorbell.is_rung(LANE)
    doorbell.answer(LANE)
    assert not doorbell.is_rung(LANE)
    assert doorbell.ring(LANE)
    assert len(jobs()) == 2


def test_ringing_again_enqueues_only_when_no_job_waits() -> None:
    doorbell.ring(LANE)
    assert not doorbell.ring(LANE, again=True)
    assert len(jobs()) == 1
    # The job is lost, its flag still stands: an ordinary ring is held to be on its way.
    django_rq.get_queue(LANE).empty()
    assert not doorbell.ring(LANE)
    assert doorbell.ring(LANE, again=True)
    assert len(jobs()) == 1


def test_a_flag_that_nobody_takes_down_falls_by_itself() -> None:
    doorbell.ring(LANE)
    left = django_rq.get_queue(LANE).connection.ttl(doorbell.flag_key(LANE))
    assert 0 < left <= doorbell.FLAG_SECONDS


def test_each_lane_has_its_own_bell() -> None:
    doorbell.ring_all()
    assert [len(jobs(lane)) for lane in Lane.values] == [1, 1, 1]
    doorbell.answer("critical")
    assert not doorbell.is_rung("critical")
    assert doorbell.is_rung("normal")


def test_a_job_carries_no_data_but_its_lane() -> None:
    doorbell.ring(LANE)
    (job,) = jobs()
    raw = django_rq.get_queue(LANE).connection.hgetall(job.key)
    assert raw[b"data"]
    assert LANE.encode() in repr(job.data).encode()
    assert job.meta == {}


@pytest.mark.django_db
def test_a_ring_waits_for_the_commit_and_is_lost_with_it(
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        with transaction.atomic():
            doorbell.ring_on_commit(LANE)
        assert jobs() == []
        with transaction.atomic():
            doorbell.ring_on_commit("normal")
            transaction.set_rollback(True)
    assert (len(jobs()), len(jobs("normal"))) == (1, 0)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Redis is not there; returns the lanes for which it was asked."""
    found: list[str] = []

    def fail(lane: str) -> None:
        found.append(lane)
        raise RedisConnectionError("nobody there")

    monkeypatch.setattr(doorbell.django_rq, "get_queue", fail)
    yield found
    monkeypatch.undo()


def test_without_redis_a_ring_is_counted_and_the_bell_rests(
    calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(50):
        assert doorbell.ring(LANE) is False
    assert doorbell.failures[LANE] == 50
    assert len(calls) == 1, "each ring cost a time-out"
    monkeypatch.setattr(doorbell, "_resting_until", 0.0)
    doorbell.ring(LANE)
    assert len(calls) == 2


def test_without_redis_nothing_is_raised(calls: list[str]) -> None:
    doorbell.answer(LANE)
    assert not doorbell.is_rung(LANE)
    assert not doorbell.is_waited_for(LANE)
    doorbell.ring_all()
    assert len(calls) == 4
    assert sum(doorbell.failures.values()) == 3


def test_a_redis_that_does_not_answer_costs_a_moment_once(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    patience = settings.RQ_QUEUES[LANE]["URL"].partition("?")[2]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"redis://127.0.0.1:{silent.getsockname()[1]}?{patience}"
        monkeypatch.setitem(settings.RQ_QUEUES[LANE], "URL", address)
        began = time.monotonic()
        for _ in range(50):
            assert doorbell.ring(LANE) is False
        assert time.monotonic() - began < 0.25
    assert doorbell.failures[LANE] == 50
    monkeypatch.undo()


@pytest.mark.parametrize("error", [RedisTimeoutError("slow"), OSError("broken pipe")])
def test_a_ring_that_fails_half_way_is_counted(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("rq.queue.Queue.enqueue_call", fail)
    assert doorbell.ring(LANE) is False
    assert doorbell.failures[LANE] == 1
    monkeypatch.undo()
    monkeypatch.setattr(doorbell, "_resting_until", 0.0)
    # The flag stands without a job: the sweeper's ring goes through.
    assert doorbell.ring(LANE, again=True)
    assert len(jobs()) == 1
