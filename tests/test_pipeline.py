"""The pipeline against a real database and a recording channel."""

from __future__ import annotations

import pytest

from events import ids
from events.models import Event, Work
from history.models import Delivery, Execution, Tally
from tests import factories
from txmsg.channels.capture import CaptureChannel

pytestmark = pytest.mark.django_db


@pytest.fixture
def channel(monkeypatch: pytest.MonkeyPatch) -> CaptureChannel:
    capture = CaptureChannel()
    monkeypatch.setattr("txmsg.pipeline.get_channel", lambda _name: capture)
    return capture


def test_an_accepted_event_is_sent_and_recorded(channel: CaptureChannel) -> None:
    version = factories.publish()
    event_type = version.message.event_type
    assert event_type is not None
    event_type.refresh_from_db()
    accepted = factories.accept(event_type)

    factories.drain()

    (message,) = channel.messages
    assert message.parts["subject"] == "Order 10293"
    assert "Hello Ada" in message.parts["html"]
    delivery = Delivery.objects.get(pk=ids.delivery_id(accepted.id, 1))
    assert (delivery.status, delivery.attempts) == ("sent", 1)
    assert bytes(delivery.digest or b"") == message.digest
    event = Event.objects.get(pk=accepted.id)
    assert event.outcome == "processed"
    assert event.finished_at is not None
    assert not Work.objects.exists()
    execution = Execution.objects.get()
    assert execution.version == version
    assert Tally.objects.get().count == 1
