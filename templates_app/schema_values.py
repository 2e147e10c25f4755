"""Values made from a JSON Schema and an example, in a mood: empty, long, hostile …

What has a form keeps one: an address stays an address, a price a price, and whatever
is one of a list stays one of it. Knows nothing of personas or models.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

LONGEST = 300
_MAX_DEPTH = 12
_URL = re.compile(r"https?://", re.IGNORECASE)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[a-z]+\Z", re.IGNORECASE)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(?P<time>[T ]\d\d:\d\d.*)?\Z")
_NUMBER = re.compile(r"-?\d+(?P<fraction>\.\d+)?\Z")
_CODE = re.compile(r"[A-Z]{2,3}\Z")  # a currency or a country
_LANGUAGE = re.compile(r"[a-z]{2}([-_][A-Za-z]{2,4})?\Z")
_EXAMPLES = {
    "uri": "https://example.com/page",
    "email": "alex@customer.example",
    "date-time": "2026-11-23T09:30:00Z",
    "date": "2026-11-23",
    "time": "09:30:00Z",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "hostname": "host.example",
    "duration": "P1D",
}
_ALIASES = {"iri": "uri", "idn-email": "email", "idn-hostname": "hostname"}
_MISSING: Any = object()


@dataclass(frozen=True, slots=True)
class Mood:
    """What is done to values: None leaves those of a kind as they are.

    `text` replaces free text, repeated to the longest allowed if it `fills`. `items`
    is the length of lists, `number` a bound that numbers go to, `year` that of dates.
    """

    text: str | None = None
    fills: bool = False
    items: int | None = None
    number: int | None = None
    year: int | None = None
    flag: bool | None = None
    is_null: bool = False
    keeps_optional: bool = True


def made(
    contract: Mapping[str, Any], sample: Mapping[str, Any], mood: Mood
) -> dict[str, Any]:
    """Return a context like the sample, filled up from its contract, in a mood."""
    maker = _Maker(contract, mood)
    value = maker.value(contract, sample, 0)
    return value if isinstance(value, dict) else {}


def form_of(schema: Mapping[str, Any], example: Any) -> str:
    """Return the form that a text has by its schema or its looks; empty if it is free.

    A format of JSON Schema, ``number``, ``code`` (EUR) or ``language`` (pt-BR).
    """
    named = str(schema.get("format") or "")
    if named:
        return _ALIASES.get(named, named)
    if not isinstance(example, str):
        return ""
    moment = _MOMENT.match(example)
    if moment:
        return "date-time" if moment["time"] else "date"
    for form, pattern in (("uri", _URL), ("email", _EMAIL), ("number", _NUMBER)):
        if pattern.match(example):
            return form
    if _CODE.match(example):
        return "code"
    return "language" if _LANGUAGE.match(example) and len(example) != 2 else ""


class _Maker:
    """Walks a schema beside an example; holds the root for references, and the mood."""

    def __init__(self, root: Mapping[str, Any], mood: Mood) -> None:
        self.root = root
        self.mood = mood

    def value(self, schema: Any, example: Any, depth: int) -> Any:
        """Return a value for a schema beside an example of it."""
        schema = self.resolved(schema)
        if example is _MISSING or (example is None and not self.mood.is_null):
            example = _example_of(schema)
        kinds = _kinds_of(schema, example)
        if self.mood.is_null and "null" in kinds:
            return None
        if "const" in schema:
            return schema["const"]
        if options := schema.get("enum"):
            return example if example in options else options[0]
        kind = next((kind for kind in kinds if kind != "null"), "null")
        if kind == "object":
            return self._object(schema, example, depth)
        if kind == "array":
            return self._array(schema, example, depth)
        if kind == "string":
            return self._string(schema, example if isinstance(example, str) else "")
        if kind in ("integer", "number"):
            return self._number(schema, example, kind)
        if kind == "boolean":
            flag = self.mood.flag
            return bool(example is True) if flag is None else flag
        return None

    def resolved(self, schema: Any) -> dict[str, Any]:
        """Return a schema with its references, first choices and parts put together."""
        if not isinstance(schema, Mapping):
            return {}
        merged = dict(schema)
        for _ in range(_MAX_DEPTH):
            reference = merged.pop("$ref", None)
            found = self._found(reference) if isinstance(reference, str) else {}
            parts = [*merged.pop("allOf", []), *merged.pop("oneOf", [])[:1]]
            parts += merged.pop("anyOf", [])[:1]
            for part in (found, *parts):
                if isinstance(part, Mapping):
                    merged = _merged(part, merged)
            if not any(name in merged for name in ("$ref", "allOf", "oneOf", "anyOf")):
                break
        return merged

    def _found(self, reference: str) -> Mapping[str, Any]:
        value: Any = self.root
        for step in reference.removeprefix("#").strip("/").split("/"):
            if step and isinstance(value, Mapping):
                value = value.get(step.replace("~1", "/").replace("~0", "~"), {})
        return value if isinstance(value, Mapping) else {}

    def _object(self, schema: Mapping[str, Any], example: Any, depth: int) -> Any:
        properties = schema.get("properties") or {}
        required = schema.get("required") or []
        given = example if isinstance(example, Mapping) else {}
        made: dict[str, Any] = {}
        if depth > _MAX_DEPTH:
            return made
        for name in [*properties, *(key for key in given if key not in properties)]:
            if name in properties:
                is_optional = name not in required
                if is_optional and not self.mood.keeps_optional:
                    continue
            elif schema.get("additionalProperties") is False:
                continue
            each = given.get(name, _MISSING)
            made[name] = self.value(properties.get(name) or {}, each, depth + 1)
        return made

    def _array(self, schema: Mapping[str, Any], example: Any, depth: int) -> Any:
        given = list(example) if isinstance(example, list) else []
        least = int(schema.get("minItems") or 0)
        most = int(schema.get("maxItems") or 1_000)
        wanted = len(given) if self.mood.items is None else self.mood.items
        if self.mood.items is None and not given:
            wanted = 1
        if schema.get("uniqueItems"):
            wanted = min(wanted, max(len(given), least))
        if depth > _MAX_DEPTH:
            wanted = least
        count = max(least, min(wanted, most))
        items = schema.get("items") or {}
        sources = given or [_MISSING]
        made = [self.value(items, each, depth + 1) for each in sources[:count]]
        return [made[at % len(made)] for at in range(count)] if made else []

    def _string(self, schema: Mapping[str, Any], example: str) -> str:
        form = form_of(schema, example)
        pattern = schema.get("pattern")
        candidate = self._formed(form, example) if form else self._free(schema, example)
        if pattern and not _matches(pattern, candidate):
            return example
        return _sized(schema, candidate, is_free=not form)

    def _formed(self, form: str, example: str) -> str:
        example = example or _EXAMPLES.get(form, "")
        if form in ("date", "date-time") and self.mood.year is not None:
            return f"{self.mood.year:04d}{example[4:]}"
        if form == "number" and self.mood.number is not None:
            found = _NUMBER.match(example)
            fraction = (found["fraction"] or "") if found else ""
            places = "0" * max(0, len(fraction) - 1)
            bound = max(-1_000_000, min(self.mood.number, 999_999_999))
            return f"{bound}.{places}" if places else str(bound)
        is_long = self.mood.fills or (self.mood.text or "").isalpha()
        if form == "uri" and is_long:
            joint = "&" if "?" in example else "?"
            return f"{example}{joint}ref={'a1b2c3d4' * 25}"
        if form == "uri" and self.mood.text and "<" in self.mood.text:
            joint = "&" if "?" in example else "?"
            return f"{example}{joint}q=%22%3E%3Cscript%3E&amp=1"
        if form == "email" and is_long:
            return f"{'a' * 60}@{'customer' * 6}.example"
        return example

    def _free(self, schema: Mapping[str, Any], example: str) -> str:
        text = self.mood.text
        if text is None:
            return example
        if not self.mood.fills:
            return text
        most = min(int(schema.get("maxLength") or LONGEST), LONGEST)
        return (text * (most // max(1, len(text)) + 1))[:most].rstrip() or text

    def _number(self, schema: Mapping[str, Any], example: Any, kind: str) -> Any:
        is_number = isinstance(example, int | float | Decimal)
        value: Any = example if is_number and not isinstance(example, bool) else 1
        if self.mood.number is not None:
            value = self.mood.number
            if kind == "number" and value:
                value = Decimal(value) / 100
        low, high = _bounds(schema)
        if low is not None and value < low:
            value = low
        if high is not None and value > high:
            value = high
        step = schema.get("multipleOf")
        if step:
            value = (Decimal(str(value)) // Decimal(str(step))) * Decimal(str(step))
        return int(value) if kind == "integer" else value


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    both = {**under, **over}
    for name in ("properties", "$defs"):
        if name in under and name in over:
            both[name] = {**under[name], **over[name]}
    if "required" in under and "required" in over:
        both["required"] = [*under["required"], *over["required"]]
    return both


def _kinds_of(schema: Mapping[str, Any], example: Any) -> list[str]:
    declared = schema.get("type")
    if isinstance(declared, str):
        return [declared]
    if isinstance(declared, list) and declared:
        kinds = [str(kind) for kind in declared]
        own = _kind_of(example)
        return [own, *kinds] if own in kinds and own != "null" else kinds
    if "properties" in schema:
        return ["object"]
    if "items" in schema:
        return ["array"]
    return [_kind_of(example)]


def _kind_of(example: Any) -> str:
    if isinstance(example, bool):
        return "boolean"
    if isinstance(example, int):
        return "integer"
    if isinstance(example, float | Decimal):
        return "number"
    if isinstance(example, Mapping):
        return "object"
    if isinstance(example, list):
        return "array"
    return "null" if example is None else "string"


def _example_of(schema: Mapping[str, Any]) -> Any:
    """Return a value that a schema itself offers, or one that looks like it."""
    for name in ("default", "example"):
        if schema.get(name) is not None:
            return schema[name]
    examples = schema.get("examples")
    if isinstance(examples, list) and examples:
        return examples[0]
    kinds = _kinds_of(schema, None)
    kind = next((kind for kind in kinds if kind != "null"), "null")
    if kind == "string":
        form = str(schema.get("format") or "")
        return _EXAMPLES.get(_ALIASES.get(form, form), "Sample")
    plain: dict[str, Any] = {"object": {}, "array": [], "boolean": True}
    return plain.get(kind, 1 if kind in ("integer", "number") else None)


def _bounds(schema: Mapping[str, Any]) -> tuple[Any, Any]:
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if above is not None:
        low = above + 1
    if below is not None:
        high = below - 1
    return low, high


def _matches(pattern: str, text: str) -> bool:
    try:
        return re.search(pattern, text) is not None
    except re.error:  # a pattern of another dialect: the example is the safe choice
        return False


def _sized(schema: Mapping[str, Any], text: str, *, is_free: bool) -> str:
    least = int(schema.get("minLength") or 0)
    most = schema.get("maxLength")
    if most is not None and len(text) > most:
        return text[:most] if is_free else text
    if len(text) < least and is_free:
        text = ((text or "x") * least)[:least]
    return text
