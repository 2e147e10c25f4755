"""A batch on its way out, when something in the middle of it goes wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError

from events import work
from events.models import EventType, Work
from history import recording
from history.models import Delivery
from templates_app import publishing
from templates_app.models import UnknownOutcome, Version
from templates_app.rendering import RenderedMessage
from tests import factories
from txmsg import breaker, gate, pipeline, sending, sweeper
from txmsg.channels.base import Outcome, OutcomeKind
from txmsg.channels.capture import CaptureChannel
from txmsg.pipeline import Drain

pytestmark = pytest.mark.django_db

PROBE = breaker.Leave(may_try=True, limit=1)


class Provider:
    """A remote channel that answers every message alike, or as a function says."""

    is_remote = True
    repeats_are_safe = False

    def __init__(self, kind: OutcomeKind) -> None:
        self.answers: Callable[[RenderedMessage], OutcomeKind] = lambda _: kind
        self.waves: list[Sequence[RenderedMessage]] = []

    def send(
        self, wave: Sequence[RenderedMessage], *, deadline: float
    ) -> Sequence[Outcome]:
        """Answer, and keep the wave."""
        self.waves.append(wave)
        return [Outcome(self.answers(each), answer="so it is") for each in wave]

    def close(self) -> None:
        """Do nothing."""


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Provider:
    """Every channel is this one."""
    made = Provider(OutcomeKind.SENT)
    monkeypatch.setattr(pipeline, "get_channel", lambda _name: made)
    return made


@pytest.fixture
def version() -> Version:
    return factories.publish()


def accept(version: Version, count: int, **fields: Any) -> list[UUID]:
    event_type = EventType.objects.get(pk=version.message.event_type_id)
    caller = factories.make_caller()
    return [factories.accept(event_type, caller, **fields).id for _ in range(count)]


def told(monkeypatch: pytest.MonkeyPatch, *names: str) -> list[str]:
    """Return what the breaker is told from now on."""
    heard: list[str] = []
    for name in names:
        real = getattr(breaker, name)

        def hear(*args: Any, real: Any = real, name: str = name) -> Any:
            heard.append(name)
            return real(*args)

        monkeypatch.setattr(breaker, name, hear)
    return heard


def only_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the breaker grant one probe, and then nothing."""
    leaves = iter([PROBE])

    def ask(channel: str) -> breaker.Leave:
        leave = next(leaves, breaker.Leave(may_try=False, wait_seconds=60))
        breaker._limits[channel] = leave.limit
        return leave

    monkeypatch.setattr(breaker, "ask", ask)


def test_a_probe_that_was_never_answered_is_not_followed_by_another_at_once(
    provider: Provider, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(version, 5)
    provider.answers = lambda _: OutcomeKind.UNKNOWN
    only_probes(monkeypatch)
    heard = told(monkeypatch, "failed")

    factories.drain()

    assert (len(provider.waves), heard) == (1, ["failed"])


@pytest.mark.parametrize("policy", UnknownOutcome.values)
@pytest.mark.parametrize("has_died", [False, True])
def test_where_a_repeat_makes_no_copy_it_is_sent_again_whatever_the_policy(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, policy: str, has_died: bool
) -> None:
    version = factories.publish(unknown_outcome=policy)
    accept(version, 1)
    provider.repeats_are_safe = True
    monkeypatch.setattr(sweeper, "get_channel", lambda _name: provider)
    past = datetime.now(UTC) - timedelta(seconds=1)
    if has_died:
        run = Drain(lane="normal", owner="test-worker")
        claimed = pipeline.claim_batch(run)
        work.mark(
            [row.id for row in claimed.items],
            lease_no=claimed.lease_no,
            send_timeout=1,
            lease_seconds=60,
        )
        Work.objects.update(due_at=past)
        assert sweeper.resolve_unknown("normal") == 1
    else:
        provider.answers = lambda _: OutcomeKind.UNKNOWN
        factories.drain()
        Work.objects.update(due_at=past)
    provider.answers = lambda _: OutcomeKind.SENT

    factories.drain()

    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.attempts) == ("sent", 2)
    assert not delivery.possible_duplicate


