"""Every fault of a block document is found, and says which block and field it is in."""

from __future__ import annotations

from typing import Any

import pytest

from templates_app.rendering import RenderError
from templates_app.rendering.blocks import mjml_of, problems_of_document
from templates_app.rendering.content import BlockText
from tests.test_blocks import PRODUCTS, document, text

Block = dict[str, Any]


def problems(*blocks: Any, **settings: Any) -> list[tuple[str, str]]:
    found = problems_of_document(document(*blocks, **settings))
    return [(problem.part, problem.message) for problem in found]


def columns(*given: Any) -> Block:
    return {"id": "c", "kind": "columns", "columns": list(given)}


def if_(**rule: Any) -> Block:
    return text(show_if={"path": "ctx.a", "op": "exists", "value": "", **rule})


def repeat(**rule: Any) -> Block:
    return text(repeat={"path": "ctx.a", **rule})


@pytest.mark.parametrize(
    ("block", "part", "words"),
    [
        ("x", "blocks", "JSON object"),
        ({"kind": "text"}, "blocks", "id"),
        (text(id="A b"), "blocks", "id"),
        ({"id": "x", "kind": "video"}, "blocks/x/kind", "no kind"),
        ({"id": "x"}, "blocks/x/kind", "no kind"),
        (text(size=3), "blocks/t/size", "no field 'size'"),
        (text(text=3), "blocks/t/text", "must be text"),
        (text(align="top"), "blocks/t/align", "left, center or right"),
        ({"id": "h", "kind": "heading", "level": 4}, "blocks/h/level", "one of 1, 2"),
        ({"id": "h", "kind": "heading", "level": True}, "blocks/h/level", "one of"),
        (
            {"id": "h", "kind": "heading", "color": "red"},
            "blocks/h/color",
            "#rrggbb",
        ),
        (
            {"id": "b", "kind": "button", "background": "#fff;x:y"},
            "blocks/b/background",
            "#rrggbb",
        ),
        ({"id": "b", "kind": "button", "radius": 99}, "blocks/b/radius", "0 to 40"),
        ({"id": "b", "kind": "button", "radius": 1.5}, "blocks/b/radius", "whole"),
        ({"id": "s", "kind": "spacer", "height": "9"}, "blocks/s/height", "whole"),
        (columns({"blocks": []}), "blocks/c/columns", "two to four"),
        (columns("x", {}), "blocks/c/columns", "a width and blocks"),
        (columns({"width": 99}, {}), "blocks/c/columns", "5 to 95"),
        (columns({"width": 70}, {"width": 40}), "blocks/c/columns", "wider than 100"),
        (columns({"blocks": {}}, {}), "blocks/c/columns", "must be a list"),
        (
            columns({"blocks": [{"id": "d", "kind": "footer"}]}, {}),
            "blocks/d/kind",
            "inside of columns",
        ),
        ({**PRODUCTS, "path": ""}, "blocks/p/path", "choose"),
        ({**PRODUCTS, "path": "ctx.a b"}, "blocks/p/path", "no path"),
        ({**PRODUCTS, "path": "ctx.x %}{{ a"}, "blocks/p/path", "no path"),
        ({**PRODUCTS, "as": "ctx"}, "blocks/p/as", "meaning of its own"),
        ({**PRODUCTS, "as": "for"}, "blocks/p/as", "cannot be a name"),
        ({**PRODUCTS, "as": "a b"}, "blocks/p/as", "cannot be a name"),
        ({**PRODUCTS, "first": 0}, "blocks/p/first", "1 to 200"),
        ({**PRODUCTS, "max": 201}, "blocks/p/max", "1 to 200"),
        ({**PRODUCTS, "layout": 2}, "blocks/p/layout", "one of row"),
        ({"id": "l", "kind": "social", "links": [1]}, "blocks/l/links", "network"),
        (
            {"id": "l", "kind": "social", "links": [{"network": "{{"}]},
            "blocks/l/links/0/network",
            "never closed",
        ),
        (text(show_if=[]), "blocks/t/show_if", "a path, an op"),
        (if_(path="1"), "blocks/t/show_if", "no path"),
        (if_(op="like"), "blocks/t/show_if", "no operator"),
        (if_(op="equals", value=""), "blocks/t/show_if", "no value"),
        (if_(op="equals", value=3), "blocks/t/show_if", "is text"),
        (if_(op="equals", value="'\""), "blocks/t/show_if", "cannot hold"),
        (if_(op="equals", value="%}{{ x"), "blocks/t/show_if", "cannot hold"),
        (if_(op="greater", value="ten"), "blocks/t/show_if", "no number"),
        (text(repeat=1), "blocks/t/repeat", "path, as, first and max"),
        (repeat(path=""), "blocks/t/repeat", "choose"),
        (repeat(**{"as": "message"}), "blocks/t/repeat", "meaning of its own"),
        (repeat(first=0), "blocks/t/repeat", "1 to 200"),
        (
            {"id": "r", "kind": "raw", "source": "<mj-section><mj-foo /></mj-section>"},
            "blocks/r/source",
            "mj-foo",
        ),
    ],
)
def test_a_fault_names_its_block_and_field(block: Any, part: str, words: str) -> None:
    found = problems(block)

    assert len(found) == 1
    assert found[0][0] == part
    assert words in found[0][1]


