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
    content: Mapping[str, str],
    seen: datetime | None,
    editor: AbstractBaseUser | None = None,
    new_type: tuple[str, str] | None = None,
) -> _Draft:
    """Write an author's values and default-language content; return what stands now.

    `values` are fields of the model; `content` the fields of the channel, and an empty
    one is removed. `seen` is the `modified_at` that the author was shown; Stale is
    raised when it is no longer the row's, and nothing is written. `new_type` is name
    and label of an event type to be made from the context sample and bound to it.
    """
    values = dict(values)
    with transaction.atomic():
        rows = type(draft)._default_manager.select_for_update(of=("self",))
        row = rows.get(pk=draft.pk)
        if row.modified_at != seen:
            raise Stale(row)
        _check_editable(row, values)
        if new_type is not None:
            values["event_type"] = create_event_type(
                new_type[0], label=new_type[1], sample=values["context_sample"]
            )
        for name, value in values.items():
            setattr(row, name, value)
        merged = {**row.content.get(row.default_language, {}), **content}
        filled = {name: text for name, text in merged.items() if text}
        row.content = {**row.content, row.default_language: filled}
        row.modified_by_id = editor.pk if editor else None
        written = [*values, "content", "modified_at", "modified_by"]
        if isinstance(row, Message):
            row.has_unpublished_changes = (
                row.status == MessageStatus.DRAFT or publishing.differs_from_live(row)
            )
            written.append("has_unpublished_changes")
        row.save(update_fields=written)
    return row


def delete_template(template: Template) -> None:
    """Delete a template; what was made from it stays. Built-in ones are refused."""
    if template.is_builtin:
        raise NotEditable(f"“{template.label}” is built in and cannot be deleted.")
    template.delete()


def _check_editable(row: Message | Template, values: Mapping[str, Any]) -> None:
    if isinstance(row, Template):
        if row.is_builtin:
            raise NotEditable("A built-in template cannot be edited; duplicate it.")
        return
    chosen = values.get("event_type", row.event_type)
    if row.status != MessageStatus.DRAFT and chosen != row.event_type:
        message = "Unpublish the message before you give it another event type."
        raise NotEditable(message)
