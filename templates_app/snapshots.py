"""A message as it stands, frozen: the version it would make, and a hash of it.

Compiles and compares; writes nothing. Whether it may be published is not known here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from django.db.models import Max

from templates_app import content_blocks
from templates_app.models import Message, Template, Version
from templates_app.rendering import RenderError, compile_content
from templates_app.rendering.content import Content

_FIELDS = (
    "number",
    "label",
    "channel",
    "default_language",
    "content",
    "compiled",
    "unknown_outcome",
    "properties",
    "contract",
    "sensitive_paths",
    "blocks",
    "content_hash",
)


def compiled_content(message: Message) -> dict[str, dict[str, Any]]:
    """Return a message's content compiled, by language; raise RenderError."""
    blocks = content_blocks.texts()
    return {
        language: compile_content(message.channel, content, blocks=blocks)
        for language, content in message.content.items()
    }


def snapshot(message: Message, *, number: int) -> Version:
    """Return an unsaved version of a message as it stands; raise RenderError."""
    contract = message.event_type.contract if message.event_type else {}
    sensitive = message.event_type.sensitive_paths if message.event_type else []
    return Version(
        message=message,
        number=number,
        label=message.label,
        channel=message.channel,
        default_language=message.default_language,
        content=message.content,
        compiled=compiled_content(message),
        unknown_outcome=message.unknown_outcome,
        properties=properties(message),
        contract=contract,
        sensitive_paths=sensitive,
        blocks=blocks_used(message),
        content_hash=content_hash(message),
    )


def next_number(draft: Message | Template) -> int:
    """Return the number of the version that publishing a draft now would make."""
    if isinstance(draft, Template):
        return 1
    last: int = draft.versions.aggregate(last=Max("number"))["last"] or 0
    return last + 1


def about(draft: Message | Template) -> dict[str, Any]:
    """Return what templates see as `message` of a draft, as if it were published."""
    return {
        "internal_name": draft.internal_name,
        "label": draft.label,
        "version": next_number(draft),
    }


def as_data(version: Version) -> dict[str, Any]:
    """Return a version as plain data, without its message, author and time."""
    return {name: getattr(version, name) for name in _FIELDS}


def from_data(data: Mapping[str, Any], *, message: Message) -> Version:
    """Return the unsaved version that `as_data` was made of."""
    return Version(message=message, **{name: data[name] for name in _FIELDS})


def blocks_used(message: Message) -> dict[str, dict[str, str]]:
    """Return the content blocks that a message uses, as they stand, by name."""
    return {
        name: {"html": block.html, "text": block.text}
        for name, block in sorted(content_blocks.texts_for(message.content).items())
    }


def properties(message: Message) -> dict[str, str]:
    """Return what a version keeps of a message's properties."""
    app = message.mobile_app
    return {
        "internal_name": message.internal_name,
        "nature": message.nature,
        "delivery_code": message.delivery_code,
        "mobile_app": app.internal_name if app else "",
    }


def content_hash(message: Message) -> str:
    """Return a hash of what decides how a message is sent; raise RenderError.

    The content blocks that it uses count as they stand now. The contract does not: it
    belongs to the event type.
    """
    content = {
        language: Content.from_json(fields).to_json()
        for language, fields in message.content.items()
    }
    app = message.mobile_app
    facts = [
        content,
        message.default_language,
        message.unknown_outcome,
        app.internal_name if app else "",
        blocks_used(message),
    ]
    canonical = json.dumps(facts, sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def differs_from_live(message: Message) -> bool:
    """Return whether publishing a message now would change what is live.

    Content that is no content at all differs.
    """
    live = message.live_version
    if live is None:
        return True
    if (live.label, live.properties) != (message.label, properties(message)):
        return True
    try:
        return live.content_hash != content_hash(message)
    except RenderError:
        return True
