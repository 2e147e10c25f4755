"""The door: what is stored, when it is due, and that repeating changes nothing."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction
from django.test import Client
from redis.exceptions import ConnectionError as RedisConnectionError

from events import (
    admission,
    api_keys,
    doorbell,
    identities,
    ids,
    intake,
    known_types,
    ringing,
    statements,
    strict_json,
)
from events.facts import facts_of
from events.intake import Accepted
from events.models import (
    ApiKey,
    Event,
    EventContext,
    EventIdentity,
    EventType,
    Source,
    Work,
)
from events.problems import Refused
from tests import factories

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


@pytest.fixture
def event_type() -> EventType:
    return factories.make_event_type(live_channels=["email", "sms", "push"])


@pytest.fixture
def rings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lanes that were rung for, at once and not after a commit."""
    found: list[str] = []
    monkeypatch.setattr(ringing, "ring_on_commit", found.append)
    return found


def refused(event_type: EventType, caller: Any = None, **fields: Any) -> Refused:
    with pytest.raises(Refused) as raised:
        factories.accept(event_type, caller, **fields)
    return raised.value


def in_text(moment: datetime) -> str:
    return moment.isoformat()


# What is stored


def test_an_event_its_context_and_its_work_are_stored_as_given(
    event_type: EventType, rings: list[str]
) -> None:
    caller = factories.make_caller()
    fields = {
        "external_id": "ord-1",
        "correlation_id": "req-1",
        "origin": "shop",
        "channel": "sms",
        "metadata": {"shop": "paris", "n": 1, "is_gift": True},
        "recipient": {
            "email": "ada@example.com",
            "phone": "+33612345678",
            "push": [{"platform": "fcm", "token": "t"}],
            "name": "Ada",
            "language": "pt_BR",
            "timezone": "Europe/Paris",
        },
    }
    accepted = factories.accept(event_type, caller, **fields)

    event = Event.objects.get()
    assert event.id == accepted.id
    assert ids.ordinal_of(event.id) == 0
    assert (event.type_id, event.source_id) == (event_type.pk, caller.source_id)
    assert (event.external_id, event.correlation_id) == ("ord-1", "req-1")
    assert (event.origin, event.channel, event.lane) == ("shop", "sms", "normal")
    assert event.address == "+33612345678"
    assert (event.outcome, event.finished_at) == ("", None)
    assert event.received_at == accepted.received_at
    context = EventContext.objects.get()
    assert context.event_id == event.id
    assert context.ctx == {"order": {"number": "10293"}}
    assert context.metadata == fields["metadata"]
    assert context.recipient == {**fields["recipient"], "language": "pt-BR"}  # type: ignore[dict-item]
    row = Work.objects.get()
    assert row.id == ids.delivery_id(event.id, 1)
    assert (row.event_id, row.type_id) == (event.id, event_type.pk)
    assert (row.stage, row.lane, row.channel) == ("pending", "normal", "")
    assert row.due_at == event.received_at
    assert rings == ["normal"]


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("10.10", "10.10"),
        ("49.90", "49.90"),
        ("0.000", "0.000"),
        ("1e2", "100"),
        ("1.5E-7", "0.00000015"),
        ("1e300", "1" + "0" * 300),
        ("1234567890123456789012345678.90", "1234567890123456789012345678.90"),
        ("-0.10", "-0.10"),
    ],
)
def test_numbers_keep_the_digits_they_came_with(
    event_type: EventType, given: str, stored: str
) -> None:
    EventType.objects.update(contract={"properties": {"n": {"type": "number"}}})
    raw = json.dumps(factories.body_for(event_type, ctx={"n": 0}))
    body = strict_json.loads(raw.replace('"n": 0', f'"n": {given}').encode())

    accepted = intake.accept(body, caller=factories.make_caller())

    with connection.cursor() as cursor:
        cursor.execute("SELECT ctx->>'n' FROM events_eventcontext")
        assert cursor.fetchone() == (stored,)
    facts = facts_of([accepted.id])[accepted.id]
    assert facts.ctx is not None
    assert facts.ctx["n"] == body["ctx"]["n"]


