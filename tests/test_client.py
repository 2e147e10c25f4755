"""The Python client: what it sends, when it asks again, what it makes of answers."""

from __future__ import annotations

import ast
import os
import pickle
import ssl
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import txmsg_client
from txmsg_client import (
    Client,
    Conflict,
    Device,
    Fault,
    Gone,
    Invalid,
    NewEvent,
    NoAnswer,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    Patience,
    Problem,
    Recipient,
    TooMany,
    Unavailable,
)
from txmsg_client.transport import to_json

from events.models import Event, EventType
from tests import factories
from tests.lossy import lossy, of_port
from tests.scripted import Said, Scripted, scripted

ID = UUID("01a2099b-ace9-73ff-b485-ba91aee35100")
ACCEPTED: dict[str, Any] = {
    "id": str(ID),
    "status": "pending",
    "type": "order.confirmed",
    "external_id": "ord-1",
    "received_at": "2026-11-23T09:15:00.131Z",
    "warnings": [],
    "links": {"self": f"/api/v1/events/{ID}"},
}
EVENT = NewEvent(
    type="order.confirmed",
    recipient=Recipient(email="ada@example.com"),
    ctx={"order": {"number": "10293"}},
)


@pytest.fixture(scope="module")
def server() -> Iterator[Scripted]:
    with scripted() as made:
        yield made


@pytest.fixture
def waits() -> list[float]:
    """How long the client waited before each further try; nothing really waits."""
    return []


@pytest.fixture
def client(server: Scripted, waits: list[float]) -> Iterator[Client]:
    server.asked.clear()
    server.answers.clear()
    with Client(server.url, "txk_key", timeout=2) as made:
        made._transport.sleep = waits.append
        yield made


# What is sent


def test_an_event_is_sent_as_documented(client: Client, server: Scripted) -> None:
    server.say(Said(202, {**ACCEPTED, "warnings": [{"code": "c", "pointer": "/p"}]}))
    event = NewEvent(
        type="order.confirmed",
        recipient=Recipient(
            email="ada@example.com",
            name="Ada",
            push=[Device(platform="fcm", token="t")],
        ),
        ctx={"total": Decimal("49.90"), "lines": (1, 2), "id": ID},
        external_id="ord-1",
        expires_at=datetime(2026, 11, 23, 10, 15, tzinfo=UTC),
        metadata={"shop": "paris"},
    )
    accepted = client.send(event)
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/api/v1/events")
    assert asked.headers["Authorization"] == "Bearer txk_key"
    assert asked.headers["Content-Type"] == "application/json"
    assert len(asked.headers["Idempotency-Key"]) == 32
    assert asked.body == {
        "type": "order.confirmed",
        "recipient": {
            "email": "ada@example.com",
            "name": "Ada",
            "push": [{"platform": "fcm", "token": "t"}],
        },
        "ctx": {"total": "49.90", "lines": [1, 2], "id": str(ID)},
        "external_id": "ord-1",
        "expires_at": "2026-11-23T10:15:00+00:00",
        "metadata": {"shop": "paris"},
    }
    assert (accepted.id, accepted.status, accepted.external_id) == (
        ID,
        "pending",
        "ord-1",
    )
    assert accepted.received_at == datetime(2026, 11, 23, 9, 15, 0, 131000, UTC)
    assert accepted.warnings == [Fault("/p", "c", "")]
    assert accepted.is_new


@pytest.mark.parametrize(
    ("headers", "more", "is_replay", "is_duplicate"),
    [
        ({"Idempotent-Replayed": "true"}, {}, True, False),
        ({}, {"duplicate": True}, 0, 1),
    ],
)
def test_what_was_sent_before_is_said(
    client: Client,
    server: Scripted,
    headers: dict[str, str],
    more: dict[str, Any],
    is_replay: bool,
    is_duplicate: bool,
) -> None:
    server.say(Said(200, {**ACCEPTED, **more}, headers))
    accepted = client.send(EVENT, idempotency_key="mine")
    assert (accepted.is_replay, accepted.is_duplicate) == (is_replay, is_duplicate)
    assert not accepted.is_new
    assert server.keys == ["mine"]


@pytest.mark.parametrize(
    "value",
    [float("nan"), datetime(2026, 1, 1), object(), {1, 2}],  # noqa: DTZ001
)
def test_what_json_does_not_have_is_refused_before_it_is_sent(
    client: Client, server: Scripted, value: Any
) -> None:
    with pytest.raises((TypeError, ValueError)):
        client.send(NewEvent(type="a", recipient=Recipient(), ctx={"v": value}))
    assert not server.asked


def test_dates_and_mappings_become_json() -> None:
    day = datetime(2026, 11, 23, tzinfo=UTC).date()
    assert (
        to_json({"day": day, "name": "é"})
        == '{"day": "2026-11-23", "name": "é"}'.encode()
    )


