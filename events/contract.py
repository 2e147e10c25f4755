"""Contracts: the JSON Schema (2020-12) of an event type's context.

Messages here name the field and the rule; they never echo a value.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs

from events.problems import Fault
from events.strict_json import printable

_MAX_FAULTS = 50
_TYPE_NAMES = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "null",
    "number": "a number",
    "object": "an object",
    "string": "a string",
}


def problem_of(schema: Any) -> str:
    """Return why a schema is no contract, in one sentence; empty if it is one."""
    if not isinstance(schema, dict):
        return "A contract is a JSON object, a JSON Schema of the context."
    try:
        _validator(json.dumps(schema, sort_keys=True))
    except (ValueError, jsonschema_rs.ValidationError) as error:
        return f"This is not a valid JSON Schema (2020-12): {error}"
    return ""


def faults_of(ctx: Any, schema: Mapping[str, Any]) -> list[Fault]:
    """Return every way in which a context does not fit a contract, by pointer."""
    validator = _validator(json.dumps(schema, sort_keys=True))
    faults: list[Fault] = []
    for _, error in zip(range(_MAX_FAULTS), validator.iter_errors(ctx), strict=False):
        faults += _faults(error)
    return faults


@functools.lru_cache(maxsize=512)
def _validator(schema: str) -> Any:
    return jsonschema_rs.Draft202012Validator(json.loads(schema), validate_formats=True)


def _faults(error: Any) -> Iterator[Fault]:
    pointer = "/ctx" + "".join(
        f"/{str(step).replace('~', '~0').replace('/', '~1')}"
        for step in error.instance_path
    )
    rule: dict[str, Any] = error.kind.as_dict()
    name = rule["name"]
    if name == "required":
        place = f"{pointer}/{rule['property']}"
        yield Fault(place, "missing_variable", f"{place} is required.")
    elif name in ("additionalProperties", "unevaluatedProperties"):
        for key in rule["unexpected"]:
            place = printable(f"{pointer}/{key}")
            yield Fault(place, "unknown_variable", f"{place} is not in the contract.")
    elif name == "type":
        expected = " or ".join(_TYPE_NAMES.get(t, t) for t in rule["types"])
        yield Fault(pointer, "wrong_type", f"{printable(pointer)} must be {expected}.")
    else:
        yield Fault(pointer, f"violates_{_snake(name)}", _rule(pointer, name, rule))


def _rule(pointer: str, name: str, rule: Mapping[str, Any]) -> str:
    limit = rule.get("limit", rule.get("value"))
    sentences = {
        "maxLength": f"has more than {limit} characters",
        "minLength": f"has fewer than {limit} characters",
        "maxItems": f"has more than {limit} items",
        "minItems": f"has fewer than {limit} items",
        "maximum": f"is greater than {limit}",
        "minimum": f"is less than {limit}",
        "exclusiveMaximum": f"is not less than {limit}",
        "exclusiveMinimum": f"is not greater than {limit}",
        "multipleOf": f"is not a multiple of {limit}",
        "enum": f"is not one of {limit}",
        "const": "is not the one value allowed",
        "pattern": f"does not match the pattern {limit}",
        "format": f"is not a valid {limit}",
        "uniqueItems": "holds the same item twice",
    }
    return f"{printable(pointer)} {sentences.get(name, f'breaks the rule {name}')}."


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
