"""The shadow render: past events tried on what would be published; nothing is sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from events.models import EventContext, EventSample, EventType, Work
from templates_app import publishing, shadow, trials, versions
from templates_app.models import Message, ShadowResult, ShadowRun
from templates_app.publishing import PublishError
from tests import factories

pytestmark = pytest.mark.django_db

NUMBER = "<p>Order {{ ctx.order.number }}</p>"
WITH_TOTAL = "<p>Order {{ ctx.order.number }}</p>\n\n\n {{ ctx.order.total }}"


def html(source: str) -> dict[str, Any]:
    return {"en": {"subject": "Order", "source_kind": "html", "source": source}}


def edit(message: Message, source: str) -> Message:
    """Write other content into the draft of a live message."""
    message = Message.objects.get(pk=message.pk)
    message.content = html(source)
    message.save(update_fields=["content", "modified_at"])
    return message


def post(event_type: EventType, count: int, **order: Any) -> list[str]:
    """Post events; return their ids as text, the oldest first."""
    return [
        str(
            factories.accept(
                event_type,
                ctx={"order": {"number": f"{order.get('prefix', 'A')}-{n}", **order}},
                external_id=f"{order.get('prefix', 'A')}-{n}",
            ).id
        )
        for n in range(count)
    ]


@pytest.fixture
def message() -> Message:
    """A live message whose type takes any order."""
    event_type = factories.make_event_type(contract={"type": "object"})
    return factories.publish(event_type=event_type, content=html(NUMBER)).message


def outcomes(run: ShadowRun) -> dict[str, int]:
    return {name: count for name, count in shadow.counts(run).items() if count}


def test_past_events_are_rendered_newest_first_and_compared(message: Message) -> None:
    assert message.event_type is not None
    ids = post(message.event_type, 3)
    same = shadow.run_now(message)
    assert outcomes(same) == {"unchanged": 3}
    assert [row.subject for row in same.results.all()] == ids[::-1]
    assert same.results.first().label.startswith("A-2 (")  # type: ignore[union-attr]

    other = shadow.run_now(edit(message, f"{NUMBER}<p>Thanks</p>"))
    assert outcomes(other) == {"changed": 3}
    row = other.results.first()
    assert row is not None
    assert row.size_before is not None
    assert row.size_after == row.size_before + len("<p>Thanks</p>")
    assert not Work.objects.exclude(stage="pending").exists()
    assert list(message.shadow_runs.all()) == [other]


def test_a_version_that_breaks_some_is_refused_and_names_them(
    message: Message,
) -> None:
    assert message.event_type is not None
    post(message.event_type, 2, total="12")
    broken = post(message.event_type, 3, prefix="B")
    with pytest.raises(PublishError) as refused:
        publishing.publish(edit(message, WITH_TOTAL))
    words = str(refused.value)
    assert words.startswith("3 of 5 past events would fail: B-2 (")
    assert "ctx.order.total" in words
    assert "(html line 4, column 5)" in words
    run = message.shadow_runs.get()
    assert [row.subject for row in shadow.newly_failing(run)] == broken[::-1]
    (problem,) = refused.value.problems
    assert (problem.part, problem.line, problem.column) == ("html", 4, 5)
    message.refresh_from_db()
    assert message.live_version is not None
    assert message.live_version.number == 1
    last = message.publication_log.order_by("-pk").first()
    assert last is not None
    assert last.action == "refused"
    assert last.note == words


def test_what_failed_before_does_not_block_and_what_is_mended_is_told() -> None:
    event_type = factories.make_event_type(contract={"type": "object"})
    message = factories.publish(event_type=event_type, content=html(WITH_TOTAL)).message
    post(event_type, 2)
    still = shadow.run_now(edit(message, f"<hr>{WITH_TOTAL}"))
    assert outcomes(still) == {"still_failing": 2}
    mended = shadow.run_now(edit(message, NUMBER))
    assert outcomes(mended) == {"mended": 2}
    row = mended.results.first()
    assert row is not None
    assert row.error is not None
    assert row.error["path"] == "ctx.order.total"
    assert publishing.publish(message).number == 2


def test_an_event_whose_data_was_purged_is_left_out(message: Message) -> None:
    assert message.event_type is not None
    first, second = post(message.event_type, 2)
    run = shadow.start(message)
    EventContext.objects.filter(event_id=first).delete()
    while shadow.advance(5):
        pass
    run.refresh_from_db()
    assert (run.status, run.done) == ("done", 2)
    assert [row.subject for row in run.results.all()] == [second]
    assert shadow.run_now(message).subjects == [second]


def test_only_events_that_would_take_the_channel_are_tried(message: Message) -> None:
    assert message.event_type is not None
    event_type = message.event_type
    sms = factories.publish(
        event_type=event_type,
        channel="sms",
        content={"en": {"text": "Order {{ ctx.order.number }}"}},
    ).message
    post(event_type, 2)
    ctx = {"order": {"number": "S-1"}}
    recipient = {"phone": "+15555550100"}
    only_sms = factories.accept(event_type, ctx=ctx, recipient=recipient)
    assert shadow.run_now(sms).subjects == [str(only_sms.id)]
    assert str(only_sms.id) not in shadow.run_now(message).subjects
    result = sms.shadow_runs.get().results.get()
    assert (result.size_before, result.size_after) == (1, 1)


def test_without_events_the_samples_are_rendered() -> None:
    event_type = factories.make_event_type(sample={"order": {"number": "T"}})
    EventSample.objects.create(
        event_type=event_type, name="Long", ctx={"order": {"number": "L"}}
    )
    EventSample.objects.create(event_type=event_type, name="Empty", ctx={})
    message = factories.make_message(event_type)
    run = shadow.run_now(message)
    assert run.uses_samples
    labels = [row.label for row in run.results.all()]
    assert labels == [f"Sample of {event_type.name}", "Long"]
    assert shadow.in_words(run).startswith("2 samples: 2 rendered; ")


def test_with_nothing_to_try_it_on_a_run_ends_at_once() -> None:
    run = shadow.run_now(factories.make_message())
    assert (run.status, run.subjects) == ("done", [])


def test_a_worker_goes_on_where_the_last_one_stopped(
    message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert message.event_type is not None
    monkeypatch.setattr(shadow, "_CHUNK", 2)
    post(message.event_type, 3)
    run = shadow.start(message)
    done = []
    while True:
        is_left = shadow.advance(0)
        run.refresh_from_db()
        done.append(run.done)
        if not is_left:
            break
    assert done == [1, 2, 3], "a turn ends after any of them"
    assert run.status == "done"
    assert [row.position for row in run.results.all()] == [0, 1, 2]
    assert shadow.advance(1) is False


def test_a_run_whose_worker_died_is_taken_over_after_half_a_minute(
    message: Message,
) -> None:
    assert message.event_type is not None
    post(message.event_type, 2)
    run = shadow.start(message)
    now = datetime.now(UTC)
    ShadowRun.objects.update(status="running", beat_at=now)
    shadow.advance(5)
    assert ShadowResult.objects.count() == 0
    ShadowRun.objects.update(beat_at=now - timedelta(seconds=31))
    shadow.advance(5)
    run.refresh_from_db()
    assert (run.status, run.results.count()) == ("done", 2)


def test_a_run_that_never_ends_is_given_up(message: Message) -> None:
    run = shadow.start(message)
    old = datetime.now(UTC) - timedelta(minutes=11)
    ShadowRun.objects.update(created_at=old)
    assert shadow.advance(5) is False
    run.refresh_from_db()
    assert (run.status, run.problem) == ("stopped", "It took longer than ten minutes.")


def test_who_lost_a_run_to_another_writes_nothing(message: Message) -> None:
    assert message.event_type is not None
    post(message.event_type, 2)
    slow = shadow.start(message)
    ShadowRun.objects.update(status="running")
    slow.refresh_from_db()
    shadow.advance(5)
    shadow._go_on(slow, seconds=5)
    assert message.shadow_runs.get().results.count() == 2


def test_an_edit_makes_a_run_say_nothing_any_more(message: Message) -> None:
    run = shadow.run_now(message)
    assert shadow.current(message) == run
    assert shadow.current(edit(message, f"{NUMBER}!")) is None
    edit(message, NUMBER)
    message = Message.objects.get(pk=message.pk)
    assert shadow.current(message) == run
    assert message.event_type is not None
    EventType.objects.update(contract={"type": "object", "required": ["order"]})
    assert shadow.current(Message.objects.get(pk=message.pk)) is None


def test_an_edit_under_a_run_changes_nothing_of_it(message: Message) -> None:
    assert message.event_type is not None
    post(message.event_type, 1)
    run = shadow.start(edit(message, f"{NUMBER}<p>Thanks</p>"))
    edit(message, "<p>{{ ctx.nowhere }}</p>")
    shadow.advance(5)
    assert outcomes(run) == {"changed": 1}


def test_a_run_for_events_of_another_type_says_nothing(message: Message) -> None:
    assert message.event_type is not None
    run = shadow.run_now(message)
    assert shadow.current(message) == run
    message.event_type = factories.make_event_type(contract=message.event_type.contract)
    assert shadow.current(message) is None


def test_a_fault_of_ours_is_a_failing_row(
    message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert message.event_type is not None
    post(message.event_type, 1)

    def fail(*_: Any, **__: Any) -> None:
        raise KeyError("html")

    monkeypatch.setattr(versions, "render", fail)
    run = shadow.run_now(message)
    assert shadow.is_finished(run)
    assert outcomes(run) == {"still_failing": 1}


def test_a_fault_between_rows_stops_a_run_and_says_so(
    message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise KeyError("html")

    assert message.event_type is not None
    post(message.event_type, 1)
    monkeypatch.setattr(trials, "load", fail)
    run = shadow.start(message)
    assert shadow.advance(5) is False
    run.refresh_from_db()
    assert (run.status, run.problem) == (
        "stopped",
        "A fault of txmsg itself: KeyError.",
    )
    with pytest.raises(PublishError, match="A fault of txmsg itself: KeyError"):
        publishing.publish(message)


def test_who_works_on_a_run_that_was_replaced_leaves_it(message: Message) -> None:
    assert message.event_type is not None
    post(message.event_type, 1)
    run = shadow.start(message)
    newer = shadow.start(message)
    shadow._go_on(run, seconds=5)
    assert list(message.shadow_runs.all()) == [newer]
    assert newer.results.count() == 0


def test_a_run_that_was_replaced_proves_nothing(
    message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its results are deleted with it: none would be found to be failing."""
    assert message.event_type is not None
    post(message.event_type, 1)
    message = edit(message, WITH_TOTAL)
    run = shadow.run_now(message)

    def current(_message: Message) -> ShadowRun:
        shadow.start(message)
        return run

    monkeypatch.setattr(shadow, "current", current)
    with pytest.raises(PublishError, match="publish again"):
        publishing.publish(message)


def test_an_error_of_a_real_event_quotes_no_secret() -> None:
    event_type = factories.make_event_type(
        contract={"type": "object"}, sensitive_paths=["order.code"]
    )
    message = factories.publish(event_type=event_type, content=html(NUMBER)).message
    post(event_type, 1, code="hunter2")
    source = "<p>{{ ctx.order.code | money: 'EUR' }}</p>"
    with pytest.raises(PublishError) as refused:
        publishing.publish(edit(message, source))
    assert "(html line 1, column " in str(refused.value)
    run = message.shadow_runs.get()
    said = [row.error for row in run.results.all()]
    notes = [line.note for line in message.publication_log.all()]
    assert "hunter2" not in f"{said} {notes}"
