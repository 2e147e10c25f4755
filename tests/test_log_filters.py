"""What is in the log of a refusal: one line with its code, nothing that was sent."""

from __future__ import annotations

import json
import logging

import pytest
from django.test import Client

from tests.api_door import PATH, Door, open_door
from txmsg import health
from txmsg.health import Finding

pytestmark = pytest.mark.django_db


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str, str]]:
    return [
        (record.levelname, record.name, record.getMessage())
        for record in caplog.records
    ]


@pytest.fixture
def door(client: Client, caplog: pytest.LogCaptureFixture) -> Door:
    caplog.set_level(logging.INFO)
    return open_door(client)


def test_a_refusal_of_the_api_is_one_line_with_its_code(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    answer = door.post(door.body(recipient={"email": "secret"}))
    request_id = answer["X-Request-Id"]
    expected = f"refused: 422 invalid_email, request {request_id}"
    assert lines(caplog) == [("INFO", "events.problems", expected)]


def test_an_unknown_address_of_the_api_is_one_line_too(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    door.client.get("/api/v2/events")
    ((level, name, line),) = lines(caplog)
    assert (level, name) == ("INFO", "events.problems")
    assert line.startswith("refused: 404 not_found, request ")


def test_an_answer_of_readyz_is_not_logged(
    client: Client, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "findings", lambda: [Finding("queue", "is away")])
    assert client.get("/readyz").status_code == 503
    assert lines(caplog) == []


def test_what_is_not_found_elsewhere_is_logged_by_django(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    client.get("/nowhere")
    assert [name for _, name, _ in lines(caplog)] == ["django.request"]


def test_an_exception_under_the_api_stays_in_the_log(
    door: Door, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "findings", lambda: 1 / 0)
    door.client.raise_request_exception = False
    assert door.client.get("/readyz").status_code == 500
    assert [bool(r.exc_info) for r in caplog.records if r.name == "django.request"]


def test_a_host_that_is_not_ours_is_one_warning(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    client.get("/healthz", headers={"host": "evil.example"})
    client.get("/admin/", headers={"host": "evil.example"})
    assert {(level, name) for level, name, _ in lines(caplog)} == {
        ("WARNING", "django.security.DisallowedHost")
    }
    assert all(record.exc_info is None for record in caplog.records)


def test_answers_end_their_line(door: Door) -> None:
    accepted = door.post()
    answers = [
        accepted,
        door.post(b"{"),
        door.get(json.loads(accepted.content)["id"]),
        door.client.get(PATH + "/none"),
        door.client.get("/readyz"),
        door.client.get("/api/nothing"),
    ]
    assert [answer.content[-2:] for answer in answers] == [b"}\n"] * len(answers)
