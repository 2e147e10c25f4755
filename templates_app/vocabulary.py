"""What content can speak of: the event's data, recipient, blocks, filters and tags.

One JSON document feeds the picker, the editors' completion and the block editor. Made
of a contract and a sample; it runs no query.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from events.paths import EACH, BadPath, steps_of
from templates_app.rendering.writing import RESERVED_WORDS, is_variable, path_of
from templates_app.vocabulary_words import BLOCK_HELP, TAGS, filters_in

Node = dict[str, Any]
"""``{"name", "path", "insert", "kind", "sample", "required", "sensitive",
"description", "format", "children"}``; an array also has ``"item"``, what one of its
items is called in a loop. Items have paths like ``ctx.items[].price``."""

_ROOTS = frozenset(
    {"ctx", "event", "forloop", "message", "now", "profile", "recipient", "rtEvent"}
)
_KINDS = {"integer": "number", "null": "string"}
_MAX_DEPTH = 8
_MAX_SAMPLE = 60
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d")
_HIDDEN = "•••"
_RECIPIENT = [
    ("name", "The name to address the recipient by", "Alex Example"),
    ("email", "Email address", "alex@customer.example"),
    ("phone", "Phone number", "+15555550100"),
    ("language", "Language, such as en or pt-BR", "en"),
    ("timezone", "Time zone, such as Europe/Paris", ""),
]
_MESSAGE = [
    ("label", "What this message is called", ""),
    ("internal_name", "Its internal name", ""),
    ("version", "Number of the published version", "1"),
]
_EVENT = [
    ("type", "Event type", ""),
    ("received_at", "When the event came in", "2026-11-23T17:30:00Z"),
    ("external_id", "The caller's id of the event", ""),
    ("id", "Our id of the event", ""),
    ("correlation_id", "The caller's id of a chain of events", ""),
    ("origin", "Where the event came from", ""),
]
_MOMENTS = [
    ("now", "The moment of sending", "2026-11-23T17:30:00+00:00"),
    ("today", "The day of sending", "2026-11-23"),
]


def vocabulary(
    *,
    contract: Mapping[str, Any] | None,
    sample: Mapping[str, Any],
    sensitive: Sequence[str] = (),
    blocks: Iterable[tuple[str, str]] = (),
    language: str = "en",
) -> dict[str, Any]:
    """Return everything that content of an event type can say, as plain JSON.

    `sensitive` are paths in the context whose values are never shown; `blocks` are
    internal name and label of the content blocks.
    """
    hidden = {tuple(steps) for steps in map(_steps, sensitive) if steps}
    reader = _Reader(contract or {}, hidden)
    root = reader.node(_Spot(("ctx",)), contract or {}, dict(sample))
    moments = [_plain([name], about, shown) for name, about, shown in _MOMENTS]
    return {
        "context": root["children"],
        "recipient": [_plain(["recipient", *row[:1]], *row[1:]) for row in _RECIPIENT],
        "message": [_plain(["message", *row[:1]], *row[1:]) for row in _MESSAGE],
        "event": [_plain(["event", *row[:1]], *row[1:]) for row in _EVENT] + moments,
        "profile": [],
        "blocks": [
            {"name": name, "label": label, "insert": f"{{% block '{name}' %}}"}
            for name, label in blocks
        ],
        "filters": filters_in(language),
        "tags": [*TAGS, BLOCK_HELP],
    }


def item_name(collection: str) -> str:
    """Return what one item of a list is called: ``items`` → ``item``."""
    words = re.sub(r"[^a-z0-9_]", "", re.sub(r"([A-Z])", r"_\1", collection).lower())
    name = words.strip("_").rpartition("_")[2]
    if name.endswith("ies") and len(name) > 4:
        name = f"{name[:-3]}y"
    elif name.endswith(("sses", "xes", "ches", "shes")):
        name = name[:-2]
    elif name.endswith("s") and not name.endswith("ss"):
        name = name[:-1]
    else:
        name = "item"
    is_free = is_variable(name) and name not in _ROOTS | RESERVED_WORDS
    return name if is_free else "item"


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where in the context the reader stands.

    `loops` are the loops that lead there: how many steps each covers, and what it
    calls an item.
    """

    steps: tuple[str, ...]
    loops: tuple[tuple[int, str], ...] = ()
    is_required: bool = True
    is_hidden: bool = False

    @property
    def said(self) -> str:
        """How a template says the value: by the innermost loop's name."""
        if not self.loops:
            return path_of(self.steps)
        length, name = self.loops[-1]
        return path_of([name, *self.steps[length:]])

    def item(self) -> tuple[str, _Spot]:
        """Return what one item of this list is called, and where it is."""
        taken = {name for _, name in self.loops}
        name = item_name(self.steps[-1])
        name = name if name not in taken else f"{name}_{len(taken) + 1}"
        below = (*self.steps, EACH)
        loops = (*self.loops, (len(below), name))
        return name, _Spot(below, loops, is_hidden=self.is_hidden)

    def field(self, name: str, *, is_required: bool) -> _Spot:
        """Return where a field of this object is."""
        return replace(
            self,
            steps=(*self.steps, name),
            is_required=self.is_required and is_required,
        )


