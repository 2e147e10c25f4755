"""GET /events: which events are found, in which order, page by page, and by what."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest
from django.db import OperationalError, connection
from django.test import Client
from psycopg.errors import QueryCanceled

from events.models import ApiKey, Event, EventOutcome, EventType, Work
from history import cancelling
from history.models import Delivery
from tests import factories
from tests.api_door import PATH, Door, assert_refused, open_door
from txmsg import event_listing
from txmsg.api import cursors
from txmsg.channels.base import Outcome, OutcomeKind
from txmsg.channels.capture import CaptureChannel
from txmsg.event_listing import Question

pytestmark = pytest.mark.django_db


@pytest.fixture
def door(client: Client) -> Door:
    return open_door(client)


@pytest.fixture
def channel(monkeypatch: pytest.MonkeyPatch) -> CaptureChannel:
    capture = CaptureChannel()
    monkeypatch.setattr("txmsg.pipeline.get_channel", lambda _name: capture)
    return capture


def ask(door: Door, **question: Any) -> Any:
    query = f"?{urlencode(question)}" if question else ""
    headers = {"Authorization": f"Bearer {door.key}"}
    return door.client.get(f"{PATH}{query}", headers=headers)


def found(door: Door, **question: Any) -> list[str]:
    answer = ask(door, **question)
    assert answer.status_code == 200, answer.content
    return [event["id"] for event in answer.json()["data"]]


def post(door: Door, **fields: Any) -> str:
    answer = door.post(door.body(**fields))
    assert answer.status_code == 202, answer.content
    return str(answer.json()["id"])


def test_events_are_listed_newest_first_as_documented(door: Door) -> None:
    first = post(door, external_id="ord-1", correlation_id="req-1", origin="shop")
    second = post(door, channel="email", lane="bulk")
    answer = ask(door).json()
    assert [event["id"] for event in answer["data"]] == [second, first]
    assert answer["next_cursor"] is None
    shown = door.get(first).json()
    for name in ("recipient", "metadata", "warnings", "states", "deliveries"):
        del shown[name]
    assert answer["data"][1] == shown
    assert (answer["data"][0]["channel"], answer["data"][0]["lane"]) == (
        "email",
        "bulk",
    )


def test_nothing_found_is_an_empty_page(door: Door) -> None:
    assert ask(door).json() == {"data": [], "next_cursor": None}
    for question in ({"type": "nothing"}, {"external_id": "x"}, {"recipient": "x"}):
        assert ask(door, **question).json() == {"data": [], "next_cursor": None}


def test_a_source_finds_its_own_events_only(door: Door) -> None:
    mine = post(door, external_id="mine")
    stranger = Door(door.client, door.event_type, factories.make_key())
    theirs = post(stranger, external_id="theirs")
    assert (found(door), found(stranger)) == ([mine], [theirs])
    for question in (
        {"external_id": "mine"},
        {"recipient": "ada@example.com", "until": "2000-01-01T00:00:00Z"},
        {"status": "pending", "external_id": "mine"},
    ):
        assert found(stranger, **question) == []
    assert found(stranger, recipient="ada@example.com") == [theirs]
    assert found(stranger, status="pending") == [theirs]


def test_pages_follow_each_other_and_miss_nothing(door: Door) -> None:
    posted = [post(door) for _ in range(7)]
    seen: list[str] = []
    question: dict[str, Any] = {"limit": 3, "type": door.event_type.name}
    sizes = []
    while True:
        answer = ask(door, **question).json()
        sizes.append(len(answer["data"]))
        seen += [event["id"] for event in answer["data"]]
        if answer["next_cursor"] is None:
            break
        question["cursor"] = answer["next_cursor"]
    assert (sizes, seen) == ([3, 3, 1], posted[::-1])


def test_a_page_does_not_move_while_events_come_in(door: Door) -> None:
    posted = [post(door) for _ in range(4)]
    cursor = ask(door, limit=2).json()["next_cursor"]
    post(door)
    assert found(door, limit=2, cursor=cursor) == posted[1::-1]


def test_a_full_last_page_has_no_cursor(door: Door) -> None:
    for _ in range(2):
        post(door)
    answer = ask(door, limit=2).json()
    assert (len(answer["data"]), answer["next_cursor"]) == (2, None)


def test_the_limit_of_a_page_may_change_between_pages(door: Door) -> None:
    posted = [post(door) for _ in range(4)]
    cursor = ask(door, limit=1).json()["next_cursor"]
    assert found(door, limit=200, cursor=cursor) == posted[2::-1]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1],
        lambda text: text + "A",
        lambda text: text[:5] + ("A" if text[5] != "A" else "B") + text[6:],
        lambda text: text.lower(),
        lambda _: "x",
        lambda _: "é",
        lambda _: "%%%",
        lambda _: "a" * 101,
        lambda text: text + "=",
    ],
)
def test_a_cursor_that_is_not_ours_is_refused(
    door: Door, change: Callable[[str], str]
) -> None:
    for _ in range(2):
        post(door)
    cursor = ask(door, limit=1).json()["next_cursor"]
    answer = ask(door, limit=1, cursor=change(cursor))
    assert answer.status_code == 422
    assert answer.json()["code"] in ("invalid_cursor", "too_long")
    assert answer.json()["errors"][0]["pointer"] == "?cursor"


def test_a_cursor_is_for_one_question_of_one_source(door: Door) -> None:
    for _ in range(2):
        post(door)
    cursor = ask(door, limit=1).json()["next_cursor"]
    other = ask(door, limit=1, cursor=cursor, type=door.event_type.name)
    stranger = Door(door.client, door.event_type, factories.make_key())
    for answer in (other, ask(stranger, limit=1, cursor=cursor)):
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")


def test_a_cursor_holds_what_it_was_made_of() -> None:
    position = UUID("01934b2c-0000-7000-8000-000000000000")
    made = cursors.make(position, question={"type": "a"})
    assert cursors.read(made, question={"type": "a"}) == position
    assert made.isascii()
    assert "=" not in made


# By what events are found


def test_events_are_found_by_type(door: Door) -> None:
    mine = post(door)
    other = factories.make_event_type(live_channels=["email"])
    body = factories.body_for(other)
    theirs = door.post(body).json()["id"]
    assert found(door, type=door.event_type.name) == [mine]
    assert found(door, type=other.name) == [theirs]


def test_events_are_found_by_external_id_of_any_type(door: Door) -> None:
    mine = post(door, external_id="ord-1")
    post(door, external_id="ord-2")
    other = factories.make_event_type(live_channels=["email"])
    theirs = door.post(factories.body_for(other, external_id="ord-1")).json()["id"]
    assert found(door, external_id="ord-1") == [theirs, mine]
    assert found(door, external_id="ord-1", type=door.event_type.name) == [mine]
    assert found(door, external_id="ord-1", status="pending") == [theirs, mine]
    assert found(door, external_id="ord-1", status="failed") == []


@pytest.mark.parametrize(
    ("recipient", "asked"),
    [
        ({"email": "Ada@EXAMPLE.com"}, "Ada@Example.COM"),
        ({"email": "ada@bücher.example"}, "ada@bücher.example"),
        ({"email": "ada@bücher.example"}, " ada@xn--bcher-kva.example"),
        ({"phone": "+33612345678"}, "+33612345678"),
        ({"phone": "+33612345678"}, " 33612345678"),
        ({"phone": "+33612345678"}, "33612345678"),
        ({"push": [{"platform": "fcm", "token": "t1"}]}, "fcm:t1"),
    ],
)
def test_events_are_found_by_their_address_as_it_is_kept(
    door: Door, recipient: dict[str, Any], asked: str
) -> None:
    mine = post(door, recipient=recipient)
    post(door)
    assert found(door, recipient=asked) == [mine]
    assert found(door, recipient=asked, external_id="x") == []


def test_events_are_found_by_every_address_that_a_message_went_to(
    door: Door, channel: CaptureChannel
) -> None:
    EventType.objects.update(fan_out=True)
    for way in ("email", "sms"):
        content = {"en": {"text": "Order {{ ctx.order.number }}"}}
        more = {"channel": "sms", "content": content} if way == "sms" else {}
        factories.publish(event_type=door.event_type, **more)
    both = {"email": "ada@example.com", "phone": "+33612345678"}
    mine = post(door, recipient=both, external_id="ord-1")
    factories.drain()
    assert Delivery.objects.count() == 2
    for address in both.values():
        for more in ({}, {"external_id": "ord-1"}, {"status": "processed"}):
            assert found(door, recipient=address, **more) == [mine]
    assert found(door, recipient="+33612345678", status="failed") == []


def test_an_event_with_many_deliveries_to_an_address_is_found_once(
    door: Door, channel: CaptureChannel
) -> None:
    factories.publish(event_type=door.event_type)
    newest = [post(door), post(door)]
    factories.drain()
    for delivery in list(Delivery.objects.all()):
        copy = Delivery.objects.get(pk=delivery.pk)
        copy.pk = UUID(int=delivery.pk.int + 1)
        copy.save(force_insert=True)
    assert found(door, recipient="ada@example.com") == newest[::-1]
    answer = ask(door, recipient="ada@example.com", limit=1).json()
    assert len(answer["data"]) == 1
    assert found(
        door, recipient="ada@example.com", limit=1, cursor=answer["next_cursor"]
    ) == [newest[0]]


def test_events_are_found_by_when_they_came(door: Door) -> None:
    ids = [post(door) for _ in range(3)]
    moments = [Event.objects.get(pk=one).received_at for one in ids]
    middle = moments[1].isoformat()
    assert found(door, since=middle) == ids[:0:-1]
    assert found(door, until=middle) == ids[:1]
    assert found(door, since=middle, until=moments[2].isoformat()) == [ids[1]]
    assert found(door, since="2000-01-01T00:00:00Z") == ids[::-1]
    assert found(door, since="2200-01-01T00:00:00Z") == []
    assert found(door, recipient="ada@example.com", until=middle) == ids[:1]
    assert found(door, status="pending", since=middle) == ids[:0:-1]


def test_a_plus_in_a_time_need_not_be_escaped(door: Door) -> None:
    mine = post(door)
    headers = {"Authorization": f"Bearer {door.key}"}
    paris = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S")
    answer = door.client.get(f"{PATH}?since={paris}+00:00", headers=headers)
    assert [event["id"] for event in answer.json()["data"]] == [mine]


@pytest.mark.parametrize("status", event_listing.STATUSES)
def test_every_status_finds_what_shows_it(
    door: Door, channel: CaptureChannel, status: str
) -> None:
    factories.publish(event_type=door.event_type)
    made = _event_that_is(status, door, channel)
    assert door.get(made).json()["status"] == status
    assert found(door, status=status) == [made]
    listed = ask(door, status=status).json()["data"][0]
    assert listed == {name: door.get(made).json()[name] for name in listed}
    assert found(door, status=status, recipient="ada@example.com") == [made]
    assert found(door, status=status, type=door.event_type.name) == [made]
    for other in {*event_listing.STATUSES} - {status}:
        assert found(door, status=other) == []


def _event_that_is(status: str, door: Door, channel: CaptureChannel) -> str:
    """Make an event that comes to stand so."""
    made = post(door)
    if status == "pending":
        return made
    if status == "cancelled":
        cancelling.cancel(UUID(made))
    elif status == "processing":
        Work.objects.update(stage="retry", channel="email", address="ada@example.com")
    elif status == "paused":
        Work.objects.update(stage="paused")
    elif status == "not_covered":
        Work.objects.update(stage="not_covered")
    elif status == "processed":
        factories.drain()
    elif status == "failed":
        channel._answers = lambda _message: Outcome(
            OutcomeKind.PERMANENT, provider="capture", answer="550 no"
        )
        factories.drain()
    else:
        Work.objects.all().delete()
        Event.objects.update(
            outcome=EventOutcome(status), finished_at=datetime.now(UTC)
        )
    return made


def test_not_covered_is_both_a_wait_and_an_end(door: Door) -> None:
    ended = post(door)
    Work.objects.all().delete()
    Event.objects.update(outcome="not_covered", finished_at=datetime.now(UTC))
    waiting = post(door)
    Work.objects.update(stage="not_covered")
    assert found(door, status="not_covered") == [waiting, ended]
    assert found(door, status="not_covered", recipient="ada@example.com") == [
        waiting,
        ended,
    ]


def test_an_event_on_several_ways_stands_where_its_first_does(door: Door) -> None:
    mine = post(door)
    row = Work.objects.get()
    Work.objects.update(stage="retry")
    row.pk, row.stage = UUID(int=row.pk.int + 1), "paused"
    row.save(force_insert=True)
    assert door.get(mine).json()["status"] == "processing"
    assert (found(door, status="processing"), found(door, status="paused")) == (
        [mine],
        [],
    )


# What is refused


@pytest.mark.parametrize(
    ("question", "code", "pointer"),
    [
        ({"limit": "0"}, "out_of_range", "?limit"),
        ({"limit": "201"}, "out_of_range", "?limit"),
        ({"limit": "-1"}, "wrong_type", "?limit"),
        ({"limit": "1.5"}, "wrong_type", "?limit"),
        ({"limit": "1_0"}, "wrong_type", "?limit"),
        ({"limit": "٣"}, "wrong_type", "?limit"),
        ({"limit": "9" * 5000}, "out_of_range", "?limit"),
        ({"limit": ""}, "wrong_type", "?limit"),
        ({"status": "sent"}, "invalid_choice", "?status"),
        ({"status": "Pending"}, "invalid_choice", "?status"),
        ({"type": ""}, "too_short", "?type"),
        ({"type": "x" * 65}, "too_long", "?type"),
        ({"external_id": "x" * 201}, "too_long", "?external_id"),
        ({"recipient": ""}, "too_short", "?recipient"),
        ({"recipient": "x" * 513}, "too_long", "?recipient"),
        ({"recipient": "a\x00b"}, "nul_character", "?recipient"),
        ({"since": "yesterday"}, "invalid_datetime", "?since"),
        ({"since": "2026-11-23"}, "invalid_datetime", "?since"),
        ({"until": "2026-11-23T10:15:00"}, "invalid_datetime", "?until"),
        ({"until": "294276-01-01T00:00:00Z"}, "invalid_datetime", "?until"),
        ({"until": ""}, "invalid_datetime", "?until"),
        (
            {"since": "2026-11-23T10:15:00Z", "until": "2026-11-23T10:15:00Z"},
            "out_of_range",
            "?until",
        ),
        ({"page": "2"}, "unknown_parameter", "?page"),
        ({"recipent": "a"}, "unknown_parameter", "?recipent"),
    ],
)
def test_a_question_that_does_not_fit_is_refused_by_its_parameter(
    door: Door, question: dict[str, str], code: str, pointer: str
) -> None:
    problem = assert_refused(ask(door, **question), 422, code, pointer)
    assert "yesterday" not in str(problem)


@pytest.mark.parametrize(
    "text", ["%", "_", "\\", "'", "%' OR '1'='1", "\ufffd", "💥" * 50, "a" * 512]
)
def test_odd_texts_are_looked_for_as_they_are(door: Door, text: str) -> None:
    post(door)
    assert found(door, recipient=text) == []
    assert found(door, external_id=text[:200], type="%") == []


def test_searching_needs_a_key_with_its_scope(door: Door) -> None:
    ApiKey.objects.update(scopes=["events:write"])
    assert_refused(ask(door), 403, "missing_scope")
    assert_refused(door.client.get(PATH), 401, "missing_api_key")  # type: ignore[arg-type]


def test_a_search_that_takes_too_long_is_stopped_with_advice(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: Any, **__: Any) -> None:
        raise OperationalError from QueryCanceled()

    monkeypatch.setattr(event_listing, "_ids", stopped)
    answer = ask(door)
    problem = assert_refused(answer, 503, "took_too_long")
    assert problem["retryable"] is True
    assert "?since" in problem["detail"]
    assert answer["Retry-After"] == "5"


def test_a_page_costs_the_same_statements_whatever_its_length(
    door: Door, django_assert_num_queries: Any
) -> None:
    question = Question(source_id=door.source.pk)
    for _ in range(3):
        post(door)
    # The time limit, its end, ids, events, stages; and the transaction's own two.
    with django_assert_num_queries(7):
        event_listing.page(question, limit=1)
    with django_assert_num_queries(7):
        event_listing.page(question, limit=200)


@pytest.mark.parametrize(
    "question",
    [
        {"type": "nothing.like.it"},
        {"external_id": "x"},
        {"recipient": "ada@example.com"},
        {"status": "failed"},
        {"status": "processing"},
    ],
)
def test_a_search_reads_no_table_as_a_whole(
    door: Door, question: dict[str, str]
) -> None:
    """On empty tables the planner has a choice: it is told to take an index."""
    asked = Question(source_id=door.source.pk, **question)
    values = event_listing._values(asked, None)
    if values is None:
        assert question == {"type": "nothing.like.it"}
        return
    statement = event_listing._statement(asked, values)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {statement}", {**values, "limit": 51})
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Seq Scan" not in plan
