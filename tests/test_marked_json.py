"""JSON by lines: written as people read it, faults at the line they are in."""

from __future__ import annotations

import json
from typing import Any

import pytest

from events.marked_json import lines_of, plain_lines


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        {"a": {}},
        {"a": [1, {"b": None, "c": [[]]}, "é"], "d/e": True},
        [[1, 2], {"x": "…"}],
        "text",
    ],
)
def test_the_lines_together_are_the_value(value: Any) -> None:
    assert json.loads("\n".join(line.text for line in lines_of(value))) == value


def test_a_fault_stands_at_its_line_or_at_what_it_is_missing_from() -> None:
    value = {"recipient": {"email": "x"}, "ctx": {"a/b": [1, 2]}}
    faults = [
        ("/recipient/email", "no address"),
        ("/ctx/a~1b/1", "too large"),
        ("/ctx/order/number", "is required"),
        ("", "the whole"),
        ("", "the whole"),
    ]
    found = {line.text.strip(): line.faults for line in lines_of(value, faults)}
    assert found['"email": "x"'] == ["no address"]
    assert found["2"] == ["too large"]
    assert found['"ctx": {'] == ["is required"]
    assert lines_of(value, faults)[0].faults == ["the whole"]


def test_what_was_left_out_is_counted_in_one_line() -> None:
    value = {"events": ["…", "…", {"a": 1}, "…", "…", "…"]}
    shown = [line.text for line in lines_of(value, omitted="…")]
    assert shown == [
        "{",
        '  "events": [',
        "    … 2 more",
        "    {",
        '      "a": 1',
        "    },",
        "    … 3 more",
        "  ]",
        "}",
    ]


def test_a_text_that_is_no_json_is_marked_by_number() -> None:
    lines = plain_lines("a\nb\n", {2: "here", 9: "nowhere"})
    assert [(line.text, line.faults) for line in lines] == [("a", []), ("b", ["here"])]
    assert [line.text for line in plain_lines("", {})] == [""]
