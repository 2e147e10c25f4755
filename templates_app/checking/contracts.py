"""What a contract says of a path: known or not, always there or not, of what type.

A contract is JSON Schema (2020-12); here it is read for one thing only, what a template
may count on. A place in it is a list of alternatives: ``anyOf`` and ``oneOf`` make
several, ``allOf`` and ``$ref`` are written out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from templates_app.rendering.paths import ANY, ITEM, Steps

Schema = Mapping[str, Any]

_MAX_DEPTH = 12
_MAX_ALTERNATIVES = 16
_OBJECT_WORDS = ("properties", "patternProperties", "additionalProperties", "required")
_NUMBERS = frozenset({"number", "integer"})
_TYPE_OF = {bool: "boolean", int: "number", float: "number", str: "string"}


class Known(StrEnum):
    """How much a contract says of a step."""

    NAMED = "named"
    OPEN = "open"
    SILENT = "silent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a contract: the alternatives, each with its ``$ref`` written out."""

    alternatives: tuple[Schema, ...]
    root: Schema

    @property
    def types(self) -> frozenset[str]:
        """The JSON types that may stand here, ``integer`` as ``number``; empty: any."""
        found: set[str] = set()
        for each in self.alternatives:
            types = _types(each)
            if not types:
                return frozenset()
            found |= types
        return frozenset(found)

    @property
    def is_nullable(self) -> bool:
        """Whether the contract names null as one of the types."""
        return "null" in self.types

    def names(self) -> list[str]:
        """Return the names that the contract knows here, in their order."""
        found: dict[str, None] = {}
        for each in self.alternatives:
            found |= dict.fromkeys(each.get("properties", {}))
        return list(found)


@dataclass(frozen=True, slots=True)
class Step:
    """What a contract says of one step from a spot."""

    known: Known
    spot: Spot
    is_required: bool = False


def start(contract: Schema) -> Spot:
    """Return the place that a whole contract describes."""
    return _spot([contract], contract)


def _spot(schemas: Sequence[Any], root: Schema) -> Spot:
    found: list[Schema] = []
    for each in schemas:
        found += _flat(each, root, depth=0)
    return Spot(tuple(found[:_MAX_ALTERNATIVES]), root)


def step(spot: Spot, key: str) -> Step:
    """Return where a step leads; ``[]`` is any item, ``*`` a step unknown here."""
    if key == ANY:
        return Step(Known.SILENT, Spot(({},), spot.root))
    answers = [
        _item(each) if key == ITEM else _member(each, key)
        for each in spot.alternatives
        if _types(each) != {"null"}
    ]
    answers = answers or [(Known.UNKNOWN, [], False)]
    schemas = [schema for _, found, _ in answers for schema in found]
    kinds = {known for known, _, _ in answers}
    best = next(known for known in Known if known in kinds)
    if best is Known.NAMED:
        is_required = all(required for _, _, required in answers)
        return Step(best, _spot(schemas, spot.root), is_required)
    return Step(best, Spot(({},), spot.root))


_Answer = tuple[Known, list[Any], bool]


def _member(schema: Schema, key: str) -> _Answer:
    """Return what one alternative says of an object's member."""
    types = _types(schema)
    if types and "object" not in types:
        return Known.UNKNOWN, [], False
    is_required = key in schema.get("required", ()) and types <= {"object"}
    properties = schema.get("properties", {})
    if key in properties:
        if properties[key] is False:
            return Known.UNKNOWN, [], False
        return Known.NAMED, [properties[key]], is_required
    patterns = [
        each
        for pattern, each in schema.get("patternProperties", {}).items()
        if _matches(pattern, key)
    ]
    if patterns:
        return Known.NAMED, patterns, is_required
    others = schema.get("additionalProperties", schema.get("unevaluatedProperties"))
    if isinstance(others, Mapping) and others:
        return Known.NAMED, [others], is_required
    if others is False:
        return Known.UNKNOWN, [], False
    if others is not None:
        return Known.OPEN, [], False
    if is_required:
        return Known.NAMED, [{}], True
    says_something = any(schema.get(word) for word in _OBJECT_WORDS)
    return Known.UNKNOWN if says_something else Known.SILENT, [], False


def _item(schema: Schema) -> _Answer:
    """Return what one alternative says of the items of a list."""
    types = _types(schema)
    if types and "array" not in types:
        # A loop over an object has pairs as its items.
        return (Known.SILENT if "object" in types else Known.UNKNOWN), [], False
    is_required = int(schema.get("minItems", 0)) > 0 and types <= {"array"}
    found = [each for each in schema.get("prefixItems", ()) if each is not True]
    items = schema.get("items")
    if isinstance(items, Mapping):
        found.append(items)
    if found:
        return Known.NAMED, found, is_required
    return (Known.UNKNOWN if items is False else Known.SILENT), [], False


