"""Adobe Campaign's addresses: its fields in, its answers out, the same door behind."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from events import known_types, valkey
from events.models import (
    ApiKey,
    Event,
    EventContext,
    EventOutcome,
    EventType,
    Source,
    Work,
)
from events.problems import Refused
from events.schemas import parse_event
from history.models import Reason
from tests import factories
from tests.api_door import Door, assert_refused, nothing_stored, open_door
from txmsg.adobe import translating
from txmsg.channels.base import Outcome, OutcomeKind
from txmsg.channels.capture import CaptureChannel
from txmsg.tracing import EVENT_STATUS

pytestmark = pytest.mark.django_db

ORDER = {"order": {"number": "10293"}}


@pytest.fixture
def door(client: Client, settings: Any) -> Door:
    settings.TXMSG_ADOBE_ALIAS = True
    settings.TXMSG_PUBLIC_URL = "https://mail.example.com"
    return open_door(client)


@pytest.fixture
def channel(monkeypatch: pytest.MonkeyPatch) -> CaptureChannel:
    capture = CaptureChannel()
    monkeypatch.setattr("txmsg.pipeline.get_channel", lambda _name: capture)
    return capture


def path_of(door: Door, name: str = "") -> str:
    return f"/geo/campaign/mcgeo/{name or door.event_type.name}"


def post(door: Door, body: Any = None, *, name: str = "", **extra: Any) -> Any:
    given = {"email": "ada@example.com", "ctx": ORDER} if body is None else body
    return door.post(given, path=path_of(door, name), **extra)


def get(door: Door, key: str, *, name: str = "") -> Any:
    headers = {"Authorization": f"Bearer {door.key}"}
    return door.client.get(f"{path_of(door, name)}/{key}", headers=headers)


def translated(body: dict[str, Any]) -> dict[str, Any]:
    return translating.event_of(body, "order.confirmed")


# What is answered


def test_an_event_is_answered_in_adobes_way(door: Door) -> None:
    body = {
        "email": "ada@example.com",
        "scheduled": "2020-12-01 08:00:00.768",
        "expiration": None,
        "ctx": {**ORDER, "order": {"number": "10293", "total": "49.90"}},
    }
    answer = post(door, body, content_type="application/json;charset=utf-8")
    assert (answer.status_code, answer["Content-Type"]) == (202, "application/json")
    event = Event.objects.get()
    shown = answer.json()
    assert [w.pop("code") for w in shown.pop("warnings")] == ["scheduled_in_past"]
    assert shown == {
        "PKey": str(event.pk),
        "email": "ada@example.com",
        "scheduled": "2020-12-01 08:00:00.768Z",
        "expiration": None,
        "href": f"https://mail.example.com{path_of(door)}/{event.pk}",
        "serverUrl": "https://mail.example.com",
        "status": "pending",
        "type": door.event_type.name,
        "ctx": body["ctx"],
    }
    assert answer["Location"] == shown["href"]
    assert EventContext.objects.get().ctx == body["ctx"]
    again = get(door, str(event.pk)).json()
    for name in ("PKey", "email", "href", "serverUrl", "status", "type"):
        assert again[name] == shown[name]
    assert again["scheduled"] == "2020-12-01T08:00:00.768Z"
    assert again["expiration"].endswith("Z")
    assert "ctx" not in again


def test_numbers_of_a_context_come_back_with_their_digits(door: Door) -> None:
    EventType.objects.update(contract={"type": "object"})
    answer = post(door, b'{"email": "ada@example.com", "ctx": {"total":10.10}}')
    assert answer.status_code == 202
    assert b'"total":10.10}' in answer.content


@pytest.mark.parametrize("known", ["EVTcartAbandoned", "cartAbandoned"])
def test_an_event_type_may_have_adobes_prefix_or_not(door: Door, known: str) -> None:
    EventType.objects.update(name=known)
    answer = post(door, name="EVTcartAbandoned")
    assert (answer.status_code, answer.json()["type"]) == (202, "EVTcartAbandoned")
    shown = get(door, answer.json()["PKey"], name="EVTcartAbandoned")
    assert (shown.status_code, shown.json()["type"]) == (200, "EVTcartAbandoned")


def test_an_idempotency_key_makes_it_one_event(door: Door) -> None:
    headers = {"Idempotency-Key": "k1"}
    first, again = (post(door, headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code) == (202, 200)
    assert (again.json(), again["Idempotent-Replayed"]) == (first.json(), "true")
    body = {"email": "grace@example.com", "ctx": ORDER}
    other = post(door, body, headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    assert Event.objects.count() == 1


# How fields are read


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"email": "a@x.test"}, {"recipient": {"email": "a@x.test"}}),
        ({"mobilePhone": "+33612345678"}, {"recipient": {"phone": "+33612345678"}}),
        (
            {"email": "a@x.test", "wishedChannel": 0},
            {"recipient": {"email": "a@x.test"}, "channel": "email"},
        ),
        (
            {"mobilePhone": "+33612345678", "wishedChannel": "1"},
            {"recipient": {"phone": "+33612345678"}, "channel": "sms"},
        ),
        (
            {"mobilePhone": "+33612345678", "wishedChannel": "Mobile"},
            {"recipient": {"phone": "+33612345678"}, "channel": "sms"},
        ),
        (
            {"registrationToken": "t", "wishedChannel": 42},
            {
                "recipient": {"push": [{"platform": "fcm", "token": "t"}]},
                "channel": "push",
            },
        ),
        (
            {"registrationToken": "ab" * 32, "wishedChannel": "iOS"},
            {
                "recipient": {"push": [{"platform": "apns", "token": "ab" * 32}]},
                "channel": "push",
            },
        ),
        (
            {"registrationToken": "t", "pushPlatform": "gcm", "application": "Shop"},
            {
                "recipient": {"push": [{"platform": "fcm", "token": "t"}]},
                "metadata": {"application": "Shop"},
            },
        ),
        (
            {
                "email": "a@x.test",
                "language": "fr",
                "origin": "eCommerce",
                "externalId": "c-7",
                "ctx": {"a": 1},
                "mobilePhone": None,
            },
            {
                "recipient": {"email": "a@x.test", "language": "fr"},
                "origin": "eCommerce",
                "correlation_id": "c-7",
                "ctx": {"a": 1},
            },
        ),
        (
            {"email": "a@x.test", "scheduled": "2030-01-02T03:04:05+02:00"},
            {
                "recipient": {"email": "a@x.test"},
                "scheduled_at": "2030-01-02T03:04:05+02:00",
            },
        ),
        (
            {"email": "a@x.test", "expiration": "2030-01-02 03:04"},
            {"recipient": {"email": "a@x.test"}, "expires_at": "2030-01-02 03:04Z"},
        ),
    ],
)
def test_fields_are_read_as_those_of_an_event(
    given: dict[str, Any], wanted: dict[str, Any]
) -> None:
    event = translated(given)
    assert event == {"type": "order.confirmed", **wanted}
    assert parse_event(event).type == "order.confirmed"


@pytest.mark.parametrize(
    ("given", "code", "pointer"),
    [
        ({"wishedChannel": 3}, "invalid_choice", "/wishedChannel"),
        ({"wishedChannel": True}, "invalid_choice", "/wishedChannel"),
        ({"wishedChannel": [0]}, "invalid_choice", "/wishedChannel"),
        ({"registrationToken": "t"}, "missing_field", "/pushPlatform"),
        (
            {"registrationToken": "t", "pushPlatform": "windows"},
            "invalid_choice",
            "/pushPlatform",
        ),
        ({"mobilphone": "+33612345678"}, "unknown_field", "/mobilphone"),
        ({"emailFormat": 1, "wishedChannel": 0}, "unknown_field", "/emailFormat"),
    ],
)
def test_fields_that_mean_nothing_here_are_refused(
    given: dict[str, Any], code: str, pointer: str
) -> None:
    with pytest.raises(Refused) as raised:
        translated({"email": "a@x.test", **given})
    (fault,) = raised.value.errors
    assert (raised.value.status, fault.code, fault.pointer) == (422, code, pointer)
    if "mobil" in pointer:
        assert "did you mean mobilePhone" in fault.message


# What is refused


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"email": "a@b"}, "invalid_email", "/email"),
        ({"email": 1}, "recipient_required", "/email"),
        ({"mobilePhone": "0612"}, "e164_required", "/mobilePhone"),
        (
            {"registrationToken": "", "wishedChannel": 42},
            "invalid_push_token",
            "/registrationToken",
        ),
        (
            {"registrationToken": 7, "wishedChannel": 42},
            "wrong_type",
            "/registrationToken",
        ),
        ({"wishedChannel": 41, "email": "a@x.test"}, "recipient_required", None),
        ({"email": "a@x.test", "language": "xx_YY"}, "invalid_locale", "/language"),
        ({"email": "a@x.test", "externalId": "a\nb"}, "control_character", None),
        ({"email": "a@x.test", "scheduled": "soon"}, "invalid_datetime", "/scheduled"),
        (
            {"email": "a@x.test", "expiration": "2020-01-01 00:00"},
            "already_expired",
            "/expiration",
        ),
        ({"email": "a@x.test", "ctx": []}, "wrong_type", "/ctx"),
        ({"email": "a@x.test", "ctx": {}}, "missing_variable", "/ctx/order"),
        (
            {"email": "a@x.test", "registrationToken": "t", "application": []},
            "missing_field",
            "/pushPlatform",
        ),
        (
            {"email": "a@x.test", "application": []},
            "invalid_metadata",
            "/application",
        ),
        ({}, "recipient_required", ""),
    ],
)
def test_faults_name_adobes_fields(
    door: Door, body: dict[str, Any], code: str, pointer: str | None
) -> None:
    problem = assert_refused(post(door, {"ctx": ORDER, **body}), 422, code, pointer)
    text = json.dumps(problem)
    for ours in ("/recipient", "scheduled_at", "expires_at", "/metadata", "/channel"):
        assert ours not in text
    assert problem["detail"].startswith(problem["errors"][0]["message"])


def test_every_fault_is_named_at_once(door: Door) -> None:
    body = {"email": "a@b", "mobilePhone": "1", "scheduled": "x"}
    problem = assert_refused(post(door, body), 422, "invalid_email")
    pointers = [fault["pointer"] for fault in problem["errors"]]
    assert pointers == ["/email", "/mobilePhone", "/scheduled"]


def test_an_unknown_event_is_refused_with_near_names(door: Door) -> None:
    EventType.objects.update(name="EVTcart")
    known_types.forget()
    problem = assert_refused(post(door, name="EVTcarts"), 404, "unknown_event_type", "")
    assert problem["near"] == ["EVTcart"]


@pytest.mark.parametrize(
    ("request_of", "status", "code"),
    [
        ({"headers": {"Authorization": ""}}, 401, "missing_api_key"),
        ({"content_type": "text/plain"}, 415, "json_required"),
        ({"body": b"{"}, 400, "invalid_json"),
        ({"body": b"[]"}, 400, "object_required"),
        ({"body": b'{"email": "a", "email": "b"}'}, 400, "duplicate_key"),
        ({"headers": {"Idempotency-Key": "a,b"}}, 400, "invalid_idempotency_key"),
        ({"HTTP_HOST": "evil.example"}, 400, "bad_host"),
    ],
)
def test_what_the_door_refuses_is_refused_here(
    door: Door, request_of: dict[str, Any], status: int, code: str
) -> None:
    assert_refused(post(door, request_of.pop("body", None), **request_of), status, code)


def test_methods_and_scopes_are_those_of_the_door(door: Door) -> None:
    answer = door.client.get(path_of(door))
    assert_refused(answer, 405, "method_not_allowed")  # type: ignore[arg-type]
    ApiKey.objects.update(scopes=["events:read"])
    assert_refused(post(door), 403, "missing_scope")
    ApiKey.objects.update(scopes=["events:write"])
    key = post(door).json()["PKey"]
    assert get(door, key).json()["code"] == "missing_scope"


def test_events_count_against_the_rate_of_the_source(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(valkey, "_resting_until", 0.0)
    Source.objects.update(rate_per_minute=1)
    first, second = post(door), post(door)
    assert (first.status_code, second.status_code) == (202, 429)
    assert int(second["Retry-After"]) > 0
    assert "RateLimit" in first
    assert Event.objects.count() == 1


def test_an_event_is_found_by_its_own_name_and_source_only(door: Door) -> None:
    key = post(door).json()["PKey"]
    other = factories.make_event_type()
    stranger = Door(door.client, door.event_type, factories.make_key())
    for answer in (
        get(door, key, name=other.name),
        get(door, "no-id"),
        get(stranger, key),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_without_the_setting_there_are_no_such_addresses(
    door: Door, settings: Any
) -> None:
    settings.TXMSG_ADOBE_ALIAS = False
    for answer in (post(door), get(door, "x"), post(door, HTTP_HOST="evil.example")):
        assert answer.status_code in (400, 404)
        assert answer["Content-Type"].startswith("text/html")
    assert nothing_stored()


# Statuses


def test_an_events_end_has_adobes_word(door: Door, channel: CaptureChannel) -> None:
    version = factories.publish()
    door.event_type = EventType.objects.get(pk=version.message.event_type_id)
    sent = post(door).json()["PKey"]
    factories.drain()
    assert get(door, sent).json()["status"] == "processed"
    channel._answers = lambda _message: Outcome(
        OutcomeKind.TRANSIENT, provider="capture", answer="451 later"
    )
    waits = post(door).json()["PKey"]
    factories.drain()
    assert get(door, waits).json()["status"] == "pending"
    Work.objects.update(stage="sending")
    assert get(door, waits).json()["status"] == "processing"
    channel._answers = lambda _message: Outcome(
        OutcomeKind.PERMANENT,
        provider="capture",
        answer="550 no",
        reason=Reason.REJECTED,
    )
    fails = post(door).json()["PKey"]
    factories.drain()
    shown = get(door, fails).json()
    assert (shown["status"], shown["reason"]) == ("deliveryFailed", "rejected")


def test_an_event_that_waits_for_a_message_is_not_routed(door: Door) -> None:
    EventType.objects.update(live_channels=[], when_uncovered="store")
    answer = post(door)
    assert (answer.status_code, answer.json()["status"]) == (202, "routingFailed")
    assert [w["code"] for w in answer.json()["warnings"]] == ["not_covered"]
    assert get(door, answer.json()["PKey"]).json()["status"] == "routingFailed"


def test_every_status_of_an_event_has_a_word() -> None:
    ours = {*EventOutcome.values, *EVENT_STATUS.values()} - {""}
    assert ours == set(translating.STATUSES)
