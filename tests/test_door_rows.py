"""Rows of the list of bad inputs that reach further than one refusal of the door.

Those of one answer each stand in `test_bad_input`, over a socket in `test_door_wire`,
and those of batches in `test_batch`.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from events import pressure
from events.models import Event, EventType, Work
from templates_app.rendering import RenderContext, compile_content, program
from tests.api_door import PATH, Door, assert_refused, nothing_stored, open_door

pytestmark = pytest.mark.django_db

BATCH = f"{PATH}/batch"


@pytest.fixture
def door(client: Client) -> Door:
    return open_door(client)


def rendered(text: str, ctx: dict[str, Any]) -> str:
    """Return what a template of an SMS makes of a context."""
    context = RenderContext(
        ctx=ctx,
        recipient={},
        event={},
        message={},
        frozen_at=datetime(2026, 11, 23, tzinfo=UTC),
    )
    made = program("sms", compile_content("sms", {"text": text}))
    event_id = Event.objects.values_list("pk", flat=True).first()
    assert event_id is not None
    return made.render(context, delivery_id=event_id, address="").parts["text"]


def test_row_23_a_late_bulk_lane_is_told_apart_from_the_others(
    door: Door, settings: Any
) -> None:
    settings.TXMSG_BACKLOG_SECONDS = 60
    door.post(door.body(lane="bulk"))
    Work.objects.update(due_at=datetime.now(UTC) - timedelta(seconds=90))
    pressure.forget()
    late = door.post(door.body(lane="bulk"))
    assert (late.status_code, late.json()["code"]) == (503, "backpressure")
    assert late.json()["retryable"] is True
    assert int(late["Retry-After"]) > 0
    assert door.post(door.body(lane="critical")).status_code == 202
    assert door.post(door.body(lane="normal")).status_code == 202
    assert Event.objects.count() == 3
    pressure.forget()


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        pytest.param(
            b'{"a":' * 60_000 + b"1" + b"}" * 60_000, 400, "too_deep", id="39"
        ),
        pytest.param(
            b"{%s}" % b",".join(b'"k%d":1' % n for n in range(200_000)),
            207,
            "too_many_keys",
            id="40",
        ),
        pytest.param(
            b'{"a": "%s"}' % (b"x" * 1_000_000), 207, "string_too_long", id="48"
        ),
    ],
)
def test_rows_39_to_48_as_long_as_the_row_says(
    door: Door, raw: bytes, status: int, code: str
) -> None:
    """One event of that length is too long; a batch may be, and its events may not."""
    assert_refused(door.post(raw), 413, "body_too_large")
    event = json.dumps(door.body())[:-1].encode()
    whole = b'{"mode": "permissive", "events": [%s, "more": %s}]}' % (event, raw)
    answer = door.post(whole, path=BATCH)
    if status == 400:
        assert_refused(answer, 400, code)
    else:
        (result,) = answer.json()["results"]
        assert (answer.status_code, result["problem"]["code"]) == (207, code)
        assert nothing_stored()


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        pytest.param(b'{\n  "a": 1,\n}', "line 3, column 1", id="26"),
        pytest.param(b'{"a": 1}\n {}', "line 2, column 2", id="27"),
        pytest.param(b'{"a": "\xff"}', "byte 7", id="29"),
    ],
)
def test_rows_26_to_29_what_is_no_json_is_told_with_its_place(
    door: Door, raw: bytes, words: str
) -> None:
    problem = assert_refused(door.post(raw), 400, door.post(raw).json()["code"])
    assert words in problem["detail"]


def test_row_37_an_amount_comes_out_as_it_went_in(door: Door) -> None:
    EventType.objects.update(contract={"properties": {"total": {"type": "number"}}})
    raw = json.dumps(door.body(ctx={"total": 0})).replace("0}", "10.10}")
    assert door.post(raw.encode()).status_code == 202
    with connection.cursor() as cursor:
        cursor.execute("SELECT ctx::text FROM events_eventcontext")
        assert cursor.fetchone() == ('{"total": 10.10}',)


def test_row_42_names_of_python_are_data_and_lead_nowhere(door: Door) -> None:
    ctx = {"__class__": {"__mro__": "mine"}, "_private": 3, "constructor": [1]}
    EventType.objects.update(contract={"type": "object"})
    assert door.post(door.body(ctx=ctx)).status_code == 202
    text = "{{ ctx.__class__.__mro__ }} {{ ctx._private }} {{ ctx.constructor[0] }}"
    assert rendered(text, ctx) == "mine 3 1"
    for path in ("ctx.__init__", "ctx.__class__.__bases__", "ctx.keys", "ctx.pop"):
        assert rendered(f"{{{{ {path} | default: 'nothing' }}}}", ctx) == "nothing"


def test_row_43_a_name_with_signs_is_reached_in_brackets(door: Door) -> None:
    ctx = {"a.b": 1, "a b": 2, "é🎉": 3}
    EventType.objects.update(contract={"type": "object"})
    assert door.post(door.body(ctx=ctx)).status_code == 202
    text = "{{ ctx['a.b'] }} {{ ctx['a b'] }} {{ ctx['é🎉'] }}"
    assert rendered(text, ctx) == "1 2 3"


def test_row_92_what_a_value_says_is_no_template(door: Door) -> None:
    number = "{{ 7 | times: 7 }}"
    ctx = {"order": {"number": number}}
    assert door.post(door.body(ctx=ctx)).status_code == 202
    assert rendered("{{ ctx.order.number }}", ctx) == number


@pytest.mark.parametrize("mode", ["strict", "permissive"])
def test_row_123_one_bad_event_of_a_batch_has_its_place(door: Door, mode: str) -> None:
    events: list[Any] = [door.body(), None, door.body(external_id="e"), 7]
    events.append(door.body(external_id="e"))
    answer = door.post({"mode": mode, "events": events}, path=BATCH)
    if mode == "strict":
        problem = assert_refused(answer, 422, "batch_refused")
        pointers = [fault["pointer"] for fault in problem["errors"]]
        assert pointers == ["/events/1", "/events/3"]
    else:
        statuses = [result["status"] for result in answer.json()["results"]]
        assert (answer.status_code, statuses) == (207, [202, 400, 202, 400, 200])
        assert Event.objects.count() == 2
