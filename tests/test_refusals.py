"""Refused requests: noted without being felt, kept masked, and never too many."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import DatabaseError, connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from events import body_masking, refusals
from events.masking import MASK
from events.models import Event, RefusalCount, RefusedRequest, Source
from tests import factories
from tests.api_door import PATH, Door, open_door

pytestmark = pytest.mark.django_db

LIST = "/admin/events/refusedrequest/"


@pytest.fixture
def door(client: Client) -> Door:
    return open_door(client)


@pytest.fixture(autouse=True)
def nothing_noted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let no test see what another has noted."""
    refusals.forget()
    yield
    refusals.forget()


def kept() -> list[RefusedRequest]:
    refusals.write()
    return list(RefusedRequest.objects.all())


def counted() -> dict[tuple[int | None, str], int]:
    refusals.write()
    rows = RefusalCount.objects.values_list("source_id", "code", "count")
    return {(source, code): count for source, code, count in rows}


# What is kept


def test_a_refused_event_is_kept_with_its_faults_and_without_its_values(
    door: Door,
) -> None:
    body = door.body(
        recipient={"email": "ada@example"}, ctx={"order": {"nmber": "10293"}}
    )
    answer = door.post(body)
    (row,) = kept()
    problem = json.loads(answer.content)
    assert (row.status, row.code) == (422, problem["code"])
    assert row.problem == problem
    assert row.request_id == problem["request_id"]
    assert (row.source_id, row.key) == (door.source.pk, str(door.api_key))
    assert (row.path, row.type_name) == (PATH, door.event_type.name)
    assert abs(timezone.now() - row.at) < timedelta(minutes=1)
    assert json.loads(row.body) == {
        "type": door.event_type.name,
        "recipient": {"email": MASK},
        "ctx": {"order": {"nmber": MASK}},
    }
    stored = repr(RefusedRequest.objects.values().get())
    for value in ("ada@example", "10293", door.key.split("_")[2]):
        assert value not in stored


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b" ", "empty_body"),
        (b'{"type": "order.conf', "invalid_json"),
        (b"[1]", "object_required"),
        (b"\xff", "invalid_utf8"),
        (b'{"a": "\\u0000", "\\u0000": 1}', "nul_character"),
        (b'{"a": "\\ud800", "\\ud800": 1}', "invalid_unicode"),
        (b'{"a": NaN}', "non_finite_number"),
        (b'{"a": 1, "a": 2}', "duplicate_key"),
        (b'{"a\x00": 1}', "invalid_json"),
        (b'{"a":' * 50_000, "too_deep"),
        (b'{"a":' * 17 + b"1" + b"}" * 17, "too_deep"),
        (b'{"": 1}', "invalid_key"),
        (json.dumps({f"k{n}": n for n in range(2_500)}).encode(), "too_many_keys"),
    ],
)
def test_every_bad_body_can_be_kept(door: Door, raw: bytes, code: str) -> None:
    assert 400 <= door.post(raw).status_code < 500
    (row,) = kept()
    assert row.code == code


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"rate_per_minute": 0}, 429, "rate_limited"),
        ({"scopes": ["events:read"]}, 403, "missing_scope"),
        ({"allowed_networks": ["10.0.0.0/8"]}, 403, "ip_not_allowed"),
    ],
)
def test_a_request_refused_before_its_body_is_kept_without_it(
    door: Door, change: dict[str, Any], status: int, code: str
) -> None:
    Source.objects.filter(pk=door.source.pk).update(**change)
    assert door.post().status_code == status
    (row,) = kept()
    assert (row.status, row.code, row.body) == (status, code, "")
    assert row.body_note == "The request was refused before its body was read."
    assert (row.source_id, row.key) == (door.source.pk, str(door.api_key))


def test_a_body_that_is_too_large_is_not_held(door: Door) -> None:
    assert door.post(b" " * (256 * 1024 + 1)).status_code == 413
    (row,) = kept()
    assert (row.code, row.body) == ("body_too_large", "")


