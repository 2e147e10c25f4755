"""The pipeline against a real database and a recording channel."""

from __future__ import annotations

import pytest

from events import ids
from events.models import Event, Work
from history.models import Delivery, Execution, Tally
from tests import factories
from txmsg.channels.capture import CaptureChannel
from txmsg.models import InboxMessage

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


def test_sms_and_push_are_rendered_and_kept_where_operators_see_them() -> None:
    event_type = factories.make_event_type(fan_out=True)
    factories.publish(
        event_type=event_type,
        channel="sms",
        content={"en": {"text": "Order {{ ctx.order.number }} is on its way"}},
    )
    factories.publish(
        event_type=event_type,
        channel="push",
        content={"en": {"title": "Order", "body": "{{ ctx.order.number }}"}},
    )
    event_type.refresh_from_db()
    recipient = {
        "phone": "+33612345678",
        "push": [{"platform": "fcm", "token": "device-1"}],
    }
    factories.accept(event_type, recipient=recipient)

    factories.drain()

    kept = {row.channel: row for row in InboxMessage.objects.all()}
    assert set(kept) == {"sms", "push"}
    assert "Order 10293 is on its way" in bytes(kept["sms"].raw).decode()
    assert kept["sms"].recipient == "+33612345678"
    assert kept["push"].recipient == "fcm:device-1"
    assert set(Delivery.objects.values_list("status", flat=True)) == {"sent"}
