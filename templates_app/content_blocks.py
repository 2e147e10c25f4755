"""Content blocks: what messages share, its versions, and whom a change will reach.

The only writer of content blocks. A message takes up a change when it is published.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import QuerySet

from templates_app.models import (
    ContentBlock,
    ContentBlockVersion,
    Message,
    MessageStatus,
    Template,
)
from templates_app.rendering.expanding import BlockText, used_blocks

_TEXTS = ("html", "text")


class InUse(Exception):
    """A content block cannot be deleted or renamed; `users` are what uses it."""

    def __init__(self, users: list[Message | Template]) -> None:
        names = ", ".join(f"“{user.label}”" for user in users[:5])
        more = f" and {len(users) - 5} more" if len(users) > 5 else ""
        super().__init__(f"It is used by {names}{more}.")
        self.users = users


class Stale(Exception):
    """Somebody else saved a content block after it was read; the text says what."""


def texts(names: Iterable[str] | None = None) -> dict[str, BlockText]:
    """Return the texts of content blocks by internal name: of all, or of some."""
    blocks = ContentBlock.objects.all()
    if names is not None:
        blocks = blocks.filter(internal_name__in=list(names))
    return {block.internal_name: BlockText(block.html, block.text) for block in blocks}


def texts_for(content: Mapping[str, Mapping[str, Any]]) -> dict[str, BlockText]:
    """Return the texts of the content blocks that a content by language uses.

    All of them if one does not exist: the error can then say which was meant.
    """
    names = {name for fields in content.values() for name in used_blocks(fields)}
    found = texts(names) if names else {}
    return found if len(found) == len(names) else texts()


def save(
    block: ContentBlock,
    *,
    author: AbstractBaseUser | None = None,
    seen: int | None = None,
) -> bool:
    """Save a block, new or changed, and its version; return whether its text is new.

    Live messages that use it then differ from what they send. `seen` is the number
    that its author read; raises Stale when another was saved since.
    """
    with transaction.atomic():
        stood = (
            ContentBlock.objects.select_for_update().filter(pk=block.pk).first()
            if block.pk
            else None
        )
        is_new = stood is None or any(
            getattr(stood, name) != getattr(block, name) for name in _TEXTS
        )
        if stood is not None:
            if seen is not None and seen != stood.number:
                message = f"Version {stood.number} was saved while this one was typed."
                raise Stale(message)
            _refuse_new_name(stood, block.internal_name)
            block.number = stood.number + is_new
        block.modified_by_id = author.pk if author else None
        block.save()
        if is_new:
            ContentBlockVersion.objects.create(
                block=block,
                number=block.number,
                html=block.html,
                text=block.text,
                author_id=author.pk if author else None,
            )
            _mark(live_messages_using(block.internal_name))
    return is_new


def roll_back(
    block: ContentBlock,
    version: ContentBlockVersion,
    *,
    author: AbstractBaseUser | None = None,
) -> None:
    """Make the text of an old version the newest one."""
    block.html, block.text = version.html, version.text
    save(block, author=author)


def delete(block: ContentBlock) -> None:
    """Delete a block that nothing uses; raise InUse otherwise."""
    users = used_by(block.internal_name)
    if users:
        raise InUse(users)
    block.delete()


def used_by(name: str) -> list[Message | Template]:
    """Return the messages, live ones first, and templates that use a block."""
    found: list[Message | Template] = [
        message for message in _with_content(name) if _uses(message, name)
    ]
    found.sort(key=lambda message: (_is_draft(message), message.label))
    return found + [
        template
        for template in Template.objects.filter(content__icontains=name)
        if _uses(template, name)
    ]


def live_messages_using(name: str) -> list[Message]:
    """Return the live messages that a change of a block reaches at their next publish.

    Those that use it as edited, and those whose live version was published with it.
    """
    return [
        message
        for message in Message.objects.exclude(
            status=MessageStatus.DRAFT
        ).select_related("live_version")
        if _uses(message, name)
        or (message.live_version and name in message.live_version.blocks)
    ]


def _mark(messages: Iterable[Message]) -> None:
    """Say of live messages that what they send is no longer what they would."""
    ids = [message.pk for message in messages]
    Message.objects.filter(pk__in=ids).update(has_unpublished_changes=True)


def _refuse_new_name(stood: ContentBlock, name: str) -> None:
    if stood.internal_name == name:
        return
    users = used_by(stood.internal_name)
    if users:
        raise InUse(users)


def _with_content(name: str) -> QuerySet[Message]:
    return Message.objects.filter(deleted_at=None, content__icontains=name)


def _uses(draft: Message | Template, name: str) -> bool:
    return any(name in used_blocks(fields) for fields in draft.content.values())


def _is_draft(draft: Message | Template) -> bool:
    return isinstance(draft, Template) or draft.status == MessageStatus.DRAFT
