"""New drafts: messages and templates copied from a template or from one another.

A copy owns all it shows: later edits of what it was made from do not reach it.
"""

from __future__ import annotations

import copy
from typing import Any, TypeVar

from django.contrib.auth.models import AbstractBaseUser
from django.utils.text import slugify

from events.inference import contract_of
from events.models import ContractMode, EventType
from templates_app.models import Content, Message, Template

_Draft = TypeVar("_Draft", Message, Template)
_COPIED = (
    "channel",
    "folder",
    "nature",
    "description",
    "delivery_code",
    "context_sample",
    "default_language",
    "content",
    "unknown_outcome",
)
_INTERNAL_NAME_LENGTH = 64


def create_message(
    *,
    template: Template,
    label: str,
    author: AbstractBaseUser | None = None,
) -> Message:
    """Make a draft message that inherits everything from a template."""
    message = Message(template=template, label=label)
    return _save_copy(message, template, author)


def create_template(
    *,
    source: Message | Template,
    label: str,
    author: AbstractBaseUser | None = None,
) -> Template:
    """Make a template from another template or from a message."""
    return _save_copy(Template(label=label), source, author)


def duplicate(
    message: Message, *, label: str, author: AbstractBaseUser | None = None
) -> Message:
    """Make a draft that copies a message, its event type included."""
    twin = Message(
        label=label, template=message.template, event_type=message.event_type
    )
    return _save_copy(twin, message, author)


def create_event_type(name: str, *, label: str, sample: dict[str, Any]) -> EventType:
    """Make an event type while a message is being written.

    With a sample, its contract asks for the same fields and kinds of values, and
    events that do not fit are refused; without one, anything is accepted until a
    contract is written.
    """
    return EventType.objects.create(
        name=name,
        label=label or name,
        sample=sample,
        contract=contract_of([sample] if sample else []),
        contract_mode=ContractMode.STRICT if sample else ContractMode.OPEN,
    )


def internal_name_for(label: str, model: type[Message] | type[Template]) -> str:
    """Return a free internal name made from a label."""
    stem = slugify(label)[: _INTERNAL_NAME_LENGTH - 5].strip("-_")
    stem = stem or model._meta.model_name or "draft"
    taken = set(
        model._default_manager.filter(internal_name__startswith=stem).values_list(
            "internal_name", flat=True
        )
    )
    name, number = stem, 2
    while name in taken:
        name, number = f"{stem}-{number}", number + 1
    return name


def _save_copy(
    draft: _Draft, source: Content, author: AbstractBaseUser | None
) -> _Draft:
    for field in _COPIED:
        setattr(draft, field, copy.deepcopy(getattr(source, field)))
    draft.internal_name = internal_name_for(draft.label, type(draft))
    draft.modified_by_id = author.pk if author else None
    draft.save(force_insert=True)
    return draft
