"""A message's public state."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from events.models import EventType
from templates_app import publishing
from templates_app.models import Message, PublicationLog
from templates_app.publishing import PublishError
from tests import factories

pytestmark = pytest.mark.django_db


def live_channels(event_type: EventType) -> list[str]:
    event_type.refresh_from_db()
    return event_type.live_channels


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
    assert [log.action for log in message.publication_log.all()] == ["published"] * 2


def test_the_door_stays_open_while_paused_and_closes_when_unpublished() -> None:
    message = factories.publish().message
    assert message.event_type is not None
    publishing.pause(message)
    assert live_channels(message.event_type) == ["email"]
    publishing.resume(message)
    publishing.unpublish(message)
    assert live_channels(message.event_type) == []
    actions = PublicationLog.objects.filter(message=message).values_list("action")
    assert {action for (action,) in actions} == {
        "published",
        "paused",
        "resumed",
        "unpublished",
    }


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
        ("<p>{{ ctx.order.number</p>", "line 1"),
        ("<p>\n{{ ctx.a | nosuchfilter }}</p>", "nosuchfilter"),
        ("{% if ctx.a %}<p>", "if"),
    ],
)
def test_broken_content_is_not_published_and_the_place_is_named(
    source: str, words: str
) -> None:
    message = factories.make_message(
        content={"en": {"subject": "S", "source_kind": "html", "source": source}}
    )
    with pytest.raises(PublishError) as refused:
        publishing.publish(message)
    (problem,) = refused.value.problems
    assert words in problem.text
    assert not message.versions.exists()


def test_without_an_event_type_nothing_is_published() -> None:
    message = factories.make_message()
    Message.objects.filter(pk=message.pk).update(event_type=None)
    with pytest.raises(PublishError, match="event type"):
        publishing.publish(message)


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
