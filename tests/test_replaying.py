"""POST /events/{id}/cancel and /replay: an event stopped, and one sent once more."""

from __future__ import annotations

import threading
from collections import Counter
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client

from events import ids, strict_json
from events.models import (
    ApiKey,
    Event,
    EventContext,
    EventIdentity,
    EventType,
    Source,
    Work,
)
from history.models import Delivery
from tests import factories
from tests.api_door import PATH, Door, open_door
from txmsg.channels.base import Outcome, OutcomeKind
from txmsg.channels.capture import CaptureChannel

pytestmark = pytest.mark.django_db

VERBS = ["cancel", "replay"]


@pytest.fixture
def door(client: Client) -> Door:
    made = open_door(client)
    factories.publish(event_type=made.event_type)
    EventType.objects.update(live_channels=["email", "sms", "push"])
    return made


@pytest.fixture
def channel(monkeypatch: pytest.MonkeyPatch) -> CaptureChannel:
    capture = CaptureChannel()
    monkeypatch.setattr("txmsg.pipeline.get_channel", lambda _name: capture)
    return capture


def do(door: Door, verb: str, event_id: Any, *, key: str = "", body: Any = None) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    raw = b"" if body is None else body
    return door.post(raw, path=f"{PATH}/{event_id}/{verb}", headers=headers)


def posted(door: Door, **fields: Any) -> str:
    answer = door.post(door.body(**fields))
    assert answer.status_code == 202, answer.content
    return str(answer.json()["id"])


def assert_problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), problem
    assert answer["Content-Type"] == "application/problem+json"
    return problem


# Cancel


def test_what_has_not_left_is_stopped_and_shown(
    door: Door, channel: CaptureChannel, caplog: pytest.LogCaptureFixture
) -> None:
    event_id = posted(door)
    answer = do(door, "cancel", event_id)
    assert answer.status_code == 200
    assert answer.json() == door.get(event_id).json()
    assert (answer.json()["status"], answer.json()["reason"]) == (
        "cancelled",
        "cancelled",
    )
    assert f"cancelled by source {door.source.name}" in caplog.text
    factories.drain()
    assert not channel.messages


def test_stopped_twice_is_stopped(door: Door) -> None:
    event_id = posted(door)
    first, again = do(door, "cancel", event_id), do(door, "cancel", event_id)
    assert (again.status_code, again.json()) == (200, first.json())


@pytest.mark.parametrize("stage", ["pending", "paused", "not_covered", "retry"])
def test_whatever_it_waits_for_it_is_stopped(door: Door, stage: str) -> None:
    event_id = posted(door)
    Work.objects.update(stage=stage)
    assert do(door, "cancel", event_id).json()["status"] == "cancelled"
    assert not Work.objects.exists()


def test_what_has_left_is_too_late_and_shown(
    door: Door, channel: CaptureChannel
) -> None:
    event_id = posted(door)
    factories.drain()
    problem = assert_problem(do(door, "cancel", event_id), 409, "too_late")
    assert problem["retryable"] is False
    assert problem["event"] == door.get(event_id).json()
    assert [one["status"] for one in problem["event"]["deliveries"]] == ["sent"]


def test_what_is_being_handed_over_is_too_late(door: Door) -> None:
    event_id = posted(door)
    Work.objects.update(stage="sending", channel="email", address="ada@example.com")
    problem = assert_problem(do(door, "cancel", event_id), 409, "too_late")
    assert problem["event"]["status"] == "processing"
    assert [one["status"] for one in problem["event"]["deliveries"]] == ["sending"]
    assert Work.objects.get().stage == "sending"


def test_of_several_messages_those_that_have_not_left_are_stopped(door: Door) -> None:
    event_id = posted(door)
    Work.objects.update(stage="sending", channel="email", address="ada@example.com")
    row = Work.objects.get()
    row.pk, row.stage, row.channel = UUID(int=row.pk.int + 1), "retry", "sms"
    row.save(force_insert=True)
    answer = do(door, "cancel", event_id)
    assert answer.status_code == 200
    assert {one["status"] for one in answer.json()["deliveries"]} == {
        "sending",
        "cancelled",
    }


def test_an_event_that_failed_is_too_late(door: Door, channel: CaptureChannel) -> None:
    channel._answers = lambda _message: Outcome(
        OutcomeKind.PERMANENT, provider="capture", answer="550 no"
    )
    event_id = posted(door)
    factories.drain()
    problem = assert_problem(do(door, "cancel", event_id), 409, "too_late")
    assert problem["event"]["status"] == "failed"


