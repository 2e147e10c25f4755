"""The Python client against all that the API serves, for real."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from txmsg_client import Client, Conflict, Invalid, NewEvent, NotFound, Recipient

from events.models import EventType
from tests import factories
from txmsg.channels.capture import CaptureChannel

pytestmark = pytest.mark.django_db(transaction=True)


def test_events_are_tried_found_stopped_and_sent_once_more(
    live_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture = CaptureChannel()
    monkeypatch.setattr("txmsg.pipeline.get_channel", lambda _name: capture)
    message = factories.publish().message
    event_type = EventType.objects.get(pk=message.event_type_id)

    def new_event(**fields: Any) -> NewEvent:
        return NewEvent(
            type=event_type.name,
            recipient=Recipient(email="ada@example.com"),
            **{"ctx": {"order": {"number": "1"}}, **fields},
        )

    with Client(live_server.url, factories.make_key()) as client:
        tried = client.validate(new_event())
        assert (tried.valid, tried.problems, tried.duplicate_of) == (True, [], None)
        assert tried.would_send[0]["message"] == message.internal_name
        tried = client.validate(new_event(ctx={}))
        assert [fault.pointer for fault in tried.problems] == ["/ctx/order"]

        sent = [client.send(new_event(origin=str(n))).id for n in range(5)]
        since = datetime.now(UTC) - timedelta(hours=1)
        found = client.search(
            type=event_type.name, recipient="ada@example.com", since=since, page_size=2
        )
        assert [event.id for event in found] == sent[::-1]
        with pytest.raises(Invalid):
            next(client.search(status="nonsense"))

        assert [client.cancel(sent[0]).status for _ in range(2)] == ["cancelled"] * 2
        factories.drain()
        with pytest.raises(Conflict, match="too_late"):
            client.cancel(sent[1])
        once, again = (client.replay(sent[1], idempotency_key="k") for _ in range(2))
        assert once.id == again.id not in sent
        assert (once.is_replay, again.is_replay) == (False, True)
        with pytest.raises(NotFound):
            client.replay(uuid4())
        factories.drain()
        assert client.get(once.id).status == "processed"
    assert len(capture.messages) == 5


def test_a_message_is_shown_with_given_data(live_server: Any) -> None:
    message = factories.publish().message
    with Client(live_server.url, factories.make_key()) as client:
        shown = client.preview(
            message.internal_name,
            ctx={"order": {"number": "77"}},
            recipient=Recipient(name="Ada"),
        )
        assert (shown.is_rendered, shown.version) == (True, 1)
        assert shown.parts["subject"] == "Order 77"
        assert "Hello Ada," in shown.parts["html"]
        failed = client.preview(
            message.internal_name, ctx={"order": {}}, version="draft"
        )
        assert (failed.is_rendered, failed.would_be_refused) == (False, True)
        assert failed.errors[0]["path"] == "ctx.order.number"
        assert [fault.pointer for fault in failed.misfits] == ["/ctx/order/number"]
        with pytest.raises(NotFound):
            client.preview("there-is-none")