def test_a_batch_tells_what_became_of_each(client: Client, server: Scripted) -> None:
    problem = {
        "code": "invalid_email",
        "detail": "/recipient/email is wrong.",
        "errors": [{"pointer": "/events/1/recipient/email", "code": "invalid_email"}],
    }
    results = [
        {"index": 0, "status": 202, "event": ACCEPTED},
        {"index": 1, "status": 422, "problem": problem},
    ]
    server.say(Said(207, {"summary": {}, "results": results}))
    done = client.send_batch([EVENT, {"type": "x"}], mode="permissive")
    assert server.asked[0].body["mode"] == "permissive"
    assert server.asked[0].body["events"][1] == {"type": "x"}
    assert [each.id for each in done.accepted] == [ID]
    ((place, refused),) = done.refused
    assert (place, refused.status, refused.code) == (1, 422, "invalid_email")
    assert isinstance(refused, Invalid)


def test_an_event_is_validated_without_a_key(client: Client, server: Scripted) -> None:
    said = {
        "valid": False,
        "problems": [{"pointer": "/ctx", "code": "missing_variable", "message": "m"}],
        "warnings": [],
        "would_send": [],
        "duplicate_of": str(ID),
    }
    server.say(Said(200, said))
    found = client.validate(EVENT)
    assert found.duplicate_of == ID
    assert not found.valid
    assert found.problems == [Fault("/ctx", "missing_variable", "m")]
    assert server.asked[0].path == "/api/v1/events/validate"


def test_a_search_goes_through_all_pages(client: Client, server: Scripted) -> None:
    first = {
        **ACCEPTED,
        "deliveries": [{"id": str(ID), "channel": "email", "status": "x"}],
    }
    server.say(
        Said(200, {"data": [first], "next_cursor": "c/1+="}),
        Said(200, {"data": [ACCEPTED], "next_cursor": None}),
    )
    since = datetime(2026, 11, 1, tzinfo=UTC)
    found = list(client.search(recipient="a+b@example.com", since=since, page_size=1))
    assert [each.id for each in found] == [ID, ID]
    assert found[0].deliveries[0].channel == "email"
    assert [asked.path for asked in server.asked] == [
        "/api/v1/events?recipient=a%2Bb%40example.com"
        "&since=2026-11-01T00%3A00%3A00%2B00%3A00&limit=1",
        "/api/v1/events?recipient=a%2Bb%40example.com"
        "&since=2026-11-01T00%3A00%3A00%2B00%3A00&limit=1&cursor=c%2F1%2B%3D",
    ]


def test_an_event_is_cancelled_and_sent_once_more(
    client: Client, server: Scripted
) -> None:
    server.say(Said(200, {**ACCEPTED, "status": "cancelled"}), Said(202, ACCEPTED))
    cancelled = client.cancel(ID)
    assert (cancelled.status, cancelled.is_final) == ("cancelled", True)
    assert client.replay(str(ID)).id == ID
    assert [asked.path for asked in server.asked] == [
        f"/api/v1/events/{ID}/cancel",
        f"/api/v1/events/{ID}/replay",
    ]
    assert len(set(server.keys)) == 2


def test_an_id_that_is_none_gets_into_no_address(client: Client) -> None:
    with pytest.raises(ValueError, match="badly formed"):
        client.get("../healthz")


# When it asks again


@pytest.mark.parametrize(
    "first",
    [
        Said(429, {"code": "rate_limited"}),
        Said(502, "<h1>Bad gateway</h1>"),
        Said(503, {"code": "unavailable"}),
        Said(504, ""),
        Said(drop=True),
    ],
    ids=["429", "502", "503", "504", "dropped"],
)
def test_it_asks_again_with_the_same_key(
    client: Client, server: Scripted, waits: list[float], first: Said
) -> None:
    server.say(first, first, Said(202, ACCEPTED))
    assert client.send(EVENT).id == ID
    assert len(server.asked) == 3
    assert len(set(server.keys)) == 1
    assert server.asked[0].raw == server.asked[2].raw
    assert len(waits) == 2
    assert waits[0] <= 0.2
    assert waits[1] <= 0.4


def test_it_waits_as_long_as_it_is_asked_to(
    client: Client, server: Scripted, waits: list[float]
) -> None:
    moment = datetime.now(UTC) + timedelta(seconds=20)
    server.say(
        Said(503, {}, {"Retry-After": "3"}),
        Said(429, {}, {"Retry-After": format_datetime(moment, usegmt=True)}),
        Said(503, {}, {"Retry-After": "soon"}),
        Said(202, ACCEPTED),
    )
    client.send(EVENT)
    assert 3 <= waits[0] <= 3.1
    assert 15 < waits[1] <= 21
    assert waits[2] <= 1


