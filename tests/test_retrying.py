"""Retry, resolve, re-route and held messages, against a real database."""

from __future__ import annotations

import threading
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from events import ids
from events.models import Event, EventContext, EventType, Work
from history import retrying
from history.models import Delivery, Resolution
from history.retrying import NotPossible
from templates_app import publishing
from templates_app.models import Message, UnknownOutcome
from tests import factories
from txmsg.channels.base import Outcome, OutcomeKind
from txmsg.channels.capture import Answers, CaptureChannel, sent


def published_type(**fields: object) -> EventType:
    version = factories.publish(**fields)
    event_type = version.message.event_type
    assert event_type is not None
    event_type.refresh_from_db()
    return event_type


def answering(kind: OutcomeKind) -> Answers:
    return lambda _message: Outcome(kind, provider="capture", answer="550 no")


@pytest.fixture
def channel(monkeypatch: pytest.MonkeyPatch) -> CaptureChannel:
    capture = CaptureChannel(answers=answering(OutcomeKind.PERMANENT))
    monkeypatch.setattr("txmsg.pipeline.get_channel", lambda _name: capture)
    return capture


def ended_delivery(**fields: object) -> UUID:
    accepted = factories.accept(published_type(**fields))
    factories.drain()
    return ids.delivery_id(accepted.id, 1)


def hold_one() -> UUID:
    """Make a held row of work, as a lost connection under the policy `ask` leaves."""
    work_id = ended_delivery(unknown_outcome=UnknownOutcome.ASK)
    assert Work.objects.get(pk=work_id).stage == "held"
    return work_id


@pytest.mark.django_db
def test_retry_makes_a_new_delivery_and_reopens_the_event(
    channel: CaptureChannel,
) -> None:
    old = ended_delivery()
    assert Event.objects.get(pk=ids.event_id_of(old)).outcome == "failed"

    new = retrying.retry(old)

    event = Event.objects.get(pk=ids.event_id_of(old))
    assert (event.outcome, event.reason, event.finished_at) == ("", "", None)
    row = Work.objects.get()
    assert (row.id, row.retry_of, row.stage) == (new, old, "queued")
    assert (row.channel, row.address) == ("email", "ada@example.com")
    assert (row.attempts, row.version_id, row.possible_duplicate) == (0, None, False)
    channel._answers = sent
    factories.drain()
    assert Delivery.objects.get(pk=new).retry_of == old
    event.refresh_from_db()
    assert event.outcome == "processed"


@pytest.mark.django_db
def test_a_delivery_is_retried_once(channel: CaptureChannel) -> None:
    old = ended_delivery()
    new = retrying.retry(old)
    with pytest.raises(NotPossible, match="retried already"):
        retrying.retry(old)
    factories.drain()
    with pytest.raises(NotPossible, match="retried already"):
        retrying.retry(old)
    assert retrying.retry(new) == ids.delivery_id(ids.event_id_of(old), 3)


@pytest.mark.django_db(transaction=True)
def test_two_retries_at_once_make_one_delivery(channel: CaptureChannel) -> None:
    old = ended_delivery()
    barrier = threading.Barrier(4)
    results: list[object] = []

    def press_retry() -> None:
        barrier.wait(30)
        try:
            results.append(retrying.retry(old))
        except NotPossible as error:
            results.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=press_retry) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert len([r for r in results if isinstance(r, UUID)]) == 1
    assert len([r for r in results if isinstance(r, NotPossible)]) == 3
    assert Work.objects.filter(retry_of=old).count() == 1


@pytest.mark.django_db
def test_retry_is_refused_when_the_context_is_gone(channel: CaptureChannel) -> None:
    old = ended_delivery()
    EventContext.objects.all().delete()
    with pytest.raises(NotPossible, match="purged"):
        retrying.retry(old)
    assert Event.objects.get(pk=ids.event_id_of(old)).outcome == "failed"


@pytest.mark.django_db
def test_retry_is_refused_after_the_last_ordinal(channel: CaptureChannel) -> None:
    old = ended_delivery()
    last = Delivery.objects.get(pk=old)
    last.pk = ids.last_id_of(old)
    last.save(force_insert=True)
    with pytest.raises(NotPossible, match="255"):
        retrying.retry(old)


@pytest.mark.django_db
def test_the_copy_of_an_uncertain_delivery_is_flagged(channel: CaptureChannel) -> None:
    channel._answers = answering(OutcomeKind.UNKNOWN)
    old = ended_delivery(unknown_outcome=UnknownOutcome.NEVER_TWICE)
    assert Delivery.objects.get(pk=old).status == "uncertain"

    new = retrying.retry(old)

    assert Work.objects.get(pk=new).possible_duplicate
    delivery = Delivery.objects.get(pk=old)
    assert (delivery.status, delivery.resolved_as) == ("uncertain", "sent_again")
    assert delivery.resolved_at is not None


