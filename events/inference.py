"""Contracts from samples: what a context looks like, as JSON Schema 2020-12.

Knows no model and asks nobody: samples in, a schema out.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from genson import SchemaBuilder  # type: ignore[import-untyped]

from events.paths import EACH, path_of

_PLAIN = frozenset({"type", "properties", "required", "items", "additionalProperties"})
_COMPOSED = frozenset({"$ref", "anyOf", "oneOf", "allOf", "not", "if", "const"})


@dataclass(frozen=True, slots=True)
class Change:
    """What inferring again changes at one path, in words."""

    path: str
    words: str


def contract_of(
    samples: Sequence[Mapping[str, Any]], *, is_exact: bool = False
) -> dict[str, Any]:
    """Return the contract that all samples fit.

    A field of every sample is required, any other may be missing; a null makes a field
    nullable; the items of a list share one shape. An object takes no field that no
    sample has, except one that was empty in all of them. No samples: any object. A
    total of 12 may be 12.50 tomorrow: only an exact contract asks for whole numbers.
    """
    if not samples:
        return {"type": "object"}
    builder = SchemaBuilder(schema_uri=None)
    for sample in samples:
        builder.add_object(_plain(sample))
    schema: dict[str, Any] = _closed(builder.to_schema())
    return schema if is_exact else _loose(schema)


def merged(old: Mapping[str, Any], inferred: Mapping[str, Any]) -> dict[str, Any]:
    """Return the contract of a person, widened by what samples show.

    `inferred` is exact, so that whole numbers stay where a person asked for them.
    Descriptions, formats, patterns and limits stay, a number stays a number, and a
    field that may be missing still may. A new field is as the samples have it; one
    that no sample has stays, but is no longer required.
    """
    return _merged(dict(old), dict(inferred))


def changes_between(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """Return how one contract differs from another, field by field."""
    return list(_changes(old, new, []))


def nodes_of(
    schema: Any, steps: Sequence[str] = ()
) -> Iterator[tuple[list[str], Any, bool]]:
    """Yield each field of a contract as steps, its schema and whether it is required.

    By name within an object; the items of a list of objects follow the list.
    """
    if not isinstance(schema, Mapping):
        return
    required = schema.get("required", [])
    properties = schema.get("properties", {})
    for name in sorted(properties, key=lambda name: (name.lower(), name)):
        node = properties[name]
        here = [*steps, name]
        yield here, node, name in required
        yield from nodes_of(node, here)
        items = node.get("items") if isinstance(node, Mapping) else None
        while isinstance(items, Mapping):
            here = [*here, EACH]
            yield from nodes_of(items, here)
            items = items.get("items")


def types_of(schema: Any) -> list[str]:
    """Return the JSON types that a schema names; empty means any."""
    named = schema.get("type", []) if isinstance(schema, Mapping) else []
    return [named] if isinstance(named, str) else list(named)


def _plain(value: Any) -> Any:
    """Return data with floats for Decimals: genson knows no others."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value


def _closed(schema: Any) -> Any:
    """Return a schema whose objects with known fields take no others.

    Of a field that was null in every sample nothing is known: it may be anything.
    """
    if not isinstance(schema, dict):
        return schema
    if schema == {"type": "null"}:
        return {}
    closed = {**schema}
    if closed.get("properties"):
        named = closed["properties"].items()
        closed["properties"] = {name: _closed(node) for name, node in named}
        closed["additionalProperties"] = False
    if "items" in closed:
        closed["items"] = _closed(closed["items"])
    if "anyOf" in closed:
        closed["anyOf"] = [_closed(node) for node in closed["anyOf"]]
    return closed


def _loose(schema: Any) -> Any:
    """Return an inferred schema that takes any number where all were whole."""
    if not isinstance(schema, dict):
        return schema
    loose = {**schema}
    if "type" in loose:
        types = ["number" if each == "integer" else each for each in types_of(schema)]
        types = list(dict.fromkeys(types))
        loose["type"] = types[0] if len(types) == 1 else types
    if "properties" in loose:
        named = loose["properties"].items()
        loose["properties"] = {name: _loose(node) for name, node in named}
    if "items" in loose:
        loose["items"] = _loose(loose["items"])
    if "anyOf" in loose:
        loose["anyOf"] = [_loose(node) for node in loose["anyOf"]]
    return loose


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    if _COMPOSED & old.keys():
        return copy.deepcopy(old)
    kept = {key: copy.deepcopy(each) for key, each in old.items() if key not in _PLAIN}
    if "anyOf" in new:
        own = set(types_of(old))
        ways = [
            _merged(old, node) if own & set(types_of(node)) else _loose(node)
            for node in new["anyOf"]
        ]
        return {"anyOf": ways}
    # Of a field that is null in every sample no more is known than that it may be.
    seen = types_of(new) if new else ["null"]
    types = _joined(types_of(old), seen) if old or new else []
    found: dict[str, Any] = {}
    if types:
        found["type"] = types[0] if len(types) == 1 else types
    found |= _merged_object(old, new) if "object" in types else {}
    both = (old.get("items"), new.get("items"))
    items = [node for node in both if isinstance(node, dict)]
    if items:
        is_new = "items" not in old
        only = _loose(items[0]) if is_new else items[0]
        found["items"] = _merged(items[0], items[1]) if len(items) == 2 else only
    elif "items" in old:
        found["items"] = old["items"]
    return {**found, **kept}