def test_it_gives_up_at_once_when_it_would_wait_too_long(
    client: Client, server: Scripted, waits: list[float]
) -> None:
    server.say(Said(429, {"code": "rate_limited"}, {"Retry-After": "3600"}))
    with pytest.raises(TooMany) as raised:
        client.send(EVENT)
    assert raised.value.retry_after == 3600
    assert (len(server.asked), waits) == (1, [])


@pytest.mark.parametrize(
    ("said", "error"), [(Said(503, {}), Unavailable), (Said(drop=True), NoAnswer)]
)
def test_it_gives_up_after_all_tries(
    client: Client, server: Scripted, waits: list[float], said: Said, error: Any
) -> None:
    server.say(said)
    with pytest.raises(error) as raised:
        client.send(EVENT, idempotency_key="mine")
    assert len(server.asked) == 6
    assert len(waits) == 5
    if error is NoAnswer:
        assert (raised.value.attempts, raised.value.idempotency_key) == (6, "mine")
        assert isinstance(raised.value.__cause__, ConnectionError)


def test_a_server_that_hangs_is_asked_again(client: Client, server: Scripted) -> None:
    client._transport.timeout = 0.1
    server.say(Said(hang=True), Said(202, ACCEPTED))
    assert client.send(EVENT).id == ID


def test_a_server_that_is_not_there_is_no_answer(waits: list[float]) -> None:
    client = Client("http://127.0.0.1:1", "k", patience=Patience(attempts=2))
    client._transport.sleep = waits.append
    with pytest.raises(NoAnswer, match="ConnectionRefusedError"):
        client.get(ID)
    assert len(waits) == 1


def test_a_wrong_certificate_is_not_tried_again(
    client: Client, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise ssl.SSLCertVerificationError("self-signed")

    monkeypatch.setattr(client._transport, "_exchange", fail)
    with pytest.raises(NoAnswer, match="self-signed"):
        client.get(ID)
    assert not waits


# What it makes of refusals


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (301, Problem),
        (400, Invalid),
        (401, NotAuthenticated),
        (403, NotAllowed),
        (404, NotFound),
        (405, Problem),
        (409, Conflict),
        (410, Gone),
        (413, Invalid),
        (415, Invalid),
        (422, Invalid),
        (500, Unavailable),
    ],
)
def test_a_refusal_is_raised_at_once_and_by_its_kind(
    client: Client, server: Scripted, status: int, error: type[Problem]
) -> None:
    server.say(Said(status, {"code": "c", "detail": "d", "retryable": True}))
    with pytest.raises(error) as raised:
        client.send(EVENT)
    assert type(raised.value) is error
    assert (raised.value.status, raised.value.code) == (status, "c")
    assert raised.value.retryable
    assert len(server.asked) == 1


def test_a_refusal_says_everything_also_after_pickling(
    client: Client, server: Scripted
) -> None:
    said = {
        "type": "urn:txmsg:problem:invalid_email",
        "title": "Invalid email",
        "status": 422,
        "detail": "/recipient/email is wrong. 1 more: see errors.",
        "code": "invalid_email",
        "retryable": False,
        "request_id": "r1",
        "errors": [
            {"pointer": "/recipient/email", "code": "invalid_email", "message": "m1"},
            {"pointer": "/foo", "code": "unknown_field", "message": "m2"},
        ],
        "near": ["a"],
    }
    server.say(Said(422, said))
    with pytest.raises(Invalid) as raised:
        client.send(EVENT)
    for problem in (raised.value, pickle.loads(pickle.dumps(raised.value))):
        assert str(problem) == (
            "422 invalid_email: /recipient/email is wrong. 1 more: see errors.\n"
            "  /recipient/email: invalid_email: m1\n"
            "  /foo: unknown_field: m2\n"
            "  (request r1)"
        )
        assert problem.errors[1] == Fault("/foo", "unknown_field", "m2")
        assert (problem.extra, problem.request_id) == ({"near": ["a"]}, "r1")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (Said(302, "", {"Location": "https://x.test/"}), "moved to https://x.test/"),
        (Said(200, "<h1>Log in</h1>"), "not of txmsg"),
        (Said(404, "<h1>Nothing</h1>"), "not of txmsg"),
    ],
)
def test_an_answer_of_something_else_is_told_as_such(
    client: Client, server: Scripted, said: Said, words: str
) -> None:
    server.say(said)
    with pytest.raises(Problem, match=words):
        client.get(ID)


# Connections