def test_one_new_event_costs_one_statement_when_key_and_type_are_known(
    client: Client,
    event_type: EventType,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: Any,
) -> None:
    """With both keys of the caller two, in a transaction (here a savepoint)."""
    settings.TXMSG_INTAKE_CACHE_SECONDS = 60.0
    headers = {"Authorization": f"Bearer {factories.make_key()}"}
    prepared: list[str] = []
    really = statements.rows

    def rows(statement: str, values: Any) -> Any:
        prepared.append(statement)
        return really(statement, values)

    monkeypatch.setattr(statements, "rows", rows)

    def post(*, by_the_orm: int, at_once: int, key: str = "", **fields: Any) -> None:
        prepared.clear()
        more = {"Idempotency-Key": key} if key else {}
        with django_assert_num_queries(by_the_orm):
            answer = client.post(
                "/api/v1/events",
                factories.body_for(event_type, **fields),
                content_type="application/json",
                headers={**headers, **more},
            )
        assert answer.status_code == 202, answer.content
        assert len(prepared) == at_once

    post(by_the_orm=3, at_once=1)  # the key, that it was used, and the type
    post(by_the_orm=0, at_once=1)
    post(by_the_orm=0, at_once=1, key="k")
    post(by_the_orm=0, at_once=1, external_id="e")
    post(by_the_orm=2, at_once=2, key="k2", external_id="e2")


# What is kept in memory


@pytest.fixture
def kept(settings: Any) -> Iterator[None]:
    """Keys and types stay in memory for longer than any test takes."""
    settings.TXMSG_INTAKE_CACHE_SECONDS = 60.0
    yield
    known_types.forget()
    api_keys.forget()


@pytest.mark.usefixtures("kept")
def test_memory_never_says_no() -> None:
    """Whoever publishes, or mends what stood in the way, can post at once."""
    event_type = factories.make_event_type()
    caller = factories.make_caller()
    assert refused(event_type, caller).code == "not_published"
    EventType.objects.update(live_channels=["email"])
    assert factories.accept(event_type, caller).status == "pending"
    EventType.objects.update(live_channels=[], when_uncovered="store")
    # Said yes from memory: the row waits for nothing, and is parked when it is claimed.
    assert factories.accept(event_type, caller).status == "pending"
    known_types.forget()
    assert factories.accept(event_type, caller).status == "not_covered"
    EventType.objects.update(live_channels=["email"])
    assert factories.accept(event_type, caller).status == "pending"

    ctx = {"order": {"number": "1"}, "gift": True}
    assert refused(event_type, caller, ctx=ctx).code == "unknown_variable"
    EventType.objects.update(contract={"type": "object"})
    assert factories.accept(event_type, caller, ctx=ctx).status == "pending"


@pytest.mark.usefixtures("kept")
def test_what_is_in_memory_is_seen_anew_when_its_time_is_over(
    event_type: EventType, settings: Any
) -> None:
    settings.TXMSG_INTAKE_CACHE_SECONDS = 0.0
    caller = factories.make_caller()
    factories.accept(event_type, caller)
    EventType.objects.update(live_channels=[])
    assert refused(event_type, caller).code == "not_published"


@pytest.mark.usefixtures("kept")
def test_a_revoked_key_ends_at_once_here_and_elsewhere_with_memory(
    client: Client, event_type: EventType
) -> None:
    headers = {"Authorization": f"Bearer {factories.make_key()}"}

    def post() -> int:
        return client.post(
            "/api/v1/events",
            factories.body_for(event_type),
            content_type="application/json",
            headers=headers,
        ).status_code

    key = ApiKey.objects.get()
    assert post() == 202
    ApiKey.objects.update(revoked_at=datetime.now(UTC))
    assert post() == 202, "another process revoked it: seen within the second"
    api_keys.forget()
    assert post() == 401
    ApiKey.objects.update(revoked_at=None)
    assert post() == 202
    api_keys.revoke(key)
    assert post() == 401