class _Reader:
    """Walks a contract and a sample side by side."""

    def __init__(
        self, contract: Mapping[str, Any], hidden: set[tuple[str, ...]]
    ) -> None:
        self._contract = contract
        self._hidden = hidden

    def node(self, spot: _Spot, schema: Mapping[str, Any], sample: Any) -> Node:
        """Return a value's node, with what lies in it."""
        schema = self._resolved(schema)
        kind = _kind(schema, sample)
        if spot.steps[1:] in self._hidden:
            spot = replace(spot, is_hidden=True)
        found: Node = {
            "name": spot.steps[-1],
            "path": _path(spot.steps),
            "insert": f"{{{{ {spot.said} }}}}",
            "kind": kind,
            "sample": _HIDDEN if spot.is_hidden else _shown(schema, sample),
            "required": spot.is_required,
            "sensitive": spot.is_hidden,
            "description": str(schema.get("description") or schema.get("title") or ""),
            "format": _format(schema, sample),
            "children": [],
        }
        if len(spot.steps) > _MAX_DEPTH:
            return found
        if kind == "array":
            return found | self._loop(spot, schema, sample)
        if kind == "object":
            found["children"] = self._fields(spot, schema, sample)
        return found

    def _loop(self, spot: _Spot, schema: Mapping[str, Any], sample: Any) -> Node:
        """Return what a list has beside other nodes: a loop, and an item's fields."""
        name, inside = spot.item()
        first = sample[0] if isinstance(sample, list) and sample else None
        inner = self.node(inside, _part(schema, "items"), first)
        leaves = [child for child in inner["children"] if not child["children"]]
        body = leaves[0]["insert"] if leaves else f"{{{{ {name} }}}}"
        return {
            "item": name,
            "insert": f"{{% for {name} in {spot.said} %}}\n{body}\n{{% endfor %}}",
            "children": inner["children"],
        }

    def _fields(
        self, spot: _Spot, schema: Mapping[str, Any], sample: Any
    ) -> list[Node]:
        properties = _part(schema, "properties")
        required = schema.get("required")
        values = sample if isinstance(sample, dict) else {}
        if schema.get("additionalProperties") is False:
            values = {key: each for key, each in values.items() if key in properties}
        names = dict.fromkeys([*properties, *values])
        return [
            self.node(
                spot.field(
                    name, is_required=isinstance(required, list) and name in required
                ),
                _part(properties, name),
                values.get(name),
            )
            for name in names
            if _can_be_said(name)
        ]

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a schema with its reference into the same contract followed."""
        for _ in range(_MAX_DEPTH):
            reference = schema.get("$ref")
            if not isinstance(reference, str) or not reference.startswith("#/"):
                break
            target: Any = self._contract
            for key in reference[2:].split("/"):
                name = key.replace("~1", "/").replace("~0", "~")
                target = target.get(name) if isinstance(target, dict) else None
            if not isinstance(target, dict):
                break
            schema = target
        return schema


def _steps(path: str) -> list[str]:
    try:
        return steps_of(path)
    except BadPath:
        return []


def _can_be_said(name: str) -> bool:
    try:
        path_of(["ctx", name])
    except ValueError:
        return False
    return True


def _path(steps: Sequence[str]) -> str:
    """Return the whole path, ``[]`` for the items of a list."""
    root, *rest = steps
    return root + "".join(
        EACH if step == EACH else path_of([root, step])[len(root) :] for step in rest
    )


def _part(schema: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = schema.get(name)
    return found if isinstance(found, dict) else {}


def _kind(schema: Mapping[str, Any], sample: Any) -> str:
    wanted = schema.get("type")
    if isinstance(wanted, list):
        wanted = next((each for each in wanted if each != "null"), None)
    if not isinstance(wanted, str):
        wanted = _kind_of(sample) or ("object" if "properties" in schema else "string")
    return _KINDS.get(wanted, wanted)


def _kind_of(value: Any) -> str:
    kinds: list[tuple[type | tuple[type, ...], str]] = [
        (bool, "boolean"),
        (dict, "object"),
        (list, "array"),
        (str, "string"),
    ]
    found = next((name for kind, name in kinds if isinstance(value, kind)), None)
    return found or ("" if value is None else "number")


def _shown(schema: Mapping[str, Any], sample: Any) -> str:
    """Return an example of a value in few words."""
    if sample is None:
        examples = schema.get("examples")
        sample = examples[0] if isinstance(examples, list) and examples else None
        sample = schema.get("default") if sample is None else sample
    if isinstance(sample, list):
        return f"{len(sample)} item{'' if len(sample) == 1 else 's'}"
    if sample is None or isinstance(sample, dict):
        return ""
    if isinstance(sample, bool):
        return "true" if sample else "false"
    text = str(sample)
    return text if len(text) <= _MAX_SAMPLE else f"{text[: _MAX_SAMPLE - 1]}…"


def _format(schema: Mapping[str, Any], sample: Any) -> str:
    """Return ``date``, ``date-time``, ``uri`` or ``email`` where it is known."""
    given = schema.get("format")
    if isinstance(given, str):
        return given
    if not isinstance(sample, str):
        return ""
    if _MOMENT.match(sample):
        return "date-time"
    if _DATE.fullmatch(sample):
        return "date"
    if sample.startswith(("https://", "http://")):
        return "uri"
    return ""


def _plain(steps: list[str], about: str, shown: str) -> Node:
    path = path_of(list(steps))
    return {
        "name": steps[-1],
        "path": path,
        "insert": f"{{{{ {path} }}}}",
        "kind": "string",
        "sample": shown,
        "required": steps[-1] not in {"name", "phone", "email", "timezone"},
        "sensitive": False,
        "description": about,
        "format": _format({}, shown),
        "children": [],
    }