def test_one_message_without_an_answer_does_not_stop_a_provider_that_works(
    provider: Provider, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(version, 1)
    provider.answers = lambda _: OutcomeKind.UNKNOWN
    heard = told(monkeypatch, "failed")

    factories.drain()

    assert (len(provider.waves), heard) == (1, [])


def test_a_probe_is_let_go_when_the_database_fails_before_it_left(
    provider: Provider, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(version, 5)
    only_probes(monkeypatch)
    heard = told(monkeypatch, "let_go")

    def fails(*_args: Any, **_options: Any) -> set[UUID]:
        message = "the server closed the connection"
        raise OperationalError(message)

    monkeypatch.setattr(publishing, "mark", fails)
    monkeypatch.setattr(pipeline.connection, "close", lambda: None)

    with pytest.raises(OperationalError):
        factories.drain()

    assert heard == ["let_go"]
    assert provider.waves == []
    assert Work.objects.filter(stage="queued", lease_owner="").count() == 5


def test_what_was_certainly_not_sent_is_handed_back_though_recording_fails(
    provider: Provider, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = accept(version, 6)
    unsent = set(events[:4])
    provider.answers = lambda each: (
        OutcomeKind.ROUTE
        if UUID(bytes=each.delivery_id.bytes[:15] + b"\0") in unsent
        else OutcomeKind.SENT
    )

    def fails(*_args: Any, **_options: Any) -> recording.Recorded:
        message = "the server closed the connection"
        raise OperationalError(message)

    monkeypatch.setattr(recording, "record", fails)
    monkeypatch.setattr(sending, "_PAUSES", ())
    monkeypatch.setattr(pipeline.connection, "close", lambda: None)

    with pytest.raises(OperationalError):
        factories.drain()

    rows = dict(Work.objects.values_list("event_id", "stage"))
    assert {event for event, stage in rows.items() if stage == "queued"} == unsent
    assert set(rows.values()) == {"queued", "sending"}


def test_a_fault_of_our_own_does_not_keep_the_rows_that_were_not_marked(
    provider: Provider, version: Version, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.TXMSG_WAVE_SIZE = 2
    accept(version, 6)

    def fails(*_args: Any, **_options: Any) -> None:
        message = "a fault"
        raise LookupError(message)

    monkeypatch.setattr(recording, "record", fails)

    with pytest.raises(LookupError):
        factories.drain()

    assert Work.objects.filter(stage="queued", lease_owner="").count() == 4
    assert Work.objects.filter(stage="sending").count() == 2


def test_a_row_that_is_out_alone_has_nobody_rendered_beside_it(
    provider: Provider, version: Version, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the death of its worker would be held against it, whoever is to blame."""
    settings.TXMSG_WAVE_SIZE = 1
    accept(version, 3)
    left: list[int] = []
    render = pipeline.render

    def look(*args: Any) -> Any:
        left.append(Delivery.objects.count())
        return render(*args)

    monkeypatch.setattr(pipeline, "render", look)

    factories.drain()

    assert left == [0, 1, 2]


def test_a_stop_between_rendering_and_marking_marks_nothing(
    provider: Provider, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(version, 3)
    rendered: list[object] = []
    render = pipeline.render

    def note(*args: Any) -> Any:
        rendered.append(args)
        return render(*args)

    monkeypatch.setattr(pipeline, "render", note)

    factories.drain(should_stop=lambda: bool(rendered))

    assert provider.waves == []
    assert Work.objects.filter(stage="queued", marked_at=None).count() == 3


def test_a_slow_wave_leaves_the_next_enough_of_its_lease(
    provider: Provider, version: Version, settings: Any
) -> None:
    """The second is marked although the first took as long as sending may."""
    settings.TXMSG_WAVE_SIZE = 2
    settings.TXMSG_LEASE_SECONDS, settings.TXMSG_SEND_TIMEOUT_SECONDS = 4, 3
    accept(version, 4)

    def slowly(_message: RenderedMessage) -> OutcomeKind:
        time.sleep(0.6)
        return OutcomeKind.SENT

    provider.answers = slowly

    run = Drain(lane="normal", owner="test-worker")
    pipeline.handle(run, pipeline.claim_batch(run))

    assert run.finished == 4


def test_a_paced_channel_does_not_hold_up_the_others(
    provider: Provider, settings: Any
) -> None:
    settings.TXMSG_PACE = {"email": 20.0}
    event_type = factories.make_event_type(fan_out=True)
    version = factories.publish(event_type=event_type)
    factories.publish(
        event_type=event_type, channel="sms", content={"en": {"text": "On its way"}}
    )
    recipient = {"email": "ada@example.com", "phone": "+33612345678"}
    accept(version, 8, recipient=recipient)

    factories.drain()

    channels = [wave[0].channel for wave in provider.waves]
    assert channels.index("sms") < len(channels) - 1
    assert sum(map(len, provider.waves)) == 16


def test_a_batch_takes_no_more_than_leaves_in_a_few_seconds_whatever_the_types(
    version: Version, settings: Any
) -> None:
    settings.TXMSG_PACE = {"email": 1.0}
    accept(version, 8)
    accept(factories.publish(), 8)

    claimed = pipeline.claim_batch(Drain(lane="normal", owner="test-worker"))

    assert len(claimed.items) == 1.0 * gate.PACED_SECONDS


def test_what_rests_is_found_again_though_younger_rows_were_seen_meanwhile(
    version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = factories.publish(channel="sms", content={"en": {"text": "On its way"}})
    accept(version, 1)
    accept(texts, 1, recipient={"phone": "+33612345678"})
    run = Drain(lane="normal", owner="test-worker", rescan_at=float("inf"))
    gate._rests_until["email"] = float("inf")
    assert [row.channel for row in pipeline.claim_batch(run).items] == ["sms"]

    gate._rests_until.clear()

    assert [row.channel for row in pipeline.claim_batch(run).items] == ["email"]


def test_a_lane_of_which_nothing_can_go_is_not_claimed_over_and_over(
    version: Version, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.TXMSG_PACE = {"email": 0.0}
    monkeypatch.setattr(pipeline, "get_channel", lambda _name: CaptureChannel())
    accept(version, 30)
    claims: list[float] = []
    claim_batch = pipeline.claim_batch

    def count(run: Drain) -> work.Claim:
        claims.append(time.monotonic())
        return claim_batch(run)

    monkeypatch.setattr(pipeline, "claim_batch", count)

    pipeline.drain(Drain(lane="normal", owner="test-worker"), seconds=0.7, linger=0)

    assert 2 <= len(claims) <= 5


def test_a_refused_sender_keeps_nobody_else_from_leaving(
    provider: Provider, settings: Any
) -> None:
    settings.TXMSG_WAVE_SIZE = 2
    refused = factories.publish().message.event_type
    other = factories.publish().message.event_type
    assert refused is not None
    assert other is not None
    for event_type, number in ((refused, 3), (other, 5)):
        event_type.refresh_from_db()
        for count in range(number):
            name = event_type.name if event_type is refused else "fine"
            email = f"{name}.{count}@example.com"
            factories.accept(event_type, recipient={"email": email})
    provider.answers = lambda message: (
        OutcomeKind.SENT if message.address.startswith("fine") else OutcomeKind.SENDER
    )

    run = factories.drain()

    assert Delivery.objects.filter(status="sent").count() == 5
    assert not run.broken
    assert breaker.ask("email").limit == breaker.UNLIMITED
    rows = Work.objects.all()
    assert {(row.stage, row.attempts, row.lease_owner) for row in rows} == {
        ("queued", 0, "")
    }
    assert min(row.due_at for row in rows) > datetime.now(UTC) + timedelta(seconds=30)
