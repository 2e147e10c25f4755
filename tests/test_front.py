"""The front: the short way of the door answers what the full way does."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import RequestFactory

from events.models import Event
from tests import factories
from txmsg.front import DOOR, Door, Everything, Front

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def ways() -> tuple[Any, Any]:
    return Everything(), Front()


@pytest.fixture(autouse=True)
def open_connection() -> Iterator[None]:
    """A request of a server looks after connections, which here is the test's own."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def ask(application: Any, path: str, body: bytes = b"", **environ: Any) -> Any:
    """Return status, headers and body of an answer, without what is made anew."""
    usual = {
        "PATH_INFO": path,
        "REQUEST_METHOD": "POST",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_HOST": "testserver",
        "wsgi.input": io.BytesIO(body),
    }
    given = RequestFactory()._base_environ(**{**usual, **environ})
    said: list[Any] = []
    answer = application(given, lambda *start: said.extend(start))
    text = b"".join(answer)
    headers = {name: value for name, value in said[1] if name != "X-Request-Id"}
    body_read = json.loads(text) if text.startswith(b"{") else text
    if isinstance(body_read, dict):
        body_read.pop("request_id", None)
    return said[0], headers, body_read


@pytest.mark.parametrize("path", sorted(DOOR))
@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"REQUEST_METHOD": "GET"},
        {"HTTP_HOST": "evil.example"},
        {"HTTP_HOST": "a b"},
        {"HTTP_AUTHORIZATION": "Basic x"},
        {"HTTP_COOKIE": "sessionid=x; csrftoken=y"},
        {"CONTENT_TYPE": "text/plain"},
        {"QUERY_STRING": "key=txk_abc"},
    ],
)
def test_refusals_are_the_same_on_both_ways(
    ways: tuple[Any, Any], path: str, environ: dict[str, str]
) -> None:
    full, short = (ask(way, path, **environ) for way in ways)
    assert full == short
    assert short[1]["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/api/v1/events/", "/api/v1/event", "/healthz"])
def test_other_addresses_take_the_full_way(ways: tuple[Any, Any], path: str) -> None:
    assert ask(ways[0], path) == ask(ways[1], path)


def test_https_is_asked_for_on_both_ways(settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_HSTS_SECONDS = 3600
    full, short = (ask(way, "/api/v1/events") for way in (Everything(), Door()))
    assert full == short
    assert short[0].startswith("301")


def test_an_event_is_taken_in_on_both_ways(ways: tuple[Any, Any]) -> None:
    event_type = factories.make_event_type(live_channels=["email"])
    body = json.dumps(factories.body_for(event_type)).encode()
    key = {"HTTP_AUTHORIZATION": f"Bearer {factories.make_key()}"}
    full, short = (ask(way, "/api/v1/events", body, **key) for way in ways)
    assert full[0] == short[0] == "202 Accepted"
    assert full[1].keys() == short[1].keys()
    assert full[2].keys() == short[2].keys()
    assert Event.objects.count() == 2
