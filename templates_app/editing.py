"""Saving what an author typed, unless somebody else saved in the meantime."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from templates_app import publishing
from templates_app.creating import create_event_type
from templates_app.models import Message, MessageStatus, Template
from templates_app.rendering.adobe import rewritten

_Draft = TypeVar("_Draft", Message, Template)


class Stale(Exception):
    """Somebody saved the same draft after the author had opened it."""

    def __init__(self, current: Message | Template) -> None:
        by = current.modified_by.get_username() if current.modified_by else "somebody"
        super().__init__(f"Changed by {by} meanwhile.")
        self.by = by
        self.at = current.modified_at


class NotEditable(Exception):
    """A built-in template was edited, or a field that its state has fixed."""


def save(
    draft: _Draft,
    *,
    values: Mapping[str, Any],
    content: Mapping[str, Any],
    seen: datetime | None,
    language: str = "",
    editor: AbstractBaseUser | None = None,
    new_type: tuple[str, str] | None = None,
) -> _Draft:
    """Write an author's values and content of one language; return what stands now.

    `values` are fields of the model; `content` the fields of the channel, and an empty
    one is removed; without a `language` it is the default one's, and any other
    language keeps what it has. `seen` is the `modified_at` that the author was shown;
    Stale is raised when it is no longer the row's, and nothing is written. `new_type`
    is name and label of an event type to be made from the context sample and bound.
    """
    values = dict(values)
    with transaction.atomic():
        row = locked(draft, seen=seen)
        check_editable(row, values)
        written = language or row.default_language
        if written not in row.content and written != row.default_language:
            raise NotEditable(f"The language {written} was deleted meanwhile.")
        if new_type is not None:
            values["event_type"] = create_event_type(
                new_type[0], label=new_type[1], sample=values["context_sample"]
            )
        for name, value in values.items():
            setattr(row, name, value)
        plain, _ = from_adobe(content)
        merged = {**row.content.get(written, {}), **plain}
        filled = {name: text for name, text in merged.items() if text}
        row.content = {**row.content, written: filled}
        write(row, [*values, "content"], editor=editor)
    return row


def from_adobe(content: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return content with Adobe's plain paths as Liquid, and what stayed as it was.

    ``<%= rtEvent.ctx.a %>`` becomes ``{{ rtEvent.ctx.a }}``, also inside of blocks.
    """
    kept: list[str] = []

    def plain(value: Any) -> Any:
        if isinstance(value, str) and "<%" in value:
            text, stayed = rewritten(value)
            kept.extend(stayed)
            return text
        if isinstance(value, dict):
            return {key: plain(each) for key, each in value.items()}
        return [plain(each) for each in value] if isinstance(value, list) else value

    return {name: plain(value) for name, value in content.items()}, kept


def locked(draft: _Draft, *, seen: datetime | None) -> _Draft:
    """Return a draft's row, locked until the transaction ends; raise Stale."""
    rows = type(draft)._default_manager.select_for_update(of=("self",))
    row: _Draft = rows.get(pk=draft.pk)
    if row.modified_at != seen:
        raise Stale(row)
    return row


def write(
    row: Message | Template, fields: list[str], *, editor: AbstractBaseUser | None
) -> None:
    """Write changed fields of a locked row, who changed them, and if that is news."""
    row.modified_by_id = editor.pk if editor else None
    written = [*fields, "modified_at", "modified_by"]
    if isinstance(row, Message):
        row.has_unpublished_changes = (
            row.status == MessageStatus.DRAFT or publishing.differs_from_live(row)
        )
        written.append("has_unpublished_changes")
    row.save(update_fields=written)


def delete_template(template: Template) -> None:
    """Delete a template; what was made from it stays. Built-in ones are refused."""
    if template.is_builtin:
        raise NotEditable(f"“{template.label}” is built in and cannot be deleted.")
    template.delete()


def check_editable(
    row: Message | Template, values: Mapping[str, Any] | None = None
) -> None:
    """Raise NotEditable for what a draft's state has fixed: of it all, or of values."""
    if isinstance(row, Template):
        if row.is_builtin:
            raise NotEditable("A built-in template cannot be edited; duplicate it.")
        return
    chosen = (values or {}).get("event_type", row.event_type)
    if row.status != MessageStatus.DRAFT and chosen != row.event_type:
        message = "Unpublish the message before you give it another event type."
        raise NotEditable(message)