@pytest.mark.parametrize(
    ("words", "message", "line", "column"),
    [
        ("a\n<div>b</div>", "<div> cannot stand here", 2, 1),
        ("a <script>", "<script> cannot stand here", 1, 3),
        ("1 < 2", "&lt;", 1, 3),
        ("<b>a", "<b> is never closed", 1, 1),
        ("a</b>", "no beginning", 1, 2),
        ("<b><i>a</b></i>", "<i> is not closed before </b>", 1, 4),
        ("a</br>", "written <br>", 1, 2),
        ('<b onclick="x">a</b>', "cannot have onclick", 1, 4),
        ("<a href=x>a</a>", 'name="value"', 1, 3),
        ("<a href={{ ctx.a }}>a</a>", "quotes round", 1, 9),
        ('<span style="position:fixed">a</span>', "'position' cannot", 1, 7),
        ('<span style="color:url(x)">a</span>', "no value for color", 1, 7),
        ("<!-- a -->", "&lt;", 1, 1),
        ("a\n{{ b | nope }}", "no filter", 2, 8),
        ("{% if a %}", "never closed", 1, 4),
        ("{% block 'x' %}", "no content block", 1, 1),
        ("a\n\x00", "cannot be used", 2, 1),
        ("a LQz1zQL", "the word 'LQz1zQL' cannot be used", 1, 3),
    ],
)
def test_a_fault_in_inline_html_has_line_and_column(
    words: str, message: str, line: int, column: int
) -> None:
    first = problems_of_document(document(text(words)))[0]

    assert message in first.message
    assert (first.part, first.line, first.column) == ("blocks/t/text", line, column)


def test_good_inline_html_has_no_faults() -> None:
    good = (
        '<p style="color: #fff; font-size:12px">a<br>b<br/></p><ul><li>{{ ctx.a }}</li>'
        "</ul><ol><li><strong>x</strong> <em>y</em> <u>z</u> <i>i</i></li></ol>"
        '<a href="{{ ctx.url | append: "?a=1" }}" target="_blank">x</a> 2 > 1 &copy; &x'
        '{% if ctx.a < 3 %}<span dir="rtl" style="color:rgb(1, 2, 3)">q</span>'
        "{% endif %}"
    )

    assert problems(text(good)) == []


def test_a_fault_inside_a_content_block_names_that_block() -> None:
    blocks = {"x": BlockText("ok\n<div>", "")}

    given = document(text("{% block 'x' %}"))

    (problem,) = problems_of_document(given, blocks=blocks)

    assert (problem.part, problem.line) == ("block/x", 2)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("width", 100),
        ("width", "600"),
        ("font_size", 8),
        ("background", "white"),
        ("text_color", ""),
        ("font_family", 'Arial"; x'),
        ("language", "english language"),
        ("shadow", 1),
    ],
)
def test_a_wrong_setting_is_named(setting: str, value: Any) -> None:
    ((part, _),) = problems(text(), **{setting: value})

    assert part == f"settings/{setting}"


@pytest.mark.parametrize(
    "given",
    [
        [],
        {},
        {"version": 2, "blocks": [text()]},
        {"blocks": []},
        {"blocks": {}},
        {"blocks": [text()], "settings": []},
        {"blocks": [text()], "extra": 1},
        {"blocks": [text(id=f"b{n}") for n in range(301)]},
    ],
)
def test_a_document_of_the_wrong_shape_is_refused(given: Any) -> None:
    assert problems_of_document(given)


def test_all_faults_are_found_and_the_first_is_raised() -> None:
    given = document(
        text("<x>"), {"id": "t", "kind": "video"}, if_(op="no"), background="x"
    )

    parts = [problem.part for problem in problems_of_document(given)]

    assert parts == [
        *("settings/background", "blocks/t/text", "blocks/t", "blocks/t/kind"),
        *("blocks/t", "blocks/t/show_if"),
    ]
    with pytest.raises(RenderError) as caught:
        mjml_of(given)
    assert (caught.value.code, caught.value.part) == (
        "invalid_blocks",
        "settings/background",
    )
