"""The suppression list over HTTP: read, added to, taken from."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from events.models import Scope
from history.models import Suppression
from tests import factories
from tests.api_door import Door, assert_refused, open_door

pytestmark = pytest.mark.django_db

PATH = "/api/v1/suppressions"


@pytest.fixture
def door(client: Client) -> Door:
    return open_door(client)


def send(door: Door, method: str, path: str = PATH, **query: Any) -> Any:
    own = {"Authorization": f"Bearer {door.key}"}
    return door.client.generic(method, path, headers=own, query_params=query)


def add(door: Door, address: str = "ada@example.com", **fields: Any) -> Any:
    body = {"channel": "email", "address": address, **fields}
    return door.post(body, path=PATH)


def test_an_address_is_added_once(door: Door) -> None:
    answer = add(door, " Ada@Example.COM", reason="complaint", note="by phone")
    shown = answer.json()
    assert answer.status_code == 201
    assert answer["Location"] == shown["links"]["self"]
    entry = Suppression.objects.get()
    assert shown == {
        "id": str(entry.pk),
        "channel": "email",
        "address": "ada@example.com",
        "reason": "complaint",
        "note": "by phone",
        "delivery_id": None,
        "created_at": shown["created_at"],
        "links": {"self": f"{PATH}/{entry.pk}"},
    }
    assert entry.source_id == door.source.pk
    again = add(door, "ADA@example.com")
    assert (again.status_code, again.json()) == (200, shown)
    assert send(door, "GET", shown["links"]["self"]).json() == shown


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        ({"address": "nobody"}, "invalid_email", "/address"),
        ({"address": "0612", "channel": "sms"}, "e164_required", "/address"),
        ({"address": "tok", "channel": "push"}, "invalid_push_token", "/address"),
        ({"address": ""}, "too_short", "/address"),
        ({"address": None}, "wrong_type", "/address"),
        ({"channel": "fax"}, "invalid_choice", "/channel"),
        ({"reason": "mood"}, "invalid_choice", "/reason"),
        ({"note": "a\nb"}, "control_character", "/note"),
        ({"extra": 1}, "unknown_field", "/extra"),
    ],
)
def test_what_cannot_be_added_is_refused(
    door: Door, fields: dict[str, Any], code: str, pointer: str
) -> None:
    body = {"channel": "email", "address": "ada@example.com", **fields}
    answer = door.post(body, path=PATH)
    problem = assert_refused(answer, 422, code, pointer)
    assert "nobody" not in json.dumps(problem)
    assert not Suppression.objects.exists()


def test_the_list_is_paged_newest_first_and_narrowed(door: Door) -> None:
    for n in range(3):
        add(door, f"{n}@example.com")
    add(door, "+33612345678", channel="sms", reason="unsubscribe")
    first = send(door, "GET", limit=3).json()
    assert [x["address"] for x in first["data"]] == [
        "+33612345678",
        "2@example.com",
        "1@example.com",
    ]
    rest = send(door, "GET", limit=3, cursor=first["next_cursor"]).json()
    assert [each["address"] for each in rest["data"]] == ["0@example.com"]
    assert rest["next_cursor"] is None
    for query, count in (
        ({"channel": "sms"}, 1),
        ({"reason": "manual"}, 3),
        ({"address": "1@EXAMPLE.com"}, 1),
        ({"address": "1@example.com", "channel": "sms"}, 0),
    ):
        assert len(send(door, "GET", **query).json()["data"]) == count, query


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"channel": "fax"}, "invalid_choice"),
        ({"cursor": "eA"}, "invalid_cursor"),
        ({"adress": "a"}, "unknown_parameter"),
        ({"address": "a\x00"}, "nul_character"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(
    door: Door, query: dict[str, Any], code: str
) -> None:
    assert_refused(send(door, "GET", **query), 422, code, f"?{next(iter(query))}")


def test_an_entry_is_taken_off_by_its_id(door: Door) -> None:
    link = add(door).json()["links"]["self"]
    answer = send(door, "DELETE", link)
    assert (answer.status_code, answer.content) == (204, b"")
    assert_refused(send(door, "DELETE", link), 404, "not_found")
    assert_refused(send(door, "GET", link), 404, "not_found")


def test_an_entry_is_taken_off_by_its_address(door: Door) -> None:
    add(door)
    gone = {"channel": "email", "address": " ADA@example.com "}
    assert_refused(send(door, "DELETE", **{**gone, "channel": "sms"}), 404, "not_found")
    assert send(door, "DELETE", **gone).status_code == 204
    assert not Suppression.objects.exists()
    assert_refused(send(door, "DELETE", channel="email"), 422, "missing_field")


@pytest.mark.parametrize("number", ["0", "x", "-1", "9" * 30, "1.0"])
def test_what_is_no_id_is_not_found(door: Door, number: str) -> None:
    assert_refused(send(door, "GET", f"{PATH}/{number}"), 404, "not_found")
    assert_refused(send(door, "DELETE", f"{PATH}/{number}"), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", PATH, Scope.SUPPRESSIONS_WRITE),
        ("GET", f"{PATH}/1", Scope.SUPPRESSIONS_WRITE),
        ("POST", PATH, Scope.SUPPRESSIONS_READ),
        ("DELETE", PATH, Scope.SUPPRESSIONS_READ),
        ("DELETE", f"{PATH}/1", Scope.SUPPRESSIONS_READ),
    ],
)
def test_reading_and_changing_take_their_scopes(
    client: Client, method: str, path: str, scope: Scope
) -> None:
    door = Door(client, factories.make_event_type(), factories.make_key(scopes=[scope]))
    assert_refused(send(door, method, path), 403, "missing_scope")
