"""Every operation of the API beyond the door, held to what all of them owe.

What is asked here of one is asked of each that is there, those to come included.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from events import api_keys
from events.models import ApiKey, Scope, Source
from tests.api_door import Door, assert_refused, open_door
from txmsg.api.application import api
from txmsg.api.reading import KeyWith

pytestmark = pytest.mark.django_db

METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}


def operations() -> Iterator[Any]:
    for route, by_method in sorted(api.operations.items()):
        for method in sorted(by_method):
            yield pytest.param(method, route, id=f"{method} {route}")


EACH = pytest.mark.parametrize(("method", "route"), list(operations()))


@pytest.fixture
def door(client: Client) -> Door:
    return open_door(client)


def ask(door: Door, method: str, route: str, query: str = "", **headers: str) -> Any:
    """Ask an operation, as well as can be, for something that does not exist."""
    path = f"/api/v1/{re.sub(r'<[^>]+>', str(uuid4()), route)}{query}"
    own = {"Authorization": f"Bearer {door.key}", **headers}
    if method == "GET":
        return door.client.get(path, headers=own)
    return door.client.generic(
        method, path, b"{}", content_type="application/json", headers=own
    )


def scope_of(method: str, route: str) -> Scope:
    """Return the scope that an operation asks for: each asks for exactly one."""
    (key,) = api.operations[route][method].auth_callbacks
    assert isinstance(key, KeyWith)
    return key.scope


@EACH
def test_rows_1_to_5_no_operation_works_without_a_good_key(
    door: Door, method: str, route: str
) -> None:
    for authorization, code in (
        ("", "missing_api_key"),
        ("Basic YTpi", "unsupported_scheme"),
        (f"Bearer {door.key[:-1]}", "malformed_api_key"),
    ):
        answer = ask(door, method, route, Authorization=authorization)
        assert_refused(answer, 401, code)
        assert answer["WWW-Authenticate"] == "Bearer"
    api_keys.revoke(door.api_key)
    assert_refused(ask(door, method, route), 401, "key_revoked")


@EACH
def test_row_6_each_operation_needs_its_scope_and_no_other(
    door: Door, method: str, route: str
) -> None:
    scope = scope_of(method, route)
    ApiKey.objects.update(scopes=[one for one in Scope.values if one != scope])
    problem = assert_refused(ask(door, method, route), 403, "missing_scope")
    assert scope.value in problem["detail"]
    ApiKey.objects.update(scopes=[scope])
    assert ask(door, method, route).status_code not in (401, 403)


@EACH
def test_rows_8_and_10_keys_in_addresses_and_foreign_networks_are_refused(
    door: Door, method: str, route: str
) -> None:
    assert_refused(ask(door, method, route, "?key=txk_abc"), 400, "key_in_url")
    Source.objects.update(allowed_networks=["10.0.0.0/8"])
    assert_refused(ask(door, method, route), 403, "ip_not_allowed")


@EACH
def test_row_11_each_address_says_which_methods_it_takes(
    door: Door, method: str, route: str
) -> None:
    answer = ask(door, "OPTIONS", route)
    assert_refused(answer, 405, "method_not_allowed")
    allowed = {one.strip() for one in answer["Allow"].split(",")}
    assert method in allowed
    assert set(api.operations[route]) <= allowed
    assert allowed <= METHODS | {"HEAD"}


@EACH
def test_a_parameter_that_is_unknown_is_refused_by_name(
    door: Door, method: str, route: str
) -> None:
    answer = ask(door, method, route, "?never_heard_of=1")
    assert_refused(answer, 422, "unknown_parameter", "?never_heard_of")


@EACH
def test_what_does_not_exist_is_no_fault_of_ours(
    door: Door, method: str, route: str
) -> None:
    answer = ask(door, method, route)
    assert answer.status_code < 500, answer.content
    assert len(answer["X-Request-Id"]) == 32
    assert not answer.cookies


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [
        api.get_openapi_operation_id(operation)
        for by_method in api.operations.values()
        for operation in by_method.values()
    ]
    assert len(names) == len(set(names))


def test_a_parameter_that_may_be_left_out_is_not_said_to_be_null() -> None:
    paths = api.get_openapi_schema(path_prefix="/api/v1/")["paths"]
    for path in paths.values():
        for operation in path.values():
            for parameter in operation.get("parameters", []):
                assert "null" not in str(parameter["schema"])


@EACH
def test_every_operation_says_what_it_does_and_what_it_answers(
    method: str, route: str
) -> None:
    operation = api.operations[route][method]
    assert operation.description.strip().endswith(".")
    assert operation.tags
    assert scope_of(method, route) in Scope
