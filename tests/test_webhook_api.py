"""Webhooks over the API: made, changed, tried, looked into; and what is refused."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from events.models import (
    ApiKey,
    Source,
    WebhookAttempt,
    WebhookEndpoint,
    WebhookMessage,
)
from tests import factories
from tests.api_door import Door, assert_refused, open_door
from txmsg.webhooks import endpoints, signing

pytestmark = pytest.mark.django_db
PATH = "/api/v1/webhooks"
URL = "https://8.8.8.8/hook"


@pytest.fixture
def door(client: Client) -> Door:
    return open_door(client)


def call(door: Door, method: str, path: str = "", body: Any = None) -> Any:
    raw = b"" if body is None else json.dumps(body).encode()
    own = {"Authorization": f"Bearer {door.key}"}
    return door.client.generic(
        method, f"{PATH}{path}", raw, content_type="application/json", headers=own
    )


def make(door: Door, **fields: Any) -> WebhookEndpoint:
    endpoint, _ = endpoints.create(door.source, url=URL)
    if fields:
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(**fields)
        endpoint.refresh_from_db()
    return endpoint


def make_message(endpoint: WebhookEndpoint, **fields: Any) -> WebhookMessage:
    now = timezone.now()
    message = WebhookMessage.objects.create(
        **{
            "endpoint": endpoint,
            "name": "event.accepted",
            "data": {"event_id": "1"},
            "occurred_at": now,
            "due_at": now,
            **fields,
        }
    )
    message.refresh_from_db()
    return message


def test_an_endpoint_is_made_and_its_secret_shown_once(door: Door) -> None:
    body = {
        "url": URL,
        "description": "the shop",
        "events": ["event.processed", "delivery.failed"],
        "event_types": [door.event_type.name],
    }
    answer = call(door, "POST", "", body)
    assert answer.status_code == 201
    made = answer.json()
    endpoint = WebhookEndpoint.objects.get()
    assert made.pop("secret") == signing.secret_of(endpoint.secret_seed)
    assert answer["Location"] == f"{PATH}/{endpoint.pk}"
    assert answer["Cache-Control"] == "no-store"
    assert made["events"] == ["delivery.failed", "event.processed"]
    assert made["status"] == "active"
    assert endpoint.source == door.source
    assert call(door, "GET").json() == {"data": [made], "next_cursor": None}
    assert call(door, "GET", f"/{endpoint.pk}").json() == made
    assert endpoint.secret_seed.split(":")[0] not in json.dumps(made)


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({}, "missing_field", "/url"),
        ({"url": "http://8.8.8.8/"}, "invalid_webhook_url", "/url"),
        ({"url": "https://127.0.0.1/"}, "invalid_webhook_url", "/url"),
        ({"url": 5}, "wrong_type", "/url"),
        ({"url": URL, "events": ["event.gone"]}, "invalid_choice", "/events"),
        ({"url": URL, "events": ["webhook.test"]}, "invalid_choice", "/events"),
        ({"url": URL, "event_types": ["no.such"]}, "invalid_choice", "/event_types"),
        ({"url": URL, "description": "x" * 201}, "too_long", "/description"),
        (
            {"url": URL, "description": "a\nb"},
            "control_character",
            "/description",
        ),
        ({"url": URL, "secret": "mine"}, "unknown_field", "/secret"),
    ],
)
def test_what_an_endpoint_cannot_be_is_refused(
    door: Door, body: Any, code: str, pointer: str
) -> None:
    assert_refused(call(door, "POST", "", body), 422, code, pointer)
    assert not WebhookEndpoint.objects.exists()


def test_an_endpoint_is_changed_paused_and_resumed(door: Door) -> None:
    endpoint = make(door, failures=7, failing_since=timezone.now())
    path = f"/{endpoint.pk}"
    answer = call(door, "PATCH", path, {"description": "new", "status": "paused"})
    assert answer.json()["description"] == "new"
    assert answer.json()["status"] == "paused"
    WebhookEndpoint.objects.update(status="disabled")
    answer = call(door, "PATCH", path, {"status": "active"}).json()
    assert (answer["status"], answer["failing_since"]) == ("active", None)
    assert answer["url"] == URL
    problem = call(door, "PATCH", path, {"url": None})
    assert_refused(problem, 422, "wrong_type", "/url")
    problem = call(door, "PATCH", path, {"status": "gone"})
    assert_refused(problem, 422, "invalid_choice", "/status")
    problem = call(door, "PATCH", path, {"url": "ftp://8.8.8.8/"})
    assert_refused(problem, 422, "invalid_webhook_url", "/url")


def test_a_secret_is_rotated_and_the_new_one_shown_once(door: Door) -> None:
    endpoint = make(door)
    old = signing.secret_of(endpoint.secret_seed)
    answer = call(door, "POST", f"/{endpoint.pk}/rotate-secret")
    assert answer.status_code == 200
    endpoint.refresh_from_db()
    new = signing.secret_of(endpoint.secret_seed)
    assert answer.json()["secret"] == new != old
    assert endpoints.secrets_of(endpoint, now=timezone.now()) == [new, old]


def test_an_endpoint_is_removed(door: Door) -> None:
    endpoint = make(door)
    answer = call(door, "DELETE", f"/{endpoint.pk}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert not WebhookEndpoint.objects.exists()


def test_messages_are_listed_with_their_attempts_by_pages(door: Door) -> None:
    endpoint = make(door)
    messages = [make_message(endpoint) for _ in range(3)]
    make_message(make(door))
    WebhookMessage.objects.filter(pk=messages[0].pk).update(status="failed")
    WebhookAttempt.objects.create(
        message=messages[0],
        number=1,
        started_at=timezone.now(),
        seconds=0.1234,
        status_code=500,
        answer="it broke",
        problem="It answered 500.",
    )
    first = call(door, "GET", f"/{endpoint.pk}/messages?limit=2").json()
    assert [m["webhook_id"] for m in first["data"]] == [
        str(m.webhook_id) for m in (messages[2], messages[1])
    ]
    assert first["data"][0]["next_try_at"] is not None
    rest = call(
        door, "GET", f"/{endpoint.pk}/messages?cursor={first['next_cursor']}"
    ).json()
    assert rest["next_cursor"] is None
    [last] = rest["data"]
    assert (last["status"], last["next_try_at"]) == ("failed", None)
    [attempt] = last["attempts"]
    assert attempt == {
        "started_at": attempt["started_at"],
        "number": 1,
        "seconds": 0.123,
        "status_code": 500,
        "answer": "it broke",
        "problem": "It answered 500.",
    }
    failed = call(door, "GET", f"/{endpoint.pk}/messages?status=failed").json()
    assert failed["data"] == [last]
    one = call(door, "GET", f"/{endpoint.pk}/messages/{last['webhook_id']}")
    assert one.json() == last


@pytest.mark.parametrize(
    ("query", "code", "pointer"),
    [
        ("cursor=-1", "invalid_cursor", "?cursor"),
        ("cursor=99999999999999999999", "invalid_cursor", "?cursor"),
        ("cursor=%D9%A1", "invalid_cursor", "?cursor"),
        ("status=lost", "invalid_choice", "?status"),
        ("limit=0", "out_of_range", "?limit"),
        ("limit=201", "out_of_range", "?limit"),
    ],
)
def test_a_list_that_cannot_be_is_refused(
    door: Door, query: str, code: str, pointer: str
) -> None:
    answer = call(door, "GET", f"/{make(door).pk}/messages?{query}")
    assert_refused(answer, 422, code, pointer)


def test_a_test_a_redelivery_and_a_recovery_are_due_at_once(door: Door) -> None:
    endpoint = make(door, held_until=timezone.now() + dt.timedelta(hours=1))
    message = make_message(endpoint, status="failed", step=10, attempts=10)
    later = make_message(endpoint, status="failed")
    answer = call(door, "POST", f"/{endpoint.pk}/test")
    assert answer.status_code == 202
    test = WebhookMessage.objects.get(name="webhook.test")
    assert answer.json() == {"webhook_id": str(test.webhook_id)}
    path = f"/{endpoint.pk}/messages/{message.webhook_id}/redeliver"
    assert call(door, "POST", path).status_code == 202
    message.refresh_from_db()
    assert (message.status, message.step, message.attempts) == ("pending", 0, 10)
    since = (timezone.now() - dt.timedelta(hours=1)).isoformat()
    answer = call(door, "POST", f"/{endpoint.pk}/recover", {"since": since})
    assert (answer.status_code, answer.json()) == (202, {"recovered": 1})
    later.refresh_from_db()
    endpoint.refresh_from_db()
    assert (later.status, endpoint.held_until) == ("pending", None)
    answer = call(door, "POST", f"/{endpoint.pk}/recover", {"since": "yesterday"})
    assert_refused(answer, 422, "invalid_datetime", "/since")


@pytest.mark.parametrize("step", ["test", "recover", "redeliver"])
def test_who_is_not_active_is_sent_nothing_by_hand(door: Door, step: str) -> None:
    endpoint = make(door, status="paused")
    message = make_message(endpoint)
    path = f"/{endpoint.pk}/{step}"
    if step == "redeliver":
        path = f"/{endpoint.pk}/messages/{message.webhook_id}/redeliver"
    body = {"since": "2026-11-23T10:15:00Z"} if step == "recover" else None
    assert_refused(call(door, "POST", path, body), 409, "webhook_not_active")


def test_a_source_has_no_more_than_its_share(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoints, "MAX_PER_SOURCE", 1)
    make(door)
    answer = call(door, "POST", "", {"url": URL})
    assert_refused(answer, 409, "too_many_webhooks")


def test_another_sources_endpoints_are_not_there(door: Door) -> None:
    mine = make(door)
    own = make_message(mine)
    other = Source.objects.create(name=factories.unique("source"))
    stranger, _ = endpoints.create(other, url=URL)
    theirs = make_message(stranger)
    assert len(call(door, "GET").json()["data"]) == 1
    paths = [
        ("GET", f"/{stranger.pk}"),
        ("PATCH", f"/{stranger.pk}"),
        ("DELETE", f"/{stranger.pk}"),
        ("POST", f"/{stranger.pk}/test"),
        ("POST", f"/{stranger.pk}/rotate-secret"),
        ("GET", f"/{stranger.pk}/messages"),
        ("GET", f"/{stranger.pk}/messages/{theirs.webhook_id}"),
        ("POST", f"/{stranger.pk}/messages/{theirs.webhook_id}/redeliver"),
        ("GET", f"/{mine.pk}/messages/{theirs.webhook_id}"),
        ("GET", f"/{stranger.pk}/messages/{own.webhook_id}"),
        ("POST", f"/{mine.pk}/messages/{theirs.webhook_id}/redeliver"),
        ("GET", f"/{uuid4()}"),
        ("GET", "/no-uuid"),
        ("GET", f"/{mine.pk}/messages/no-uuid"),
    ]
    for method, path in paths:
        answer = call(door, method, path, {} if method == "PATCH" else None)
        assert_refused(answer, 404, "not_found")
    assert WebhookEndpoint.objects.count() == 2


def test_reading_and_changing_have_scopes_of_their_own(door: Door) -> None:
    endpoint = make(door)
    ApiKey.objects.update(scopes=["webhooks:read"])
    assert call(door, "GET").status_code == 200
    for method, path in [
        ("POST", ""),
        ("PATCH", f"/{endpoint.pk}"),
        ("DELETE", f"/{endpoint.pk}"),
        ("POST", f"/{endpoint.pk}/test"),
        ("POST", f"/{endpoint.pk}/rotate-secret"),
        ("POST", f"/{endpoint.pk}/recover"),
    ]:
        answer = call(door, method, path, {})
        assert_refused(answer, 403, "missing_scope")
    ApiKey.objects.update(scopes=["webhooks:write"])
    assert_refused(call(door, "GET"), 403, "missing_scope")
