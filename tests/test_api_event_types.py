"""Event types over HTTP: lists, one of them, its contract; and who sees which."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from events.models import Scope
from tests import factories
from tests.api_door import Door, assert_refused, open_door

pytestmark = pytest.mark.django_db

PATH = "/api/v1/event-types"


@pytest.fixture
def door(client: Client) -> Door:
    return open_door(client)


def get(door: Door, path: str = PATH, **query: Any) -> Any:
    own = {"Authorization": f"Bearer {door.key}"}
    return door.client.get(path, query, headers=own)


def test_the_list_is_paged_by_name(door: Door) -> None:
    for name in ("b", "a", "c"):
        factories.make_event_type(name=name)
    first = get(door, limit=3).json()
    assert [each["name"] for each in first["data"]] == ["a", "b", "c"]
    rest = get(door, limit=3, cursor=first["next_cursor"]).json()
    assert [each["name"] for each in rest["data"]] == [door.event_type.name]
    assert rest["next_cursor"] is None


def test_one_is_shown_with_the_request_that_posts_it(door: Door) -> None:
    event_type = factories.make_event_type(
        sample={"order": {"number": "1", "total": "9.90"}}, live_channels=["email"]
    )
    listed = get(door).json()["data"]
    links = next(x for x in listed if x["name"] == event_type.name)["links"]
    shown = get(door, links["self"]).json()
    answer = door.post(shown["request"])
    assert (answer.status_code, answer.json()["type"]) == (202, event_type.name)
    schema = get(door, links["schema"]).json()
    assert schema["contract"] == factories.CONTRACT
    assert schema["request"] == shown["request"]


@pytest.mark.parametrize("path", ["/no.such", "/no.such/schema", "/%20", "/a%00b"])
def test_a_type_that_is_not_there_is_not_found(door: Door, path: str) -> None:
    answer = get(door, f"{PATH}{path}")
    assert answer.status_code in (400, 404)
    assert_refused(answer, answer.status_code, answer.json()["code"])


def test_a_source_sees_no_types_but_its_own(door: Door) -> None:
    other = factories.make_event_type()
    door.source.__class__.objects.filter(pk=door.source.pk).update(
        allowed_types=[door.event_type.name]
    )
    assert [each["name"] for each in get(door).json()["data"]] == [door.event_type.name]
    assert_refused(get(door, f"{PATH}/{other.name}"), 404, "not_found")
    assert get(door, f"{PATH}/{door.event_type.name}").status_code == 200


@pytest.mark.parametrize("path", ["", "/x", "/x/schema"])
def test_reading_takes_the_scope(client: Client, path: str) -> None:
    key = factories.make_key(scopes=[Scope.EVENTS_WRITE])
    door = Door(client, factories.make_event_type(), key)
    assert_refused(get(door, PATH + path), 403, "missing_scope")


@pytest.mark.parametrize("cursor", ["???", "YQ==", "AA", "_w", "Yg\n"])
def test_a_cursor_of_nobody_is_refused(door: Door, cursor: str) -> None:
    assert_refused(get(door, cursor=cursor), 422, "invalid_cursor", "?cursor")


@pytest.mark.parametrize("limit", ["0", "201", "x", ""])
def test_a_limit_out_of_range_is_refused(door: Door, limit: str) -> None:
    answer = get(door, limit=limit)
    assert_refused(answer, 422, answer.json()["code"], "?limit")