def test_a_strict_batch_is_kept_as_one_and_a_permissive_one_for_its_part(
    door: Door,
) -> None:
    events = [door.body(), door.body(ctx={}), door.body()]
    door.post({"events": events}, path=f"{PATH}/batch")
    door.post({"events": events, "mode": "permissive"}, path=f"{PATH}/batch")
    part, whole = kept()
    assert (whole.status, whole.code) == (422, "batch_refused")
    assert (part.status, part.code) == (207, "missing_variable")
    assert part.problem["detail"].startswith("1 of 3 events are refused;")
    for row in (part, whole):
        assert row.path == f"{PATH}/batch"
        assert row.type_name == door.event_type.name
        assert row.problem["errors"][0]["pointer"] == "/events/1/ctx/order"
        assert [type(one) for one in json.loads(row.body)["events"]] == [
            dict,
            dict,
            str,
        ]


@pytest.mark.parametrize(
    "send",
    [
        lambda door: door.post(),
        lambda door: door.client.get(PATH),
        lambda door: door.get("nonsense"),
        lambda door: door.client.put(PATH),
        lambda door: door.post(path=f"{PATH}?key=txk_abc_def"),
    ],
)
def test_what_is_no_refused_post_of_a_source_is_not_kept(door: Door, send: Any) -> None:
    send(door)
    assert kept() == []
    assert counted() == {}