@pytest.mark.django_db
def test_an_uncertain_delivery_is_resolved_once(channel: CaptureChannel) -> None:
    channel._answers = answering(OutcomeKind.UNKNOWN)
    old = ended_delivery(unknown_outcome=UnknownOutcome.NEVER_TWICE)
    retrying.resolve(old, Resolution.NOT_SENT)
    with pytest.raises(NotPossible):
        retrying.resolve(old, Resolution.SENT)
    assert Delivery.objects.get(pk=old).resolved_as == "not_sent"
    # It is known not to have arrived, so its copy is no possible duplicate.
    assert not Work.objects.get(pk=retrying.retry(old)).possible_duplicate


@pytest.mark.django_db
def test_a_held_message_is_sent_when_an_operator_says_so(
    channel: CaptureChannel,
) -> None:
    channel._answers = answering(OutcomeKind.UNKNOWN)
    held = hold_one()
    channel._answers = sent
    retrying.send_held(held)
    with pytest.raises(NotPossible):
        retrying.send_held(held)
    factories.drain()
    delivery = Delivery.objects.get(pk=held)
    assert (delivery.status, delivery.possible_duplicate) == ("sent", True)


@pytest.mark.django_db
def test_a_held_message_that_is_ended_is_uncertain(channel: CaptureChannel) -> None:
    channel._answers = answering(OutcomeKind.UNKNOWN)
    held = hold_one()
    retrying.end_held(held)
    with pytest.raises(NotPossible):
        retrying.end_held(held)
    delivery = Delivery.objects.get(pk=held)
    assert (delivery.status, delivery.reason) == ("uncertain", "ended_by_operator")
    assert delivery.execution is not None
    assert Event.objects.get(pk=delivery.event_id).outcome == "failed"


@pytest.mark.django_db
def test_an_event_without_deliveries_is_routed_again(channel: CaptureChannel) -> None:
    event_type = factories.make_event_type(when_uncovered="store")
    accepted = factories.accept(event_type)
    with pytest.raises(NotPossible, match="not ended"):
        retrying.reroute(accepted.id)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE events_work SET due_at = now() - interval '1 s',"
            " expires_at = now() - interval '1 s'"
        )
    factories.drain()
    assert Event.objects.get(pk=accepted.id).outcome == "not_covered"
    factories.publish(event_type=event_type)
    channel._answers = sent

    retrying.reroute(accepted.id)
    factories.drain()

    assert Event.objects.get(pk=accepted.id).outcome == "processed"
    with pytest.raises(NotPossible, match="has deliveries"):
        retrying.reroute(accepted.id)


@pytest.mark.django_db
def test_unknown_ids_are_refused_in_words() -> None:
    unknown = ids.new_event_id()
    for attempt in (
        lambda: retrying.retry(ids.delivery_id(unknown, 1)),
        lambda: retrying.reroute(unknown),
        lambda: retrying.resolve(ids.delivery_id(unknown, 1), Resolution.SENT),
        lambda: retrying.send_held(ids.delivery_id(unknown, 1)),
        lambda: retrying.end_held(ids.delivery_id(unknown, 1)),
    ):
        with pytest.raises(NotPossible):
            attempt()


@pytest.mark.django_db
def test_retry_is_refused_when_nothing_is_published(channel: CaptureChannel) -> None:
    old = ended_delivery()
    message = Message.objects.get()
    publishing.unpublish(message)
    with pytest.raises(NotPossible, match="No message is published"):
        retrying.retry(old)
    assert not Work.objects.exists()
    assert Event.objects.get(pk=ids.event_id_of(old)).outcome == "failed"


@pytest.mark.django_db
def test_a_retry_waits_while_its_message_is_paused(
    channel: CaptureChannel, django_capture_on_commit_callbacks: Any
) -> None:
    old = ended_delivery()
    message = Message.objects.get()
    publishing.pause(message)
    new = retrying.retry(old)
    factories.drain()
    assert Work.objects.get(pk=new).stage == "paused"
    channel._answers = sent
    with django_capture_on_commit_callbacks(execute=True):
        publishing.resume(message)
    factories.drain()
    assert Delivery.objects.get(pk=new).status == "sent"


@pytest.mark.django_db
def test_a_held_message_stays_held_when_nothing_is_published(
    channel: CaptureChannel,
) -> None:
    channel._answers = answering(OutcomeKind.UNKNOWN)
    held = hold_one()
    publishing.unpublish(Message.objects.get())
    with pytest.raises(NotPossible, match="No message is published"):
        retrying.send_held(held)
    assert Work.objects.get(pk=held).stage == "held"
