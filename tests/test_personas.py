"""Hostile personas: made from a contract and a sample, and fitting the contract."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from events.contract import faults_of
from templates_app.personas import Persona, personas_of

CONTRACT: dict[str, Any] = {
    "type": "object",
    "required": ["number", "items", "url"],
    "additionalProperties": False,
    "properties": {
        "number": {"type": "string", "minLength": 1, "maxLength": 20},
        "url": {"type": "string", "format": "uri", "pattern": "^https://"},
        "mail": {"type": "string", "format": "email"},
        "at": {"type": "string", "format": "date-time"},
        "state": {"enum": ["new", "paid"]},
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
        "total": {"type": "number", "minimum": 0, "maximum": 5000},
        "count": {"type": "integer"},
        "note": {"type": ["string", "null"]},
        "vip": {"type": "boolean"},
        "items": {
            "type": "array",
            "minItems": 1,
            "maxItems": 50,
            "items": {"$ref": "#/$defs/item"},
        },
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "$defs": {
        "item": {
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": {"type": "string"},
                "price": {"type": "string", "pattern": r"^\d+\.\d\d$"},
            },
        }
    },
}
SAMPLE: dict[str, Any] = {
    "number": "A-1",
    "url": "https://shop.example/orders/1",
    "at": "2026-11-23T09:00:00Z",
    "state": "paid",
    "currency": "EUR",
    "total": 12.5,
    "items": [{"name": "Tea", "price": "4.00"}],
    "tags": ["a", "b"],
}


def by_name(contract: Any = CONTRACT, sample: Any = SAMPLE) -> dict[str, Persona]:
    return {persona.name: persona for persona in personas_of(contract, sample)}


@pytest.mark.parametrize("persona", personas_of(CONTRACT, SAMPLE), ids=lambda p: p.name)
def test_every_persona_fits_the_contract(persona: Persona) -> None:
    plain = json.loads(json.dumps(persona.ctx, default=float))
    assert faults_of(plain, CONTRACT) == []


def test_the_same_contract_and_sample_make_the_same_personas() -> None:
    assert personas_of(CONTRACT, SAMPLE) == personas_of(CONTRACT, SAMPLE)


def test_lists_are_empty_single_and_long_within_their_bounds() -> None:
    found = by_name()
    assert found["empty-lists"].ctx["tags"] == []
    assert len(found["empty-lists"].ctx["items"]) == 1
    assert len(found["many-items"].ctx["items"]) == 50
    assert len(found["many-items"].ctx["tags"]) == 200


def test_optionals_are_missing_and_so_is_the_recipients_name() -> None:
    bare = by_name()["bare"]
    assert set(bare.ctx) == {"number", "items", "url"}
    assert bare.recipient["name"] is None


def test_only_what_may_be_null_is_null() -> None:
    assert by_name()["nulls"].ctx["note"] is None
    assert by_name()["nulls"].ctx["number"] == "A-1"


def test_hostile_text_goes_where_text_is_free() -> None:
    markup = by_name()["markup"].ctx
    assert "<script>" in markup["items"][0]["name"]
    assert markup["items"][0]["price"] == "4.00"
    assert markup["currency"] == "EUR"
    assert markup["state"] == "paid"
    assert markup["url"].startswith("https://shop.example/orders/1")
    assert len(markup["number"]) == 20


def test_what_looks_like_a_price_or_an_address_stays_one_without_a_contract() -> None:
    sample = {"price": "9.90", "code": "EUR", "link": "https://a.example", "name": "Al"}
    found = by_name({"type": "object"}, sample)
    assert found["markup"].ctx["price"] == "9.90"
    assert found["markup"].ctx["code"] == "EUR"
    assert found["markup"].ctx["link"].startswith("https://a.example")
    assert "<script>" in found["markup"].ctx["name"]
    assert found["negative"].ctx["price"].startswith("-")


def test_numbers_go_to_their_bounds() -> None:
    found = by_name()
    assert found["huge"].ctx["total"] == 5000
    assert found["huge"].ctx["count"] == 2**53 - 1
    assert found["negative"].ctx["total"] == 0
    assert found["zero"].ctx["count"] == 0
    assert isinstance(found["negative"].ctx["count"], int)


def test_dates_are_far_and_flags_are_set_or_not() -> None:
    found = by_name()
    assert found["far-future"].ctx["at"] == "9999-11-23T09:00:00Z"
    assert found["far-past"].ctx["at"] == "1900-11-23T09:00:00Z"
    assert found["far-future"].ctx["vip"] is True
    assert found["far-past"].ctx["vip"] is False


def test_the_longest_text_is_as_long_as_it_may_be() -> None:
    longest = by_name()["longest"].ctx
    assert len(longest["number"]) == 20
    assert len(longest["items"][0]["name"]) >= 290


def test_steps_of_a_number_are_kept() -> None:
    contract = {
        "type": "object",
        "required": ["n"],
        "properties": {"n": {"type": "number", "multipleOf": 0.25, "maximum": 7}},
    }
    for persona in personas_of(contract, {"n": 0.5}):
        assert Decimal(str(persona.ctx["n"])) % Decimal("0.25") == 0


def test_nothing_is_hostile_in_nothing() -> None:
    assert by_name({"type": "object"}, {})["complete"].ctx == {}


def test_odd_contracts_make_personas_all_the_same() -> None:
    for contract in (
        {"$ref": "#"},
        {"properties": {"a": {"$ref": "#/properties/a"}}},
        {"properties": {"a": {"pattern": "("}}},
        {"allOf": [{"properties": {"b": {"type": "string"}}}, {"required": ["b"]}]},
        {"type": "object", "properties": {"c": True, "d": {"type": []}}},
        {"properties": {"e": {"anyOf": [{"type": "null"}, {"type": "integer"}]}}},
        {"properties": {"f": {"type": "array", "prefixItems": [{"type": "string"}]}}},
    ):
        assert personas_of(contract, {"a": "x"})
