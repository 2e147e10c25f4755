"""Loads the demonstration's event types, templates and messages; safe to repeat.

What a user has changed since is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import parseaddr
from typing import Any

from django.conf import settings

from events import contract
from events.models import Channel, EventType
from templates_app import publishing
from templates_app.models import Folder, Message, MessageStatus, Template
from txmsg.demo.event_types import DemoType, event_types

FOLDER = "Demonstration"
LANGUAGE = "en"


@dataclass(slots=True)
class Loaded:
    """What was made, by name; empty when all was there already."""

    event_types: list[str]
    templates: list[str]
    messages: list[str]
    published: list[str]


def load() -> Loaded:
    """Make what is missing and publish what was never published."""
    loaded = Loaded([], [], [], [])
    folder, _ = Folder.objects.get_or_create(name=FOLDER, parent=None)
    for demo in event_types():
        event_type = _event_type(demo, loaded)
        template = _template(demo, folder, loaded)
        _message(demo, event_type, template, folder, loaded)
    return loaded


def _event_type(demo: DemoType, loaded: Loaded) -> EventType:
    problem = contract.problem_of(demo.contract)
    if problem:
        message = f"{demo.name}: {problem}"
        raise ValueError(message)
    event_type, is_new = EventType.objects.get_or_create(
        name=demo.name,
        defaults={
            "label": demo.label,
            "description": demo.description,
            "lane": demo.lane,
            "ttl_seconds": demo.ttl_seconds,
            "contract": demo.contract,
            "sample": demo.sample,
            "sensitive_paths": demo.sensitive_paths,
        },
    )
    if is_new:
        loaded.event_types.append(demo.name)
    return event_type


def _content(demo: DemoType) -> dict[str, Any]:
    message = demo.message
    return {
        LANGUAGE: {
            "subject": message.subject,
            "preheader": message.preheader,
            "source_kind": message.source_kind,
            "source": message.source,
            "text": message.text,
            "from_name": message.from_name,
            "from_address": parseaddr(settings.DEFAULT_FROM_EMAIL)[1],
            "reply_to": message.reply_to,
        }
    }


def _shared(demo: DemoType, folder: Folder) -> dict[str, Any]:
    return {
        "label": demo.message.label,
        "description": demo.message.description,
        "folder": folder,
        "channel": Channel.EMAIL,
        "nature": "service",
        "context_sample": demo.sample,
        "default_language": LANGUAGE,
        "content": _content(demo),
    }


def _template(demo: DemoType, folder: Folder, loaded: Loaded) -> Template:
    template, is_new = Template.objects.get_or_create(
        internal_name=f"{demo.message.internal_name}-template",
        defaults=_shared(demo, folder),
    )
    if is_new:
        loaded.templates.append(template.internal_name)
    return template


def _message(
    demo: DemoType,
    event_type: EventType,
    template: Template,
    folder: Folder,
    loaded: Loaded,
) -> None:
    message, is_new = Message.objects.get_or_create(
        internal_name=demo.message.internal_name,
        defaults={
            **_shared(demo, folder),
            "event_type": event_type,
            "template": template,
        },
    )
    if is_new:
        loaded.messages.append(message.internal_name)
    was_published = message.versions.exists()
    if message.status == MessageStatus.DRAFT and not was_published:
        publishing.publish(message, note="Published with the demonstration.")
        loaded.published.append(message.internal_name)


def names() -> Iterable[str]:
    """Return the names of the demonstration's event types."""
    return [demo.name for demo in event_types()]
