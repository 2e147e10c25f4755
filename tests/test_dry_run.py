"""POST /events/validate: what the door would answer, and what would be sent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from events import pressure
from events.models import ApiKey, Event, EventType, Source
from history.models import Suppression
from templates_app import publishing, versions
from templates_app.models import Message, MessageStatus
from tests import factories
from tests.api_door import PATH, Door, assert_refused, nothing_stored, open_door
from tests.test_bad_input import FAULTS, JSON_FAULTS, dated
from txmsg.event_listing import STATUSES

pytestmark = pytest.mark.django_db

VALIDATE = f"{PATH}/validate"


@pytest.fixture
def door(client: Client) -> Door:
    return open_door(client)


@pytest.fixture
def published(door: Door) -> Message:
    """The type of the door, with a message on email."""
    message = factories.publish(event_type=door.event_type).message
    door.event_type.refresh_from_db()
    return message


def check(door: Door, body: Any = None, **fields: Any) -> dict[str, Any]:
    """Return the verdict on a body."""
    answer = door.post(door.body(**fields) if body is None else body, path=VALIDATE)
    assert answer.status_code == 200, answer.content
    verdict: dict[str, Any] = answer.json()
    assert verdict["valid"] == (not verdict["problems"])
    assert nothing_stored()
    return verdict


def test_a_valid_body_says_what_would_be_sent_as_documented(
    door: Door, published: Message
) -> None:
    assert check(door) == {
        "valid": True,
        "status": 202,
        "problems": [],
        "warnings": [],
        "duplicate_of": None,
        "would_send": [
            {
                "channel": "email",
                "address": "ada@example.com",
                "message": published.internal_name,
                "version": 1,
                "suppressed": False,
                "paused": False,
                "renders": True,
                "render_fault": None,
            }
        ],
    }


def test_every_channel_of_a_type_that_fans_out_is_named(
    door: Door, published: Message
) -> None:
    EventType.objects.update(fan_out=True)
    sms = factories.publish(
        event_type=door.event_type,
        channel="sms",
        content={"en": {"text": "Order {{ ctx.order.number }}"}},
    )
    both = {"email": "ada@example.com", "phone": "+33612345678"}
    sent = check(door, recipient=both)["would_send"]
    assert [(one["channel"], one["address"], one["message"]) for one in sent] == [
        ("email", "ada@example.com", published.internal_name),
        ("sms", "+33612345678", sms.message.internal_name),
    ]
    wished = check(door, recipient=both, channel="sms")["would_send"]
    assert [one["channel"] for one in wished] == ["sms"]


def test_row_80_a_suppressed_recipient_is_no_fault_and_is_told(
    door: Door, published: Message
) -> None:
    Suppression.objects.create(channel="email", address="ada@example.com")
    verdict = check(door, recipient={"email": "Ada@example.com"})
    assert (verdict["valid"], verdict["status"]) == (True, 202)
    assert [one["suppressed"] for one in verdict["would_send"]] == [True]


def test_row_51_a_paused_message_is_told(door: Door, published: Message) -> None:
    publishing.pause(published)
    assert [one["paused"] for one in check(door)["would_send"]] == [True]


def test_content_that_fails_for_this_event_is_told_with_its_place(
    door: Door, published: Message
) -> None:
    EventType.objects.update(contract={"type": "object"})
    (one,) = check(door, ctx={})["would_send"]
    assert one["renders"] is False
    fault = one["render_fault"]
    assert fault["code"] == "undefined_variable"
    assert (fault["part"], fault["line"]) == ("subject", 1)
    assert "order" in fault["path"]


def test_a_fault_of_ours_in_rendering_is_that_of_one_message(
    door: Door, published: Message, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("secret of the house")

    monkeypatch.setattr(versions, "render", fail)
    (one,) = check(door)["would_send"]
    assert one["renders"] is False
    assert "secret" not in json.dumps(one)
    assert "secret of the house" in caplog.text


def test_row_50_a_type_without_a_message_refuses_or_waits(door: Door) -> None:
    EventType.objects.update(live_channels=[])
    verdict = check(door)
    assert (verdict["status"], verdict["would_send"]) == (409, [])
    assert [one["code"] for one in verdict["problems"]] == ["not_published"]
    EventType.objects.update(when_uncovered="store")
    verdict = check(door)
    assert (verdict["valid"], verdict["status"]) == (True, 202)
    assert [one["code"] for one in verdict["warnings"]] == ["not_covered"]
    assert verdict["would_send"] == []


def test_a_message_that_was_withdrawn_is_not_promised(
    door: Door, published: Message
) -> None:
    """The type says so yet for a moment; the messages themselves are asked."""
    Message.objects.update(status=MessageStatus.DRAFT)
    assert check(door)["would_send"] == []


@pytest.mark.parametrize(("fields", "code", "pointer"), FAULTS)
def test_rows_52_to_77_what_the_door_refuses_is_said_in_its_words(
    door: Door, fields: dict[str, Any], code: str, pointer: str
) -> None:
    body = door.body(**dated(fields))
    refused = assert_refused(door.post(body), 422, code, pointer)
    verdict = check(door, body)
    assert (verdict["valid"], verdict["status"]) == (False, 422)
    assert verdict["problems"] == refused["errors"]
    assert verdict["would_send"] == []


@pytest.mark.parametrize(("raw", "status", "code", "pointer"), JSON_FAULTS)
def test_rows_26_to_48_what_cannot_be_read_is_refused_as_at_the_door(
    door: Door, raw: bytes, status: int, code: str, pointer: str | None
) -> None:
    assert_refused(door.post(raw, path=VALIDATE), status, code, pointer)


@pytest.mark.parametrize("name", [None, "nothing-like-it", ["a"], "x" * 1000, ""])
def test_row_49_an_unknown_type_is_a_problem(door: Door, name: Any) -> None:
    verdict = check(door, {**door.body(), "type": name})
    assert verdict["status"] == 404
    (problem,) = verdict["problems"]
    assert (problem["pointer"], problem["code"]) == ("/type", "unknown_event_type")


def test_row_49_near_names_are_said(door: Door) -> None:
    EventType.objects.update(name="order.confirmed")
    (problem,) = check(door, {**door.body(), "type": "order.confirmd"})["problems"]
    assert "Did you mean order.confirmed?" in problem["message"]


def test_rows_7_and_64_what_the_key_may_not_post_is_a_problem(door: Door) -> None:
    ApiKey.objects.update(scopes=["events:write"])
    verdict = check(door, lane="critical")
    assert verdict["status"] == 403
    assert [one["code"] for one in verdict["problems"]] == ["missing_scope"]
    Source.objects.update(allowed_types=["another.type"])
    verdict = check(door)
    assert verdict["status"] == 403
    assert [one["code"] for one in verdict["problems"]] == ["event_type_not_allowed"]


def test_row_23_a_lane_without_room_is_a_problem(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pressure, "is_storage_low", lambda: True)
    verdict = check(door)
    assert verdict["status"] == 503
    assert [one["code"] for one in verdict["problems"]] == ["storage_low"]


def test_warnings_are_those_of_the_door(door: Door) -> None:
    body = door.body(
        recipient={"email": " ada@example.com "}, scheduled_at="2024-01-01T00:00:00Z"
    )
    verdict = check(door, body)
    assert [one["code"] for one in verdict["warnings"]] == [
        "scheduled_in_past",
        "address_trimmed",
    ]
    assert verdict["warnings"] == door.post(body).json()["warnings"]


def test_an_external_id_that_was_used_is_told(door: Door) -> None:
    body = door.body(external_id="ord-1")
    first = door.post(body).json()["id"]
    same = door.post(body, path=VALIDATE).json()
    assert (same["valid"], same["status"], same["duplicate_of"]) == (True, 200, first)
    assert same["would_send"] == []
    other = door.post({**body, "origin": "x"}, path=VALIDATE).json()
    assert (other["valid"], other["status"]) == (False, 409)
    assert [one["code"] for one in other["problems"]] == ["external_id_conflict"]
    assert Event.objects.count() == 1


def test_trying_out_needs_the_scope_to_post(door: Door) -> None:
    ApiKey.objects.update(scopes=["events:read"])
    assert_refused(door.post(path=VALIDATE), 403, "missing_scope")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_trying_out_is_a_post(door: Door, method: str) -> None:
    answer: Any = door.client.generic(method, VALIDATE)
    assert_refused(answer, 405, "method_not_allowed")
    assert answer["Allow"] == "POST"


def test_a_status_is_never_named_as_an_address_of_events() -> None:
    assert "validate" not in STATUSES
