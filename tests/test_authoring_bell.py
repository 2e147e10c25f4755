"""The authors' bell: rung without data, answered between lanes, never needed twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from io import StringIO
from typing import Any

import django_rq
import pytest
from django.conf import settings as configured
from django.core.management import call_command
from django.db import OperationalError
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from rq.queue import Queue
from rq.serializers import JSONSerializer

from events import doorbell
from templates_app import proofing, shadow
from templates_app.models import Proof, ProofStatus
from templates_app.rendering import RenderedMessage
from templates_app.simulation import Sample
from tests import factories
from txmsg import doctor, errands, jobs, sweeper
from txmsg.channels.base import Outcome, OutcomeKind
from txmsg.channels.capture import CaptureChannel
from txmsg.doctor import Level
from txmsg.worker import Doorbell, LaneWorker

pytestmark = pytest.mark.django_db

HANGS = 60.0  # seconds, of which nobody may wait for even half


@pytest.fixture(autouse=True)
def redis(monkeypatch: pytest.MonkeyPatch) -> Iterator[Redis]:
    """Return an empty Redis, and let the bell not rest."""
    monkeypatch.setattr(doorbell, "_resting_until", 0.0)
    connection = Redis.from_url(configured.REDIS_URL)
    connection.flushdb()
    yield connection
    connection.flushdb()


@pytest.fixture(autouse=True)
def channel(monkeypatch: pytest.MonkeyPatch) -> CaptureChannel:
    capture = CaptureChannel()
    monkeypatch.setattr("txmsg.proofs.get_channel", lambda _name: capture)
    return capture


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> jobs.Place:
    made = jobs.Place(owner="test", lanes=["normal", "bulk"])
    monkeypatch.setattr(jobs, "here", made)
    return made


def request(*addresses: str) -> Proof:
    return proofing.request_proof(
        factories.make_message(),
        language="en",
        sample=Sample({"order": {"number": "1"}}),
        sample_label="",
        recipients=[(address, "") for address in addresses or ["ada@example.com"]],
    )


def waiting() -> list[Any]:
    return list(django_rq.get_queue(doorbell.AUTHORING).jobs)


def test_a_ring_is_one_job_without_data() -> None:
    assert [doorbell.ring_authors() for _ in range(3)] == [True, False, False]
    [job] = waiting()
    name = (job.func_name, job.args, job.kwargs)
    assert name == ("txmsg.jobs.serve_authors", [], {})
    assert doorbell.is_waited_for(doorbell.AUTHORING)
    assert not doorbell.is_waited_for("normal")


def test_a_worker_that_is_rung_sends_the_proof(
    redis: Redis, channel: CaptureChannel
) -> None:
    proof = request()
    doorbell.ring_authors()
    queue = Queue(
        doorbell.AUTHORING,
        connection=redis,
        serializer=JSONSerializer,
        job_class=Doorbell,
    )
    LaneWorker(
        [queue], connection=redis, serializer=JSONSerializer, job_class=Doorbell
    ).work(burst=True, logging_level="CRITICAL")
    proof.refresh_from_db()
    assert proof.status == ProofStatus.SENT
    assert len(channel.messages) == 1
    assert queue.failed_job_registry.count == 0


@pytest.mark.parametrize(
    ("lanes", "serves"),
    [
        (["critical"], False),
        (["normal", "bulk"], True),
        (["critical", "normal"], True),
    ],
)
def test_authors_are_served_anywhere_but_at_critical_alone(
    lanes: list[str], serves: bool
) -> None:
    assert jobs.Place(owner="test", lanes=lanes).serves_authors is serves


def test_a_worker_at_a_lane_makes_way_for_authors(place: jobs.Place) -> None:
    assert not doorbell.is_waited_for(*jobs._others("normal"))
    doorbell.ring_authors()
    assert doorbell.is_waited_for(*jobs._others("normal"))
    place.lanes = ["critical"]
    assert not doorbell.is_waited_for(*jobs._others("critical"))


def test_a_lane_that_is_rung_waits_for_one_slice_at_most(
    place: jobs.Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    slices: list[float] = []

    def advance(seconds: float) -> bool:
        slices.append(seconds)
        doorbell.ring("normal")
        return True

    monkeypatch.setattr(shadow, "advance", advance)
    monkeypatch.setattr(errands, "waiting_seconds", lambda: 0.0)
    assert jobs.serve_authors()
    assert len(slices) == 1
    assert max(slices) <= 0.5
    assert len(waiting()) == 1, "what is left is rung for"


def test_a_lane_does_not_wait_for_all_recipients(
    place: jobs.Place, monkeypatch: pytest.MonkeyPatch, channel: CaptureChannel
) -> None:
    capture = CaptureChannel()
    send = capture.send

    def sending(*args: Any, **kwargs: Any) -> Any:
        doorbell.ring("bulk")
        return send(*args, **kwargs)

    monkeypatch.setattr(capture, "send", sending)
    monkeypatch.setattr("txmsg.proofs.get_channel", lambda _name: capture)
    request("a@example.com", "b@example.com", "c@example.com")
    assert jobs.serve_authors()
    assert len(capture.messages) == 1
    doorbell.answer("bulk")
    django_rq.get_queue("bulk").empty()
    monkeypatch.setattr(capture, "send", send)
    assert not jobs.serve_authors()
    assert len(capture.messages) == 3


class SlowChannel:
    """A channel whose server says nothing until it is let go."""

    is_remote = True

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        self.threads: list[str] = []

    def send(
        self, wave: Sequence[RenderedMessage], *, deadline: float
    ) -> Sequence[Outcome]:
        """Ring for a lane, then hang."""
        self.threads.append(threading.current_thread().name)
        doorbell.ring("normal")
        assert self.may_answer.wait(HANGS)
        return [Outcome(OutcomeKind.SENT, answer="250 OK")] * len(wave)

    def close(self) -> None:
        """Do nothing."""


@pytest.mark.django_db(transaction=True)
def test_a_mail_server_that_hangs_keeps_no_lane_waiting(
    place: jobs.Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = SlowChannel()
    monkeypatch.setattr("txmsg.proofs.get_channel", lambda _name: slow)
    proof = request("a@example.com", "b@example.com")
    began = time.monotonic()
    jobs.serve_authors()
    assert time.monotonic() - began < HANGS / 2
    statuses = proof.recipients.order_by("pk").values_list("status", flat=True)
    assert list(statuses) == ["sending", "queued"]
    jobs.serve_authors()
    assert len(slow.threads) == 1, "the next one waits for it"

    slow.may_answer.set()
    jobs.finish()
    proof.refresh_from_db()
    assert (proof.status, list(statuses.all())) == ("queued", ["sent", "queued"])
    assert waiting(), "what is left is rung for"
    place.lanes = []
    assert not jobs.serve_authors()
    proof.refresh_from_db()
    assert proof.status == ProofStatus.SENT
    assert all(name.startswith("proof") for name in slow.threads)


def test_a_worker_that_is_to_stop_leaves_the_rest(place: jobs.Place) -> None:
    proof = request()
    place.is_stopping = True
    assert jobs.serve_authors()
    proof.refresh_from_db()
    assert proof.status == ProofStatus.QUEUED
    assert len(waiting()) == 1


def test_a_failing_database_is_no_failed_job(
    place: jobs.Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> bool:
        raise OperationalError("gone")

    class Connection:
        def close(self) -> None:
            """Leave that of the test alone."""

    monkeypatch.setattr(errands, "serve", fail)
    monkeypatch.setattr(jobs, "connection", Connection())
    assert jobs.serve_authors()


def test_the_sweeper_rings_while_something_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rung: list[bool] = []
    monkeypatch.setattr(
        doorbell, "ring_authors", lambda *, again=False: rung.append(again)
    )
    sweeper.ring_for_authors()
    assert rung == []
    request()
    sweeper.ring_for_authors()
    assert rung == [False]
    monkeypatch.setattr(sweeper, "RING_AGAIN_SECONDS", -1)
    sweeper.ring_for_authors()
    assert rung == [False, True]
    assert proofing.claim() is not None
    sweeper.ring_for_authors()
    assert rung == [False, True], "somebody is at it"


def test_a_shadow_render_is_rung_for_until_it_is_done() -> None:
    message = factories.make_message(context_sample={"order": {"number": "1"}})
    shadow.start(message)
    assert errands.waiting_seconds() is not None
    assert not errands.serve(lambda: False, seconds=10)
    run = shadow.current(message)
    assert run is not None
    assert shadow.is_finished(run)
    assert errands.waiting_seconds() is None


def test_without_redis_a_proof_waits_and_drain_sends_it(
    monkeypatch: pytest.MonkeyPatch,
    channel: CaptureChannel,
    django_capture_on_commit_callbacks: Any,
) -> None:
    def fail(_lane: str) -> None:
        raise RedisConnectionError("nobody there")

    monkeypatch.setattr(doorbell.django_rq, "get_queue", fail)
    with django_capture_on_commit_callbacks(execute=True):
        proof = request()
    proof.refresh_from_db()
    assert proof.status == ProofStatus.QUEUED
    out = StringIO()
    call_command("drain", stdout=out)
    proof.refresh_from_db()
    assert proof.status == ProofStatus.SENT
    assert len(channel.messages) == 1
    assert "proofs and shadow renders handled; none is left" in out.getvalue()
    monkeypatch.undo()


def test_the_doctor_says_that_authors_wait_in_vain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    request()
    monkeypatch.setattr(doctor, "WAITING_SECONDS", -1.0)
    said = [line for line in doctor.examine() if line.name == "waiting"]
    assert any(
        line.level is Level.PROBLEM and line.text.startswith("authors:")
        for line in said
    )


def test_an_errand_ends_when_the_time_is_up() -> None:
    request()
    began = time.monotonic()
    assert errands.serve(lambda: False, seconds=0)
    assert time.monotonic() - began < HANGS / 2
