"""What the drill sends: an event type for each policy and lane, with its messages.

Every part of every message carries the event's token and the mark of its version, so
that the oracle can tell whose it is and which version it was.
"""

from __future__ import annotations

from typing import Any

from events import api_keys
from events.models import Channel, ContractMode, EventType, Lane, Source
from templates_app import publishing
from templates_app.models import Message, UnknownOutcome

POLICIES = [policy.value for policy in UnknownOutcome]
CHANNELS = [channel.value for channel in Channel]
BULK, CRITICAL, PUBLISHED = "drill.bulk", "drill.critical", "drill.published"
SAMPLE = {"token": "tok0", "divisor": 1}


def type_of(policy: str) -> str:
    """Return the name of the event type whose messages have a policy."""
    return f"drill.{policy}"


def make() -> str:
    """Make the event types and publish their messages; return an API key."""
    for policy in POLICIES:
        make_type(type_of(policy), Lane.NORMAL, policy, CHANNELS)
    must_arrive = UnknownOutcome.MUST_ARRIVE.value
    make_type(BULK, Lane.BULK, must_arrive, [Channel.EMAIL.value])
    make_type(CRITICAL, Lane.CRITICAL, must_arrive, [Channel.EMAIL.value])
    make_type(PUBLISHED, Lane.NORMAL, must_arrive, [Channel.EMAIL.value])
    return api_keys.create(Source.objects.create(name="drill"))[1]


def publish_again(type_name: str, mark: int) -> None:
    """Publish the email of a type with another mark in each of its parts."""
    message = _email_of(type_name)
    message.content = _content(Channel.EMAIL.value, mark)
    message.save()
    publishing.publish(message)


def pause(type_name: str) -> None:
    """Pause the email of a type."""
    publishing.pause(_email_of(type_name))


def resume(type_name: str) -> None:
    """Let the email of a type go on."""
    publishing.resume(_email_of(type_name))


def _email_of(type_name: str) -> Message:
    return Message.objects.get(event_type__name=type_name, channel=Channel.EMAIL)


def make_type(name: str, lane: Lane, policy: str, channels: list[str]) -> None:
    """Make an event type, and publish a message of a policy on each channel."""
    event_type = EventType.objects.create(
        name=name,
        label=name,
        lane=lane,
        contract_mode=ContractMode.OPEN,
        sample=SAMPLE,
    )
    for channel in channels:
        message = Message.objects.create(
            label=f"{name} {channel}",
            internal_name=f"{name}.{channel}".replace(".", "-").replace("_", "-"),
            channel=channel,
            event_type=event_type,
            context_sample=SAMPLE,
            unknown_outcome=policy,
            content=_content(channel, 1),
        )
        publishing.publish(message)


def _content(channel: str, mark: int) -> dict[str, Any]:
    # A divisor of 0 is what makes a message poison: it cannot be rendered.
    words = f"{{{{ ctx.token }}}} mark{mark} {{{{ 12 | divided_by: ctx.divisor }}}}"
    if channel == Channel.SMS:
        return {"en": {"text": words}}
    if channel == Channel.PUSH:
        return {"en": {"title": words, "body": words}}
    return {
        "en": {
            "subject": words,
            "source_kind": "html",
            "source": f"<html><body><p>{words}</p></body></html>",
            "text": words,
            "from_name": "Drill",
            "from_address": "drill@sink.example",
        }
    }
