"""The ten rules of the pipeline; each test is named after the hole it closes.

Deaths are played by leaving a batch where a killed worker would have left it; the
kills of real processes are in test_crash.py.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction

from events import arrays, ids, statements, work
from events.models import Event, EventType, Stage, Work
from events.work import Claim, Item, claiming
from history import recording
from history.models import Attempt, Delivery, DeliveryStatus, Reason, Tally
from history.recording import Ending, Results, endings
from templates_app import publishing
from templates_app.models import Message, UnknownOutcome, Version
from templates_app.rendering import RenderedMessage
from tests import factories
from txmsg import pipeline, sweeper
from txmsg.channels.base import Outcome, OutcomeKind
from txmsg.channels.capture import CaptureChannel
from txmsg.pipeline import Drain

pytestmark = pytest.mark.django_db


@pytest.fixture
def channel(monkeypatch: pytest.MonkeyPatch) -> CaptureChannel:
    """A channel that keeps what it is given, in place of every channel."""
    capture = CaptureChannel()
    monkeypatch.setattr(pipeline, "get_channel", lambda _name: capture)
    return capture


@pytest.fixture
def version(channel: CaptureChannel) -> Version:
    return factories.publish()


def accept(version: Version, count: int = 1, **fields: Any) -> list[UUID]:
    event_type = EventType.objects.get(pk=version.message.event_type_id)
    caller = factories.make_caller()
    return [factories.accept(event_type, caller, **fields).id for _ in range(count)]


def claim(limit: int = 500, owner: str = "worker-that-dies") -> Claim:
    return work.claim(
        "normal",
        owner=owner,
        limit=limit,
        lease_seconds=60,
        live=publishing.live_versions(),
    )


def mark(claimed: Claim) -> set[UUID]:
    return work.mark(
        [item.id for item in claimed.items],
        lease_no=claimed.lease_no,
        send_timeout=5,
        lease_seconds=60,
    )


def run_out_leases() -> None:
    """Let a minute pass for whoever holds a lease."""
    Work.objects.exclude(lease_owner="").update(
        due_at=datetime.now(UTC) - timedelta(seconds=1)
    )


def sent(items: Sequence[Item]) -> Results:
    return Results(
        endings=[Ending(item.id, DeliveryStatus.SENT, was_tried=True) for item in items]
    )


def statuses() -> dict[str, int]:
    found: dict[str, int] = {}
    for status in Delivery.objects.values_list("status", flat=True):
        found[status] = found.get(status, 0) + 1
    return found


def at_once(*actions: Callable[[], object]) -> list[BaseException]:
    """Run actions in threads that start together; return what they raised."""
    barrier = threading.Barrier(len(actions))
    raised: list[BaseException] = []

    def run(action: Callable[[], object]) -> None:
        try:
            barrier.wait()
            action()
        except BaseException as error:
            raised.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


# Rule 1: one lock order.


@pytest.mark.django_db(transaction=True)
def test_waves_over_the_same_events_in_opposite_order_do_not_deadlock(
    channel: CaptureChannel,
) -> None:
    event_type = two_channel_type()
    caller = factories.make_caller()
    for _ in range(60):
        accept_for_both(event_type, caller)
    claimed = claim(limit=60)
    by_channel = [
        [item for item in claimed.items if item.channel == name]
        for name in ("email", "sms")
    ]
    by_channel[1].reverse()

    raised = at_once(
        *(
            lambda items=items: recording.record(sent(items), lease_no=claimed.lease_no)
            for items in by_channel
        )
    )

    assert not raised
    assert statuses() == {"sent": 120}


# Rule 2: events end in a statement of their own.


@pytest.mark.django_db(transaction=True)
def test_an_event_finished_by_two_workers_at_once_does_not_stay_open(
    channel: CaptureChannel,
) -> None:
    event_type = two_channel_type()
    caller = factories.make_caller()
    for _ in range(20):
        accept_for_both(event_type, caller)
    claimed = claim()
    for event_id in {item.event_id for item in claimed.items}:
        pair = [item for item in claimed.items if item.event_id == event_id]
        raised = at_once(
            *(
                lambda item=item: recording.record(
                    sent([item]), lease_no=claimed.lease_no
                )
                for item in pair
            )
        )
        assert not raised
    assert set(Event.objects.values_list("outcome", flat=True)) == {"processed"}
    assert sum(Tally.objects.values_list("count", flat=True)) in (0, 40)


def two_channel_type() -> EventType:
    event_type = factories.make_event_type(fan_out=True)
    factories.publish(event_type=event_type)
    factories.publish(
        event_type=event_type, channel="sms", content={"en": {"text": "Order"}}
    )
    event_type.refresh_from_db()
    return event_type


def accept_for_both(event_type: EventType, caller: Any) -> None:
    recipient = {"email": "ada@example.com", "phone": "+33612345678"}
    factories.accept(event_type, caller, recipient=recipient)


# Rule 3: zero rows are not silence.


def test_a_record_whose_answer_was_lost_is_known_as_our_own(version: Version) -> None:
    accept(version, 3)
    claimed = claim()
    first = recording.record(sent(claimed.items), lease_no=claimed.lease_no)

    again = recording.record(sent(claimed.items), lease_no=claimed.lease_no)

    assert again.own == first.own == {item.id for item in claimed.items}
    assert not again.fenced
    assert statuses() == {"sent": 3}


def test_a_stale_lease_changes_nothing_and_is_fenced(version: Version) -> None:
    accept(version)
    stale = claim()
    run_out_leases()
    fresh = claim(owner="another")

    recorded = recording.record(sent(stale.items), lease_no=stale.lease_no)

    assert recorded.fenced == {item.id for item in stale.items}
    assert not Delivery.objects.exists()
    assert Work.objects.filter(lease_no=fresh.lease_no).exists()


def test_one_row_refused_for_its_data_does_not_keep_its_neighbours(
    version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(version, 3)
    claimed = claim()
    results = sent(claimed.items)
    bad = Ending(claimed.items[1].id, DeliveryStatus.SENT, answer="\x00 no text")
    monkeypatch.setattr(endings, "clean", lambda text, _limit: text)

    recorded = recording.record(
        Results(endings=[results.endings[0], bad, results.endings[2]]),
        lease_no=claimed.lease_no,
    )

    assert recorded.own == {item.id for item in claimed.items}
    assert statuses() == {"sent": 3}


def test_a_database_error_while_recording_is_repeated_and_nothing_sent_twice(
    version: Version, channel: CaptureChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(version)
    record, calls = recording.record, []

    def fails_once(results: Results, *, lease_no: int) -> recording.Recorded:
        calls.append(lease_no)
        if len(calls) == 1:
            raise OperationalError("the server closed the connection")
        return record(results, lease_no=lease_no)

    monkeypatch.setattr(recording, "record", fails_once)
    monkeypatch.setattr(pipeline.connection, "close", lambda: None)
    factories.drain()

    assert len(calls) == 2
    assert len(channel.messages) == 1
    assert statuses() == {"sent": 1}


# Rule 4: only what is marked is sent.


def test_a_lease_with_less_left_than_sending_may_take_is_not_marked(
    version: Version,
) -> None:
    accept(version)
    claimed = claim()

    marked = work.mark(
        [item.id for item in claimed.items],
        lease_no=claimed.lease_no,
        send_timeout=61,
        lease_seconds=60,
    )

    assert marked == set()


def test_a_pause_after_the_claim_wins(
    version: Version, channel: CaptureChannel
) -> None:
    accept(version)
    claimed = claim(owner="test-worker")
    publishing.pause(version.message)

    pipeline.handle(Drain(lane="normal", owner="test-worker"), claimed)

    assert not channel.messages
    row = Work.objects.get()
    assert (row.stage, row.lease_owner, row.version_id) == (Stage.PAUSED, "", None)
    assert row.due_at == row.expires_at


@pytest.mark.django_db(transaction=True)
def test_a_pause_waits_for_a_wave_that_is_being_marked(
    channel: CaptureChannel,
) -> None:
    version = factories.publish()
    accept(version)
    claimed = claim()
    rows = {item.id: version.pk for item in claimed.items}
    done: list[bool] = []

    def mark_live() -> tuple[set[UUID], set[UUID]]:
        return publishing.mark(
            rows, lease_no=claimed.lease_no, send_timeout=5, lease_seconds=60
        )

    def pause() -> None:
        publishing.pause(version.message)
        done.append(True)
        connection.close()

    with transaction.atomic():
        assert mark_live() == (set(rows), set())
        pausing = threading.Thread(target=pause)
        pausing.start()
        pausing.join(timeout=0.2)
        assert not done
    pausing.join()
    assert done
    assert mark_live() == (set(), set(rows))


# Rule 5: whose fault a death is.


def test_a_death_after_it_was_handed_back_is_not_counted(
    version: Version, channel: CaptureChannel
) -> None:
    (delivery_id,) = [ids.delivery_id(event_id, 1) for event_id in accept(version)]
    for _ in range(5):
        claimed = claim()
        assert [item.id for item in claimed.items] == [delivery_id]
        assert work.hand_back([delivery_id], lease_no=claimed.lease_no)
        run_out_leases()

    factories.drain()

    assert statuses() == {"sent": 1}


def test_a_message_that_kills_its_worker_three_times_alone_ends_as_crash(
    version: Version, channel: CaptureChannel
) -> None:
    accept(version)
    for _ in range(3):
        claimed = claim()
        assert len(claimed.items) == 1
        run_out_leases()

    factories.drain()

    assert not channel.messages
    assert Delivery.objects.get().reason == Reason.CRASH


def test_the_neighbours_of_a_killer_are_claimed_in_halves_and_sent(
    version: Version, channel: CaptureChannel
) -> None:
    poison = ids.delivery_id(accept(version, 16)[5], 1)
    run = Drain(lane="normal", owner="worker-that-dies")
    deaths = []
    while (claimed := claim()).items:
        if poison not in {item.id for item in claimed.items} or any(
            item.crashed for item in claimed.items
        ):
            pipeline.handle(run, claimed)
            continue
        deaths.append(len(claimed.items))
        run_out_leases()

    assert deaths == [16, 8, 4, 2, 1, 1, 1]
    assert statuses() == {"sent": 15, "failed": 1}
    assert Delivery.objects.get(pk=poison).reason == Reason.CRASH


def test_after_a_database_error_unmarked_rows_are_handed_back_at_once(
    version: Version, channel: CaptureChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(version, 2)
    claimed = claim()

    def fails(*_args: object, **_kwargs: object) -> set[UUID]:
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(publishing, "mark", fails)
    monkeypatch.setattr(pipeline.connection, "close", lambda: None)
    with pytest.raises(OperationalError):
        pipeline.handle(Drain(lane="normal", owner="worker-that-dies"), claimed)

    assert {row.lease_owner for row in Work.objects.all()} == {""}
    assert all(row.due_at <= datetime.now(UTC) for row in Work.objects.all())


# Rule 6: unknown outcomes.


def test_a_must_arrive_message_is_sent_again_flagged_and_alone(
    version: Version, channel: CaptureChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(version, 3)
    mark(claim())
    run_out_leases()
    sweeper.resolve_unknown("normal")
    wave_sizes = []
    send = channel.send
    monkeypatch.setattr(
        channel,
        "send",
        lambda wave, *, deadline: (
            wave_sizes.append(len(wave)),
            send(wave, deadline=deadline),
        )[1],
    )

    factories.drain()

    assert wave_sizes == [1, 1, 1]
    assert all(d.possible_duplicate for d in Delivery.objects.all())
    assert statuses() == {"sent": 3}
    assert set(Attempt.objects.values_list("outcome", flat=True)) == {"unknown"}
    assert {d.attempts for d in Delivery.objects.all()} == {2}


def test_a_never_twice_message_ends_uncertain_and_is_not_sent_again(
    channel: CaptureChannel,
) -> None:
    version = factories.publish(unknown_outcome=UnknownOutcome.NEVER_TWICE)
    accept(version)
    mark(claim())
    run_out_leases()
    sweeper.resolve_unknown("normal")
    factories.drain()

    assert not channel.messages
    assert statuses() == {"uncertain": 1}
    assert Event.objects.get().outcome == "failed"


def test_an_ask_message_is_held_and_ends_uncertain_when_it_expires(
    channel: CaptureChannel,
) -> None:
    version = factories.publish(unknown_outcome=UnknownOutcome.ASK)
    accept(version)
    mark(claim())
    run_out_leases()
    sweeper.resolve_unknown("normal")
    factories.drain()
    row = Work.objects.get()
    assert (row.stage, row.due_at) == (Stage.HELD, row.expires_at)

    expire()
    factories.drain()

    assert not channel.messages
    assert statuses() == {"uncertain": 1}


def test_an_expired_message_of_unknown_outcome_is_never_sent_again(
    version: Version, channel: CaptureChannel
) -> None:
    accept(version)
    mark(claim())
    expire()
    sweeper.resolve_unknown("normal")
    factories.drain()

    assert not channel.messages
    assert statuses() == {"uncertain": 1}


def test_a_flagged_row_ends_only_sent_or_uncertain_whatever_ends_it(
    version: Version, channel: CaptureChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(version)
    mark(claim())
    run_out_leases()
    sweeper.resolve_unknown("normal")
    refuse = Outcome(OutcomeKind.PERMANENT, reason="hard_bounce")
    monkeypatch.setattr(channel, "send", lambda wave, *, deadline: [refuse] * len(wave))
    factories.drain()

    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.reason) == ("uncertain", "hard_bounce")
    with pytest.raises(IntegrityError), transaction.atomic():
        Delivery.objects.filter(pk=delivery.pk).update(status="failed")


def expire() -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    Work.objects.update(expires_at=past, due_at=past)


# Rule 8: the status first, then the rows.


def test_pause_edit_republish_resume_sends_the_new_content(
    version: Version, channel: CaptureChannel
) -> None:
    accept(version)
    publishing.pause(version.message)
    factories.drain()
    assert Work.objects.get().stage == Stage.PAUSED
    message = Message.objects.get(pk=version.message_id)
    message.content["en"]["subject"] = "Changed {{ ctx.order.number }}"
    message.save(update_fields=["content"])
    with django_on_commit():
        publishing.publish(message)

    factories.drain()

    assert [m.parts["subject"] for m in channel.messages] == ["Changed 10293"]


def test_a_row_parked_across_a_publish_does_not_sleep_until_it_expires(
    version: Version, channel: CaptureChannel
) -> None:
    publishing.waking.forget_passes()
    accept(version)
    # A claim that read the state before the publish parks the row after it.
    work.claim("normal", owner="late", limit=10, lease_seconds=60, live={})
    assert Work.objects.get().stage == Stage.NOT_COVERED

    publishing.wake_parked()
    factories.drain()

    assert statuses() == {"sent": 1}


def test_what_waited_is_woken_even_if_the_publisher_died_after_its_commit(
    version: Version, channel: CaptureChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    publishing.pause(version.message)
    accept(version, 3)
    factories.drain()
    # Outside of a request no hook runs here: as if the process had died.
    publishing.resume(version.message)
    Message.objects.update(opened_at=datetime.now(UTC) - timedelta(days=1))

    assert publishing.wake_parked() == 3
    factories.drain()

    assert statuses() == {"sent": 3}
    assert publishing.wake_parked() == 0
    assert Message.objects.get().opened_at is None


def test_a_row_that_no_live_message_reaches_is_not_woken_for_ever(
    version: Version,
) -> None:
    accept(version)
    work.claim("normal", owner="late", limit=10, lease_seconds=60, live={})
    Message.objects.update(opened_at=None)
    assert publishing.wake_parked() == 0


# What a review found.


def test_a_row_that_expired_since_its_claim_is_not_marked(version: Version) -> None:
    accept(version)
    claimed = claim()
    Work.objects.update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert mark(claimed) == set()


def test_a_server_that_never_answers_the_dot_does_not_get_a_copy_a_second(
    version: Version, channel: CaptureChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(version)
    lost = Outcome(OutcomeKind.UNKNOWN)
    sends: list[int] = []

    def lose(wave: Sequence[RenderedMessage], *, deadline: float) -> list[Outcome]:
        sends.append(len(wave))
        return [lost] * len(wave)

    monkeypatch.setattr(channel, "send", lose)
    factories.drain()
    factories.drain()

    assert sends == [1]
    assert Work.objects.get().due_at > datetime.now(UTC) + timedelta(seconds=30)


def test_a_channel_that_raises_leaves_its_wave_unknown_not_stuck(
    version: Version, channel: CaptureChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(version, 2)

    def fail(*_args: object, **_kwargs: object) -> list[Outcome]:
        raise RuntimeError("a fault of the channel")

    monkeypatch.setattr(channel, "send", fail)
    factories.drain()

    assert {row.stage for row in Work.objects.all()} == {"retry"}
    assert all(row.possible_duplicate for row in Work.objects.all())


def test_a_retry_of_a_replaced_message_is_pinned_to_its_successor(
    version: Version, channel: CaptureChannel
) -> None:
    accept(version)
    claimed = claim()
    Work.objects.filter(lease_no=claimed.lease_no).update(
        attempts=1, lease_owner="", lease_size=0, due_at=datetime.now(UTC)
    )
    publishing.unpublish(version.message)
    successor = factories.publish(event_type=version.message.event_type)

    factories.drain()

    delivery = Delivery.objects.get()
    assert delivery.status == "sent"
    assert delivery.execution is not None
    assert delivery.execution.version == successor


def test_a_dead_workers_row_does_not_keep_old_content_across_a_republish(
    version: Version, channel: CaptureChannel
) -> None:
    accept(version)
    claim()
    publishing.pause(version.message)
    run_out_leases()
    factories.drain()
    assert Work.objects.get().version_id is None


def test_a_lane_with_a_broken_route_is_tried_once_a_batch(
    version: Version,
    channel: CaptureChannel,
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
) -> None:
    settings.TXMSG_WAVE_SIZE = 1
    accept(version, 5)
    down = Outcome(OutcomeKind.ROUTE, answer="refused")
    tries: list[int] = []

    def refuse(wave: Sequence[RenderedMessage], *, deadline: float) -> list[Outcome]:
        tries.append(len(wave))
        return [down] * len(wave)

    monkeypatch.setattr(channel, "send", refuse)
    factories.drain()

    assert tries == [1]
    assert all(row.attempts == 0 for row in Work.objects.all())
    assert all(row.due_at > datetime.now(UTC) for row in Work.objects.all())


def django_on_commit() -> Any:
    from django.test import TestCase

    return TestCase.captureOnCommitCallbacks(execute=True)


# Rule 9: the sweeper takes rows over before it acts.


def test_a_late_worker_cannot_record_what_the_sweeper_took_over(
    version: Version,
) -> None:
    accept(version)
    late = claim()
    mark(late)
    run_out_leases()
    sweeper.resolve_unknown("normal")

    recorded = recording.record(sent(late.items), lease_no=late.lease_no)

    assert recorded.fenced == {item.id for item in late.items}
    assert Work.objects.get().possible_duplicate


# Rule 10: the index bounds the claim.


def test_the_claim_is_bounded_by_the_index_of_due_rows(version: Version) -> None:
    accept(version, 3)
    statements.turn_off(*claiming._DONE_WITHOUT)
    explained = statements.rows(
        "EXPLAIN " + claiming._DUE_OF_ALL,
        {
            "types": arrays.bigints([]),
            "rooms": arrays.bigints([]),
            "limit": 10.0,
            "lane": "normal",
            "floor": work.BEGINNING,
            "sending": False,
            "taken": arrays.uuids([]),
            "deaths": 3,
        },
    )
    plan = "\n".join(row[0] for row in explained)
    assert "events_work_due" in plan
    condition = next(line for line in plan.splitlines() if "Index Cond" in line)
    assert "due_at <=" in condition


def test_a_final_delivery_never_changes_its_state(
    version: Version, channel: CaptureChannel
) -> None:
    (event_id,) = accept(version)
    factories.drain()
    delivery = Delivery.objects.filter(pk=ids.delivery_id(event_id, 1))
    with pytest.raises(IntegrityError), transaction.atomic():
        delivery.update(answer="rewritten")
    delivery.update(resolved_as="sent", resolved_at=datetime.now(UTC))


def test_a_version_is_immutable(version: Version) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Version.objects.filter(pk=version.pk).update(label="rewritten")


def test_rendered_messages_are_what_the_contract_says(
    version: Version, channel: CaptureChannel
) -> None:
    accept(version)
    factories.drain()
    assert all(isinstance(message, RenderedMessage) for message in channel.messages)
