"""Plain functions that make what tests need, over the product's own code."""

from __future__ import annotations

import uuid
from typing import Any

from events import api_keys, intake
from events.api_keys import Caller
from events.intake import Accepted
from events.models import EventType, Scope, Source
from templates_app import publishing
from templates_app.models import Message, Version
from txmsg import pipeline
from txmsg.pipeline import Drain

HTML = """\
<html><body><p>Hello {{ recipient.name | default: "there" }},</p>
<p>Order {{ ctx.order.number }} is confirmed.</p></body></html>
"""
CONTRACT: dict[str, Any] = {
    "type": "object",
    "required": ["order"],
    "additionalProperties": False,
    "properties": {
        "order": {
            "type": "object",
            "required": ["number"],
            "properties": {
                "number": {"type": "string", "maxLength": 20},
                "total": {"type": "string"},
            },
        }
    },
}


def unique(prefix: str) -> str:
    """Return a name that no other test has."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def make_event_type(**fields: Any) -> EventType:
    """Make an event type with a strict contract."""
    name = fields.pop("name", None) or unique("order.confirmed")
    return EventType.objects.create(
        **{"name": name, "label": name, "contract": CONTRACT, **fields}
    )


def make_message(event_type: EventType | None = None, **fields: Any) -> Message:
    """Make a draft message for an event type."""
    content = fields.pop(
        "content",
        {
            "en": {
                "subject": "Order {{ ctx.order.number }}",
                "source_kind": "html",
                "source": HTML,
                "from_name": "Shop",
                "from_address": "shop@example.com",
            }
        },
    )
    name = unique("message")
    return Message.objects.create(
        **{
            "label": name,
            "internal_name": name,
            "channel": "email",
            "event_type": event_type or make_event_type(),
            "content": content,
            **fields,
        }
    )


def publish(message: Message | None = None, **fields: Any) -> Version:
    """Publish a message, made when not given."""
    return publishing.publish(message or make_message(**fields))


def make_caller(**fields: Any) -> Caller:
    """Make a source and return it as the caller of a request."""
    source = Source.objects.create(name=unique("source"))
    return Caller(
        **{
            "source_id": source.pk,
            "source_name": source.name,
            "scopes": frozenset(Scope.values),
            "allowed_types": frozenset(),
            **fields,
        }
    )


def make_key(**fields: Any) -> str:
    """Make a source with a key; return the key's text."""
    source = Source.objects.create(name=unique("source"))
    return api_keys.create(source, **fields)[1]


def body_for(event_type: EventType, **fields: Any) -> dict[str, Any]:
    """Return a valid request body."""
    return {
        "type": event_type.name,
        "recipient": {"email": "ada@example.com", "name": "Ada"},
        "ctx": {"order": {"number": "10293"}},
        **fields,
    }


def accept(
    event_type: EventType, caller: Caller | None = None, **fields: Any
) -> Accepted:
    """Take in a valid event."""
    return intake.accept(body_for(event_type, **fields), caller=caller or make_caller())


def drain(lane: str = "normal", **fields: Any) -> Drain:
    """Handle what is due in a lane, without RQ; return what the worker remembers."""
    run = Drain(lane=lane, owner=fields.pop("owner", "test-worker"), **fields)
    pipeline.drain(run, seconds=20, linger=0)
    return run