def _types(schema: Schema) -> set[str]:
    """Return the types of an alternative, as it names them or as they follow."""
    named = schema.get("type", ())
    types = {named} if isinstance(named, str) else set(named)
    if not types and ("const" in schema or "enum" in schema):
        values = [schema["const"]] if "const" in schema else schema["enum"]
        types = {_TYPE_OF.get(type(value), "null") for value in values}
    if not types and ("properties" in schema or "required" in schema):
        types = {"object"}
    if not types and ("items" in schema or "prefixItems" in schema):
        types = {"array"}
    return (types - _NUMBERS) | ({"number"} if types & _NUMBERS else set())


@lru_cache(maxsize=512)
def _pattern(text: str) -> re.Pattern[str] | None:
    try:
        return re.compile(text)
    except re.error:
        return None


def _matches(pattern: str, key: str) -> bool:
    compiled = _pattern(pattern)
    return compiled is None or bool(compiled.search(key))


def _flat(schema: Any, root: Schema, *, depth: int) -> list[Schema]:
    """Return the alternatives of a schema, each without references and unions."""
    if schema is False:
        return []
    if not isinstance(schema, Mapping) or depth > _MAX_DEPTH:
        return [{}]
    base = {name: value for name, value in schema.items() if name not in _UNIONS}
    combined: list[Schema] = [base]
    if isinstance(schema.get("$ref"), str):
        target = _target(schema["$ref"], root)
        combined = _merged(combined, _flat(target, root, depth=depth + 1))
    for each in schema.get("allOf", ()):
        combined = _merged(combined, _flat(each, root, depth=depth + 1))
    for name in ("then", "else"):
        if isinstance(schema.get(name), Mapping):
            extra = {**schema[name], "required": []}
            combined = _merged(combined, _flat(extra, root, depth=depth + 1))
    for name in ("anyOf", "oneOf"):
        if schema.get(name):
            arms = [
                arm
                for each in schema[name]
                for arm in _flat(each, root, depth=depth + 1)
            ]
            combined = _merged(combined, arms)
    return combined[:_MAX_ALTERNATIVES]


_UNIONS = frozenset({"$ref", "allOf", "anyOf", "oneOf", "if", "then", "else"})


def _merged(left: list[Schema], right: list[Schema]) -> list[Schema]:
    """Return every pair of two lists of alternatives as one schema."""
    return [_both(one, other) for one in left for other in right]


def _both(one: Schema, other: Schema) -> dict[str, Any]:
    result = {**one, **other}
    for name in ("properties", "patternProperties"):
        if name in one and name in other:
            shared = {
                key: {"allOf": [one[name][key], other[name][key]]}
                for key in one[name].keys() & other[name].keys()
            }
            result[name] = {**one[name], **other[name], **shared}
    if "required" in one or "required" in other:
        result["required"] = [*one.get("required", ()), *other.get("required", ())]
    types = _types(one), _types(other)
    if types[0] and types[1]:
        result["type"] = sorted(types[0] & types[1]) or sorted(types[0])
    closed = (one.get("additionalProperties"), other.get("additionalProperties"))
    if False in closed:
        result["additionalProperties"] = False
    return result


def _target(reference: str, root: Schema) -> Any:
    """Return what a reference inside a contract names; anything if it is nowhere."""
    if reference == "#":
        return root
    target: Any = root
    if not reference.startswith("#/"):
        return {}
    for word in reference[2:].split("/"):
        key = word.replace("~1", "/").replace("~0", "~")
        if isinstance(target, Mapping) and key in target:
            target = target[key]
        elif isinstance(target, list) and key.isdigit() and int(key) < len(target):
            target = target[int(key)]
        else:
            return {}
    return target


def paths_of(spot: Spot, prefix: Steps, *, depth: int = 6) -> Iterator[Steps]:
    """Yield every path that a contract names below a spot, the nearest first."""
    if depth == 0:
        return
    for name in spot.names():
        yield (*prefix, name)
    for name in spot.names():
        below = step(spot, name)
        yield from paths_of(below.spot, (*prefix, name), depth=depth - 1)
    if "array" in spot.types:
        below = step(spot, ITEM)
        if below.known is Known.NAMED:
            yield from paths_of(below.spot, (*prefix, ITEM), depth=depth - 1)