def _merged_object(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    before, now = old.get("properties", {}), new.get("properties", {})
    was_known = "properties" in old
    properties = {
        name: _merged_field(before.get(name), now.get(name))
        for name in [*before, *(name for name in now if name not in before)]
    }
    found: dict[str, Any] = {"properties": properties} if properties else {}
    had_to, must = old.get("required", []), new.get("required", [])
    if "object" in types_of(new):
        had_to = [
            name
            for name in sorted({*had_to, *must})
            if name in must and (name in had_to or name not in before)
        ]
    if had_to:
        found["required"] = had_to
    source = old if was_known or "additionalProperties" in old else new
    if "additionalProperties" in source:
        found["additionalProperties"] = source["additionalProperties"]
    return found


def _merged_field(old: Any, new: Any) -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        return _merged(old, new)
    return copy.deepcopy(_loose(new) if old is None else old)


def _joined(old: list[str], new: list[str]) -> list[str]:
    """Return the types of both; a number takes whole ones too."""
    if "integer" not in old:
        new = ["number" if each == "integer" else each for each in new]
    joined = [*old, *(each for each in new if each not in old)]
    if "number" in joined and "integer" in joined:
        joined.remove("integer")
    return joined


def _changes(
    old: Mapping[str, Any], new: Mapping[str, Any], steps: list[str]
) -> Iterator[Change]:
    before = {path_of(at): (node, must) for at, node, must in nodes_of(old, steps)}
    after = {path_of(at): (node, must) for at, node, must in nodes_of(new, steps)}
    for path, (node, must) in after.items():
        if path not in before:
            how = "required" if must else "optional"
            yield Change(path, f"new: {words_of(node)}, {how}")
            continue
        was, had_to = before[path]
        if words_of(was) != words_of(node):
            yield Change(path, f"{words_of(was)} becomes {words_of(node)}")
        if must != had_to:
            yield Change(path, "is required now" if must else "may be missing now")
        if _is_closed(was) != _is_closed(node) and not _is_opaque(node):
            yield Change(path, _closed_words(node))
    opaque = tuple(path for path, (node, _) in after.items() if _is_opaque(node))
    for path in before:
        if path not in after and not path.startswith(opaque):
            yield Change(path, "is taken out")
    if _is_closed(old) != _is_closed(new):
        yield Change("ctx", _closed_words(new))


def _is_opaque(node: Any) -> bool:
    return not isinstance(node, Mapping) or bool(_COMPOSED & node.keys())


def _is_closed(node: Any) -> bool:
    inner = node
    while isinstance(inner, Mapping) and isinstance(inner.get("items"), Mapping):
        inner = inner["items"]
    return isinstance(inner, Mapping) and inner.get("additionalProperties") is False


def _closed_words(node: Any) -> str:
    if _is_closed(node):
        return "takes only the fields listed here"
    return "takes other fields too"


_WORDS = {
    "array": "list",
    "boolean": "true or false",
    "integer": "whole number",
    "null": "null",
    "number": "number",
    "object": "object",
    "string": "text",
}


def words_of(node: Any) -> str:
    """Return the kind of value that a schema asks for: “text”, “list of objects”."""
    if _is_opaque(node):
        return "its own rules"
    types = types_of(node)
    words = [_WORDS.get(name, name) for name in types if name != "null"]
    if not words:
        return "null" if types else "anything"
    text = " or ".join(words)
    inner = types_of(node.get("items"))
    if "array" in types and len(inner) == 1:
        one = _WORDS.get(inner[0], inner[0])
        text += f" of {one if inner[0] == 'boolean' else one + 's'}"
    return f"{text}, or null" if "null" in types else text
