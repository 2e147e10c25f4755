"""A message as a package: everything it stands on, in one readable JSON text.

Written in one way only, so that what is imported and exported again is the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from events.models import EventType
from templates_app.models import ContentBlock, Folder, Message, MobileApp, Template
from templates_app.packages.reading import FORMAT, VERSION
from templates_app.rendering.expanding import used_blocks

_TYPE_FIELDS = (
    "name",
    "label",
    "description",
    "kind",
    "lane",
    "ttl_seconds",
    "channel_order",
    "fan_out",
    "when_uncovered",
    "retention_days",
    "context_retention_days",
    "contract_mode",
    "sensitive_paths",
    "sample",
)
_DRAFT_FIELDS = (
    "internal_name",
    "label",
    "channel",
    "nature",
    "delivery_code",
    "unknown_outcome",
    "default_language",
    "context_sample",
)


def export_message(message: Message) -> str:
    """Return a message with its event type, template and blocks as a JSON text.

    Text of several lines is a list of its lines. It ends with a line end.
    """
    drafts = [message] + ([message.template] if message.template else [])
    package = {
        "format": FORMAT,
        "version": VERSION,
        "event_type": _event_type(message.event_type) if message.event_type else None,
        "content_blocks": [_block(each) for each in _blocks_of(drafts)],
        "template": _draft(message.template) if message.template else None,
        "message": _draft(message),
    }
    return json.dumps(package, ensure_ascii=False, indent=2) + "\n"


def _event_type(event_type: EventType) -> dict[str, Any]:
    named = {name: getattr(event_type, name) for name in _TYPE_FIELDS}
    samples = event_type.samples.order_by("name").values_list("name", "ctx")
    return {
        **named,
        "description": _lines(event_type.description),
        "samples": dict(samples),
        "contract": event_type.contract,
    }


def _draft(draft: Message | Template) -> dict[str, Any]:
    return {
        **{name: getattr(draft, name) for name in _DRAFT_FIELDS},
        "description": _lines(draft.description),
        "folder": _path(draft.folder),
        "mobile_app": _mobile_app(draft.mobile_app),
        "content": {
            language: {name: _lines(value) for name, value in sorted(content.items())}
            for language, content in sorted(draft.content.items())
        },
    }


def _blocks_of(drafts: Iterable[Message | Template]) -> Iterable[ContentBlock]:
    names = {
        name
        for draft in drafts
        for content in draft.content.values()
        for name in used_blocks(content)
    }
    blocks = ContentBlock.objects.filter(internal_name__in=names)
    return blocks.order_by("internal_name")


def _block(block: ContentBlock) -> Mapping[str, Any]:
    return {
        "internal_name": block.internal_name,
        "label": block.label,
        "description": _lines(block.description),
        "html": _lines(block.html),
        "text": _lines(block.text),
    }


def _mobile_app(app: MobileApp | None) -> Mapping[str, Any] | None:
    if app is None:
        return None
    return {
        "internal_name": app.internal_name,
        "label": app.label,
        "platforms": app.platforms,
    }


def _path(folder: Folder | None) -> list[str]:
    names: list[str] = []
    while folder is not None:
        names.insert(0, folder.name)
        folder = folder.parent
    return names


def _lines(value: Any) -> Any:
    """Return text of several lines as a list of lines, anything else as it is."""
    return value.split("\n") if isinstance(value, str) and "\n" in value else value