@pytest.mark.usefixtures("kept")
def test_a_key_in_memory_ends_with_its_time_and_at_its_networks(
    client: Client, event_type: EventType
) -> None:
    text = factories.make_key()
    soon = datetime.now(UTC) + timedelta(seconds=30)
    ApiKey.objects.update(expires_at=soon)
    Source.objects.update(allowed_networks=["10.0.0.0/8"])

    def ask(address: str) -> str:
        try:
            api_keys.authenticate(f"Bearer {text}", remote_address=address)
        except Refused as error:
            return error.code
        return "ok"

    assert [ask("10.0.0.1"), ask("11.0.0.1"), ask("10.0.0.1")] == [
        "ok",
        "ip_not_allowed",
        "ok",
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api_keys.timezone, "now", lambda: soon)
        assert ask("10.0.0.1") == "key_expired"


@pytest.mark.usefixtures("kept")
@pytest.mark.django_db(transaction=True)
def test_a_type_or_source_that_is_gone_is_no_500(event_type: EventType) -> None:
    caller = factories.make_caller()
    factories.accept(event_type, caller)
    Work.objects.all().delete()
    Event.objects.all().delete()
    EventType.objects.all().delete()
    gone = refused(event_type, caller)
    assert (gone.status, gone.retryable) == (503, True)
    assert refused(event_type, caller).code == "unknown_event_type"


@pytest.mark.usefixtures("kept")
@pytest.mark.django_db(transaction=True)
def test_a_connection_that_the_server_ended_costs_no_request(
    event_type: EventType, client: Client
) -> None:
    key = {"HTTP_AUTHORIZATION": f"Bearer {factories.make_key()}"}

    def post() -> int:
        body = json.dumps(factories.body_for(event_type))
        answer = client.post(
            "/api/v1/events", body, content_type="application/json", **key
        )
        return int(answer.status_code)

    assert post() == 202
    ended = connection.connection.info.backend_pid
    with psycopg.connect(connection.connection.info.dsn) as other:
        other.execute("SELECT pg_terminate_backend(%s, 10000)", [ended])
    assert post() == 202
    assert Event.objects.count() == 2


# Lanes, channels, times


def test_the_lane_is_that_of_the_body_else_of_the_type(
    event_type: EventType, rings: list[str]
) -> None:
    EventType.objects.update(lane="critical")
    caller = factories.make_caller(scopes=frozenset(["events:write"]))
    factories.accept(event_type, caller)
    factories.accept(event_type, caller, lane="bulk")
    assert refused(event_type, caller, lane="critical").code == "missing_scope"
    assert sorted(Event.objects.values_list("lane", flat=True)) == ["bulk", "critical"]
    assert rings == ["critical", "bulk"]


@pytest.mark.parametrize(
    ("live", "fields", "address"),
    [
        (["email", "sms"], {}, "ada@example.com"),
        (["sms"], {}, "+33612345678"),
        (["push"], {}, "fcm:t"),
        (["email", "sms"], {"channel": "sms"}, "+33612345678"),
    ],
)
def test_the_address_is_that_of_the_channel_that_will_be_taken(
    live: list[str], fields: dict[str, Any], address: str
) -> None:
    recipient = {
        "email": "ada@example.com",
        "phone": "+33612345678",
        "push": [{"platform": "fcm", "token": "t"}],
    }
    event_type = factories.make_event_type(live_channels=live)
    factories.accept(event_type, recipient=recipient, **fields)
    assert Event.objects.get().address == address


def test_an_event_without_a_message_is_stored_when_its_type_says_so(
    rings: list[str],
) -> None:
    event_type = factories.make_event_type(when_uncovered="store")
    accepted = factories.accept(event_type)
    assert accepted.status == "not_covered"
    row = Work.objects.get()
    assert (row.stage, row.due_at) == ("not_covered", row.expires_at)
    assert EventContext.objects.get().warnings == accepted.warnings
    assert rings == []


