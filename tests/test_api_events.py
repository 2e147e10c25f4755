"""POST and GET of events over HTTP: what is answered, and to whom."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError
from django.test import Client

from events import ids, intake
from events.models import (
    ApiKey,
    Event,
    EventContext,
    EventType,
)
from templates_app import publishing
from tests import factories
from tests.api_door import PATH, Door, assert_refused, open_door
from txmsg import tracing
from txmsg.channels.base import Outcome, OutcomeKind
from txmsg.channels.capture import CaptureChannel

pytestmark = pytest.mark.django_db


@pytest.fixture
def door(client: Client) -> Door:
    return open_door(client)


@pytest.fixture
def channel(monkeypatch: pytest.MonkeyPatch) -> CaptureChannel:
    capture = CaptureChannel()
    monkeypatch.setattr("txmsg.pipeline.get_channel", lambda _name: capture)
    return capture


# What is answered, and what is not


def test_an_accepted_event_is_answered_as_documented(door: Door) -> None:
    answer = door.post(door.body(external_id="ord-1"))
    assert (answer.status_code, answer["Content-Type"]) == (202, "application/json")
    body = answer.json()
    event = Event.objects.get()
    assert body == {
        "id": str(event.id),
        "status": "pending",
        "type": door.event_type.name,
        "external_id": "ord-1",
        "received_at": body["received_at"],
        "warnings": [],
        "links": {"self": f"{PATH}/{event.id}"},
    }
    assert body["received_at"].endswith("Z")
    received_at = datetime.fromisoformat(body["received_at"])
    assert abs(received_at - event.received_at) < timedelta(milliseconds=1)
    assert answer["Location"] == body["links"]["self"]
    assert len(answer["X-Request-Id"]) == 32


def test_row_61_another_source_sees_nothing_of_an_event(door: Door) -> None:
    event_id = door.post(door.body(external_id="mine")).json()["id"]
    stranger = Door(door.client, door.event_type, factories.make_key())
    seen, unknown = stranger.get(event_id), stranger.get(uuid4())
    assert (seen.status_code, seen.json()["code"]) == (404, "not_found")
    assert seen.json()["detail"] == unknown.json()["detail"]
    taken = stranger.post(door.body(external_id="mine"))
    assert (taken.status_code, taken.json()["code"]) == (409, "external_id_conflict")
    assert event_id not in taken.content.decode()
    # Idempotency keys are the source's own.
    for own in (door, stranger):
        answer = own.post(headers={"Idempotency-Key": "same"})
        assert answer.status_code == 202


def test_reading_needs_its_scope(door: Door) -> None:
    event_id = door.post().json()["id"]
    ApiKey.objects.update(scopes=["events:write"])
    answer = door.get(event_id)
    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")


def test_a_session_is_no_key_and_cookies_play_no_part(
    door: Door, admin_client: Client
) -> None:
    answer = admin_client.post(PATH, door.body(), content_type="application/json")
    assert_refused(answer, 401, "missing_api_key")  # type: ignore[arg-type]
    strict = Client(enforce_csrf_checks=True)
    strict.cookies["csrftoken"] = "broken"
    strict.cookies["sessionid"] = "zzz"
    taken = Door(strict, door.event_type, door.key).post()
    assert taken.status_code == 202
    assert not taken.cookies
    assert "Cookie" not in taken.get("Vary", "")


def test_what_nobody_foresaw_is_a_500_without_details_and_is_logged(
    door: Door, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("secret of the house")

    monkeypatch.setattr(intake, "accept", fail)
    problem = assert_refused(door.post(), 500, "internal_error")
    assert "secret" not in json.dumps(problem)
    assert problem["request_id"] in caplog.text
    assert "secret of the house" in caplog.text


def test_what_fails_before_any_view_is_a_problem_too(
    door: Door, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("secret of the house")

    monkeypatch.setattr("django.middleware.csrf.CsrfViewMiddleware.process_view", fail)
    door.client.raise_request_exception = False
    with caplog.at_level(logging.ERROR):
        problem = assert_refused(door.post(), 500, "internal_error")
    assert "secret" not in json.dumps(problem)
    assert problem["request_id"] in caplog.text


def test_without_postgresql_the_answer_is_503_with_when_to_come_again(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OperationalError("server closed the connection")

    with monkeypatch.context() as patch:
        patch.setattr("django.db.backends.utils.CursorWrapper.execute", fail)
        answers = [door.post(), door.get(uuid4())]
    for answer in answers:
        problem = assert_refused(answer, 503, "unavailable")
        assert problem["retryable"] is True
        assert answer["Retry-After"] == "2"


# GET


def test_row_51_a_paused_message_takes_events_which_wait(
    door: Door, channel: CaptureChannel
) -> None:
    version = factories.publish()
    publishing.pause(version.message)
    event_type = EventType.objects.get(pk=version.message.event_type_id)
    answer = door.post(factories.body_for(event_type))
    assert answer.status_code == 202
    factories.drain()
    assert not channel.messages
    assert door.get(answer.json()["id"]).json()["status"] == "paused"


def published(door: Door) -> EventType:
    version = factories.publish()
    event_type = EventType.objects.get(pk=version.message.event_type_id)
    door.event_type = event_type
    return event_type


def test_an_event_that_waits_is_shown(door: Door) -> None:
    posted = door.post(door.body(correlation_id="req-77", origin="shop")).json()
    shown = door.get(posted["id"]).json()
    for name in ("id", "status", "type", "external_id", "received_at", "warnings"):
        assert shown[name] == posted[name]
    assert (shown["correlation_id"], shown["origin"]) == ("req-77", "shop")
    assert shown["recipient"] == {"email": "ada@example.com", "name": "Ada"}
    assert shown["states"] == [{"status": "pending", "at": posted["received_at"]}]
    assert (shown["deliveries"], shown["finished_at"], shown["reason"]) == (
        [],
        None,
        None,
    )


def test_a_sent_event_is_shown_with_its_delivery_and_attempt(
    door: Door, channel: CaptureChannel
) -> None:
    published(door)
    event_id = door.post().json()["id"]
    factories.drain()
    shown = door.get(event_id).json()
    assert shown["status"] == "processed"
    assert [state["status"] for state in shown["states"]] == [
        "pending",
        "processing",
        "processed",
    ]
    assert shown["finished_at"] == shown["states"][-1]["at"]
    (delivery,) = shown["deliveries"]
    message = channel.messages[0]
    assert delivery["id"] == str(message.delivery_id)
    assert delivery["channel"] == "email"
    assert delivery["address"] == "ada@example.com"
    assert (delivery["status"], delivery["version"]) == ("sent", 1)
    assert delivery["provider_id"] == str(message.delivery_id)
    assert delivery["possible_duplicate"] is False
    assert (delivery["retry_of"], delivery["reason"]) == (None, None)
    assert delivery["sent_at"] is not None
    (attempt,) = delivery["attempts"]
    assert (attempt["number"], attempt["outcome"]) == (1, "sent")
    assert attempt["started_at"] <= attempt["ended_at"]


def test_a_delivery_that_is_tried_again_shows_what_happened(
    door: Door, channel: CaptureChannel
) -> None:
    published(door)
    channel._answers = lambda _message: Outcome(
        OutcomeKind.TRANSIENT, provider="capture", answer="451 later"
    )
    event_id = door.post().json()["id"]
    factories.drain()
    shown = door.get(event_id).json()
    assert shown["status"] == "processing"
    (delivery,) = shown["deliveries"]
    assert (delivery["status"], delivery["sent_at"]) == ("retry", None)
    (attempt,) = delivery["attempts"]
    assert (attempt["outcome"], attempt["answer"]) == ("transient", "451 later")


def test_an_event_that_ends_while_it_is_read_is_read_again(
    door: Door, channel: CaptureChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(door)
    event_id = door.post().json()["id"]
    read, reads = tracing._Rows.of, []

    def late(of: Any) -> Any:
        reads.append(of)
        if len(reads) == 1:
            factories.drain()
        return read(of)

    monkeypatch.setattr(tracing._Rows, "of", late)
    shown = door.get(event_id).json()
    assert len(reads) == 2
    assert (shown["status"], shown["deliveries"][0]["status"]) == ("processed", "sent")


def test_an_event_whose_context_was_purged_is_still_shown(door: Door) -> None:
    event_id = door.post().json()["id"]
    EventContext.objects.all().delete()
    shown = door.get(event_id).json()
    assert (shown["recipient"], shown["warnings"]) == (None, [])


def test_the_id_of_a_delivery_is_no_event(door: Door) -> None:
    door.post()
    work_id = ids.delivery_id(Event.objects.get().id, 1)
    assert door.get(work_id).status_code == 404


def test_a_head_request_is_answered_like_a_get(door: Door) -> None:
    event_id = door.post().json()["id"]
    headers = {"Authorization": f"Bearer {door.key}"}
    assert door.client.head(f"{PATH}/{event_id}", headers=headers).status_code == 200
