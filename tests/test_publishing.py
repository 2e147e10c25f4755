"""A message's public state: what publishing asks for, and what each verb does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from events.models import EventType
from templates_app import content_blocks, publishing, shadow, snapshots, trials
from templates_app.models import ContentBlock, Message, PublicationLog
from templates_app.publishing import PublishError, verbs
from tests import factories

pytestmark = pytest.mark.django_db

NOTED = """\
<p>Order {{ ctx.order.number }}</p>
<p>{% if ctx.order.total %}{{ ctx.order.total }}{% endif %}</p>
"""


def live_channels(event_type: EventType) -> list[str]:
    event_type.refresh_from_db()
    return event_type.live_channels


def actions(message: Message) -> list[str]:
    """Return what the log says was done, the oldest first."""
    return [log.action for log in message.publication_log.order_by("pk")]


def html(source: str) -> dict[str, Any]:
    return {"en": {"subject": "S", "source_kind": "html", "source": source}}


def test_publishing_makes_a_numbered_snapshot_and_opens_the_door() -> None:
    message = factories.make_message()
    assert message.event_type is not None
    first = publishing.publish(message, note="First")
    second = publishing.publish(message)

    assert (first.number, second.number) == (1, 2)
    message.refresh_from_db()
    assert message.live_version == second
    assert not message.has_unpublished_changes
    assert live_channels(message.event_type) == ["email"]
    assert list(first.compiled) == ["en"]
    assert actions(message) == ["checked", "rendered", "published"] * 2


def between_proof_and_lock(
    monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]
) -> None:
    """Let somebody do something while a message is about to be published."""
    prove = verbs._prove

    def proved(*args: Any) -> Any:
        run = prove(*args)
        monkeypatch.setattr(verbs, "_prove", prove)
        act()
        return run

    monkeypatch.setattr(verbs, "_prove", proved)


def test_publishing_twice_at_once_makes_one_version(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    message = factories.make_message()
    between_proof_and_lock(monkeypatch, lambda: publishing.publish(message))
    with pytest.raises(PublishError, match="changed while"):
        publishing.publish(message)
    assert message.versions.count() == 1
    assert actions(message)[-1] == "refused"


@pytest.mark.parametrize(
    "changed",
    [
        {"contract": {"type": "object"}},
        {"sensitive_paths": ["order.number"]},
    ],
)
def test_a_type_that_changes_meanwhile_is_noticed(
    monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any]
) -> None:
    message = factories.make_message()
    between_proof_and_lock(monkeypatch, lambda: EventType.objects.update(**changed))
    with pytest.raises(PublishError, match="changed while"):
        publishing.publish(message)


def test_a_content_block_that_changes_meanwhile_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    block = ContentBlock(internal_name="bye", label="Bye", html="<p>Bye</p>")
    content_blocks.save(block)
    message = factories.make_message(content=html("{% block 'bye' %}"))

    def change() -> None:
        block.html = "<p>{{ ctx.nowhere }}</p>"
        content_blocks.save(block)

    between_proof_and_lock(monkeypatch, change)
    with pytest.raises(PublishError, match="changed while"):
        publishing.publish(message)


def test_what_is_deleted_meanwhile_is_not_published(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    message = factories.make_message()
    between_proof_and_lock(monkeypatch, lambda: publishing.delete(message))
    with pytest.raises(PublishError, match="It was deleted"):
        publishing.publish(message)


def test_the_log_tells_what_was_checked_and_rendered() -> None:
    message = factories.make_message(context_sample={"order": {"number": "A-1"}})
    publishing.publish(message, note="Ready")
    published, rendered, checked = message.publication_log.order_by("-pk")
    assert checked.note.startswith("0 errors")
    assert rendered.note.startswith("1 sample: 1 rendered; ")
    assert (published.note, published.version) == ("Ready", message.versions.get())


def test_the_door_stays_open_while_paused_and_closes_when_unpublished() -> None:
    message = factories.publish().message
    assert message.event_type is not None
    publishing.pause(message)
    assert live_channels(message.event_type) == ["email"]
    publishing.resume(message)
    publishing.unpublish(message)
    assert live_channels(message.event_type) == []
    logged = PublicationLog.objects.filter(message=message).values_list("action")
    assert {action for (action,) in logged} >= {"paused", "resumed", "unpublished"}


def test_two_messages_cannot_be_live_for_one_type_and_channel() -> None:
    event_type = factories.make_event_type()
    factories.publish(event_type=event_type)
    rival = factories.make_message(event_type)
    with pytest.raises(PublishError, match="already live"):
        publishing.publish(rival)
    version = publishing.snapshot(rival, number=1)
    version.save()
    with pytest.raises(IntegrityError), transaction.atomic():
        Message.objects.filter(pk=rival.pk).update(
            status="published", live_version=version
        )


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("<p>{{ ctx.order.number</p>", ""),
        ("<p>\n{{ ctx.order.number | nosuchfilter }}</p>", "nosuchfilter"),
        ("{% if ctx.order %}<p>", "if"),
    ],
)
def test_broken_content_is_not_published_and_the_place_is_named(
    source: str, words: str
) -> None:
    message = factories.make_message(content=html(source))
    with pytest.raises(PublishError) as refused:
        publishing.publish(message)
    problem = refused.value.problems[0]
    assert words in problem.text
    assert problem.part == "html"
    assert problem.line == source.find("{") // 4 + 1
    assert not message.versions.exists()
    assert actions(message) == ["checked", "refused"]


def test_without_an_event_type_nothing_is_published() -> None:
    message = factories.make_message()
    Message.objects.filter(pk=message.pk).update(event_type=None)
    with pytest.raises(PublishError, match="event type"):
        publishing.publish(message)


def test_an_event_that_waits_and_cannot_be_rendered_blocks_the_first_version() -> None:
    event_type = factories.make_event_type(
        contract={"type": "object"}, when_uncovered="store"
    )
    message = factories.make_message(event_type)
    factories.accept(event_type, ctx={"order": {}}, external_id="E-1")
    with pytest.raises(PublishError, match=r"^1 of 1 past events would fail: E-1 \("):
        publishing.publish(message)
    assert actions(message) == ["checked", "rendered", "refused"]
    assert not message.versions.exists()


def test_a_finished_render_of_the_same_content_counts() -> None:
    message = factories.make_message(context_sample={"order": {"number": "A-1"}})
    run = shadow.run_now(message)
    publishing.publish(message)
    assert message.shadow_runs.get() == run
    Message.objects.filter(pk=message.pk).update(content=html(NOTED))
    publishing.publish(message)
    assert message.shadow_runs.get() != run


def test_what_is_edited_while_it_is_published_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    message = factories.make_message()
    prove = shadow.run_now

    def meanwhile(saved: Message, **kwargs: Any) -> Any:
        run = prove(saved, **kwargs)
        Message.objects.filter(pk=saved.pk).update(content=html(NOTED))
        return run

    monkeypatch.setattr(shadow, "run_now", meanwhile)
    with pytest.raises(PublishError, match="changed while"):
        publishing.publish(message)
    assert not message.versions.exists()


def test_a_render_that_another_has_replaced_proves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    message = factories.make_message(context_sample={"order": {"number": "A-1"}})
    render = trials.render

    def replaced(*args: Any) -> Any:
        message.shadow_runs.all().delete()
        return render(*args)

    monkeypatch.setattr(trials, "render", replaced)
    with pytest.raises(PublishError, match="publish again"):
        publishing.publish(message)
    assert not message.versions.exists()


def test_nothing_is_compiled_while_the_row_is_locked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    message = factories.make_message()
    compiled_after: list[bool] = []
    compile_it = snapshots.compiled_content
    with CaptureQueriesContext(connection) as queries:

        def watched(saved: Message) -> Any:
            asked = [query["sql"] for query in queries.captured_queries]
            compiled_after.append(any("FOR UPDATE" in sql for sql in asked))
            return compile_it(saved)

        monkeypatch.setattr(snapshots, "compiled_content", watched)
        publishing.publish(message)
    assert compiled_after
    # The shadow render locks its own row; the message's is locked after all of it.
    assert compiled_after[0] is False


def test_a_version_keeps_the_content_blocks_it_was_published_with() -> None:
    block = ContentBlock(label="Sign", internal_name="sign", html="<b>Bye</b>")
    content_blocks.save(block)
    message = factories.make_message(content=html("<p>Hi</p>{% block 'sign' %}"))
    version = publishing.publish(message)
    assert version.blocks == {"sign": {"html": "<b>Bye</b>", "text": ""}}
    assert "<b>Bye</b>" in version.compiled["en"]["html"]

    message.refresh_from_db()
    assert not publishing.differs_from_live(message)
    block.html = "<b>So long</b>"
    content_blocks.save(block)
    assert publishing.differs_from_live(message)
    ContentBlock.objects.create(label="Other", internal_name="other", html="x")
    block.html = "<b>Bye</b>"
    content_blocks.save(block)
    assert not publishing.differs_from_live(message)


def test_only_a_draft_is_deleted_and_its_history_stays() -> None:
    message = factories.publish().message
    with pytest.raises(PublishError, match="unpublish"):
        publishing.delete(message)
    publishing.unpublish(message)
    name = message.internal_name
    publishing.delete(message)
    message.refresh_from_db()
    assert message.deleted_at is not None
    assert message.versions.count() == 1
    assert not Message.objects.filter(internal_name=name).exists()


@pytest.mark.parametrize("verb", ["pause", "resume", "unpublish"])
def test_a_draft_takes_no_verb_but_publish(verb: str) -> None:
    message = factories.make_message()
    with pytest.raises(PublishError):
        getattr(publishing, verb)(message)


def test_rolling_back_makes_the_draft_old_and_the_next_version_new() -> None:
    first = factories.publish()
    message = Message.objects.get(pk=first.message_id)
    message.content = {**html(NOTED), "de": {"subject": "S", "source": "x"}}
    message.content["de"]["source_kind"] = "html"
    message.nature = "receipt"
    message.save()
    publishing.publish(message)
    editor = User.objects.create_user("rosa")

    back = publishing.restore(message, first, editor=editor)

    assert back.content == first.content
    assert (back.nature, back.modified_by) == ("", editor)
    assert back.has_unpublished_changes
    third = publishing.publish(back, author=editor, note="Roll back to version 1")
    assert (third.number, third.content_hash) == (3, first.content_hash)
    back.refresh_from_db()
    assert not back.has_unpublished_changes


def test_a_message_that_was_rolled_back_to_what_is_live_has_no_news() -> None:
    version = factories.publish()
    message = Message.objects.get(pk=version.message_id)
    Message.objects.filter(pk=message.pk).update(
        content=html(NOTED), has_unpublished_changes=True
    )
    assert not publishing.restore(message, version).has_unpublished_changes
