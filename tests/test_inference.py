"""Contracts from samples: what is required, of which kind, and what a person keeps."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from events import contract
from events.inference import changes_between, contract_of, merged

FULL = {
    "order": {"number": "A-1", "total": 12, "vip": True},
    "items": [{"sku": "x", "price": 1}, {"price": 2.5}],
    "tags": ["a"],
    "note": None,
    "extra": {},
}
BARE = {"order": {"number": "A-2", "total": Decimal("12.50")}, "items": [], "note": "n"}


def test_no_sample_means_any_object() -> None:
    assert contract_of([]) == {"type": "object"}


def test_what_every_sample_has_is_required_and_the_rest_is_not() -> None:
    schema = contract_of([FULL, BARE])
    assert schema["required"] == ["items", "note", "order"]
    assert schema["properties"]["order"]["required"] == ["number", "total"]
    assert schema["properties"]["items"]["items"]["required"] == ["price"]


def test_kinds_are_as_narrow_as_the_samples_show() -> None:
    one = contract_of([FULL])["properties"]
    assert one["order"]["properties"]["total"] == {"type": "number"}
    exact = contract_of([FULL], is_exact=True)["properties"]
    assert exact["order"]["properties"]["total"] == {"type": "integer"}
    assert one["order"]["properties"]["vip"] == {"type": "boolean"}
    both = contract_of([FULL, BARE])["properties"]
    assert both["order"]["properties"]["total"] == {"type": "number"}
    assert both["items"]["items"]["properties"]["price"] == {"type": "number"}
    assert both["note"] == {"type": ["null", "string"]}
    assert both["tags"] == {"type": "array", "items": {"type": "string"}}


def test_nothing_is_known_of_what_was_always_null_or_empty() -> None:
    schema = contract_of([{"a": None, "b": {}, "c": []}])
    assert schema["properties"] == {
        "a": {},
        "b": {"type": "object"},
        "c": {"type": "array"},
    }


def test_a_key_that_no_sample_has_does_not_fit() -> None:
    schema = contract_of([FULL])
    order = {"order": {"number": "A-1", "total": 12, "vip": True, "totl": 1}}
    wrongs: list[dict[str, Any]] = [{"oder": {}}, order]
    for wrong in wrongs:
        codes = {fault.code for fault in contract.faults_of({**FULL, **wrong}, schema)}
        assert codes == {"unknown_variable"}
    assert not contract.faults_of({**FULL, "extra": {"any": 1}}, schema)


@pytest.mark.parametrize(
    "samples",
    [
        [FULL],
        [FULL, BARE],
        [{"a": 1}, {"a": "x"}, {"a": None}],
        [{"a": [1, "x", {"b": 1}]}, {"a": []}],
        [{"a": [{"b": None}, {"b": [1]}]}, {"a": [{"c": 1}]}],
        [{"a b": {"c.d": 1}}, {}],
    ],
)
def test_every_sample_fits_what_was_inferred_and_what_was_merged(
    samples: list[dict[str, Any]],
) -> None:
    schema = contract_of(samples)
    assert contract.problem_of(schema) == ""
    first = contract_of(samples[:1])
    again = merged(first, schema)
    for sample in samples:
        assert contract.faults_of(sample, schema) == []
        assert contract.faults_of(sample, again) == []
    assert merged(schema, schema) == schema
    assert merged({"type": "object"}, schema) == schema


def test_what_a_person_wrote_survives_another_inference() -> None:
    mine = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["code", "gone"],
        "properties": {
            "code": {"type": "string", "pattern": "^A", "description": "The code"},
            "when": {"type": "string", "format": "date-time"},
            "total": {"type": "number"},
            "gone": {"type": "string"},
            "either": {"anyOf": [{"type": "string"}, {"type": "boolean"}]},
        },
    }
    shown = {"code": "A1", "when": "2026-11-23T10:00:00Z", "total": 1, "either": "x"}
    found = merged(mine, contract_of([{**shown, "new": {"x": 1}}]))
    assert found["$schema"] == mine["$schema"]
    properties = found["properties"]
    assert properties["code"] == mine["properties"]["code"]  # type: ignore[index]
    assert properties["when"]["format"] == "date-time"
    assert properties["total"] == {"type": "number"}
    assert properties["gone"] == {"type": "string"}
    assert properties["either"] == mine["properties"]["either"]  # type: ignore[index]
    assert found["required"] == ["code", "new"]
    assert "additionalProperties" not in found
    assert properties["new"]["additionalProperties"] is False


def test_a_field_of_two_shapes_keeps_what_was_written_of_each() -> None:
    mine = contract_of([{"a": {"b": 1}}])
    mine["properties"]["a"]["properties"]["b"]["description"] = "Mine"
    found = merged(mine, contract_of([{"a": {"b": 1}}, {"a": "x"}]))
    ways = found["properties"]["a"]["anyOf"]
    assert {"type": "string"} in ways
    assert "Mine" in str(ways)
    assert [c.words for c in changes_between(mine, found)] == [
        "object becomes its own rules"
    ]


def test_a_null_makes_a_described_field_nullable() -> None:
    mine = {"type": "object", "properties": {"a": {"type": "string", "maxLength": 5}}}
    found = merged(mine, contract_of([{"a": None}]))
    assert found["properties"]["a"] == {"type": ["string", "null"], "maxLength": 5}


def test_changes_are_told_by_path_in_words() -> None:
    old, new = contract_of([FULL]), contract_of([FULL, BARE, {"extra": {"a": 1}}])
    told = {(change.path, change.words) for change in changes_between(old, new)}
    assert "order.total" not in {path for path, _ in told}
    assert ("items", "may be missing now") in told
    assert ("extra.a", "new: number, optional") in told
    assert changes_between(old, old) == []
    back = {(change.path, change.words) for change in changes_between(new, old)}
    assert ("extra.a", "is taken out") in back
    opened = {**old, "additionalProperties": True}
    assert [c.words for c in changes_between(old, opened)] == ["takes other fields too"]


def test_a_whole_number_stays_one_only_where_a_person_asked_for_it() -> None:
    """A total of 12 in one sample must not refuse 12.50."""
    mine: dict[str, Any] = {
        "type": "object",
        "properties": {"count": {"type": "integer"}},
    }
    shown = [{"count": 2, "total": 12, "rows": [1], "lines": [{"n": 1}]}]
    found = merged(mine, contract_of(shown, is_exact=True))["properties"]
    assert found["count"] == {"type": "integer"}
    assert found["total"] == {"type": "number"}
    assert found["rows"] == {"type": "array", "items": {"type": "number"}}
    assert found["lines"]["items"]["properties"] == {"n": {"type": "number"}}
