"""What content can speak of: paths, samples, loops, and filters with true examples."""

from __future__ import annotations

from typing import Any

import pytest

from templates_app.rendering.liquid import FILTER_NAMES, parse
from templates_app.vocabulary import item_name, vocabulary
from templates_app.vocabulary_words import FILTERS, TAGS, filters_in

CONTRACT = {
    "type": "object",
    "required": ["order", "items"],
    "properties": {
        "order": {
            "type": "object",
            "required": ["number"],
            "additionalProperties": False,
            "properties": {
                "number": {"type": "string", "description": "As on the invoice"},
                "limit": {"type": ["null", "integer"]},
                "postal code": {"type": "string"},
            },
        },
        "items": {"type": "array", "items": {"$ref": "#/$defs/item"}},
        "reset": {"type": "object", "properties": {"link": {"type": "string"}}},
    },
    "$defs": {
        "item": {
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": {"type": "string"},
                "options": {"type": "array", "items": {"type": "string"}},
            },
        }
    },
}
SAMPLE: dict[str, Any] = {
    "order": {"number": "A-1", "unknown": 1},
    "items": [{"name": "Mug", "options": ["blue"], "price": 9.5}],
    "reset": {"link": "https://example.com/secret"},
    "at": "2026-11-23T17:30:00Z",
}


def nodes_by_path(nodes: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    found = {}
    for node in nodes:
        found[node["path"]] = node
        found |= nodes_by_path(node["children"])
    return found


@pytest.fixture(scope="module")
def paths() -> dict[str, dict[str, Any]]:
    words = vocabulary(contract=CONTRACT, sample=SAMPLE, sensitive=["reset.link"])
    return nodes_by_path(words["context"])


def test_a_path_has_its_kind_its_sample_and_whether_it_is_always_there(
    paths: dict[str, dict[str, Any]],
) -> None:
    number = paths["ctx.order.number"]
    assert number["insert"] == "{{ ctx.order.number }}"
    assert (number["kind"], number["sample"]) == ("string", "A-1")
    assert number["required"]
    assert number["description"] == "As on the invoice"
    assert paths["ctx.items[].price"]["kind"] == "number"
    assert not paths["ctx.items[].price"]["required"]
    assert paths["ctx.at"]["format"] == "date-time"


def test_names_that_liquid_reserves_or_cannot_read_are_quoted(
    paths: dict[str, dict[str, Any]],
) -> None:
    assert paths["ctx.order['limit']"]["insert"] == "{{ ctx.order['limit'] }}"
    assert paths["ctx.order['limit']"]["kind"] == "number"
    assert "ctx.order['postal code']" in paths


def test_a_closed_contract_offers_nothing_that_only_the_sample_has(
    paths: dict[str, dict[str, Any]],
) -> None:
    assert "ctx.order.unknown" not in paths
    assert "ctx.at" in paths


def test_values_that_are_sensitive_are_never_shown(
    paths: dict[str, dict[str, Any]],
) -> None:
    assert paths["ctx.reset.link"]["sensitive"]
    assert paths["ctx.reset.link"]["sample"] == "•••"


def test_a_list_inserts_a_loop_and_its_items_go_by_the_loop_s_name(
    paths: dict[str, dict[str, Any]],
) -> None:
    items = paths["ctx.items"]
    assert items["insert"].startswith("{% for item in ctx.items %}\n{{ item.name }}")
    assert items["item"] == "item"
    assert paths["ctx.items[].name"]["insert"] == "{{ item.name }}"
    options = paths["ctx.items[].options"]["insert"]
    assert options == "{% for option in item.options %}\n{{ option }}\n{% endfor %}"


def test_every_path_and_loop_that_is_inserted_can_be_read(
    paths: dict[str, dict[str, Any]],
) -> None:
    for node in paths.values():
        parse(node["insert"], html=True, part="test")


@pytest.mark.parametrize(
    ("collection", "name"),
    [
        ("items", "item"),
        ("orderLines", "line"),
        ("addresses", "address"),
        ("entries", "entry"),
        ("boxes", "box"),
        ("sizes", "size"),
        ("class", "item"),
        ("messages", "item"),
        ("limits", "item"),
    ],
)
def test_an_item_is_called_like_one_of_its_list(collection: str, name: str) -> None:
    assert item_name(collection) == name


def test_every_filter_that_content_may_use_is_explained() -> None:
    assert {each.name for each in FILTERS} == FILTER_NAMES


@pytest.mark.parametrize("language", ["en", "de", "pl", "ar"])
def test_every_example_of_a_filter_renders(language: str) -> None:
    for each in filters_in(language):
        assert each["result"].strip(), each["example"]


def test_examples_are_those_of_the_language() -> None:
    money = {
        language: next(
            f["result"] for f in filters_in(language) if f["name"] == "money"
        )
        for language in ("en", "de")
    }
    assert money == {"en": "€1,259.50", "de": "1.259,50\xa0€"}


@pytest.mark.parametrize("tag", TAGS, ids=lambda tag: str(tag["name"]))
def test_every_snippet_can_be_read(tag: dict[str, str]) -> None:
    parse(tag["insert"], html=True, part="test")


def test_without_a_contract_the_sample_alone_is_spoken_of() -> None:
    words = vocabulary(contract=None, sample={"a": {"b": True}}, blocks=[("x", "X")])
    assert words["context"][0]["children"][0]["kind"] == "boolean"
    assert words["blocks"] == [{"name": "x", "label": "X", "insert": "{% block 'x' %}"}]
