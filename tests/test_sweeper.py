"""The sweeper: what it does every second."""

from __future__ import annotations

import pytest

from events import doorbell
from events.models import EventType
from tests import factories
from txmsg import sweeper
from txmsg.models import Heartbeat

pytestmark = pytest.mark.django_db


@pytest.fixture
def live_type() -> EventType:
    event_type = factories.make_event_type()
    factories.publish(event_type=event_type)
    event_type.refresh_from_db()
    return event_type


def test_it_rings_only_for_lanes_with_something_due(
    live_type: EventType, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[tuple[str, bool]] = []
    monkeypatch.setattr(
        doorbell, "ring", lambda lane, *, again=False: rung.append((lane, again))
    )
    sweeper.sweep()
    assert rung == []
    factories.accept(live_type)
    rung.clear()
    sweeper.sweep()
    assert rung == [("normal", False)]


def test_what_was_rung_for_in_vain_is_rung_for_again(
    live_type: EventType, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[bool] = []
    monkeypatch.setattr(sweeper, "RING_AGAIN_SECONDS", -1)
    factories.accept(live_type)
    monkeypatch.setattr(
        doorbell, "ring", lambda _lane, *, again=False: rung.append(again)
    )
    sweeper.sweep()
    assert rung == [True]


def test_it_says_that_it_lives() -> None:
    sweeper.sweep()
    assert Heartbeat.objects.get().name == "sweeper"


def test_it_stops_when_told() -> None:
    waits: list[float] = []

    def stop(seconds: float) -> bool:
        waits.append(seconds)
        return len(waits) == 2

    sweeper.run(stop)
    assert waits == [sweeper.STEP_SECONDS] * 2