def test_threads_share_connections_that_stay_open(
    client: Client, server: Scripted
) -> None:
    server.say(Said(202, ACCEPTED))
    crew = [
        threading.Thread(target=lambda: [client.send(EVENT) for _ in range(5)])
        for _ in range(4)
    ]
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join()
    assert len(server.asked) == 20
    assert len(set(server.keys)) == 20
    assert len({asked.connection for asked in server.asked}) <= 4
    client.close()
    assert client.send(EVENT).id == ID


def test_a_connection_that_was_closed_meanwhile_costs_no_try(
    client: Client, server: Scripted, waits: list[float]
) -> None:
    server.say(Said(202, ACCEPTED, close=True))
    for _ in range(3):
        client.send(EVENT)
    assert len({asked.connection for asked in server.asked}) == 3
    assert not waits


def test_after_a_fork_connections_are_left_to_the_other_process(
    client: Client, server: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.say(Said(202, ACCEPTED))
    client.send(EVENT)
    pid = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: pid + 1)
    client.send(EVENT)
    client.send(EVENT)
    first, *others = (asked.connection for asked in server.asked)
    assert first not in others
    assert len(set(others)) == 1


def test_the_address_may_have_a_path(server: Scripted) -> None:
    server.asked.clear()
    server.answers.clear()
    server.say(Said(202, ACCEPTED))
    Client(f"{server.url}/mail/", "k").send(EVENT)
    assert server.asked[0].path == "/mail/api/v1/events"
    for wrong in ("mail.example.com", "ftp://x.test", "http://"):
        with pytest.raises(ValueError, match="is no address"):
            Client(wrong, "k")


def test_the_environment_may_say_where_and_who(
    server: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TXMSG_URL", server.url)
    monkeypatch.setenv("TXMSG_KEY", "txk_mine")
    server.asked.clear()
    server.answers.clear()
    server.say(Said(202, ACCEPTED))
    client = Client.from_environment(timeout=1)
    client.send(EVENT)
    assert server.asked[0].headers["Authorization"] == "Bearer txk_mine"
    assert "txk_mine" not in repr(client._transport)


def test_it_needs_the_standard_library_alone() -> None:
    folder = Path(txmsg_client.__file__).parent
    named = set()
    for file in {*folder.glob("*.py")} - {folder / "testing.py"}:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                named.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                named.add(node.module or "")
    roots = {name.partition(".")[0] for name in named} - {"txmsg_client"}
    assert roots <= sys.stdlib_module_names


# Against txmsg itself


@pytest.fixture
def event_type(transactional_db: None) -> EventType:
    return factories.make_event_type(live_channels=["email"])


def new_event(event_type: EventType, **fields: Any) -> NewEvent:
    return NewEvent(
        type=event_type.name,
        recipient=Recipient(email="ada@example.com"),
        ctx={"order": {"number": "10293"}},
        **fields,
    )


def test_events_are_sent_and_looked_up_for_real(
    event_type: EventType, live_server: Any
) -> None:
    with Client(live_server.url, factories.make_key()) as client:
        accepted = client.send(new_event(event_type, external_id="ord-1"))
        again = client.send(new_event(event_type, external_id="ord-1"))
        assert (accepted.is_new, again.is_duplicate) == (True, True)
        found = client.get(accepted.id)
        assert (found.status, found.is_final) == ("pending", False)
        assert [state.status for state in found.states] == ["pending"]
        done = client.send_batch(
            [new_event(event_type), {"type": event_type.name}], mode="permissive"
        )
        assert (len(done.accepted), done.refused[0][0]) == (1, 1)
        with pytest.raises(Invalid) as raised:
            client.send_batch([new_event(event_type, origin="x" * 101)])
        assert raised.value.errors[0].pointer == "/events/0/origin"
        with pytest.raises(NotFound):
            client.get(ID)
    with (
        pytest.raises(NotAuthenticated, match="malformed_api_key"),
        Client(live_server.url, "txk_wrong") as client,
    ):
        client.send(new_event(event_type))
    assert Event.objects.count() == 2


def test_when_the_answer_is_lost_the_next_try_gets_it(
    event_type: EventType, live_server: Any, waits: list[float]
) -> None:
    key, port = factories.make_key(), live_server.thread.port
    event = new_event(event_type)
    with lossy(of_port(port), lose=3) as network:
        client = Client(f"http://127.0.0.1:{network.port}", key)
        client._transport.sleep = waits.append
        accepted = client.send(event)
        client.close()
    assert (network.lost, len(waits)) == (3, 3)
    assert accepted.is_replay
    with lossy(of_port(port), lose=1) as network:
        client = Client(f"http://127.0.0.1:{network.port}", key)
        client._transport.sleep = waits.append
        done = client.send_batch([event, event])
        client.close()
    assert (network.lost, done.is_replay) == (1, True)
    assert Event.objects.count() == 3
