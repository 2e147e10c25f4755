"""How the API beyond the door reads, refuses and answers, tried on a subject of a test.

Each refusal is what the door answers to the same fault.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Annotated, Any

import pytest
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client
from ninja import Query, Router, Status
from pydantic import BaseModel, Field

from events.models import ApiKey, Scope
from tests.api_door import Door, assert_refused, open_door
from txmsg.api.application import serve
from txmsg.api.reading import KeyedRequest, KeyWith, Strict

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

router = Router()
READ, WRITE = KeyWith(Scope.EVENTS_READ), KeyWith(Scope.EVENTS_WRITE)
SEEN: list[Any] = []


class Filters(BaseModel):
    kind: Annotated[str, Field(max_length=5)] = ""
    size: Annotated[int, Field(ge=1, le=9)] = 1


class Inner(Strict):
    number: int


class Given(Strict):
    name: Annotated[str, Field(max_length=5)]
    inner: Inner | None = None
    data: dict[str, Any] = Field(default_factory=dict)


@router.get("/things", auth=READ)
def list_things(request: KeyedRequest, filters: Query[Filters]) -> dict[str, Any]:
    return {
        "kind": filters.kind,
        "size": filters.size,
        "caller": request.auth.source_id,
    }


@router.post("/things", auth=WRITE, response={201: dict[str, Any]})
def add_thing(
    request: KeyedRequest, response: HttpResponse, given: Given
) -> Status[dict[str, Any]]:
    response["Location"] = "/there"
    return Status(201, {"data": given.data})


@router.post("/things/{name}/stop", auth=WRITE)
def stop_thing(request: KeyedRequest, name: str) -> dict[str, Any]:
    SEEN.append(name)
    if name == "database":
        raise OperationalError("gone")
    if name == "bug":
        raise RuntimeError("secret of the house")
    return {"name": name}


urlpatterns = serve([router], namespace="things").urls[0]
handler404 = "txmsg.api_errors.page_not_found"


@pytest.fixture
def door(client: Client) -> Door:
    return open_door(client)


def get(door: Door, path: str, **headers: str) -> Any:
    own = {"Authorization": f"Bearer {door.key}", **headers}
    return door.client.get(path, headers=own)


def test_what_is_asked_is_answered_on_one_line(door: Door) -> None:
    answer = get(door, "/things?kind=a&size=3")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert answer.content.endswith(b"}\n")
    assert answer.json() == {"kind": "a", "size": 3, "caller": door.source.pk}
    assert len(answer["X-Request-Id"]) == 32
    assert not answer.cookies


def test_head_is_answered_as_get(door: Door) -> None:
    own = {"Authorization": f"Bearer {door.key}"}
    assert door.client.head("/things", headers=own).status_code == 200
    assert door.client.head("/things/a/stop", headers=own).status_code == 405


def test_numbers_keep_their_digits_from_the_body_to_the_answer(door: Door) -> None:
    raw = b'{"name": "a", "data": {"total": 10.10, "tiny": 1e-7}}'
    answer = door.post(raw, path="/things")
    assert (answer.status_code, answer["Location"]) == (201, "/there")
    read = json.loads(answer.content, parse_float=Decimal)
    assert read["data"] == {"total": Decimal("10.10"), "tiny": Decimal("1E-7")}
    assert b"10.10" in answer.content


def test_a_key_is_needed_and_its_scope(door: Door) -> None:
    assert_refused(door.client.get("/things"), 401, "missing_api_key")  # type: ignore[arg-type]
    ApiKey.objects.update(scopes=["events:write"])
    problem = assert_refused(get(door, "/things"), 403, "missing_scope")
    assert "events:read" in problem["detail"]
    assert door.post({"name": "a"}, path="/things").status_code == 201


def test_the_scope_is_asked_for_before_anything_is_read(door: Door) -> None:
    ApiKey.objects.update(scopes=["events:read"])
    assert_refused(door.post(b"{", path="/things"), 403, "missing_scope")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "FOO"])
def test_another_method_is_refused_with_all_those_of_the_address(
    door: Door, method: str
) -> None:
    answer: Any = door.client.generic(method, "/things")
    assert_refused(answer, 405, "method_not_allowed")
    assert answer["Allow"] == "GET, POST, HEAD"


@pytest.mark.parametrize(
    ("query", "code", "name"),
    [
        ("colour=red", "unknown_parameter", "colour"),
        ("kinds=a", "unknown_parameter", "kinds"),
        ("kind=a&kind=b", "repeated_parameter", "kind"),
        ("kind=a%00", "nul_character", "kind"),
        ("kind=abcdef", "too_long", "kind"),
        ("size=0", "out_of_range", "size"),
        ("size=10", "out_of_range", "size"),
        ("size=x", "wrong_type", "size"),
    ],
)
def test_a_parameter_that_does_not_fit_is_refused_by_its_name(
    door: Door, query: str, code: str, name: str
) -> None:
    problem = assert_refused(get(door, f"/things?{query}"), 422, code, f"?{name}")
    assert "red" not in json.dumps(problem)


def test_a_parameter_that_is_nearly_right_is_named(door: Door) -> None:
    assert "did you mean kind" in get(door, "/things?kinds=a").json()["detail"]
    answer = door.post({}, path="/things/a/stop?x=1")
    problem = assert_refused(answer, 422, "unknown_parameter", "?x")
    assert "takes none" in problem["detail"]


def test_more_parameters_than_django_reads_are_refused(door: Door) -> None:
    query = "&".join(f"a{n}=" for n in range(1_100))
    assert_refused(get(door, f"/things?{query}"), 400, "bad_request")


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({}, "missing_field", "/name"),
        ({"name": 1}, "wrong_type", "/name"),
        ({"name": "abcdef"}, "too_long", "/name"),
        ({"name": "a", "nmae": "b"}, "unknown_field", "/nmae"),
        ({"name": "a", "a/b": "c"}, "unknown_field", "/a~1b"),
        ({"name": "a", "inner": []}, "wrong_type", "/inner"),
        ({"name": "a", "inner": {"number": "1"}}, "wrong_type", "/inner/number"),
        ({"name": "a", "inner": {}}, "missing_field", "/inner/number"),
        ({"name": "a\x00"}, "nul_character", "/name"),
        ({"name": "a", "data": {"n": 2**53}}, "unsafe_integer", "/data/n"),
    ],
)
def test_a_field_that_does_not_fit_is_refused_by_its_pointer(
    door: Door, body: Any, code: str, pointer: str
) -> None:
    assert_refused(door.post(body, path="/things"), 422, code, pointer)


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (b" ", 400, "empty_body"),
        (b"{", 400, "invalid_json"),
        (b"{} {}", 400, "trailing_data"),
        (b"\xff", 400, "invalid_utf8"),
        (b"[]", 400, "object_required"),
        (b'{"name": NaN}', 400, "non_finite_number"),
        (b'{"name": 1e999}', 400, "number_out_of_range"),
        (b'{"name": "a", "name": "b"}', 400, "duplicate_key"),
        (b"[" * 60_000, 400, "too_deep"),
        (b'{"name": "' + b"a" * 270_000 + b'"}', 413, "body_too_large"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_as_at_the_door(
    door: Door, raw: bytes, status: int, code: str
) -> None:
    assert_refused(door.post(raw, path="/things"), status, code)


@pytest.mark.parametrize(
    ("content_type", "code"),
    [
        ("text/plain", "json_required"),
        ("multipart/form-data; boundary=x", "json_required"),
        ("application/json; charset=utf-16", "utf8_required"),
    ],
)
def test_another_content_is_refused(door: Door, content_type: str, code: str) -> None:
    answer = door.post({"name": "a"}, path="/things", content_type=content_type)
    assert_refused(answer, 415, code)


@pytest.mark.parametrize("raw", [b"", b"{}"])
def test_what_takes_no_body_takes_none_or_an_empty_one(door: Door, raw: bytes) -> None:
    assert door.post(raw, path="/things/a/stop").json() == {"name": "a"}


def test_a_body_where_none_is_taken_is_refused_and_nothing_is_done(door: Door) -> None:
    SEEN.clear()
    answer = door.post({"because": "no"}, path="/things/a/stop")
    assert_refused(answer, 422, "unknown_field", "/because")
    assert_refused(door.post(b"{", path="/things/a/stop"), 400, "invalid_json")
    assert not SEEN


def test_a_fault_of_ours_has_no_details_and_the_database_may_come_back(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    problem = assert_refused(
        door.post(b"", path="/things/bug/stop"), 500, "internal_error"
    )
    assert "secret" not in json.dumps(problem)
    assert problem["request_id"] in caplog.text
    away = door.post(b"", path="/things/database/stop")
    assert_refused(away, 503, "unavailable")
    assert away["Retry-After"] == "2"


def test_an_unknown_address_is_a_problem(door: Door) -> None:
    answer = get(door, "/api/v1/nothing/here")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_session_is_no_key(door: Door, admin_client: Client) -> None:
    assert_refused(admin_client.get("/things"), 401, "missing_api_key")  # type: ignore[arg-type]


def test_a_key_in_the_address_is_refused(door: Door) -> None:
    assert_refused(get(door, "/things?kind=txk_abc"), 400, "key_in_url")