def test_an_answer_of_503_is_not_the_callers_to_mend(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("events.pressure.is_storage_low", lambda: True)
    assert door.post().status_code == 503
    monkeypatch.undo()
    assert kept() == []


def test_a_request_without_a_known_key_is_counted_and_not_kept(door: Door) -> None:
    for authorization in ("", "Basic x", f"Bearer {door.key}x", f"Bearer {door.key}x"):
        door.post(headers={"Authorization": authorization})
    assert kept() == []
    assert counted() == {
        (None, "missing_api_key"): 1,
        (None, "unsupported_scheme"): 1,
        (None, "malformed_api_key"): 2,
    }


def test_refusals_are_counted_up_by_day_source_and_code(door: Door) -> None:
    door.post(b"{")
    assert counted() == {(door.source.pk, "invalid_json"): 1}
    door.post(b"{")
    door.post(door.body(ctx={}))
    door.post(headers={"Authorization": ""})
    door.post(headers={"Authorization": ""})
    assert counted() == {
        (door.source.pk, "invalid_json"): 2,
        (door.source.pk, "missing_variable"): 1,
        (None, "missing_api_key"): 2,
    }


def test_a_type_that_exists_stays_whatever_its_name_and_another_only_as_a_name(
    door: Door,
) -> None:
    known = factories.make_event_type(name="a.2026112309.b")
    door.post(factories.body_for(known, foo=1))
    door.post(door.body(type="order.confirmd"))
    door.post(door.body(type="phone33612345678"))
    assert [row.type_name for row in kept()] == ["", "order.confirmd", known.name]


def test_what_a_refusal_tells_beside_its_faults_is_kept_if_it_is_nobodys(
    door: Door,
) -> None:
    """An event that cannot be stopped any more is answered with its addresses."""
    event_id = door.post(door.body(external_id="ord-1")).json()["id"]
    cancel = f"{PATH}/{event_id}/cancel"
    assert door.post({}, path=cancel).status_code == 200
    Event.objects.filter(pk=event_id).update(outcome="failed")
    assert door.post({}, path=cancel).json()["event"]["recipient"]
    assert door.post(door.body(external_id="ord-1", origin="x")).status_code == 409
    conflict, late = kept()
    assert conflict.problem["event_id"] == event_id
    assert (late.code, late.path) == ("too_late", cancel)
    assert "event" not in late.problem
    assert "ada@example.com" not in repr(RefusedRequest.objects.values().last())


def test_a_refused_post_of_any_address_is_kept_with_its_body(door: Door) -> None:
    body = {"channel": "email", "address": "ada at example", "foo": [1]}
    assert door.post(body, path="/api/v1/suppressions").status_code == 422
    (row,) = kept()
    assert row.path == "/api/v1/suppressions"
    assert json.loads(row.body) == {"channel": "email", "address": MASK, "foo": [0]}


# Never too many, never in the way


def test_the_ring_keeps_the_newest_of_each_source(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "KEPT", 3)
    other = Door(door.client, door.event_type, factories.make_key())
    other.post(b"[1]")
    for _ in range(4):
        door.post(b"{")
    newest = door.post(b" ").json()["request_id"]
    rows = kept()
    assert [row.source_id for row in rows].count(door.source.pk) == 3
    assert [row.source_id for row in rows].count(other.source.pk) == 1
    assert rows[0].request_id == newest
    door.post(b"{}")
    assert len(kept()) == 4


def test_of_many_alike_a_part_is_kept_and_all_are_counted(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(refusals.time, "monotonic", lambda: now)
    for _ in range(refusals.AT_ONCE + 30):
        door.post(b"{")
    door.post(b"[]")
    assert len(kept()) == refusals.AT_ONCE + 1
    now += 2 * refusals.ONE_IN_SECONDS
    for _ in range(5):
        door.post(b"{")
    assert len(kept()) == refusals.AT_ONCE + 3
    assert counted()[door.source.pk, "invalid_json"] == refusals.AT_ONCE + 35


def test_what_waits_is_bounded_in_number_and_in_bytes(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "_MOST_WAITING", 5)
    for _ in range(9):
        door.post(b"{")
    assert len(kept()) == 5
    monkeypatch.setattr(refusals, "_MOST_WAITING_BYTES", 100)
    for _ in range(3):
        door.post(b"x" * 40)
    assert len(kept()) == 7


def test_noting_costs_the_answer_no_statement_and_hardly_any_time(
    door: Door, settings: Any, django_assert_num_queries: Any
) -> None:
    settings.TXMSG_INTAKE_CACHE_SECONDS = 60.0
    door.post(b"{")
    with django_assert_num_queries(0):
        door.post(b"{")
    caller = factories.make_caller()
    refused = refusals.Refused(400, "invalid_json", "x")
    request = refusals.HttpRequest()
    request.method, request.path = "POST", PATH
    began = time.process_time()
    for _ in range(1_000):
        refusals.note(request, refused, caller)
    assert time.process_time() - began < 0.25, "a quarter of a millisecond each"


def test_an_answer_does_not_fail_when_noting_does(
    door: Door, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(refusals, "_may_be_kept", None)
    assert door.post(b"{").status_code == 400
    assert "could not be noted" in caplog.text


def test_a_body_that_breaks_the_masking_takes_no_other_with_it(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = body_masking.masked

    def mask(raw: bytes, *args: Any, **kwargs: Any) -> Any:
        if raw == b"[2]":
            raise ValueError
        return really(raw, *args, **kwargs)

    monkeypatch.setattr(body_masking, "masked", mask)
    for raw in (b"[1]", b"[2]"):
        door.post(raw)
    broken, sound = kept()
    assert (broken.body, broken.body_note) == ("", "The body cannot be shown.")
    assert sound.body == "[x]"


def test_nothing_is_written_for_a_source_that_is_gone_or_on_a_full_disk(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    door.post(b"{")
    Source.objects.all().delete()
    assert (kept(), counted()) == ([], {})
    other = Door(door.client, door.event_type, factories.make_key())
    other.post(b"{")
    monkeypatch.setattr("events.pressure.is_storage_low", lambda: True)
    assert kept() == []


def test_old_counts_are_forgotten(door: Door) -> None:
    today = timezone.localdate()
    for age in (1, refusals.KEPT_DAYS + 1):
        day = today - timedelta(days=age)
        RefusalCount.objects.create(day=day, code="x", count=1)
    door.post(b"{")
    refusals.write()
    days = RefusalCount.objects.order_by("day").values_list("day", flat=True)
    assert list(days) == [today - timedelta(days=1), today]


def test_a_thread_writes_a_moment_later_and_survives_a_failure(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    written = threading.Semaphore(0)
    outcomes: list[Exception | None] = [DatabaseError("away"), None]

    def write() -> None:
        outcome = outcomes.pop(0)
        written.release()
        if outcome is not None:
            raise outcome

    monkeypatch.setattr(refusals, "write", write)
    monkeypatch.setattr(refusals, "WRITE_SECONDS", 0.0)
    monkeypatch.setattr(refusals, "_writer", None)
    refusals.begin_writing()
    writer = refusals._writer
    request = refusals.HttpRequest()
    request.method, request.path = "POST", PATH
    refused = refusals.Refused(401, "missing_api_key", "x")
    for _ in range(2):
        refusals.note(request, refused, None)
        assert written.acquire(timeout=30)
    refusals.begin_writing()
    assert refusals._writer is writer
    assert "could not be written: away" in caplog.text


# The pages


def refuse(door: Door) -> RefusedRequest:
    door.post(door.body(recipient={"email": "ada@example"}, ctx={"ada@b.c": 1}))
    return kept()[0]


def shown(client: Client, address: str, status: int = 200) -> str:
    answer = client.get(address)
    assert answer.status_code == status
    return answer.content.decode()


def test_a_viewer_sees_the_list_and_the_page_and_changes_nothing(door: Door) -> None:
    row = refuse(door)
    user = User.objects.create_user("viewer", is_staff=True)
    user.groups.add(Group.objects.get(name="viewer"))
    viewer = Client()
    viewer.force_login(user)
    text = shown(viewer, LIST)
    assert door.source.name in text
    assert row.code in text
    assert f"{LIST}{row.pk}/change/" in text
    assert reverse("admin:events_event_changelist") in text
    assert "1 request of known sources was refused" in text
    assert row.request_id in shown(viewer, f"{LIST}{row.pk}/change/")
    assert viewer.post(f"{LIST}{row.pk}/delete/").status_code == 403
    assert viewer.get(f"{LIST}add/").status_code == 403
    assert RefusedRequest.objects.count() == 1


def test_who_may_not_see_it_is_refused(door: Door) -> None:
    row = refuse(door)
    stranger = Client()
    stranger.force_login(User.objects.create_user("stranger", is_staff=True))
    for address in (LIST, f"{LIST}{row.pk}/change/"):
        shown(stranger, address, status=403)


def test_the_page_marks_what_is_wrong_and_gives_the_request_as_curl(
    admin_client: Client, door: Door
) -> None:
    row = refuse(door)
    text = shown(admin_client, f"{LIST}{row.pk}/change/")
    assert '<div class="pg-line is-wrong">    &quot;email&quot;: ' in text
    assert "/recipient/email is not a valid address" in text
    assert f"POST {PATH}" in text
    assert "Authorization: Bearer $TXMSG_KEY" in text
    order = [f"&quot;{name}&quot;: " for name in ("type", "status", "code", "errors")]
    places = [text.index(name, text.index("What was answered")) for name in order]
    assert places == sorted(places)
    assert "ada@" not in text
    assert door.key not in text


@pytest.mark.parametrize("raw", [b" ", b'{\n "a": 1\n "b": 2}', b"it's no JSON"])
def test_the_page_of_a_body_that_is_no_json_marks_its_line(
    admin_client: Client, door: Door, raw: bytes
) -> None:
    door.post(raw)
    (row,) = kept()
    text = shown(admin_client, f"{LIST}{row.pk}/change/")
    assert row.problem["detail"].partition(":")[0] in text
    assert ("is-wrong" in text) is bool(raw.strip())


def test_the_list_is_filtered_by_source_and_code_and_searched_by_id(
    admin_client: Client, door: Door
) -> None:
    row = refuse(door)
    other = Door(door.client, door.event_type, factories.make_key())
    other.post(b"{")
    refusals.write()
    found = shown(admin_client, f"{LIST}?source={row.source_id}")
    assert (row.code in found, "/2/change/" in found) == (True, False)
    found = shown(admin_client, f"{LIST}?code=invalid_json")
    assert f"{LIST}{row.pk}/change/" not in found
    found = shown(admin_client, f"{LIST}?q={row.request_id}")
    assert f"{LIST}{row.pk}/change/" in found
    found = shown(admin_client, f"{LIST}?q=nonsense")
    assert "Search takes a whole request id." in found
    assert "Nothing was refused" not in found
    for odd in ("source=x", "code=%00", "q=%00"):
        shown(admin_client, f"{LIST}?{odd}")
    shown(admin_client, f"{LIST}?p=999999", status=302)


def test_an_empty_list_says_what_would_be_there(admin_client: Client) -> None:
    assert "Nothing was refused" in shown(admin_client, LIST)


@pytest.mark.parametrize("pk", ["999999", "nonsense", "9" * 30, "%00", "²"])
def test_a_request_that_is_not_kept_is_not_found(admin_client: Client, pk: str) -> None:
    shown(admin_client, f"{LIST}{pk}/change/", status=404)


def test_the_list_costs_few_queries(
    admin_client: Client, door: Door, django_assert_max_num_queries: Any
) -> None:
    for _ in range(10):
        door.post(b"{")
    refusals.write()
    with django_assert_max_num_queries(14):
        shown(admin_client, LIST)


def test_the_ring_is_read_by_its_index() -> None:
    source = Source.objects.create(name=factories.unique("source"))
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            f"EXPLAIN {refusals._KEEP_NEWEST}", {"source": source.pk, "last": 199}
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "events_refused_of_source" in plan
    assert Event.objects.count() == 0
