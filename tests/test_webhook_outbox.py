"""The outbox: what is written of a fact, in its transaction, and what it costs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from events import batch, statements
from events.models import (
    Event,
    EventType,
    Source,
    WebhookAttempt,
    WebhookEndpoint,
    WebhookMessage,
)
from events.strict_json import dumps
from events.webhooks import outbox, queue
from history import cancelling, recording
from history.models import Delivery, DeliveryStatus, Reason
from templates_app.models import Version
from tests import factories
from tests.test_wave_statements import claim, counted, sent

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _ask_anew() -> Iterator[None]:
    outbox.forget()
    yield
    outbox.forget()


@pytest.fixture
def version() -> Version:
    return factories.publish()


@pytest.fixture
def event_type(version: Version) -> EventType:
    return EventType.objects.get(pk=version.message.event_type_id or 0)


def listen(source_id: int, **fields: Any) -> WebhookEndpoint:
    fields = {"url": "https://receiver.example/", "secret_seed": "seed:", **fields}
    outbox.forget()
    return WebhookEndpoint.objects.create(source_id=source_id, **fields)


def told() -> list[str]:
    names = WebhookMessage.objects.order_by("id").values_list("name", flat=True)
    return list(names)


def test_an_endpoint_is_told_the_life_of_an_event_and_its_delivery(
    version: Version, event_type: EventType
) -> None:
    caller = factories.make_caller()
    endpoint = listen(caller.source_id)
    accepted = factories.accept(
        event_type,
        caller,
        external_id="ord-1",
        correlation_id="req-1",
        metadata={"shop": "paris"},
    )
    claimed = claim()
    recording.record(sent(claimed), lease_no=claimed.lease_no)

    assert told() == ["event.accepted", "delivery.sent", "event.processed"]
    first, delivery, last = WebhookMessage.objects.order_by("id")
    common = {
        "event_id": str(accepted.id),
        "event_type": event_type.name,
        "external_id": "ord-1",
        "correlation_id": "req-1",
        "metadata": {"shop": "paris"},
        "reason": None,
    }
    assert first.data == {**common, "status": "pending"}
    assert first.occurred_at == accepted.received_at
    kept = Delivery.objects.get()
    assert delivery.data == {
        **common,
        "status": "sent",
        "delivery_id": str(kept.pk),
        "channel": "email",
        "message": version.message.internal_name,
        "version": version.number,
        "attempts": 1,
        "possible_duplicate": False,
        "retry_of": None,
        "provider": None,
        "provider_id": None,
    }
    assert (delivery.event_id, delivery.delivery_id) == (accepted.id, kept.pk)
    assert delivery.occurred_at == kept.finished_at
    assert last.data == {**common, "status": "processed"}
    assert {each.endpoint_id for each in (first, delivery, last)} == {endpoint.pk}
    assert len({each.webhook_id for each in (first, delivery, last)}) == 3


def test_nobody_is_told_of_the_address_or_the_data_of_an_event(
    event_type: EventType,
) -> None:
    caller = factories.make_caller()
    listen(caller.source_id)
    factories.accept(event_type, caller)
    text = dumps(WebhookMessage.objects.get().data)
    assert "ada@example.com" not in text
    assert "10293" not in text


def test_who_subscribed_to_something_is_told_nothing_else(
    event_type: EventType,
) -> None:
    caller = factories.make_caller()
    ends = listen(caller.source_id, events=["event.processed"])
    others = listen(caller.source_id, event_types=["another.type"])
    same = listen(caller.source_id, event_types=[event_type.name])
    stranger = listen(factories.make_caller().source_id)
    gone = listen(caller.source_id, status="gone")
    paused = listen(caller.source_id, status="paused")
    disabled = listen(caller.source_id, status="disabled")
    factories.accept(event_type, caller)
    heard = WebhookMessage.objects.values_list("endpoint_id", flat=True)
    assert set(heard) == {same.pk, paused.pk, disabled.pk}
    assert not {ends.pk, others.pk, stranger.pk, gone.pk} & set(heard)


def test_the_events_of_a_batch_are_told_each(event_type: EventType) -> None:
    caller = factories.make_caller()
    listen(caller.source_id)
    events = [factories.body_for(event_type, external_id=f"o-{n}") for n in range(3)]
    answer = batch.accept(dumps({"events": events}).encode(), caller=caller)
    assert len(answer.results) == 3
    assert [m.data["external_id"] for m in WebhookMessage.objects.order_by("id")] == [
        "o-0",
        "o-1",
        "o-2",
    ]


@pytest.mark.parametrize("key", ["external_id", "idempotency_key", "both"])
def test_a_repeated_event_is_told_once(event_type: EventType, key: str) -> None:
    caller = factories.make_caller()
    listen(caller.source_id)
    fields = {} if key == "idempotency_key" else {"external_id": "once"}
    body = factories.body_for(event_type, **fields)
    for _ in range(2):
        factories.intake.accept(
            body,
            caller=caller,
            idempotency_key="" if key == "external_id" else "a-key",
        )
    assert told() == ["event.accepted"]


def test_what_is_rolled_back_was_never_told(event_type: EventType) -> None:
    caller = factories.make_caller()
    listen(caller.source_id)
    with transaction.atomic():
        factories.accept(event_type, caller)
        transaction.set_rollback(True)
    assert told() == []


def test_a_cancelled_event_and_its_delivery_are_told(event_type: EventType) -> None:
    caller = factories.make_caller()
    listen(caller.source_id)
    accepted = factories.accept(event_type, caller)
    cancelling.cancel(accepted.id)
    assert told() == ["event.accepted", "event.cancelled"]
    assert WebhookMessage.objects.latest("id").data["reason"] == "cancelled"


def test_every_way_to_end_is_a_name_that_can_be_told() -> None:
    names = WebhookMessage._meta.get_field("name").choices or ()
    known = {value for value, _ in names}
    assert {f"delivery.{status}" for status in DeliveryStatus.values} < known
    outcomes = Event._meta.get_field("outcome").choices or ()
    assert {f"event.{value}" for value, _ in outcomes} < known


def test_a_wave_that_is_recorded_again_is_told_once(event_type: EventType) -> None:
    caller = factories.make_caller()
    listen(caller.source_id)
    factories.accept(event_type, caller)
    claimed = claim()
    for _ in range(2):
        recorded = recording.record(sent(claimed), lease_no=claimed.lease_no)
    assert len(recorded.own) == 1
    assert told() == ["event.accepted", "delivery.sent", "event.processed"]


def test_a_failed_delivery_says_why_but_not_what_the_server_said(
    event_type: EventType,
) -> None:
    caller = factories.make_caller()
    listen(caller.source_id, events=["delivery.failed", "event.failed"])
    factories.accept(event_type, caller)
    claimed = claim()
    ending = recording.Ending(
        claimed.items[0].id,
        DeliveryStatus.FAILED,
        Reason.HARD_BOUNCE,
        execution_id=sent(claimed).endings[0].execution_id,
        answer="550 5.1.1 <ada@example.com> no such user",
    )
    recording.record(recording.Results(endings=[ending]), lease_no=claimed.lease_no)
    assert told() == ["delivery.failed", "event.failed"]
    for message in WebhookMessage.objects.all():
        assert message.data["reason"] == "hard_bounce"
        assert "no such user" not in dumps(message.data)


@pytest.mark.parametrize("size", [1, 40])
def test_telling_a_wave_is_one_statement_more_and_none_when_nobody_listens(
    event_type: EventType, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = factories.make_caller()
    taken = []
    for is_heard in (False, True):
        if is_heard:
            listen(caller.source_id)
        for _ in range(size):
            factories.accept(event_type, caller)
        claimed = claim()
        results = sent(claimed)
        assert outbox.is_wanted() is is_heard
        with counted(monkeypatch) as took:
            recording.record(results, lease_no=claimed.lease_no)
        taken.append(took())
    assert taken[1] == taken[0] + 1
    assert WebhookMessage.objects.count() == 3 * size


def test_telling_of_an_accepted_event_is_no_statement_more(
    event_type: EventType, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = factories.make_caller()
    taken = []
    for is_heard in (False, True):
        if is_heard:
            listen(caller.source_id)
        factories.accept(event_type, caller)
        assert outbox.is_wanted() is is_heard
        with counted(monkeypatch) as took:
            factories.accept(event_type, caller)
        taken.append(took())
    assert taken[0] == taken[1]


def test_whether_anybody_listens_is_asked_once_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outbox.forget()
    asked = []
    rows = statements.rows

    def spy(statement: str, values: Any) -> Any:
        asked.append(statement)
        return rows(statement, values)

    monkeypatch.setattr(statements, "rows", spy)
    assert not any(outbox.is_wanted() for _ in range(1000))
    assert len(asked) <= 3


# The queue.


@pytest.fixture
def endpoint() -> WebhookEndpoint:
    return listen(factories.make_caller().source_id)


def make_message(endpoint: WebhookEndpoint, **fields: Any) -> WebhookMessage:
    now = timezone.now()
    return WebhookMessage.objects.create(
        **{
            "endpoint": endpoint,
            "name": "event.accepted",
            "data": {},
            "occurred_at": now,
            "due_at": now - dt.timedelta(seconds=1),
            **fields,
        }
    )


def noted(message: queue.Claimed, **fields: Any) -> queue.Noted:
    facts = {"is_delivered": True, "started_at": timezone.now(), "seconds": 0.1}
    return queue.Noted(message, **{**facts, **fields})


def test_a_claim_takes_so_many_of_each_endpoint_the_oldest_first(
    endpoint: WebhookEndpoint,
) -> None:
    other = listen(endpoint.source_id)
    old = timezone.now() - dt.timedelta(hours=1)
    mine = [make_message(endpoint, due_at=old) for _ in range(3)]
    make_message(other)
    claimed = queue.claim({endpoint.pk: 2, other.pk: 5}, lease_seconds=60)
    assert sorted(m.endpoint_id == other.pk for m in claimed) == [False, False, True]
    again = queue.claim({endpoint.pk: 5, other.pk: 5}, lease_seconds=60)
    assert {m.id for m in claimed if m.endpoint_id == endpoint.pk} | {
        m.id for m in again
    } == {m.pk for m in mine}
    assert queue.claim({endpoint.pk: 5, other.pk: 5}, lease_seconds=60) == []


def test_who_died_over_a_message_is_relieved_and_can_note_nothing_any_more(
    endpoint: WebhookEndpoint,
) -> None:
    make_message(endpoint)
    [first] = queue.claim({endpoint.pk: 1}, lease_seconds=-1)
    [second] = queue.claim({endpoint.pk: 1}, lease_seconds=60)
    assert (first.webhook_id, first.attempt) == (second.webhook_id, 1)
    assert second.attempt == 2
    assert queue.note([noted(first)]) == set()
    assert WebhookMessage.objects.get().status == "pending"
    assert queue.note([noted(second)]) == {second.id}
    assert WebhookMessage.objects.get().status == "delivered"
    assert WebhookAttempt.objects.count() == 2


def test_what_is_given_up_can_be_recovered_and_what_was_delivered_sent_once_more(
    endpoint: WebhookEndpoint,
) -> None:
    for _ in range(2):
        make_message(endpoint)
    first, second = queue.claim({endpoint.pk: 2}, lease_seconds=60)
    queue.note(
        [noted(first), noted(second, is_delivered=False, status_code=500, answer="no")]
    )
    assert WebhookMessage.objects.get(pk=second.id).status == "failed"
    since = timezone.now() - dt.timedelta(hours=1)
    assert queue.recover(endpoint, since=timezone.now()) == 0
    assert queue.recover(endpoint, since=since) == 1
    assert queue.redeliver(endpoint, first.webhook_id)
    again = queue.claim({endpoint.pk: 5}, lease_seconds=60)
    assert {(m.webhook_id, m.attempt, m.step) for m in again} == {
        (first.webhook_id, 2, 0),
        (second.webhook_id, 2, 0),
    }


def test_nothing_of_another_endpoint_is_sent_once_more(
    endpoint: WebhookEndpoint,
) -> None:
    message = make_message(endpoint, status="failed")
    other = listen(endpoint.source_id)
    message.refresh_from_db()
    assert not queue.redeliver(other, message.webhook_id)
    assert not queue.recover(other, since=timezone.now() - dt.timedelta(days=9))


def test_what_is_old_or_has_no_endpoint_is_removed_with_its_attempts(
    endpoint: WebhookEndpoint,
) -> None:
    other = listen(endpoint.source_id)
    make_message(endpoint, occurred_at=timezone.now() - dt.timedelta(days=15))
    make_message(other)
    claimed = queue.claim({endpoint.pk: 5, other.pk: 5}, lease_seconds=60)
    queue.note(noted(each) for each in claimed)
    kept = make_message(endpoint)
    queue.remove(other)
    assert queue.purge(days=14) == 2
    assert list(WebhookMessage.objects.values_list("pk", flat=True)) == [kept.pk]
    assert not WebhookAttempt.objects.exists()


def test_the_claim_reads_what_is_due_and_no_more(endpoint: WebhookEndpoint) -> None:
    now = timezone.now()
    WebhookMessage.objects.bulk_create(
        WebhookMessage(
            endpoint=endpoint,
            name="event.accepted",
            data={},
            occurred_at=now,
            due_at=now,
            status="pending" if number % 50 == 0 else "delivered",
        )
        for number in range(2_000)
    )
    values = {
        "endpoints": queue.arrays.uuids([endpoint.pk]),
        "shares": queue.arrays.bigints([4]),
        "lease": 60.0,
    }
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE events_webhookmessage")
    plan = "\n".join(
        row[0] for row in statements.rows("EXPLAIN " + queue._CLAIM, values)
    )
    assert "events_webhookmessage_due" in plan, plan


def test_a_source_that_is_removed_takes_its_endpoints_along(
    endpoint: WebhookEndpoint,
) -> None:
    Source.objects.get(pk=endpoint.source_id).delete()
    assert not WebhookEndpoint.objects.exists()