# Replay


def test_a_replay_is_a_new_event_with_the_same_data(
    door: Door, channel: CaptureChannel
) -> None:
    EventType.objects.update(contract={"type": "object"})
    first = posted(
        door,
        ctx={"order": {"number": "1", "total": 10}},
        external_id="ord-1",
        correlation_id="req-1",
        origin="shop",
        channel="email",
        lane="bulk",
        metadata={"shop": "paris"},
        expires_at=None,
    )
    answer = do(door, "replay", first)
    assert answer.status_code == 202
    body = answer.json()
    assert body["replay_of"] == first
    assert (body["status"], body["external_id"]) == ("pending", None)
    assert answer["Location"] == body["links"]["self"] == f"{PATH}/{body['id']}"
    old, new = door.get(first).json(), door.get(body["id"]).json()
    assert (new["replay_of"], old["replay_of"]) == (first, None)
    for name in ("type", "recipient", "metadata", "lane", "channel", "origin"):
        assert new[name] == old[name]
    assert new["correlation_id"] == "req-1"
    contexts = EventContext.objects.values_list("ctx", flat=True)
    assert len(contexts) == 2
    assert contexts[0] == contexts[1]
    factories.drain(lane="bulk")
    assert len(channel.messages) == 2


def test_a_replay_keeps_every_digit(door: Door) -> None:
    EventType.objects.update(contract={"type": "object"})
    body = strict_json.dumps(
        door.body(ctx={"order": {"number": "1"}, "total": Decimal("10.10")})
    )
    first = door.post(body.encode()).json()["id"]
    second = do(door, "replay", first).json()["id"]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ctx->>'total' FROM events_eventcontext WHERE event_id = ANY(%s)",
            [[UUID(first), UUID(second)]],
        )
        assert cursor.fetchall() == [("10.10",), ("10.10",)]


def test_a_replay_of_what_has_expired_has_a_time_to_live_of_its_own(
    door: Door,
) -> None:
    first = posted(door)
    Event.objects.update(expires_at="2026-01-01T00:00:00Z", scheduled_at=None)
    second = do(door, "replay", first).json()["id"]
    new = Event.objects.get(pk=second)
    lived = (new.expires_at - new.received_at).total_seconds()
    assert lived == pytest.approx(door.event_type.ttl_seconds, abs=1)


def test_a_replay_can_be_replayed(door: Door) -> None:
    first = posted(door)
    second = do(door, "replay", first).json()["id"]
    assert do(door, "replay", second).json()["replay_of"] == second


