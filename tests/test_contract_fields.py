"""A contract as a table of fields: there and back without a loss."""

from __future__ import annotations

import json
from typing import Any

import pytest

from events import contract_fields, masking, paths
from events.contract_fields import BadRow, FieldRow, contract_with, is_closed, rows_of
from events.inference import contract_of
from events.json_text import BadText, place_of, read_object
from templates_app.rendering.masking import MASK
from txmsg.demo.event_types import event_types

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["order", "unlisted"],
    "properties": {
        "order": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "number": {"type": "string", "pattern": "^A", "description": "Theirs"},
                "state": {"enum": ["a", "b"], "type": ["string", "null"]},
                "odd": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
            },
        },
        "items": {
            "type": "array",
            "maxItems": 9,
            "items": {"type": "object", "properties": {"price": {"type": "number"}}},
        },
        "codes": {"type": "array", "items": {"type": "string"}},
        "free": {},
        "never": False,
    },
}
SAMPLE = {
    "order": {"number": "A-1", "state": None},
    "items": [{}, {"price": 2.5}],
    "codes": ["x", "y"],
}


def test_rows_say_path_type_depth_and_example() -> None:
    rows = {row.path: row for row in rows_of(SCHEMA, [SAMPLE])}
    assert list(rows) == [
        "codes",
        "free",
        "items",
        "items[].price",
        "never",
        "order",
        "order.number",
        "order.odd",
        "order.state",
    ]
    assert rows["order.number"] == FieldRow(
        path="order.number", example="A-1", description="Theirs", depth=1
    )
    assert (rows["items"].type, rows["items"].example) == ("array<object>", "2 items")
    assert (rows["items[].price"].type, rows["items[].price"].example) == (
        "number",
        "2.5",
    )
    assert (rows["codes"].type, rows["codes"].example) == ("array<string>", "x, y")
    assert rows["free"].type == "any"
    assert rows["order.state"].nullable
    assert rows["order"].required
    assert [row.path for row in rows.values() if not row.is_editable] == [
        "never",
        "order.odd",
    ]


def test_examples_of_sensitive_fields_and_of_all_in_them_are_hidden() -> None:
    for sensitive in ("order", "ctx.order", "order.number"):
        rows = {r.path: r for r in rows_of(SCHEMA, [SAMPLE], [sensitive, "codes[]"])}
        assert rows["order.number"].example == MASK
        assert rows["codes"].sensitive
        assert rows["codes"].example == MASK
        assert rows["items[].price"].example == "2.5"
    assert masking.MASK == MASK


@pytest.mark.parametrize(
    "schema", [SCHEMA, *(demo.contract for demo in event_types()), {"type": "object"}]
)
def test_a_table_that_nobody_edited_changes_nothing(schema: dict[str, Any]) -> None:
    assert contract_with(rows_of(schema), schema) == schema
    closed = is_closed(schema)
    assert contract_with(rows_of(schema), schema, closed=closed) == schema


def edited(schema: dict[str, Any], path: str, **fields: Any) -> dict[str, Any]:
    rows = [
        FieldRow(**{**row.as_dict(), **fields}) if row.path == path else row
        for row in rows_of(schema)
    ]
    return contract_with(rows, schema)


def test_edits_keep_what_the_table_cannot_say() -> None:
    number = edited(SCHEMA, "order.number", required=True, nullable=True)["properties"][
        "order"
    ]
    assert number["required"] == ["number"]
    assert number["properties"]["number"] == {
        "type": ["string", "null"],
        "pattern": "^A",
        "description": "Theirs",
    }
    plain = edited(SCHEMA, "order.state", nullable=False)["properties"]["order"]
    assert plain["properties"]["state"] == {"enum": ["a", "b"], "type": "string"}
    assert (
        edited(SCHEMA, "items", description="All")["properties"]["items"]["maxItems"]
        == 9
    )
    assert "order" not in edited(SCHEMA, "order", required=False)["required"]


def test_another_type_drops_the_rules_of_the_old_one_but_not_its_description() -> None:
    order = edited(SCHEMA, "order.number", type="integer")["properties"]["order"]
    assert order["properties"]["number"] == {
        "type": "integer",
        "description": "Theirs",
    }


def test_fields_that_no_row_names_are_taken_out() -> None:
    rows = [row for row in rows_of(SCHEMA) if not row.path.startswith("order")]
    found = contract_with(rows, SCHEMA)
    assert "order" not in found["properties"]
    assert found["required"] == ["unlisted"]


