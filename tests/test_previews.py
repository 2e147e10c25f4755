"""A past delivery, rendered again and compared with its digest."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.db import connection

from events import ids
from events.models import Event, EventContext, EventType
from history.models import Delivery
from templates_app.models import Message
from tests import factories
from txmsg import previews
from txmsg.channels.base import Outcome, OutcomeKind
from txmsg.channels.capture import CaptureChannel
from txmsg.previews import Match

pytestmark = pytest.mark.django_db


@pytest.fixture
def channel(monkeypatch: pytest.MonkeyPatch) -> CaptureChannel:
    capture = CaptureChannel()
    monkeypatch.setattr("txmsg.pipeline.get_channel", lambda _name: capture)
    return capture


def sent_delivery(**type_fields: object) -> UUID:
    event_type = factories.make_event_type(**type_fields)
    factories.publish(event_type=event_type)
    event_type.refresh_from_db()
    accepted = factories.accept(event_type)
    factories.drain()
    return ids.delivery_id(accepted.id, 1)


def test_a_sent_message_is_shown_as_it_was_sent(channel: CaptureChannel) -> None:
    preview = previews.of_delivery(sent_delivery())
    assert preview.match is Match.SAME
    assert preview.message == channel.messages[0]
    assert not preview.has_hidden_values


def test_editing_and_publishing_again_does_not_change_the_past(
    channel: CaptureChannel,
) -> None:
    delivery_id = sent_delivery()
    message = Message.objects.get()
    message.content["en"]["subject"] = "Another {{ ctx.order.number }}"
    message.save()
    factories.publish(message)
    preview = previews.of_delivery(delivery_id)
    assert preview.match is Match.SAME
    assert preview.message is not None
    assert preview.message.parts["subject"] == "Order 10293"


def test_sensitive_values_are_hidden_and_the_digest_still_matches(
    channel: CaptureChannel,
) -> None:
    preview = previews.of_delivery(sent_delivery(sensitive_paths=["order.number"]))
    assert preview.match is Match.SAME
    assert preview.has_hidden_values
    assert preview.message is not None
    assert preview.message.parts["subject"] == "Order ••••"
    assert "10293" not in str(preview.message)


def test_a_path_made_sensitive_later_is_hidden_too(channel: CaptureChannel) -> None:
    delivery_id = sent_delivery()
    EventType.objects.update(sensitive_paths=["order.number"])
    preview = previews.of_delivery(delivery_id)
    assert preview.match is Match.SAME
    assert "10293" not in str(preview.message)


def test_changed_data_is_told_from_what_was_sent(channel: CaptureChannel) -> None:
    delivery_id = sent_delivery()
    EventContext.objects.update(ctx={"order": {"number": "666"}})
    assert previews.of_delivery(delivery_id).match is Match.DIFFERENT


def test_the_inbox_tells_which_parts_differ(
    channel: CaptureChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeping = CaptureChannel.from_settings()
    monkeypatch.setattr("txmsg.pipeline.get_channel", lambda _name: keeping)
    sms = {"en": {"text": "Order {{ ctx.order.number }}"}}
    event_type = factories.make_event_type()
    factories.publish(event_type=event_type, channel="sms", content=sms)
    event_type.refresh_from_db()
    accepted = factories.accept(event_type, recipient={"phone": "+4915112345678"})
    factories.drain()
    EventContext.objects.update(ctx={"order": {"number": "666"}})
    preview = previews.of_delivery(ids.delivery_id(accepted.id, 1))
    assert (preview.match, preview.differs) == (Match.DIFFERENT, ["text"])


def test_purged_data_is_said_in_words(channel: CaptureChannel) -> None:
    delivery_id = sent_delivery()
    EventContext.objects.all().delete()
    preview = previews.of_delivery(delivery_id)
    assert (preview.message, preview.match) == (None, None)
    assert "purged" in preview.problem


def test_a_render_error_is_shown_as_one(channel: CaptureChannel) -> None:
    delivery_id = sent_delivery()
    EventContext.objects.update(ctx={})
    preview = previews.of_delivery(delivery_id)
    assert preview.message is None
    assert "ctx.order" in preview.problem


def test_a_message_refused_for_good_is_previewed(channel: CaptureChannel) -> None:
    channel._answers = lambda _m: Outcome(OutcomeKind.PERMANENT, answer="550 no")
    preview = previews.of_delivery(sent_delivery())
    assert preview.delivery.status == "failed"
    assert preview.match is Match.SAME


def test_a_delivery_without_a_version_says_so(channel: CaptureChannel) -> None:
    delivery_id = sent_delivery()
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE history_delivery DISABLE TRIGGER history_delivery_is_final"
        )
        cursor.execute("UPDATE history_delivery SET execution_id = NULL")
    preview = previews.of_delivery(delivery_id)
    assert preview.message is None
    assert "before a version" in preview.problem


def test_an_unknown_delivery_is_not_found() -> None:
    with pytest.raises(Delivery.DoesNotExist):
        previews.of_delivery(ids.delivery_id(ids.new_event_id(), 1))


def test_the_request_as_curl_keeps_digits_and_quotes(channel: CaptureChannel) -> None:
    event_type = factories.make_event_type(contract_mode="open")
    factories.publish(event_type=event_type)
    event_type.refresh_from_db()
    accepted = factories.accept(event_type, ctx={"order": {"number": "it's"}})
    event = Event.objects.select_related("type").get(pk=accepted.id)
    facts = previews.facts_of([event.pk])[event.pk]
    curl = previews.request_as_curl(event, facts, address="http://localhost")
    assert curl.startswith("curl -sS http://localhost/api/v1/events")
    assert "it'\"'\"'s" in curl
    assert "external_id" not in curl
