"""Two states of a message beside each other: versions, or a version and the draft.

Reads only; what differs in a text is found in `differences`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from templates_app import differences, snapshots, versions
from templates_app.differences import FieldDifference
from templates_app.models import Message, UnknownOutcome, Version
from templates_app.versions import LoadedVersion

DRAFT = "draft"
_PROPERTIES = {
    "internal_name": "Internal name",
    "nature": "Nature",
    "delivery_code": "Delivery code",
    "mobile_app": "Mobile app",
}


@dataclass(frozen=True, slots=True)
class State:
    """How a message stood or stands; `name` is ``Version 3`` or ``Draft``.

    `facts` are its properties by their label, `blocks` the content blocks it uses.
    """

    name: str
    content: Mapping[str, Mapping[str, Any]]
    facts: Mapping[str, str]
    blocks: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs between two states: facts as (label, before, after), and texts."""

    before: State
    after: State
    facts: list[tuple[str, str, str]]
    fields: list[FieldDifference]
    blocks: list[FieldDifference]

    @property
    def is_same(self) -> bool:
        """Whether nothing differs."""
        return not (self.facts or self.fields or self.blocks)


def compare(before: State, after: State) -> Comparison:
    """Return what differs between two states."""
    names = {**before.facts, **after.facts}
    pairs = [(n, before.facts.get(n, ""), after.facts.get(n, "")) for n in names]
    return Comparison(
        before=before,
        after=after,
        facts=[pair for pair in pairs if pair[1] != pair[2]],
        fields=differences.between(before.content, after.content),
        blocks=differences.between(before.blocks, after.blocks),
    )


def state_of(thing: Version | Message) -> State:
    """Return how a version stood, or how the draft of a message stands."""
    if isinstance(thing, Version):
        name, properties = f"Version {thing.number}", thing.properties
        blocks = thing.blocks
    else:
        name, properties = "Draft", snapshots.properties(thing)
        blocks = snapshots.blocks_used(thing)
    return State(
        name=name,
        content=thing.content,
        facts={
            "Label": thing.label,
            "Default language": thing.default_language,
            "After a crash": str(UnknownOutcome(thing.unknown_outcome).label),
            **{
                label: str(properties.get(name) or "")
                for name, label in _PROPERTIES.items()
            },
        },
        blocks=blocks,
    )


def renderable(thing: Version | Message) -> LoadedVersion:
    """Return a version, or the draft as one, ready to render; raise RenderError."""
    if isinstance(thing, Version):
        return versions.load(thing.pk)
    number = snapshots.next_number(thing)
    return versions.from_row(snapshots.snapshot(thing, number=number))


def texts_of(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the filled fields of one language as (label, text), for reading."""
    texts = (
        (name, differences.as_text(content[name]))
        for name in differences.in_order(content)
    )
    return [(differences.label_of(name), text) for name, text in texts if text]
