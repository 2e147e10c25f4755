"""Batches: all or none, or each by itself; and repeating them changes nothing."""

from __future__ import annotations

import io
import json
import random
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.test import Client

from events import (
    api_keys,
    batch,
    failpoints,
    identities,
    ids,
    known_types,
    pressure,
    ringing,
    statements,
)
from events.models import (
    ApiKey,
    Event,
    EventContext,
    EventIdentity,
    EventType,
    Work,
)
from events.problems import Refused
from events.webhooks import outbox
from tests import factories
from tests.api_door import Door, assert_refused, nothing_stored, open_door
from tests.test_bad_input import FAULTS, JSON_FAULTS, dated

pytestmark = pytest.mark.django_db

PATH = "/api/v1/events/batch"


@pytest.fixture
def door(client: Client) -> Door:
    return open_door(client)


@pytest.fixture
def rings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(ringing, "ring_on_commit", found.append)
    return found


def post(door: Door, events: Any, *, key: str = "", **fields: Any) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return door.post({"events": events, **fields}, path=PATH, headers=headers)


def permissive(door: Door, events: Any, **more: Any) -> Any:
    return post(door, events, mode="permissive", **more)


def codes(answer: Any) -> list[Any]:
    """Return what became of each event: its status, or the code of its refusal."""
    return [
        one["problem"]["code"] if "problem" in one else one["status"]
        for one in answer.json()["results"]
    ]


# All taken


def test_a_batch_is_stored_in_its_order_and_rung_for_once_a_lane(
    door: Door, rings: list[str]
) -> None:
    events = [
        door.body(
            external_id=f"e{number}",
            lane=["normal", "bulk"][number % 2],
            recipient={"email": f"ada{number}@example.com"},
            metadata={"n": number},
        )
        for number in range(20)
    ]
    answer = post(door, events)
    assert answer.status_code == 202
    body = answer.json()
    assert body["summary"] == {"accepted": 20, "rejected": 0}
    assert [one["index"] for one in body["results"]] == list(range(20))
    assert {one["status"] for one in body["results"]} == {202}
    shown = [one["event"] for one in body["results"]]
    assert [one["external_id"] for one in shown] == [f"e{n}" for n in range(20)]
    assert shown[3] == {
        "id": shown[3]["id"],
        "status": "pending",
        "type": door.event_type.name,
        "external_id": "e3",
        "received_at": shown[3]["received_at"],
        "warnings": [],
        "links": {"self": f"/api/v1/events/{shown[3]['id']}"},
    }
    stored = Event.objects.order_by("id")
    assert [str(event.id) for event in stored] == [one["id"] for one in shown]
    assert [event.address for event in stored] == [
        f"ada{number}@example.com" for number in range(20)
    ]
    assert len({event.received_at for event in stored}) == 1
    for event in stored:
        row = Work.objects.get(id=ids.delivery_id(event.id, 1))
        assert (row.event_id, row.lane, row.stage) == (event.id, event.lane, "pending")
        assert row.due_at == event.received_at
        context = EventContext.objects.get(event_id=event.id)
        assert context.metadata == {"n": int(event.external_id[1:])}
        assert context.ctx == {"order": {"number": "10293"}}
    assert rings == ["bulk", "normal"]
    assert door.get(shown[3]["id"]).json()["status"] == "pending"


def test_events_of_a_batch_may_be_of_several_types_and_times(door: Door) -> None:
    other = factories.make_event_type(live_channels=["sms"], ttl_seconds=60)
    waiting = factories.make_event_type(when_uncovered="store")
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    events = [
        door.body(),
        factories.body_for(other, recipient={"phone": "+33612345678"}),
        factories.body_for(waiting),
        door.body(scheduled_at=later),
        door.body(expires_at=later),
    ]
    answer = post(door, events)
    assert answer.status_code == 202
    shown = [one["event"] for one in answer.json()["results"]]
    assert [one["status"] for one in shown] == [
        "pending",
        "pending",
        "not_covered",
        "pending",
        "pending",
    ]
    assert [w["code"] for w in shown[2]["warnings"]] == ["not_covered"]
    rows = [Work.objects.get(event_id=one["id"]) for one in shown]
    assert rows[1].expires_at - rows[1].due_at == timedelta(seconds=60)
    assert rows[2].due_at == rows[2].expires_at
    assert rows[3].due_at == datetime.fromisoformat(later)
    assert rows[4].expires_at == datetime.fromisoformat(later)