def test_one_key_makes_one_replay_of_an_event(door: Door) -> None:
    one, two = posted(door), posted(door)
    first, again = do(door, "replay", one, key="k"), do(door, "replay", one, key="k")
    assert (first.status_code, again.status_code) == (202, 200)
    assert again.json() == first.json()
    assert again["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first
    # A key belongs to the address that it was sent to.
    assert do(door, "replay", two, key="k").status_code == 202
    assert door.post(headers={"Idempotency-Key": "k"}).status_code == 202
    assert do(door, "replay", one, key="j").status_code == 202
    assert Event.objects.count() == 6
    assert Event.objects.filter(replay_of=one).count() == 2


def test_without_a_key_every_replay_is_a_new_event(door: Door) -> None:
    first = posted(door)
    made = {do(door, "replay", first).json()["id"] for _ in range(2)}
    assert len(made) == 2


@pytest.mark.parametrize("key", [" ", "x" * 256, "a b", "é", "a,b"])
def test_rows_19_and_20_a_key_that_is_none_replays_nothing(
    door: Door, key: str
) -> None:
    first = posted(door)
    assert_problem(do(door, "replay", first, key=key), 400, "invalid_idempotency_key")
    assert Event.objects.count() == 1


def test_data_that_are_gone_cannot_be_replayed(door: Door) -> None:
    first = posted(door)
    EventContext.objects.all().delete()
    assert_problem(do(door, "replay", first), 410, "data_purged")
    assert Event.objects.count() == 1


def test_a_replay_is_judged_by_what_holds_now(door: Door) -> None:
    first = posted(door)
    EventType.objects.update(contract={"type": "object", "required": ["customer"]})
    problem = assert_problem(do(door, "replay", first), 422, "missing_variable")
    assert problem["errors"][0]["pointer"] == "/ctx/customer"
    EventType.objects.update(contract={"type": "object"}, live_channels=[])
    assert_problem(do(door, "replay", first), 409, "not_published")
    Source.objects.update(allowed_types=["another.type"])
    assert_problem(do(door, "replay", first), 403, "event_type_not_allowed")
    assert (Event.objects.count(), EventIdentity.objects.count()) == (1, 0)


def test_the_critical_lane_needs_its_scope_when_it_was_wished(door: Door) -> None:
    wished = posted(door, lane="critical")
    by_type = posted(door)
    ApiKey.objects.update(scopes=["events:write", "events:read"])
    assert_problem(do(door, "replay", wished), 403, "missing_scope")
    EventType.objects.update(lane="critical")
    answer = do(door, "replay", wished)
    assert (answer.status_code, Event.objects.count()) == (202, 3)
    assert Event.objects.get(pk=answer.json()["id"]).lane == "critical"
    assert do(door, "replay", by_type).status_code == 202


def test_a_replay_rings_once_it_is_committed(
    door: Door, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    rung: list[str] = []
    monkeypatch.setattr("events.ringing.doorbell.ring", rung.append)
    first = posted(door)
    rung.clear()
    with django_capture_on_commit_callbacks(execute=True):
        do(door, "replay", first)
    assert rung == ["normal"]


@pytest.mark.django_db(transaction=True)
def test_ten_replays_at_once_with_one_key_make_one_event(door: Door) -> None:
    first = posted(door)
    barrier = threading.Barrier(10)
    answers: list[Any] = []

    def send() -> None:
        try:
            barrier.wait(timeout=60)
            answers.append(
                do(Door(Client(), door.event_type, door.key), "replay", first, key="k")
            )
        finally:
            connection.close()

    threads = [threading.Thread(target=send) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert Counter(answer.status_code for answer in answers) == {202: 1, 200: 9}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert Event.objects.filter(replay_of=first).count() == 1


# Both


@pytest.mark.parametrize("verb", VERBS)
def test_row_61_what_is_not_theirs_is_unknown_and_left_alone(
    door: Door, verb: str
) -> None:
    mine = posted(door)
    stranger = Door(door.client, door.event_type, factories.make_key())
    seen, unknown = do(stranger, verb, mine), do(stranger, verb, uuid4())
    for answer in (seen, unknown):
        assert_problem(answer, 404, "not_found")
    assert seen.json()["detail"] == unknown.json()["detail"]
    assert (Event.objects.count(), Work.objects.count()) == (1, 1)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    "text",
    [
        "xyz",
        "%ff%fe",
        "a" * 2_000,
        "\u06601934b2c-0000-7000-8000-000000000000",
        "{01934b2c-0000-7000-8000-000000000000}",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "00000000-0000-0000-0000-000000000000",
    ],
)
def test_row_25_an_odd_id_is_unknown(door: Door, verb: str, text: str) -> None:
    assert_problem(do(door, verb, text), 404, "not_found")


@pytest.mark.parametrize("verb", VERBS)
def test_the_id_of_a_delivery_is_no_event(door: Door, verb: str) -> None:
    event_id = UUID(posted(door))
    assert_problem(do(door, verb, ids.delivery_id(event_id, 1)), 404, "not_found")
    assert Work.objects.count() == 1


@pytest.mark.parametrize("verb", VERBS)
def test_the_scope_to_post_is_needed(door: Door, verb: str) -> None:
    event_id = posted(door)
    ApiKey.objects.update(scopes=["events:read"])
    assert_problem(do(door, verb, event_id), 403, "missing_scope")
    assert Delivery.objects.count() == 0


@pytest.mark.parametrize("verb", VERBS)
def test_a_body_is_refused_and_nothing_is_done(door: Door, verb: str) -> None:
    event_id = posted(door)
    answer = do(door, verb, event_id, body={"reason": "because"})
    problem = assert_problem(answer, 422, "unknown_field")
    assert problem["errors"][0]["pointer"] == "/reason"
    assert (Event.objects.count(), Work.objects.count()) == (1, 1)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_both_are_posts(door: Door, verb: str, method: str) -> None:
    answer: Any = door.client.generic(method, f"{PATH}/{uuid4()}/{verb}")
    assert_problem(answer, 405, "method_not_allowed")
    assert answer["Allow"] == "POST"
