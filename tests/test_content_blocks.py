"""Content blocks: one text for many messages, which take it up when published."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from templates_app import content_blocks
from templates_app.models import ContentBlock, Message
from tests.factories import make_message, publish

pytestmark = pytest.mark.django_db


def make_block(**fields: Any) -> ContentBlock:
    """Make a content block."""
    block = ContentBlock(
        **{
            "label": "Greeting",
            "internal_name": "greeting",
            "html": "<p>Hello {{ recipient.name }}</p>",
            "text": "Hello {{ recipient.name }}",
            **fields,
        }
    )
    content_blocks.save(block)
    return block


def greeted(**fields: Any) -> Message:
    """Make a message that uses the block in its subject and its body."""
    content = {
        "subject": "{% block 'greeting' %}, your order",
        "source_kind": "html",
        "source": "<html><body>{% block 'greeting' %}</body></html>",
    }
    return make_message(content={"en": content}, **fields)


def test_a_change_of_text_is_a_version_and_a_change_of_label_is_none() -> None:
    """A version is what content looked like, not what people called it."""
    block = make_block()
    block.label = "Salutation"
    assert not content_blocks.save(block)
    block.text = "Dear {{ recipient.name }}"
    assert content_blocks.save(block)
    assert [version.number for version in block.versions.all()] == [2, 1]
    assert block.number == 2


def test_an_old_version_comes_back_as_a_new_one() -> None:
    """History only grows."""
    block = make_block()
    block.text = "Dear"
    content_blocks.save(block)
    content_blocks.roll_back(block, block.versions.get(number=1))
    block.refresh_from_db()
    assert (block.number, block.text) == (3, "Hello {{ recipient.name }}")


def test_a_live_message_sends_what_it_was_published_with() -> None:
    """And says that it has changes, until it is published again."""
    block = make_block()
    version = publish(greeted())
    assert "Hello" in version.compiled["en"]["subject"]
    block.text = "Dear {{ recipient.name }}"
    content_blocks.save(block)
    message = Message.objects.get(pk=version.message_id)
    assert message.has_unpublished_changes
    assert content_blocks.live_messages_using("greeting") == [message]
    again = publish(message)
    assert "Dear" in again.compiled["en"]["subject"]
    assert "Hello" in version.compiled["en"]["subject"]


def test_what_is_used_is_neither_deleted_nor_renamed() -> None:
    """The messages that call it by its name would break."""
    block = make_block()
    message = greeted()
    with pytest.raises(content_blocks.InUse, match=message.label):
        content_blocks.delete(block)
    block.internal_name = "other"
    with pytest.raises(content_blocks.InUse):
        content_blocks.save(block)


def test_the_page_says_whom_a_change_reaches() -> None:
    """Before anybody is surprised."""
    block = make_block()
    message = publish(greeted()).message
    client = Client()
    client.force_login(User.objects.create_superuser("author", password="x"))
    address = reverse("admin:templates_app_contentblock_change", args=[block.pk])
    assert message.label in client.get(address).content.decode()
    typed = {
        "label": block.label,
        "internal_name": block.internal_name,
        "description": "",
        "html": block.html,
        "text": "Dear {{ recipient.name }}",
    }
    said = client.post(address, typed, follow=True).content.decode()
    assert f"It reaches “{message.label}” when published next." in said
    broken = client.post(address, {**typed, "text": "{{ a | nosuch }}"})
    assert b"Line 1, column" in broken.content
    back = reverse("admin:templates_app_contentblock_version", args=[block.pk, 1])
    assert b"Roll back to version 1" in client.get(back).content
    client.post(back)
    block.refresh_from_db()
    assert block.number == 3
    late = client.post(address, {**typed, "text": "Bye", "seen": "1"})
    assert "Version 3 was saved while" in late.content.decode()
    assert 'name="seen" value="3"' in late.content.decode()
    client.post(address, {**typed, "text": "Bye", "seen": "3"})
    block.refresh_from_db()
    assert (block.number, block.text) == (4, "Bye")


def test_the_picker_of_a_block_has_the_data_of_whom_it_is_for() -> None:
    """A block belongs to no event type: that of the first message that uses it."""
    block = make_block()
    message = greeted()
    client = Client()
    client.force_login(User.objects.create_superuser("author", password="x"))
    page = client.get(
        reverse("admin:templates_app_contentblock_change", args=[block.pk])
    ).content.decode()
    assert f'<option value="{message.event_type_id}" selected>' in page
    assert 'data-personalize="html"' in page
    address = reverse("admin:templates_app_contentblock_vocabulary")
    words = client.post(address, {"event_type": message.event_type_id}).json()
    assert [node["path"] for node in words["context"]] == ["ctx.order"]
    assert words["recipient"]
    assert words["filters"]
    assert not any(tag["name"] == "block" for tag in words["tags"])
    for nothing in ("", "no", "99999999", "9" * 40, "\0"):
        assert client.post(address, {"event_type": nothing}).json()["context"] == []


def test_who_may_not_see_blocks_is_not_told_what_they_can_say() -> None:
    client = Client()
    stranger = User.objects.create_user("stranger", password="x", is_staff=True)
    client.force_login(stranger)
    address = reverse("admin:templates_app_contentblock_vocabulary")
    assert client.post(address).status_code == 403


def test_blocks_are_found_by_where_they_can_stand() -> None:
    make_block()
    make_block(label="Only for mails", internal_name="mails", text="")
    client = Client()
    client.force_login(User.objects.create_superuser("author", password="x"))
    address = reverse("admin:templates_app_contentblock_changelist")
    both = client.get(address, {"for": "html"}).content.decode()
    assert "Only for mails" in both
    assert ">Greeting<" in both
    texts = client.get(address, {"for": "text"}).content.decode()
    assert "Only for mails" not in texts
    assert ">Greeting<" in texts
    assert client.get(address, {"for": "nothing"}).status_code == 200
