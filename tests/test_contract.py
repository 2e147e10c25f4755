"""Contracts: each fault by pointer, rule and limit, never with the value."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from events import contract
from events.contract import BrokenContract

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("schema", "ctx", "pointer", "code", "words"),
    [
        ({"required": ["a"]}, {}, "/ctx/a", "missing_variable", "is required"),
        (
            {"properties": {"a": {"required": ["b/c"]}}},
            {"a": {}},
            "/ctx/a/b~1c",
            "missing_variable",
            "is required",
        ),
        (
            {"dependentRequired": {"a": ["b"]}},
            {"a": 1},
            "/ctx/b",
            "missing_variable",
            "is required",
        ),
        (
            {"properties": {"b": {}}, "additionalProperties": False},
            {"a/b~c": 1},
            "/ctx/a~1b~0c",
            "unknown_variable",
            "is not in the contract",
        ),
        (
            {"unevaluatedProperties": False},
            {"é": 1},
            "/ctx/é",
            "unknown_variable",
            "is not in the contract",
        ),
        (
            {"properties": {"a": False}},
            {"a": 1},
            "/ctx/a",
            "unknown_variable",
            "is not in the contract",
        ),
        (
            {"properties": {"a": {"type": "number"}}},
            {"a": SECRET},
            "/ctx/a",
            "wrong_type",
            "must be a number, not a string",
        ),
        (
            {"properties": {"a": {"type": ["string", "null"]}}},
            {"a": True},
            "/ctx/a",
            "wrong_type",
            "not true or false",
        ),
        (
            {"properties": {"a": {"items": {"type": "string"}}}},
            {"a": ["x", None]},
            "/ctx/a/1",
            "wrong_type",
            "not null",
        ),
        (
            {"properties": {"a": {"type": "integer"}}},
            {"a": Decimal("1.5")},
            "/ctx/a",
            "wrong_type",
            "a whole number, not a number",
        ),
    ],
)
def test_a_fault_has_its_pointer_and_code(
    schema: dict[str, Any], ctx: Any, pointer: str, code: str, words: str
) -> None:
    (fault,) = contract.faults_of(ctx, schema)
    assert (fault.pointer, fault.code) == (pointer, code)
    assert words in fault.message
    assert SECRET not in fault.message


@pytest.mark.parametrize(
    ("rule", "value", "code", "words"),
    [
        ({"maxLength": 2}, SECRET, "violates_max_length", "more than 2 characters"),
        ({"minLength": 9}, SECRET, "violates_min_length", "fewer than 9 characters"),
        ({"pattern": "^A"}, SECRET, "violates_pattern", "the pattern ^A"),
        ({"format": "email"}, SECRET, "violates_format", "a valid email"),
        ({"format": "date-time"}, SECRET, "violates_format", "a valid date-time"),
        ({"enum": ["a", 1]}, SECRET, "violates_enum", 'not one of "a", 1'),
        ({"const": 1}, SECRET, "violates_const", "not the one value"),
        ({"maximum": 5}, Decimal("5.01"), "violates_maximum", "greater than 5"),
        ({"minimum": 5}, 4, "violates_minimum", "less than 5"),
        (
            {"exclusiveMaximum": 5},
            5,
            "violates_exclusive_maximum",
            "not less than 5",
        ),
        (
            {"exclusiveMinimum": 5},
            5,
            "violates_exclusive_minimum",
            "not greater than 5",
        ),
        (
            {"multipleOf": 0.01},
            Decimal("10.105"),
            "violates_multiple_of",
            "not a multiple of 0.01",
        ),
        ({"maxItems": 1}, [1, 2], "violates_max_items", "more than 1 items"),
        ({"minItems": 1}, [], "violates_min_items", "fewer than 1 items"),
        ({"uniqueItems": True}, [1, 1], "violates_unique_items", "same item twice"),
        ({"maxProperties": 0}, {"a": 1}, "violates_max_properties", "0 keys"),
        ({"minProperties": 1}, {}, "violates_min_properties", "1 keys"),
        ({"anyOf": [{"type": "null"}]}, 1, "violates_any_of", "the rule anyOf"),
        ({"not": {}}, 1, "violates_not", "the rule not"),
        (
            {"propertyNames": {"maxLength": 1}},
            {"ab": 1},
            "violates_property_names",
            "the rule propertyNames",
        ),
    ],
)
def test_a_broken_rule_is_named_with_its_limit(
    rule: dict[str, Any], value: Any, code: str, words: str
) -> None:
    (fault,) = contract.faults_of({"a": value}, {"properties": {"a": rule}})
    assert (fault.pointer, fault.code) == ("/ctx/a", code)
    assert words in fault.message
    assert fault.message.startswith("/ctx/a ")
    assert SECRET not in fault.message


def test_what_fits_has_no_fault() -> None:
    schema = {
        "properties": {
            "n": {"type": "number", "multipleOf": 0.01, "maximum": 100},
            "big": {"type": "number"},
            "whole": {"type": "integer"},
        }
    }
    ctx = {"n": Decimal("10.10"), "big": Decimal("9E+308"), "whole": 2**53 - 1}
    assert contract.faults_of(ctx, schema) == []
    assert contract.faults_of({"anything": [None]}, {"type": "object"}) == []


def test_faults_are_cut_at_fifty() -> None:
    schema = {"properties": {"b": {}}, "additionalProperties": False}
    ctx = {f"k{n}": 1 for n in range(500)}
    assert len(contract.faults_of(ctx, schema)) == 50


def test_a_pattern_that_explodes_ends_soon() -> None:
    schema = {"properties": {"a": {"pattern": r"^(?=a)(a+)+$"}}}
    (fault,) = contract.faults_of({"a": "a" * 5_000 + "!"}, schema)
    assert fault.code.startswith("violates_")


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nothing"},
        {"pattern": "("},
        {"properties": {"a": {"multipleOf": 0}}},
        {"$ref": "#/nowhere"},
        {"required": "a"},
    ],
)
def test_what_is_no_schema_is_told_in_a_sentence(schema: dict[str, Any]) -> None:
    problem = contract.problem_of(schema)
    assert problem.startswith("This is not a valid JSON Schema (2020-12): ")
    assert "\n" not in problem
    with pytest.raises(BrokenContract):
        contract.faults_of({}, schema)


def test_a_contract_is_an_object() -> None:
    assert contract.problem_of([]).startswith("A contract is a JSON object")
    assert contract.problem_of({"type": "object"}) == ""
    assert contract.problem_of({"$defs": {"a": {}}, "$ref": "#/$defs/a"}) == ""


def test_nothing_outside_a_contract_is_ever_fetched(tmp_path: Path) -> None:
    """A `$ref` to a file or an address would read what its author must not read."""
    file = tmp_path / "schema.json"
    file.write_text('{"type": "object"}')
    for address in (file.as_uri(), "http://127.0.0.1:1/a", "https://example.com/a"):
        problem = contract.problem_of({"$ref": address})
        assert "Retrieval is disabled" in problem
