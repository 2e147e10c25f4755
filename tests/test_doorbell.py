"""The doorbell: many rings are one job, and without Redis nothing is raised."""

from __future__ import annotations

import random
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import django_rq
import pytest
from django.db import transaction
from redis.exceptions import TimeoutError as RedisTimeoutError

from config import settings as written
from events import doorbell, valkey
from events.models import Lane
from tests.valkeys import own_valkey

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
    # Of authors too: what another test left in their queue calls a worker away.
    for bell in doorbell._BELLS:
        django_rq.get_queue(bell).empty()
        valkey.client().delete(
            doorbell.flag_key(bell),
            doorbell._here_key(bell),
            doorbell._elsewhere_key(bell),
        )


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
    django_rq.get_queue(LANE).empty()
    assert doorbell.ring(LANE)
    assert len(jobs()) == 1


def test_a_job_that_waits_stands_for_every_ring_of_its_lane() -> None:
    for _ in range(20):
        doorbell.ring(LANE)
        # A worker that is busy takes the flag down before each of its claims.
        doorbell.answer(LANE)
    assert len(jobs()) == 1
    assert not doorbell.ring(LANE)
    assert doorbell.is_rung(LANE), "a busy worker would not claim again"


def test_the_queue_is_where_rq_has_it() -> None:
    assert doorbell._queue_key(LANE) == django_rq.get_queue(LANE).key


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
def nobody_there(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No Redis listens at the address, and who asks is told so at once."""
    address = "unix:///nowhere/valkey.sock"
    for lane in Lane.values:
        monkeypatch.setitem(settings.RQ_QUEUES[lane], "URL", address)
    settings.REDIS_URL = address
    yield
    monkeypatch.undo()


@pytest.mark.usefixtures("nobody_there")
def test_without_redis_a_ring_is_counted_and_the_bell_rests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    run = valkey.run
    monkeypatch.setattr(
        valkey, "run", lambda *args: [asked.append(args[0]), run(*args)]
    )
    for _ in range(50):
        assert doorbell.ring(LANE) is False
    assert doorbell.failures[LANE] == 50
    assert len(asked) == 1, "each ring cost a time-out"
    monkeypatch.setattr(doorbell, "_resting_until", 0.0)
    doorbell.ring(LANE)
    assert len(asked) == 2


@pytest.mark.usefixtures("nobody_there")
def test_without_redis_nothing_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    for call in (
        doorbell.answer,
        doorbell.is_rung,
        doorbell.is_waited_for,
        doorbell.ring,
    ):
        monkeypatch.setattr(doorbell, "_resting_until", 0.0)
        assert not call(LANE)
    began = time.monotonic()
    assert not doorbell.wait(LANE, others=["normal"], seconds=0.1)
    assert time.monotonic() - began >= 0.1, "it must not spin"
    doorbell.ring_all()
    assert sum(doorbell.failures.values()) == 4


def test_a_redis_that_does_not_answer_costs_a_moment_once(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As it is written there: conftest has more patience.
    patience = written._PATIENCE
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"redis://127.0.0.1:{silent.getsockname()[1]}?{patience}"
        monkeypatch.setitem(settings.RQ_QUEUES[Lane.NORMAL], "URL", address)
        began = time.monotonic()
        for _ in range(50):
            assert doorbell.ring(LANE) is False
        assert time.monotonic() - began < 3
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
    assert not doorbell.is_rung(LANE), "a flag without a job keeps the next ring out"
    assert doorbell.ring(LANE)
    assert len(jobs()) == 1


# Those who linger.


class Worker(threading.Thread):
    """A worker that lingers at a lane, and counts what is on the table when rung."""

    def __init__(self, table: list[int], *, others: Sequence[str] = ()) -> None:
        super().__init__(daemon=True)
        self.table, self.others = table, others
        self.seen = 0
        self.rings = 0
        self.is_to_stop = threading.Event()
        self.has_seen = threading.Condition()

    def run(self) -> None:
        """Claim, and wait; take a job from the queue when nobody rang for a while."""
        queue = django_rq.get_queue(LANE)
        while not self.is_to_stop.is_set():
            doorbell.answer(LANE)
            with self.has_seen:
                self.seen = len(self.table)
                self.has_seen.notify_all()
            self.rings += doorbell.wait(
                LANE,
                others=self.others,
                seconds=0.3,
                should_stop=self.is_to_stop.is_set,
            )
            queue.connection.lpop(queue.key)

    def wait_for(self, count: int) -> bool:
        """Return whether everything on the table was seen, within ten seconds."""
        with self.has_seen:
            return self.has_seen.wait_for(lambda: self.seen >= count, timeout=10)

    def is_listening(self) -> bool:
        """Return whether it stands at the bell, within ten seconds."""
        end = time.monotonic() + 10
        while time.monotonic() < end:
            if valkey.client().zcard(doorbell._here_key(LANE)):
                return True
        return False


@pytest.fixture
def working() -> Iterator[Callable[..., Worker]]:
    """Start workers, and end them after the test."""
    started: list[Worker] = []

    def start(table: list[int], **fields: Any) -> Worker:
        worker = Worker(table, **fields)
        worker.start()
        started.append(worker)
        return worker

    yield start
    for worker in started:
        worker.is_to_stop.set()
    for worker in started:
        worker.join(timeout=10)
        assert not worker.is_alive()


def test_a_ring_wakes_who_lingers_and_enqueues_nothing(
    working: Callable[..., Worker],
) -> None:
    table: list[int] = []
    worker = working(table, others=["normal", doorbell.AUTHORING])
    assert worker.is_listening()
    table.append(1)
    assert doorbell.ring(LANE)
    assert jobs() == []
    assert worker.wait_for(1)


@pytest.mark.parametrize("workers", [1, 3])
def test_no_ring_of_a_thousand_is_lost(
    working: Callable[..., Worker], workers: int
) -> None:
    """Whoever rings after its row is on the table has it seen: no sweeper needed."""
    table: list[int] = []
    found = [working(table) for _ in range(workers)]

    def is_seen() -> bool:
        return max(worker.seen for worker in found) == len(table)

    pauses = random.Random(7)
    for number in range(1000):
        table.append(number)
        doorbell.ring(LANE)
        if pauses.random() < 0.1:
            # Now and then until all is still: what was lost would be missed here.
            assert _comes(is_seen)
    assert _comes(is_seen)
    assert sum(worker.rings for worker in found) > 50


def _comes(is_there: Callable[[], bool]) -> bool:
    end = time.monotonic() + 8
    while time.monotonic() < end:
        if is_there():
            return True
        time.sleep(0.001)
    return False


def test_one_ring_wakes_one_of_those_who_linger() -> None:
    woken: list[bool] = []
    threads = [
        threading.Thread(
            target=lambda: woken.append(doorbell.wait(LANE, seconds=1)), daemon=True
        )
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    assert _comes(lambda: valkey.client().zcard(doorbell._here_key(LANE)) == 3)
    doorbell.ring(LANE)
    # The flag stands: the others would be called by it as soon as they listen anew.
    doorbell.answer(LANE)
    for thread in threads:
        thread.join(timeout=10)
    assert sorted(woken) == [False, False, True]
    assert jobs() == []


def test_what_was_rung_before_one_listens_is_heard() -> None:
    doorbell.answer(LANE)
    doorbell.ring(LANE)
    assert doorbell.wait(LANE, seconds=5)


def test_a_ring_for_another_lane_ends_the_lingering_and_is_a_job() -> None:
    """RQ takes it from there: the lingering worker makes way."""
    answers: list[bool] = []
    thread = threading.Thread(
        target=lambda: answers.append(
            doorbell.wait(LANE, others=["normal", "critical"], seconds=10)
        ),
        daemon=True,
    )
    thread.start()
    assert _comes(lambda: valkey.client().zcard(doorbell._elsewhere_key("normal")))
    assert doorbell.ring("normal")
    thread.join(timeout=5)
    assert answers == [False]
    assert len(jobs("normal")) == 1
    # One that waits in the queue already is not lingered over at all.
    began = time.monotonic()
    assert not doorbell.wait(LANE, others=["normal"], seconds=10)
    assert time.monotonic() - began < 5
    assert doorbell.is_waited_for(LANE, "normal")
    assert not doorbell.is_waited_for(LANE, "critical")


def test_who_is_to_stop_hands_its_ring_on() -> None:
    stopping = iter([False, True])
    doorbell.ring(LANE)
    django_rq.get_queue(LANE).empty()
    assert not doorbell.wait(LANE, seconds=5, should_stop=lambda: next(stopping, True))
    assert len(jobs()) == 1


def test_who_has_left_gets_no_ring() -> None:
    assert not doorbell.wait(LANE, others=["normal"], seconds=0.05)
    assert doorbell.ring(LANE)
    assert doorbell.ring("normal")
    assert (len(jobs()), len(jobs("normal"))) == (1, 1)


def test_who_died_while_it_lingered_costs_one_ring_for_half_a_second() -> None:
    doorbell._listen("dead", LANE, ["normal"], 0.01)
    assert doorbell.ring(LANE)
    assert jobs() == [], "it counts as listening"
    # The sweeper sees that the row is still due.
    assert doorbell.ring(LANE, again=True)
    assert len(jobs()) == 1
    doorbell._listen("dead too", "normal", [], 0.01)
    key = doorbell._here_key("normal")
    assert 0 < valkey.client().pttl(key) <= doorbell.LISTENING_SECONDS * 1000
    valkey.client().zadd(key, {"long gone": 1})
    valkey.client().zrem(key, "dead too")
    assert doorbell.ring("normal")
    assert len(jobs("normal")) == 1


def test_a_frozen_redis_keeps_nobody_from_stopping(
    settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with own_valkey(settings, monkeypatch, tmp_path) as process:
        assert doorbell.ring(LANE)
        process.send_signal(signal.SIGSTOP)
        try:
            began = time.monotonic()
            doorbell.answer(LANE)
            assert not doorbell.ring(LANE)
            assert not doorbell.is_waited_for(LANE)
            assert time.monotonic() - began < 3
            stop = threading.Timer(0.2, lambda: None)
            stop.start()
            assert not doorbell.wait(LANE, seconds=30, should_stop=stop.finished.is_set)
            assert time.monotonic() - began < 5
        finally:
            process.send_signal(signal.SIGCONT)
        monkeypatch.setattr(doorbell, "_resting_until", 0.0)
        assert _comes(lambda: doorbell.ring(LANE, again=True) or bool(jobs()))