def test_a_new_field_brings_the_objects_it_stands_in() -> None:
    rows = [FieldRow("items[].tags[].label", required=True), FieldRow("a['b.c']")]
    found = contract_with(rows, {"type": "object"}, closed=True)
    kinds = {row.type for row in rows_of(found)}
    assert kinds == {"string", "array<object>", "object"}
    label = found["properties"]["items"]["items"]["properties"]["tags"]["items"]
    assert label == {
        "type": "object",
        "required": ["label"],
        "properties": {"label": {"type": "string"}},
        "additionalProperties": False,
    }
    assert found["properties"]["a"]["properties"] == {"b.c": {"type": "string"}}
    assert is_closed(found) is True


def test_closing_and_opening_reach_every_object() -> None:
    assert is_closed(SCHEMA) is None
    closed = contract_with(rows_of(SCHEMA), SCHEMA, closed=True)
    assert closed["properties"]["items"]["items"]["additionalProperties"] is False
    assert is_closed(closed) is True
    opened = contract_with(rows_of(closed), closed, closed=False)
    assert is_closed(opened) is False


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([FieldRow("a..b")], "is no path"),
        ([FieldRow("")], "is no path"),
        ([FieldRow("items[]")], "is no path"),
        ([FieldRow("a"), FieldRow("a")], "stands twice"),
        ([FieldRow("a", "string"), FieldRow("a.b")], "must be one object"),
        ([FieldRow("a", "object"), FieldRow("a[].b")], "must be one list of objects"),
    ],
)
def test_a_row_that_cannot_stand_is_refused_in_words(
    rows: list[FieldRow], words: str
) -> None:
    with pytest.raises(BadRow, match=words):
        contract_with(rows, {"type": "object"})


@pytest.mark.parametrize(
    "text", ["{", "{}", "[1]", '[{"path": 1}]', '[{"path": "a", "type": "money"}]']
)
def test_a_table_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadRow):
        contract_fields.with_table({"type": "object"}, text)


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("order.number", ["order", "number"]),
        ("items[].tags[].x", ["items", "[]", "tags", "[]", "x"]),
        ("['a b']['c.d'].e", ["a b", "c.d", "e"]),
        (r"['it\'s']", ["it's"]),
    ],
)
def test_a_path_and_its_steps_are_the_same_thing(path: str, steps: list[str]) -> None:
    assert paths.steps_of(path) == steps
    assert paths.path_of(steps) == path


def test_a_sensitive_path_may_be_quoted_and_a_bad_one_still_hides() -> None:
    ctx = {"a b": {"c": 1}, "x": {"y": 1}}
    assert masking.mask_context(ctx, ["['a b'].c"])["a b"] == {"c": MASK}
    assert masking.mask_context(ctx, [".x.y"])["x"] == {"y": MASK}


TEXT = """\
{
  "a": {"b": [1, {"c": "}\\""}, [2, 3]]},
  "d/e": -1.5e3, "d/e": null
}"""


@pytest.mark.parametrize(
    ("pointer", "place"),
    [
        ("", (1, 1)),
        ("/a", (2, 3)),
        ("/a/b", (2, 9)),
        ("/a/b/1/c", (2, 19)),
        ("/a/b/2/1", (2, 36)),
        ("/a/missing", (2, 8)),
        ("/a/b/7", (2, 14)),
        ("/d~1e", (3, 18)),
        ("/d~1e/deeper", (3, 25)),
    ],
)
def test_a_pointer_is_a_place_in_the_text(pointer: str, place: tuple[int, int]) -> None:
    assert place_of(TEXT, pointer) == place


def test_a_text_that_is_no_object_is_refused_with_its_place() -> None:
    with pytest.raises(BadText) as caught:
        read_object('{\n "a": x}', noun="sample")
    assert str(caught.value) == "Line 2, column 7: Expecting value."
    with pytest.raises(BadText) as caught:
        read_object(TEXT, noun="sample")
    assert (caught.value.problem.line, caught.value.problem.column) == (3, 18)
    assert place_of("not json", "/a") == (1, 1)
    assert place_of("{", "/a") is None


def test_the_table_of_inferred_contracts_reads_back() -> None:
    schema = contract_of([SAMPLE, {"order": {"number": "A-2", "state": "b"}}])
    rows = contract_fields.rows_from(
        json.loads(json.dumps([row.as_dict() for row in rows_of(schema)]))
    )
    assert contract_with(rows, schema) == schema
