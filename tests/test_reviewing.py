"""What an author is told before publishing: who gets it, what changed, what is left."""

from __future__ import annotations

import pytest

from events.models import EventType
from templates_app import creating, publishing, reviewing
from templates_app.models import Message, Template


def message_of(channel: str) -> Message:
    template = Template.objects.get(internal_name=f"blank-{channel}")
    message = creating.create_message(template=template, label="Shipped")
    message.event_type = EventType.objects.create(name="order.shipped", label="Shipped")
    message.save()
    return message


@pytest.mark.parametrize(
    ("live", "fan_out", "channel", "words"),
    [
        (
            [],
            False,
            "sms",
            "when the recipient has a phone number, unless the event asks for another "
            "channel",
        ),
        (
            ["email"],
            False,
            "sms",
            "when the recipient has a phone number and no email address, or when the "
            "event asks for SMS",
        ),
        (
            ["email", "sms"],
            False,
            "push",
            "when the recipient has a device for push and no email address and no "
            "phone number, or when the event asks for Push",
        ),
        (
            ["email", "sms"],
            True,
            "push",
            "when the recipient has a device for push, unless the event asks for "
            "another channel",
        ),
        (
            ["sms"],
            False,
            "email",
            "when the recipient has an email address, unless the event asks for "
            "another channel",
        ),
    ],
)
def test_who_gets_a_message_follows_the_routing(
    live: list[str], fan_out: bool, channel: str, words: str
) -> None:
    event_type = EventType(name="a.b", live_channels=live, fan_out=fan_out)
    assert reviewing.who_gets_it(event_type, channel) == words


def test_a_channel_outside_the_order_is_sent_only_when_it_is_asked_for() -> None:
    event_type = EventType(name="a.b", channel_order=["email"])
    words = reviewing.who_gets_it(event_type, "sms")
    assert words.startswith("only when they ask for SMS")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("channel", "left"),
    [
        (
            "email",
            {"Your heading", "Your subject", "write here what happened and what"},
        ),
        ("sms", {"write here"}),
        ("push", {"Your title", "Write one sentence here"}),
    ],
)
def test_what_the_built_in_template_asks_to_replace_is_found(
    channel: str, left: set[str]
) -> None:
    message = message_of(channel)
    found = " ".join(each.text for each in reviewing.left_from_template(message))
    assert all(f"“{words}" in found for words in left)
    assert "Hello" not in found


@pytest.mark.django_db
def test_what_is_left_has_its_place_and_goes_when_it_is_replaced() -> None:
    message = message_of("email")
    content = message.content["en"]
    [heading] = [
        each
        for each in reviewing.left_from_template(message)
        if "Your heading" in each.text
    ]
    assert heading.line is not None
    assert heading.column is not None
    line = content["source"].split("\n")[heading.line - 1]
    assert line[heading.column - 1 :].startswith("Your heading")
    content["subject"] = "Shipped"
    content["source"] = "<mjml><mj-body></mj-body></mjml>"
    assert reviewing.left_from_template(message) == []


@pytest.mark.django_db
def test_the_changes_since_the_live_version_have_an_author_s_names() -> None:
    message = message_of("sms")
    assert reviewing.changed_since_live(message) == []
    publishing.publish(message)
    message.refresh_from_db()
    assert reviewing.changed_since_live(message) == []
    message.label = "Sent off"
    message.delivery_code = "S-1"
    message.unknown_outcome = "ask"
    message.content = {
        "en": {**message.content["en"], "text": "On its way", "sender": ""},
        "de": {"text": "Unterwegs"},
    }
    assert reviewing.changed_since_live(message) == [
        "label",
        "what to do after a crash",
        "delivery code",
        "text (de)",
        "text",
    ]