def test_an_event_expires_after_the_time_of_its_type(event_type: EventType) -> None:
    EventType.objects.update(ttl_seconds=1800)
    factories.accept(event_type)
    event, row = Event.objects.get(), Work.objects.get()
    assert event.expires_at == event.received_at + 30 * MINUTE
    assert row.expires_at == event.expires_at


def test_the_time_in_the_body_wins_over_that_of_the_type(event_type: EventType) -> None:
    moment = datetime.now(UTC) + timedelta(days=30)
    factories.accept(event_type, expires_at=in_text(moment))
    assert Event.objects.get().expires_at == moment


def test_a_scheduled_event_is_due_then_and_lives_from_then(
    event_type: EventType, rings: list[str]
) -> None:
    EventType.objects.update(ttl_seconds=60)
    moment = datetime.now(UTC) + timedelta(days=2)
    paris = timedelta(hours=2)
    text = (moment + paris).isoformat().replace("+00:00", "+02:00")
    factories.accept(event_type, scheduled_at=text)
    event, row = Event.objects.get(), Work.objects.get()
    assert (event.scheduled_at, row.due_at) == (moment, moment)
    assert event.expires_at == moment + MINUTE
    # Nothing is due yet: the sweeper rings when it is.
    assert rings == []


def test_a_schedule_in_the_past_is_due_now_with_a_warning(
    event_type: EventType, rings: list[str]
) -> None:
    moment = datetime.now(UTC) - timedelta(days=400)
    accepted = factories.accept(event_type, scheduled_at=in_text(moment))
    assert [w["code"] for w in accepted.warnings] == ["scheduled_in_past"]
    row = Work.objects.get()
    assert row.due_at == accepted.received_at
    assert row.expires_at > accepted.received_at
    assert rings == ["normal"]


def test_a_schedule_may_not_outlive_the_events_retention() -> None:
    event_type = factories.make_event_type(live_channels=["email"], retention_days=60)
    now = datetime.now(UTC)
    far = refused(event_type, scheduled_at=in_text(now + timedelta(days=31)))
    assert far.code == "schedule_too_far"
    factories.accept(event_type, scheduled_at=in_text(now + timedelta(days=29)))


# The contract


@pytest.mark.parametrize("mode", ["open", "warn", "strict"])
def test_a_context_that_does_not_fit_is_judged_by_the_mode(mode: str) -> None:
    event_type = factories.make_event_type(live_channels=["email"], contract_mode=mode)
    ctx = {"order": {"number": 7}, "extra": 1}
    if mode == "strict":
        error = refused(event_type, ctx=ctx)
        assert error.status == 422
        assert {(f.pointer, f.code) for f in error.errors} == {
            ("/ctx/order/number", "wrong_type"),
            ("/ctx/extra", "unknown_variable"),
        }
        assert not Event.objects.exists()
        return
    accepted = factories.accept(event_type, ctx=ctx)
    codes = {w["code"] for w in accepted.warnings}
    assert codes == (set() if mode == "open" else {"wrong_type", "unknown_variable"})
    assert EventContext.objects.get().warnings == accepted.warnings


def test_a_broken_contract_is_a_conflict_and_no_500(
    caplog: pytest.LogCaptureFixture,
) -> None:
    event_type = factories.make_event_type(
        live_channels=["email"], contract={"type": "nothing"}
    )
    error = refused(event_type)
    assert (error.status, error.code) == (409, "broken_contract")
    assert event_type.name in caplog.text


# Repeating


