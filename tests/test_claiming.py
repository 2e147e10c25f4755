"""Claims: whose turn it is, what is due, and what waits."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from events import work
from events.models import Event, EventType, Stage, Work
from history.models import Delivery, Suppression
from templates_app import publishing
from tests import factories
from txmsg import pipeline
from txmsg.channels.capture import CaptureChannel

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def channel(monkeypatch: pytest.MonkeyPatch) -> CaptureChannel:
    """A channel that keeps what it is given."""
    capture = CaptureChannel()
    monkeypatch.setattr(pipeline, "get_channel", lambda _name: capture)
    return capture


def live_type(**fields: object) -> EventType:
    event_type = factories.make_event_type(**fields)
    factories.publish(event_type=event_type)
    event_type.refresh_from_db()
    return event_type


def claim(limit: int = 500, lane: str = "normal") -> work.Claim:
    return work.claim(
        lane,
        owner="worker",
        limit=limit,
        lease_seconds=60,
        live=publishing.live_versions(),
    )


def test_event_types_take_turns_so_that_a_flood_does_not_hold_up_the_others() -> None:
    flood, other = live_type(), live_type()
    caller = factories.make_caller()
    for _ in range(40):
        factories.accept(flood, caller)
    for _ in range(5):
        factories.accept(other, caller)

    counts = Counter(item.type_id for item in claim(limit=10).items)

    assert counts == {flood.pk: 5, other.pk: 5}
    assert len(claim(limit=30).items) == 30


def test_a_lane_is_not_held_up_by_another() -> None:
    bulk, critical = live_type(lane="bulk"), live_type(lane="critical")
    factories.accept(bulk)
    factories.accept(critical)
    assert [i.type_id for i in claim(lane="critical").items] == [critical.pk]
    assert [i.type_id for i in claim(lane="bulk").items] == [bulk.pk]


def test_a_scheduled_event_is_not_due_before_its_time() -> None:
    event_type = live_type()
    later = datetime.now(UTC) + timedelta(hours=1)
    factories.accept(event_type, scheduled_at=later.isoformat())
    assert not claim().items
    assert abs(Work.objects.get().due_at - later) < timedelta(milliseconds=1)


def test_two_claims_never_bring_the_same_row() -> None:
    event_type = live_type()
    caller = factories.make_caller()
    for _ in range(6):
        factories.accept(event_type, caller)
    first, second = claim(limit=3), claim(limit=10)
    brought = [item.id for item in (*first.items, *second.items)]
    assert len(brought) == len(set(brought)) == 6
    assert second.lease_no > first.lease_no
    assert first.is_full
    assert not second.is_full


def test_an_event_is_pinned_to_the_version_that_is_live_when_it_is_claimed() -> None:
    event_type = live_type()
    factories.accept(event_type)
    message = event_type.messages.get()
    version = publishing.publish(message)
    assert [item.version_id for item in claim().items] == [version.pk]


def test_an_event_that_expires_uncovered_says_so() -> None:
    event_type = factories.make_event_type(when_uncovered="store")
    accepted = factories.accept(event_type)
    assert accepted.status == "not_covered"
    row = Work.objects.get()
    assert (row.stage, row.due_at) == (Stage.NOT_COVERED, row.expires_at)
    past = datetime.now(UTC) - timedelta(seconds=1)
    Work.objects.update(due_at=past, expires_at=past)

    factories.drain()

    assert not Delivery.objects.exists()
    event = Event.objects.get()
    assert (event.outcome, event.reason) == ("not_covered", "no_published_message")


def test_an_expired_event_is_not_sent(channel: CaptureChannel) -> None:
    event_type = live_type()
    factories.accept(event_type)
    past = datetime.now(UTC) - timedelta(seconds=1)
    Work.objects.update(due_at=past, expires_at=past)

    factories.drain()

    assert not channel.messages
    assert Event.objects.get().outcome == "expired"


def test_a_suppressed_recipient_gets_nothing(channel: CaptureChannel) -> None:
    event_type = live_type()
    Suppression.objects.create(channel="email", address="ada@example.com")
    factories.accept(event_type, recipient={"email": "Ada@Example.com"})

    factories.drain()

    assert not channel.messages
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.reason) == ("excluded", "suppressed")
    assert delivery.execution is not None


def test_a_render_error_ends_that_row_only_and_names_its_place(
    channel: CaptureChannel,
) -> None:
    event_type = factories.make_event_type(contract_mode="open")
    factories.publish(event_type=event_type)
    event_type.refresh_from_db()
    factories.accept(event_type, ctx={"order": {}})
    factories.accept(event_type)

    factories.drain()

    assert len(channel.messages) == 1
    failed = Delivery.objects.get(status="failed")
    assert failed.reason == "render_error"
    assert "ctx.order.number" in failed.detail


def test_twenty_render_errors_in_a_row_pause_the_message() -> None:
    event_type = factories.make_event_type(contract_mode="open")
    version = factories.publish(event_type=event_type)
    event_type.refresh_from_db()
    caller = factories.make_caller()
    for _ in range(22):
        factories.accept(event_type, caller, ctx={})

    factories.drain()

    version.message.refresh_from_db()
    assert version.message.status == "paused"
    assert "20 events in a row" in version.message.publication_log.latest("at").note


def test_a_scheduled_event_without_a_message_is_not_sent_early_by_a_publish(
    channel: CaptureChannel,
) -> None:
    event_type = factories.make_event_type(when_uncovered="store")
    later = datetime.now(UTC) + timedelta(days=3)
    factories.accept(event_type, scheduled_at=later.isoformat())
    factories.publish(event_type=event_type)
    publishing.wake_parked()

    factories.drain()

    assert not channel.messages
    assert abs(Work.objects.get().due_at - later) < timedelta(milliseconds=1)