def test_a_batch_costs_one_statement_however_long_it_is(
    door: Door, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.TXMSG_INTAKE_CACHE_SECONDS = 60.0
    # Who listens is asked once a second, and the machine may be slow.
    monkeypatch.setattr(outbox, "is_wanted", lambda: False)
    prepared: list[str] = []
    really = statements.rows

    def rows(statement: str, values: Any) -> Any:
        prepared.append(statement)
        return really(statement, values)

    assert post(door, [door.body()]).status_code == 202
    monkeypatch.setattr(statements, "rows", rows)
    for count, key, external, wanted in (
        (1, "", False, 1),
        (200, "", False, 1),
        (200, "", True, 2),
        (200, "k", True, 3),  # and the look for an earlier batch
    ):
        prepared.clear()
        events = [
            door.body(**({"external_id": factories.unique("e")} if external else {}))
            for _ in range(count)
        ]
        assert post(door, events, key=key).status_code == 202
        assert len(prepared) == wanted


# Refused as a whole


@pytest.mark.parametrize(
    ("body", "status", "code", "pointer"),
    [
        ({"events": []}, 400, "empty_batch", "/events"),
        ({"events": {}}, 400, "events_required", "/events"),
        ({"events": None}, 400, "events_required", "/events"),
        ({}, 400, "events_required", "/events"),
        ({"events": [1] * 501}, 413, "batch_too_large", "/events"),
        ({"events": [1], "mode": "loose"}, 422, "invalid_choice", "/mode"),
        ({"events": [1], "mode": None}, 422, "invalid_choice", "/mode"),
        ({"events": [1], "mode": ["strict"]}, 422, "invalid_choice", "/mode"),
        ({"events": [1], "modes": "strict"}, 422, "unknown_field", "/modes"),
        ([1], 400, "object_required", None),
        (b'{"events": [1], "events": [2]}', 400, "duplicate_key", "/events"),
        (b'{"mode": NaN, "events": [1]}', 400, "non_finite_number", "/mode"),
        (b'{"events": [', 400, "invalid_json", None),
        (b'{"events": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", 400, "too_deep", None),
        (b" ", 400, "empty_body", None),
    ],
)
def test_what_is_no_batch_is_refused(
    door: Door, body: Any, status: int, code: str, pointer: str | None
) -> None:
    assert_refused(door.post(body, path=PATH), status, code, pointer)


def test_a_batch_may_have_five_megabytes(door: Door) -> None:
    stream = io.BytesIO(b" " * 100)
    length = str(5 * 1024 * 1024 + 1)
    answer = door.post(path=PATH, **{"wsgi.input": stream, "CONTENT_LENGTH": length})
    problem = assert_refused(answer, 413, "body_too_large")
    assert "5 MB" in problem["detail"]
    assert stream.tell() == 0
    EventType.objects.update(contract={"type": "object"})
    long = door.body(ctx={f"k{n}": "x" * 60_000 for n in range(4)})
    assert post(door, [long] * 20).status_code == 202
    too_long = door.body(ctx={f"k{n}": "x" * 60_000 for n in range(5)})
    answer = permissive(door, [door.body(), too_long])
    assert codes(answer) == [202, "body_too_large"]


def test_a_batch_needs_the_same_key_as_an_event(door: Door) -> None:
    answer = door.client.post(PATH, {}, content_type="application/json")
    assert_refused(answer, 401, "missing_api_key")
    assert_refused(door.client.get(PATH), 405, "method_not_allowed")
    ApiKey.objects.update(scopes=["events:read"])
    assert_refused(post(door, [door.body()]), 403, "missing_scope")


# Refused events

BAD: list[tuple[Any, str, str]] = [
    (None, "object_required", ""),
    (7, "object_required", ""),
    ([], "object_required", ""),
    ({"a": {"b": 2**60}}, "unsafe_integer", "/a/b"),
    ({"a": "x\x00"}, "nul_character", "/a"),
    ({"type": "no.such.type"}, "unknown_event_type", "/type"),
    ({"type": 5}, "unknown_event_type", "/type"),
    ({"recipient": {"email": "a@b"}}, "invalid_email", "/recipient/email"),
    ({"recipient": {}}, "recipient_required", "/recipient"),
    ({"ctx": {}}, "missing_variable", "/ctx/order"),
    ({"ctx": {"order": {"number": 1}}}, "wrong_type", "/ctx/order/number"),
    ({"foo": 1}, "unknown_field", "/foo"),
    ({"scheduled_at": "soon"}, "invalid_datetime", "/scheduled_at"),
    ({"expires_at": "2020-01-01T00:00:00Z"}, "already_expired", "/expires_at"),
    ({"external_id": "x" * 201}, "too_long", "/external_id"),
]


def bad_events(door: Door) -> list[Any]:
    return [
        door.body(**given) if isinstance(given, dict) and "a" not in given else given
        for given, _, _ in BAD
    ]


def test_strict_takes_none_and_names_the_faults_of_all(
    door: Door, rings: list[str]
) -> None:
    good = [door.body(external_id="e1"), door.body()]
    answer = post(door, [*good, *bad_events(door)])
    problem = assert_refused(answer, 422, "batch_refused")
    assert f"{len(BAD)} of {len(BAD) + 2}" in problem["detail"]
    named = {(fault["pointer"], fault["code"]) for fault in problem["errors"]}
    assert named >= {
        (f"/events/{number + 2}{pointer}", code)
        for number, (_, code, pointer) in enumerate(BAD)
    }
    assert rings == []


def test_permissive_takes_the_others_and_keeps_the_order(
    door: Door, rings: list[str]
) -> None:
    events = [door.body(external_id="e1"), *bad_events(door), door.body()]
    answer = permissive(door, events)
    assert answer.status_code == 207
    assert answer.json()["summary"] == {"accepted": 2, "rejected": len(BAD)}
    assert codes(answer) == [202, *(code for _, code, _ in BAD), 202]
    for number, (_, code, pointer) in enumerate(BAD, start=1):
        result = answer.json()["results"][number]
        problem = result["problem"]
        assert result["status"] == problem["status"]
        assert problem["code"] == code
        assert (f"/events/{number}{pointer}", code) in [
            (fault["pointer"], fault["code"]) for fault in problem["errors"]
        ]
    assert Event.objects.count() == Work.objects.count() == 2
    assert rings == ["normal"]


def test_permissive_may_take_none(door: Door) -> None:
    answer = permissive(door, [None, 1], key="k")
    assert (answer.status_code, codes(answer)) == (207, ["object_required"] * 2)
    assert nothing_stored()


def test_numbers_that_json_does_not_have_are_faults_of_their_event(door: Door) -> None:
    raw = json.dumps(
        {"mode": "permissive", "events": [door.body(), {"n": 0}, {"m": 0}]}
    )
    raw = raw.replace('"n": 0', '"n": NaN').replace('"m": 0', '"m": 1, "m": 2')
    answer = door.post(raw.encode(), path=PATH)
    assert codes(answer) == [202, "non_finite_number", "duplicate_key"]
    faults = answer.json()["results"][2]["problem"]["errors"]
    assert faults[0]["pointer"] == "/events/2/m"


def test_each_event_may_have_as_much_as_a_single_one(door: Door) -> None:
    EventType.objects.update(contract={"type": "object"})
    many = {f"k{number}": 1 for number in range(1_900)}
    answer = post(door, [door.body(ctx=many), door.body(ctx=many)])
    assert answer.status_code == 202
    more = {f"k{number}": 1 for number in range(2_100)}
    assert codes(permissive(door, [door.body(ctx=more)])) == ["too_many_keys"]


@pytest.mark.parametrize("text", ["é", "語", "🎉"])
def test_an_event_is_measured_by_its_bytes_in_utf_8(door: Door, text: str) -> None:
    EventType.objects.update(contract={"type": "object"})
    size = len(text.encode())

    def events(bytes_in_all: int) -> list[Any]:
        ctx = {f"k{n}": text * (bytes_in_all // 8 // size) for n in range(8)}
        return [door.body(ctx=ctx), door.body()]

    assert codes(permissive(door, events(255 * 1024))) == [202, 202]
    assert codes(permissive(door, events(257 * 1024))) == ["body_too_large", 202]


def test_every_bad_field_of_an_event_is_refused_in_a_batch(door: Door) -> None:
    """The rows 52 to 77 of the reference, all in one batch beside a good event."""
    faults = [list(one.values) for one in FAULTS]
    events = [door.body(**dated(fields)) for fields, _, _ in faults]
    answer = permissive(door, [*events, door.body()])
    assert answer.status_code == 207
    results = answer.json()["results"]
    assert results[-1]["status"] == 202
    for number, (_, code, pointer) in enumerate(faults):
        problem = results[number]["problem"]
        found = [(fault["pointer"], fault["code"]) for fault in problem["errors"]]
        assert (f"/events/{number}{pointer}", code) in found
    assert Event.objects.count() == 1


@pytest.mark.parametrize(
    ("raw", "status", "code", "pointer"),
    [one for one in JSON_FAULTS if one.values[0].startswith(b"{")],
)
@pytest.mark.parametrize("mode", batch.MODES)
def test_bad_json_is_refused_in_a_batch(
    door: Door, mode: str, raw: bytes, status: int, code: str, pointer: str | None
) -> None:
    """A value by its place in its event; a text that is no JSON as a whole."""
    good = json.dumps(door.body()).encode()
    body = b'{"mode": "%s", "events": [%s, %s]}' % (mode.encode(), good, raw)
    answer = door.post(body, path=PATH)
    whole = {"invalid_json", "trailing_data", "invalid_utf8"}
    if code in whole or answer.status_code == 400:
        assert code in {*whole, "too_deep"}
        wanted = "invalid_json" if code == "trailing_data" else code
        assert_refused(answer, 400, wanted)
    elif mode == "strict":
        problem = assert_refused(answer, 422, "batch_refused")
        assert {fault["code"] for fault in problem["errors"]} == {code}
    else:
        accepted, refused = answer.json()["results"]
        assert (accepted["status"], refused["status"]) == (202, status)
        [fault] = refused["problem"]["errors"]
        assert fault["code"] == code
        assert fault["pointer"].startswith(f"/events/1{pointer or ''}")


def test_fifty_faults_of_each_event_are_named(door: Door) -> None:
    flood = door.body(**{f"field{number}": 1 for number in range(90)})
    problem = assert_refused(post(door, [flood, flood]), 422, "batch_refused")
    counted = Counter(fault["pointer"].split("/")[2] for fault in problem["errors"])
    assert counted == {"0": 50, "1": 50}


def test_the_critical_lane_needs_its_scope_event_by_event(door: Door) -> None:
    ApiKey.objects.update(scopes=["events:write"])
    events = [door.body(lane="critical"), door.body(lane="bulk")]
    assert codes(permissive(door, events)) == ["missing_scope", 202]
    assert_fault = post(door, events).json()["errors"][0]
    assert (assert_fault["pointer"], assert_fault["code"]) == (
        "/events/0",
        "missing_scope",
    )


def test_many_unknown_types_are_refused_fast(
    door: Door, django_assert_max_num_queries: Any
) -> None:
    events = [door.body(type=f"order.confirmd.{number}") for number in range(500)]
    with django_assert_max_num_queries(6):
        answer = permissive(door, events)
    assert codes(answer) == ["unknown_event_type"] * 500


def test_no_room_is_said_of_the_lane(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    def require_room(lane: str) -> None:
        if lane == "bulk":
            headers = {"Retry-After": "9"}
            raise Refused(
                503, "backpressure", "Later.", retryable=True, headers=headers
            )

    monkeypatch.setattr(pressure, "require_room", require_room)
    events = [door.body(lane="bulk"), door.body()]
    whole = post(door, events)
    assert_refused(whole, 503, "backpressure")
    assert whole["Retry-After"] == "9"
    assert codes(permissive(door, events)) == ["backpressure", 202]
    single = door.post(door.body(lane="bulk"))
    assert (single.status_code, single.json()["code"]) == (503, "backpressure")


# Repeating


def test_twins_in_a_batch_are_one_event(door: Door) -> None:
    events = [door.body(external_id="e"), door.body(), door.body(external_id="e")]
    answer = post(door, events)
    assert answer.status_code == 202
    assert codes(answer) == [202, 202, 200]
    first, _, twin = (one["event"] for one in answer.json()["results"])
    assert twin == {**first, "duplicate": True}
    assert Event.objects.count() == 2


def test_twins_with_other_data_are_a_conflict(door: Door) -> None:
    events = [door.body(external_id="e"), door.body(external_id="e", origin="x")]
    assert codes(permissive(door, events)) == [202, "external_id_conflict"]
    problem = post(door, events).json()
    assert problem["code"] == "batch_refused"
    assert [fault["pointer"] for fault in problem["errors"]] == [
        "/events/1/external_id"
    ]


def test_a_refused_event_does_not_hold_its_key(door: Door) -> None:
    events = [
        door.body(external_id="e", recipient={"email": "a@b"}),
        door.body(external_id="e"),
    ]
    assert codes(permissive(door, events)) == ["invalid_email", 202]


def test_what_was_stored_before_answers_with_the_first_event(door: Door) -> None:
    first = door.post(door.body(external_id="e0")).json()
    events = [door.body(external_id=f"e{number}") for number in range(3)]
    answer = post(door, events)
    assert (answer.status_code, codes(answer)) == (202, [200, 202, 202])
    assert answer.json()["results"][0]["event"] == {**first, "duplicate": True}
    again = post(door, events)
    assert (again.status_code, codes(again)) == (202, [200, 200, 200])
    assert Event.objects.count() == 3

    other = [door.body(external_id="e9"), door.body(external_id="e1", origin="x")]
    assert post(door, other).json()["code"] == "batch_refused"
    assert Event.objects.count() == 3
    assert codes(permissive(door, other)) == [202, "external_id_conflict"]


def test_a_repeated_event_is_answered_when_it_would_be_refused_by_now(
    door: Door,
) -> None:
    events = [door.body(external_id="e")]
    first = post(door, events).json()
    EventType.objects.update(live_channels=[])
    again = post(door, events)
    assert again.status_code == 202
    assert (
        again.json()["results"][0]["event"]["id"]
        == (first["results"][0]["event"]["id"])
    )


def test_a_key_whose_event_was_purged_is_free_again(door: Door) -> None:
    events = [door.body(external_id="e"), door.body(external_id="f")]
    post(door, events)
    Event.objects.filter(external_id="e").delete()
    assert codes(post(door, events)) == [202, 200]


def test_the_same_key_and_batch_are_answered_as_at_first(door: Door) -> None:
    door.post(door.body(external_id="old"))
    events = [door.body(external_id="old"), door.body(), None, door.body(foo=1)]
    first = permissive(door, events, key="k")
    assert codes(first) == [200, 202, "object_required", "unknown_field"]
    again = permissive(door, events, key="k")
    assert again.status_code == 207
    assert again["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first
    assert codes(again) == [200, 200, "object_required", "unknown_field"]
    before, after = (
        [one.get("event", {}).get("id") for one in answer.json()["results"]]
        for answer in (first, again)
    )
    assert before == after
    assert Event.objects.count() == 2
    other = permissive(door, events[:2], key="k")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    single = door.post(headers={"Idempotency-Key": "k"})
    assert single.json()["code"] == "idempotency_key_reused"


def test_a_replayed_strict_batch_is_a_200(door: Door) -> None:
    events = [door.body() for _ in range(300)]
    first, again = post(door, events, key="k"), post(door, events, key="k")
    assert (first.status_code, again.status_code) == (202, 200)
    assert [one["event"] for one in first.json()["results"]] == [
        one["event"] for one in again.json()["results"]
    ]
    assert Event.objects.count() == 300


def test_a_replay_takes_nothing_in_that_was_refused_at_first(door: Door) -> None:
    EventType.objects.update(live_channels=["email"])
    sms = door.body(channel="sms", recipient={"phone": "+33612345678"})
    events = [door.body(), sms]
    assert codes(permissive(door, events, key="k")) == [202, "not_published"]
    EventType.objects.update(live_channels=["email", "sms"])
    assert codes(permissive(door, events, key="k")) == [200, "refused_before"]
    assert Event.objects.count() == 1
    assert codes(permissive(door, events, key="k2")) == [202, 202]


def test_a_refused_batch_frees_its_key(door: Door) -> None:
    assert post(door, [None], key="k").status_code == 422
    assert post(door, [door.body()], key="k").status_code == 202
    # Nor does a batch take one that brings nothing new.
    events = [door.body(external_id="e")]
    post(door, events)
    assert post(door, events, key="k2").status_code == 202
    assert post(door, [door.body()], key="k2").status_code == 202


def test_keys_that_are_freed_again_and_again_are_a_503(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(door, [door.body(external_id="e")])
    monkeypatch.setattr(identities, "look_up", lambda _: {})
    answer = post(door, [door.body(external_id="e")])
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert Event.objects.count() == 1


# After the commit


def test_the_failpoint_stands_after_the_commit_and_before_the_ring(
    door: Door, rings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    struck: list[Any] = []

    def reach(point: str, keys: Any) -> None:
        struck.append((point, list(keys), len(rings)))

    monkeypatch.setattr(failpoints, "reach", reach)
    door.post()
    answer = post(door, [door.body(), door.body()])
    stored = [str(event.id) for event in Event.objects.order_by("id")]
    assert [(point, [str(k) for k in keys], n) for point, keys, n in struck] == [
        ("P0", stored[:1], 0),
        ("P0", stored[1:], 1),
    ]
    assert len(answer.json()["results"]) == 2


# What fails


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("key", ["", "k"])
def test_a_type_that_is_gone_is_no_500(door: Door, settings: Any, key: str) -> None:
    settings.TXMSG_INTAKE_CACHE_SECONDS = 60.0
    body = door.body()
    try:
        assert post(door, [body]).status_code == 202
        for model in (Work, EventContext, Event, EventType):
            model.objects.all().delete()  # type: ignore[attr-defined]
        assert_refused(post(door, [body], key=key), 503, "unavailable")
        problem = assert_refused(post(door, [body], key=key), 422, "batch_refused")
        assert problem["errors"][0]["code"] == "unknown_event_type"
    finally:
        known_types.forget()
        api_keys.forget()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("key", ["", "k"])
def test_a_connection_that_the_server_ended_costs_no_batch(
    door: Door, settings: Any, key: str
) -> None:
    settings.TXMSG_INTAKE_CACHE_SECONDS = 60.0
    try:
        assert post(door, [door.body(lane="bulk")]).status_code == 202
        raw = connection.connection
        with psycopg.connect(raw.info.dsn) as other:
            other.execute(
                "SELECT pg_terminate_backend(%s, 10000)", [raw.info.backend_pid]
            )
        events = [door.body(external_id="e1")]
        assert post(door, events, key=key).status_code == 202
    finally:
        known_types.forget()
        api_keys.forget()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("key", ["", "k"])
def test_a_replica_answers_as_a_server_that_is_away(door: Door, key: str) -> None:
    """After a failover; the next request connects anew."""
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
    problem = assert_refused(post(door, [door.body()], key=key), 503, "unavailable")
    assert problem["retryable"] is True
    assert post(door, [door.body()], key=key).status_code == 202


# At once


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("mode", batch.MODES)
def test_fifty_batches_at_once_with_the_same_ids_make_each_event_once(
    door: Door, mode: str
) -> None:
    """In an order of its own each, which must not make them wait for each other."""
    bodies = [door.body(external_id=f"e{number}") for number in range(30)]
    answers: list[Any] = []
    barrier = threading.Barrier(50)

    def send(number: int) -> None:
        mine = random.Random(number).sample(bodies, k=20)
        try:
            barrier.wait(timeout=60)
            own = Door(Client(), door.event_type, door.key)
            answers.append(post(own, mine, mode=mode))
        finally:
            connection.close()

    threads = [threading.Thread(target=send, args=(n,)) for n in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert Counter(answer.status_code for answer in answers) == {202: 50}
    ids_of: dict[str, set[str]] = {}
    for answer in answers:
        for one in answer.json()["results"]:
            event = one["event"]
            ids_of.setdefault(event["external_id"], set()).add(event["id"])
    assert {len(found) for found in ids_of.values()} == {1}
    assert Event.objects.count() == Work.objects.count() == len(ids_of)
    assert EventIdentity.objects.count() == len(ids_of)
    new = Counter(s for answer in answers for s in codes(answer))
    assert new[202] == len(ids_of)