def test_the_same_external_id_with_the_same_data_is_a_duplicate(
    client: Client, event_type: EventType
) -> None:
    headers = {"Authorization": f"Bearer {factories.make_key()}"}
    body = factories.body_for(event_type, external_id="ord-1")
    turned = dict(reversed(body.items()))

    def post(given: dict[str, Any], **more: str) -> Any:
        return client.post(
            "/api/v1/events",
            given,
            content_type="application/json",
            headers={**headers, **more},
        )

    first, again, other = post(body), post(turned), post({**body, "origin": "x"})
    assert (first.status_code, again.status_code) == (202, 200)
    assert again.json() == {**first.json(), "duplicate": True}
    assert "Idempotent-Replayed" not in again
    assert (other.status_code, other.json()["code"]) == (409, "external_id_conflict")
    assert other.json()["errors"][0]["pointer"] == "/external_id"
    assert other.json()["event_id"] == first.json()["id"]
    # A new idempotency key does not make it a new event, and is not taken by it.
    keyed = post(body, **{"Idempotency-Key": "k"})
    assert (keyed.status_code, keyed.json()["duplicate"]) == (200, True)
    assert [i.kind for i in EventIdentity.objects.all()] == ["external_id"]
    assert Event.objects.count() == 1


def test_a_number_and_its_digits_as_text_are_other_data(event_type: EventType) -> None:
    EventType.objects.update(contract={"type": "object"})
    caller = factories.make_caller()
    bodies = [
        strict_json.loads(
            json.dumps(factories.body_for(event_type, external_id="e", ctx={"n": 0}))
            .replace('"n": 0', f'"n": {number}')
            .encode()
        )
        for number in ("10.10", '"10.10"', "10.1")
    ]
    intake.accept(bodies[0], caller=caller)
    assert intake.accept(bodies[0], caller=caller).is_duplicate
    for body in bodies[1:]:
        with pytest.raises(Refused, match="other data"):
            intake.accept(body, caller=caller)


def test_an_external_id_is_unique_within_its_type(event_type: EventType) -> None:
    other_type = factories.make_event_type(live_channels=["email"])
    caller = factories.make_caller()
    first = factories.accept(event_type, caller, external_id="e")
    assert factories.accept(other_type, caller, external_id="e").id != first.id


def test_two_keys_at_once_are_one_request(event_type: EventType) -> None:
    caller = factories.make_caller()
    body = factories.body_for(event_type, external_id="e")

    def accept(key: str, **fields: Any) -> Accepted:
        return intake.accept({**body, **fields}, caller=caller, idempotency_key=key)

    first = accept("k")
    again = accept("k")
    assert (again.id, again.is_replay, again.is_duplicate) == (first.id, True, False)
    with pytest.raises(Refused) as raised:
        accept("k", external_id="e2")
    assert raised.value.code == "idempotency_key_reused"
    with pytest.raises(Refused) as raised:
        accept("k2", origin="x")
    assert raised.value.code == "external_id_conflict"
    assert EventIdentity.objects.count() == 2
    assert Event.objects.count() == 1


