"""Contracts: the JSON Schema (2020-12) of an event type's context.

Messages here name the field and the rule; they never echo a value. Nothing is ever
fetched: a `$ref` reaches only into its own schema.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import jsonschema_rs

from events.problems import Fault
from events.strict_json import escape, printable

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
_PYTHON_TYPES: list[tuple[type, str]] = [
    (bool, "boolean"),
    (int, "integer"),
    (Decimal, "number"),
    (float, "number"),
    (str, "string"),
    (list, "array"),
    (dict, "object"),
]
_RULES = {
    "maxLength": "has more than {limit} characters",
    "minLength": "has fewer than {limit} characters",
    "maxItems": "has more than {limit} items",
    "minItems": "has fewer than {limit} items",
    "maxProperties": "has more than {limit} keys",
    "minProperties": "has fewer than {limit} keys",
    "maximum": "is greater than {limit}",
    "minimum": "is less than {limit}",
    "exclusiveMaximum": "is not less than {limit}",
    "exclusiveMinimum": "is not greater than {limit}",
    "multipleOf": "is not a multiple of {multiple_of}",
    "enum": "is not one of {options}",
    "const": "is not the one value allowed",
    "pattern": "does not match the pattern {pattern}",
    "format": "is not a valid {format}",
    "uniqueItems": "holds the same item twice",
}


class BrokenContract(Exception):
    """What stands as the contract of an event type is not a JSON Schema.

    `pointer` is the place of the fault in the schema.
    """

    def __init__(self, why: str, *, pointer: str = "") -> None:
        super().__init__(why)
        self.pointer = pointer


def problem_of(schema: Any) -> str:
    """Return why a schema is no contract, in one sentence; empty if it is one."""
    fault = fault_of(schema)
    return fault.message if fault else ""


def fault_of(schema: Any) -> Fault | None:
    """Return why a schema is no contract, with its place in it; None if it is one."""
    if not isinstance(schema, dict):
        sentence = "A contract is a JSON object, a JSON Schema of the context."
        return Fault("", "invalid_contract", sentence)
    try:
        _validator(json.dumps(schema, sort_keys=True))
    except BrokenContract as error:
        sentence = f"This is not a valid JSON Schema (2020-12): {error}"
        return Fault(error.pointer, "invalid_contract", sentence)
    return None


def faults_of(ctx: Any, schema: Mapping[str, Any]) -> list[Fault]:
    """Return every way in which a context does not fit a contract, by pointer.

    At most 50 of them; raises BrokenContract.
    """
    return faults_by(compiled(schema), ctx)


def compiled(schema: Mapping[str, Any]) -> Any:
    """Return a contract in the form that `faults_by` takes; raises BrokenContract."""
    return _validator(json.dumps(schema, sort_keys=True))


def faults_by(validator: Any, ctx: Any) -> list[Fault]:
    """Return what `faults_of` does, by a contract that was compiled before."""
    if validator.is_valid(ctx):
        return []
    faults: list[Fault] = []
    for error in validator.iter_errors(ctx):
        faults += _faults(error)
        if len(faults) >= _MAX_FAULTS:
            break
    return faults[:_MAX_FAULTS]


@functools.lru_cache(maxsize=512)
def _validator(schema: str) -> Any:
    try:
        return jsonschema_rs.Draft202012Validator(
            json.loads(schema), validate_formats=True, offline=True
        )
    except ValueError as error:
        steps = getattr(error, "instance_path", ())
        pointer = "".join(f"/{escape(str(step))}" for step in steps)
        why = str(error).partition("\n")[0]
        if pointer.endswith("/type"):
            names = ", ".join(_TYPE_NAMES)
            why = f"a type is one of {names}, or a list of these."
        raise BrokenContract(why, pointer=pointer) from None


def _faults(error: Any) -> Iterator[Fault]:
    pointer = "/ctx" + "".join(f"/{escape(str(step))}" for step in error.instance_path)
    name: str = error.kind.name
    rule: dict[str, Any] = error.kind.as_dict()
    if name == "required":
        place = f"{pointer}/{escape(rule['property'])}"
        yield Fault(place, "missing_variable", f"{printable(place)} is required.")
    elif name in ("additionalProperties", "unevaluatedProperties"):
        for key in rule["unexpected"]:
            yield _unknown(f"{pointer}/{escape(key)}")
    elif name == "falseSchema":
        yield _unknown(pointer)
    elif name == "type":
        yield Fault(pointer, "wrong_type", _wrong_type(pointer, rule, error.instance))
    else:
        sentence = _RULES.get(name, f"breaks the rule {name}")
        sentence = sentence.format_map({**rule, "options": _options(rule)})
        place = printable(pointer)
        yield Fault(pointer, f"violates_{_snake(name)}", f"{place} {sentence}.")


def _unknown(place: str) -> Fault:
    sentence = f"{printable(place)} is not in the contract."
    return Fault(place, "unknown_variable", sentence)


def _wrong_type(pointer: str, rule: Mapping[str, Any], value: Any) -> str:
    wanted = " or ".join(_TYPE_NAMES.get(name, name) for name in rule["types"])
    given = next((name for kind, name in _PYTHON_TYPES if isinstance(value, kind)), "")
    return f"{printable(pointer)} must be {wanted}, not {_TYPE_NAMES[given or 'null']}."


def _options(rule: Mapping[str, Any]) -> str:
    return ", ".join(json.dumps(option) for option in rule.get("options", ()))


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
