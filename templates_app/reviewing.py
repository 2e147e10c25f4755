"""What an author should know before publishing: who gets it, what changed or is left.

Reads only. What stands in the way of publishing is decided in `publishing`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from events.models import Channel, EventType
from templates_app import snapshots
from templates_app.models import Message, Template
from templates_app.publishing import Problem

NOUNS = {
    Channel.EMAIL: "email",
    Channel.SMS: "SMS",
    Channel.PUSH: "push message",
}
_ADDRESSES = {
    Channel.EMAIL: ("an", "email address"),
    Channel.SMS: ("a", "phone number"),
    Channel.PUSH: ("a", "device for push"),
}
_NAMES = {
    "source_kind": "kind of source",
    "unknown_outcome": "what to do after a crash",
}
_FACTS = ("label", "default_language", "unknown_outcome")
# What stands between two sentences of a built-in template: tags, Liquid, line ends.
_BETWEEN = re.compile(r"<[^>]*>|\{\{.*?\}\}|\{%.*?%\}|\n")


def who_gets_it(event_type: EventType, channel: str) -> str:
    """Return which events of a type take a channel: the end of "… send this SMS".

    Goes by the channels that have a live message now, as routing does.
    """
    chosen = Channel(channel)
    order = [Channel(name) for name in event_type.channel_order]
    if chosen not in order:
        return (
            f"only when they ask for {chosen.label}, which is not among the channels "
            "of the event type"
        )
    article, address = _ADDRESSES[chosen]
    has_address = f"when the recipient has {article} {address}"
    before = order[: order.index(chosen)]
    live = [name for name in before if name in event_type.live_channels]
    if event_type.fan_out or not live:
        return f"{has_address}, unless the event asks for another channel"
    others = " and no ".join(_ADDRESSES[name][1] for name in live)
    return f"{has_address} and no {others}, or when the event asks for {chosen.label}"


def changed_since_live(message: Message) -> list[str]:
    """Return what differs from the live version, as an author names it."""
    live = message.live_version
    if live is None:
        return []
    names = [name for name in _FACTS if getattr(live, name) != getattr(message, name)]
    now = snapshots.properties(message)
    names += [
        name for name, value in now.items() if live.properties.get(name, "") != value
    ]
    changed = [_NAMES.get(name, name.replace("_", " ")) for name in names]
    for language in sorted({*message.content, *live.content}):
        new, then = message.content.get(language, {}), live.content.get(language, {})
        suffix = "" if language == message.default_language else f" ({language})"
        changed += [
            _NAMES.get(field, field.replace("_", " ")) + suffix
            for field in {**then, **new}
            if (new.get(field) or "") != (then.get(field) or "")
        ]
    if live.blocks != snapshots.blocks_used(message):
        changed.append("content blocks")
    return changed


def left_from_template(message: Message) -> list[Problem]:
    """Return where a message still says what a built-in template asks to replace."""
    found = []
    content = message.content.get(message.default_language, {})
    for part, words in sorted(set(_placeholders(message.channel))):
        text = str(content.get(part) or "")
        at = text.find(words)
        if at < 0:
            continue
        found.append(
            Problem(
                f"“{words}” in the {part} still comes from the built-in template.",
                part=part,
                line=text.count("\n", 0, at) + 1,
                column=at - text.rfind("\n", 0, at),
            )
        )
    return found


def _placeholders(channel: str) -> Iterator[tuple[str, str]]:
    """Yield the sentences of a channel's blank templates, and the part of each.

    A single word is none: it may well stay, such as the greeting.
    """
    blank = Template.objects.filter(is_builtin=True, internal_name__startswith="blank-")
    for template in blank.filter(channel=channel):
        for content in template.content.values():
            for part, text in content.items():
                for piece in _BETWEEN.split(text) if isinstance(text, str) else ():
                    words = piece.strip(" \t,.;:")
                    if " " in words:
                        yield part, words