@pytest.mark.parametrize("key", ["", "k"])
def test_a_repeated_request_is_answered_when_it_would_be_refused_by_now(
    event_type: EventType, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = factories.make_caller()
    soon = datetime.now(UTC) + MINUTE
    fields = {} if key else {"external_id": "e"}
    body = factories.body_for(event_type, expires_at=in_text(soon), **fields)
    first = intake.accept(body, caller=caller, idempotency_key=key)

    EventType.objects.update(live_channels=[])
    unpublished = intake.accept(body, caller=caller, idempotency_key=key)
    monkeypatch.setattr(admission, "datetime", Later)
    expired = intake.accept(body, caller=caller, idempotency_key=key)

    assert (unpublished.id, expired.id) == (first.id, first.id)
    assert (expired.status, expired.warnings) == ("pending", [])
    with pytest.raises(Refused) as raised:
        intake.accept(body, caller=factories.make_caller(), idempotency_key="new")
    if key:
        assert raised.value.code == "already_expired"
    else:
        assert raised.value.code == "external_id_conflict"
        assert "event_id" not in raised.value.extra


class Later(datetime):
    """Time as it is two minutes later."""

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return datetime.now(tz) + 2 * MINUTE


def test_a_key_is_free_again_when_its_event_was_purged(event_type: EventType) -> None:
    caller = factories.make_caller()
    first = factories.accept(event_type, caller, external_id="e")
    Event.objects.all().delete()
    second = factories.accept(event_type, caller, external_id="e", origin="x")
    assert second.id != first.id
    assert EventIdentity.objects.get().event_id == second.id


def test_a_key_that_is_freed_again_and_again_is_a_503(
    event_type: EventType, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = factories.make_caller()
    factories.accept(event_type, caller, external_id="e")
    monkeypatch.setattr(identities, "earlier", lambda *_: None)
    error = refused(event_type, caller, external_id="e")
    assert (error.status, error.retryable) == (503, True)
    assert Event.objects.count() == 1


def test_what_is_rolled_back_is_neither_stored_nor_rung_for(
    event_type: EventType, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[str] = []
    monkeypatch.setattr(doorbell, "ring", rung.append)

    class Lost(Exception):
        pass

    def accept_and_fail() -> None:
        with transaction.atomic():
            factories.accept(event_type)
            raise Lost

    with pytest.raises(Lost):
        accept_and_fail()
    assert not Event.objects.exists()
    assert not Work.objects.exists()
    assert rung == []


# Redis


@pytest.fixture
def no_redis(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def fail(_lane: str) -> None:
        raise RedisConnectionError("nobody there")

    monkeypatch.setattr(doorbell.django_rq, "get_queue", fail)
    monkeypatch.setattr(doorbell, "_resting_until", 0.0)
    doorbell.failures.clear()
    yield
    doorbell.failures.clear()


@pytest.mark.usefixtures("no_redis")
def test_without_redis_events_are_accepted_at_once(
    client: Client, event_type: EventType, django_capture_on_commit_callbacks: Any
) -> None:
    headers = {"Authorization": f"Bearer {factories.make_key()}"}
    for count in (1, 2):
        began = time.monotonic()
        with django_capture_on_commit_callbacks(execute=True):
            answer = client.post(
                "/api/v1/events",
                factories.body_for(event_type),
                content_type="application/json",
                headers=headers,
            )
        assert answer.status_code == 202
        assert time.monotonic() - began < 0.25
        assert doorbell.failures["normal"] == count
    assert Work.objects.count() == 2


# At once


def at_once(count: int, action: Any) -> None:
    """Run an action in threads that start together, each with its own connection."""
    barrier = threading.Barrier(count)

    def run(number: int) -> None:
        try:
            barrier.wait(timeout=30)
            action(number)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("layer", ["idempotency_key", "external_id"])
def test_fifty_threads_with_one_key_make_one_event(
    event_type: EventType, rings: list[str], layer: str
) -> None:
    headers = {"Authorization": f"Bearer {factories.make_key()}"}
    fields = {"external_id": "e"} if layer == "external_id" else {}
    if layer == "idempotency_key":
        headers["Idempotency-Key"] = "one"
    answers: list[Any] = []

    def post(number: int) -> None:
        more = {"origin": "other"} if number >= 50 else {}
        answers.append(
            Client().post(
                "/api/v1/events",
                factories.body_for(event_type, **fields, **more),
                content_type="application/json",
                headers=headers,
            )
        )

    at_once(50, post)
    assert Counter(a.status_code for a in answers) == {202: 1, 200: 49}
    assert len({a.json()["id"] for a in answers}) == 1
    assert Event.objects.count() == Work.objects.count() == 1
    assert rings == ["normal"]

    answers.clear()
    at_once(10, lambda number: post(number + 50))
    assert Counter(a.status_code for a in answers) == {409: 10}
    assert Event.objects.count() == EventIdentity.objects.count() == 1


def test_the_last_use_of_a_key_is_noted_once_a_minute(
    client: Client, event_type: EventType
) -> None:
    headers = {"Authorization": f"Bearer {factories.make_key()}"}

    def used() -> datetime | None:
        client.post(
            "/api/v1/events",
            factories.body_for(event_type),
            content_type="application/json",
            headers=headers,
        )
        return ApiKey.objects.get().last_used_at

    first = used()
    assert first is not None
    assert used() == first
    ApiKey.objects.update(last_used_at=first - 2 * MINUTE)
    later = used()
    assert later is not None
    assert later >= first
    assert Source.objects.count() == 1
