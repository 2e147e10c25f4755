"""Block documents: what they compile to, and what of it survives being rendered."""

from __future__ import annotations

import copy
import json
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import pytest

from templates_app.models import Template
from templates_app.rendering import (
    RenderedMessage,
    RenderError,
    compile_content,
    program,
)
from templates_app.rendering.blocks import describe, mjml_of
from templates_app.rendering.blocks.colors import READABLE, contrast, muted, readable
from templates_app.rendering.blocks.elements import ELEMENTS
from templates_app.rendering.blocks.kinds import KINDS
from templates_app.rendering.content import BlockText
from tests.test_rendering_context import make_context

Block = dict[str, Any]
ITEMS: list[Block] = [
    {"name": "Mug & <b>", "price": Decimal("3.50"), "url": "https://a.example/m"},
    {"name": "Tee", "price": 4, "image": "https://a.example/t.png"},
    {"name": "Cap", "price": "5", "text": "Blue"},
]
PRODUCTS: Block = {
    "id": "p",
    "kind": "products",
    "path": "ctx.items",
    "image": "{{ item.image }}",
    "title": "{{ item.name }}",
    "description": "{{ item.text }}",
    "price": "{{ item.price | money: 'EUR' }}",
    "link": "{{ item.url }}",
    "empty": "Nothing <here>",
}
CONTENT_BLOCKS = {"sign": BlockText("<b>Ann</b> & Co", "Ann & Co")}


def document(*blocks: Block, **settings: Any) -> dict[str, Any]:
    return {"version": 1, "settings": settings, "blocks": list(blocks)}


def text(words: str = "Hi", **fields: Any) -> Block:
    return {"id": "t", "kind": "text", "text": words, **fields}


def message(*blocks: Block, **ctx: Any) -> RenderedMessage:
    content = {
        "subject": "S",
        "source_kind": "blocks",
        "blocks": document(*blocks),
    }
    compiled = compile_content("email", content, blocks=CONTENT_BLOCKS)
    return program("email", json.loads(json.dumps(compiled))).render(
        make_context(ctx), delivery_id=UUID(int=7), address="a@b.example"
    )


def html(*blocks: Block, **ctx: Any) -> str:
    return message(*blocks, **ctx).parts["html"]


def words(*blocks: Block, **ctx: Any) -> str:
    return message(*blocks, **ctx).parts["text"]


def test_plain_fields_are_escaped_around_their_liquid() -> None:
    made = html(
        {"id": "h", "kind": "heading", "text": 'A & <b> "{{ ctx.a }}"\n2', "level": 2},
        {
            "id": "i",
            "kind": "image",
            "src": 'https://a.example/?a=1&b="{{ ctx.b | append: "x" }}"',
            "alt": "<a> 'b' \"c\"",
        },
        {"id": "b", "kind": "button", "text": "Go > now", "link": "https://a.example"},
        a="<i>",
        b="q&",
    )

    assert "A &amp; &lt;b&gt; &#34;&lt;i&gt;&#34;<br />\n2</h2>" in made
    assert 'src="https://a.example/?a=1&amp;b=&#34;q&amp;x&#34;"' in made
    assert "alt=\"&lt;a&gt; 'b' &#34;c&#34;\"" in made
    assert "Go &gt; now" in made


def test_inline_html_stays_and_bare_ampersands_do_not() -> None:
    made = html(text('A & B &amp; C&nbsp;<a href="https://a.example/?b&c">{{ 1 }}</a>'))

    assert "A &amp; B &amp; C&nbsp;" in made
    assert '<a style="color:#0f6d57" href="https://a.example/?b&amp;c">1</a>' in made


def test_bare_signs_are_escaped_and_tags_are_not() -> None:
    made = mjml_of(
        document(text('1 > 0 ]]> <b>x</b> {{ 1 }} &gt; <a href="a>b">y</a>'))
    )

    assert "1 &gt; 0 ]]&gt; <b>x</b> {{ 1 }} &gt; <a" in made.text
    assert 'href="a&gt;b">y</a>' in made.text


def test_line_ends_are_breaks_unless_the_author_made_paragraphs() -> None:
    assert words(text("\na\nb\n{% if 1 == 1 %}\nc\n{% endif %}\n")) == "a\nb\nc"
    assert "<br" not in mjml_of(document(text("<p>a\nb</p>"))).text
    assert words({"id": "f", "kind": "footer", "text": "a\nb"}) == "a\nb"


def test_all_kinds_have_an_element() -> None:
    assert ELEMENTS.keys() | {"columns", "products", "footer", "raw"} == KINDS.keys()


def test_every_kind_renders_with_its_defaults() -> None:
    blocks: list[Block] = [
        {"id": f"b-{kind}", "kind": kind, "text": "x"}
        for kind in ("heading", "text", "button", "footer")
    ]
    blocks += [
        {"id": f"b-{kind}", "kind": kind}
        for kind in ("image", "divider", "spacer", "social", "raw")
    ]
    blocks.append({**PRODUCTS, "layout": "3"})
    blocks.append(
        {
            "id": "c",
            "kind": "columns",
            "columns": [{"blocks": [text("left")]}, {"width": 40, "blocks": []}],
        }
    )

    made = words(*blocks, items=ITEMS)

    assert "left" in made
    assert "Mug & <b>" in made


@pytest.mark.parametrize("layout", ["row", "2", "3", "4"])
def test_products_show_what_each_item_has(layout: str) -> None:
    block = {**PRODUCTS, "layout": layout}

    made = html(block, items=ITEMS)

    assert made.count("<strong>") == 3
    assert 'href="https://a.example/m">Mug &amp; &lt;b&gt;</a>' in made
    assert "<strong>Tee</strong>" in made
    assert (made.count("<img"), made.count('class="tx-muted"')) == (1, 1)
    assert "€3.50" in made
    assert "Nothing" not in made
    assert 'alt=""' in made


def test_products_begin_and_end_where_they_are_told() -> None:
    block = {**PRODUCTS, "first": 2, "max": 1}

    made = words(block, items=ITEMS)

    assert "Tee" in made
    assert "Mug" not in made
    assert "Cap" not in made


@pytest.mark.parametrize("ctx", [{}, {"items": []}, {"items": None}])
def test_an_empty_or_missing_list_shows_its_words(ctx: dict[str, Any]) -> None:
    assert words(PRODUCTS, **ctx) == "Nothing <here>"
    assert words(text(), {**PRODUCTS, "empty": ""}, **ctx) == "Hi"


def test_a_link_has_words_of_its_own() -> None:
    made = words({**PRODUCTS, "link_text": "Buy", "max": 1}, items=ITEMS)

    assert made == "Mug & <b>\nBuy (https://a.example/m)\n€3.50"


@pytest.mark.parametrize(
    ("op", "value", "shown", "hidden"),
    [
        ("exists", "", ["x", 0, False, [1]], [None, "", []]),
        ("missing", "", [None, "", [], {}], ["x", 0]),
        ("is_true", "", [True], [False, None, "x", 1]),
        ("is_false", "", [False, None], [True]),
        ("equals", "a", ["a"], ["b", None, 1]),
        ("equals", "5", [5, "5", Decimal("5.0")], [6, "05", None]),
        ("equals", "true", [True, "true"], [False, "false"]),
        ("equals", "it's <b> & %", ["it's <b> & %"], ["its"]),
        ("equals", 'say "hi"', ['say "hi"'], ["say 'hi'"]),
        ("not_equals", "a", ["b", None], ["a"]),
        ("not_equals", "5", [6, None, "x"], [5, "5"]),
        ("contains", "b", ["abc", ["b", "c"]], ["xyz", ["a"], None]),
        ("contains", "5", ["15", [5], ["5"]], [[6], "16"]),
        ("greater", "10", [11, "10.01", Decimal("10.5")], [10, "9.99", None, ""]),
        ("less", "-1.5", [-2, "-1.51"], [-1.5, 0, None]),
    ],
)
def test_a_block_is_shown_if_its_condition_holds(
    op: str, value: str, shown: list[Any], hidden: list[Any]
) -> None:
    block = text("yes", show_if={"path": "ctx.a", "op": op, "value": value})

    for each in shown:
        assert words(block, text("end", id="e"), a=each) == "yes\n\nend", each
    for each in hidden:
        assert words(block, text("end", id="e"), a=each) == "end", each


def test_a_condition_on_what_is_missing_does_not_fail() -> None:
    for op in ("exists", "is_true", "equals", "contains", "greater"):
        block = text("yes", show_if={"path": "ctx.a.limit", "op": op, "value": "1"})
        assert words(block, text("end", id="e")) == "end"


@pytest.mark.parametrize("kind", ["text", "columns", "products", "footer", "raw"])
@pytest.mark.parametrize("position", [0, 1])
def test_conditions_and_loops_survive_around_every_element(
    kind: str, position: int
) -> None:
    made: dict[str, Block] = {
        "text": text("[{{ each }}]"),
        "columns": {
            "id": "c",
            "kind": "columns",
            "columns": [{"blocks": [text("[{{ each }}]")]}, {"blocks": []}],
        },
        "products": {**PRODUCTS, "title": "[{{ each }}]", "max": 1},
        "footer": {"id": "f", "kind": "footer", "text": "[{{ each }}]"},
        "raw": {
            "id": "r",
            "kind": "raw",
            "source": "<mj-section><mj-column><mj-text>[{{ each }}]</mj-text>"
            "</mj-column></mj-section>",
        },
    }
    block = {
        **made[kind],
        "repeat": {"path": "ctx.names", "as": "each", "first": 2, "max": 2},
        "show_if": {"path": "ctx.vip", "op": "is_true", "value": ""},
    }
    blocks = [text("other", id="o")]
    blocks.insert(position, block)
    ctx = {"names": ["a", "b", "c", "d"], "items": ITEMS}

    shown = html(*blocks, vip=True, **ctx)
    assert [shown.count(f"[{name}]") for name in "abcd"] == [0, 1, 1, 0]
    assert "[" not in words(*blocks, vip=False, **ctx)


def test_a_condition_about_an_item_stands_inside_of_its_loop() -> None:
    block = text(
        "{{ item.name }}",
        repeat={"path": "ctx.items", "as": "item"},
        show_if={"path": "item.text", "op": "exists", "value": ""},
    )

    assert words(block, text("end", id="e"), items=ITEMS) == "Cap\n\nend"
    assert words(block, text("end", id="e")) == "end"


def test_a_column_sees_the_item_of_the_columns_around_it() -> None:
    block = {
        "id": "c",
        "kind": "columns",
        "repeat": {"path": "ctx.items", "as": "it"},
        "columns": [{"blocks": [text("{{ it.name }}")]}, {"blocks": []}],
    }

    assert words(block, items=ITEMS) == "Mug & <b>\n\nTee\n\nCap"


def test_errors_and_tokens_have_the_place_of_the_field() -> None:
    with pytest.raises(RenderError) as caught:
        html(text("one &\n two {{ ctx.nope }}"))
    assert (caught.value.part, caught.value.line) == ("blocks/t/text", 2)
    assert caught.value.column == len(" two {{ ") + 1
    assert caught.value.path == "ctx.nope"

    rule = {"path": "ctx.a", "op": "contains", "value": "x"}
    with pytest.raises(RenderError) as caught:
        html(text(show_if=rule), a=5)
    assert (caught.value.part, caught.value.line) == ("blocks/t/show_if", None)


def test_a_place_in_the_mjml_is_that_of_the_field() -> None:
    source = mjml_of(document(text("a & {{ ctx.b }}")))

    place = source.place(source.text.index("{{"))
    assert (place.part, place.line, place.column) == ("blocks/t/text", 1, 5)
    assert source.place(source.text.index("<mj-text align")).part == "blocks/t"


def test_content_blocks_are_written_out_as_the_field_needs_them() -> None:
    made = mjml_of(
        document(
            text("By {% block 'sign' %}"),
            {"id": "h", "kind": "heading", "text": "By {% block 'sign' %}"},
        ),
        blocks=CONTENT_BLOCKS,
    )

    assert "By <b>Ann</b> &amp; Co</mj-text>" in made.text
    assert "By Ann &amp; Co</h1>" in made.text
    assert made.place(made.text.index("Ann")).part == "block/sign"


def test_marks_are_for_previews_alone() -> None:
    blocks = [
        text(),
        {**PRODUCTS, "layout": "2"},
        {"id": "r", "kind": "raw", "source": ""},
        {"id": "s", "kind": "spacer"},
    ]

    marked = mjml_of(document(*blocks), mark=True).text

    for name in ("t", "p", "r", "s"):
        assert f"tx-block-{name}" in marked
    assert "tx-block-" not in mjml_of(document(*blocks)).text


def test_the_same_document_gives_the_same_compiled_content() -> None:
    content = {"subject": "S", "source_kind": "blocks", "blocks": document(PRODUCTS)}

    first = json.dumps(compile_content("email", content))

    assert json.dumps(compile_content("email", copy.deepcopy(content))) == first


def test_dark_mode_is_announced_and_styled() -> None:
    made = html(text(), {"id": "r", "kind": "raw", "source": RAW})

    assert '<meta name="color-scheme" content="light dark"' in made
    assert "prefers-color-scheme: dark" in made
    assert made.count('class="tx-text tx-pad"') == 2
    assert '<html lang="en"' not in made
    document_ = document(text(), language="pt-BR")
    assert '<mjml lang="pt-BR">' in mjml_of(document_).text


RAW = "<mj-section><mj-column><mj-text>raw</mj-text></mj-column></mj-section>"


def test_raw_sections_with_a_background_keep_their_colours() -> None:
    own = RAW.replace("<mj-section>", '<mj-section background-color="#fff">')
    source = mjml_of(document({"id": "r", "kind": "raw", "source": own})).text

    assert own in source


@pytest.mark.parametrize("color", ["#0f6d57", "#ff0", "#ffffff", "#000000", "#7f7f7f"])
@pytest.mark.parametrize("ground", ["#ffffff", "#1b1e22", "#808080"])
def test_computed_colours_can_be_read(color: str, ground: str) -> None:
    assert contrast(readable(color, on=ground), ground) >= READABLE
    assert contrast(muted(color, on=ground), ground) >= READABLE


def test_the_description_is_plain_data_with_every_kind_and_setting() -> None:
    described = json.loads(json.dumps(describe()))

    assert [each["kind"] for each in described["kinds"]] == list(KINDS)
    assert {each["name"] for each in described["settings"]} >= {"width", "link_color"}
    fields = [field for kind in described["kinds"] for field in kind["fields"]]
    assert {field["type"] for field in fields} == {
        *("text", "html", "url", "code", "color", "number", "choice", "align"),
        *("path", "list"),
    }
    assert all(field["label"] for field in fields)


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("layout", ["row", "3"])
def test_hostile_items_stay_words(layout: str) -> None:
    evil = [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "' onmouseover='x",
        "{{ ctx.secret }}{% raw %}",
        "]]><!--",
        "مرحبا \u202egpj.exe 😀",
    ]
    items = [
        {"name": each, "text": each, "price": 1, "url": f"https://a.example/{each}"}
        for each in evil
    ]

    made = message({**PRODUCTS, "layout": layout}, items=items)

    tags = _Tags()
    tags.feed(made.parts["html"])
    assert not [tag for tag, _ in tags.found if tag == "script"]
    assert not [name for _, attrs in tags.found for name in attrs if name[:2] == "on"]
    for each in evil:
        assert each in made.parts["text"]


def test_two_hundred_items_render_up_to_the_limit() -> None:
    items = [{"name": f"Item {number}", "price": 1} for number in range(200)]

    assert html({**PRODUCTS, "max": 200}, items=items).count("<strong>") == 200
    assert html(PRODUCTS, items=items).count("<strong>") == 20


@pytest.mark.django_db
def test_the_builtin_template_renders_its_own_sample() -> None:
    template = Template.objects.get(internal_name="order-confirmation-blocks")
    compiled = compile_content(template.channel, template.content["en"])

    made = program("email", compiled).render(
        make_context(template.context_sample),
        delivery_id=UUID(int=7),
        address="a@b.example",
    )

    assert template.is_builtin
    assert made.parts["subject"] == "Your order A-1042 is confirmed"
    assert "Total: €160.90" in made.parts["text"]
    assert "Lambswool throw (https://shop.example/products/throw)" in made.parts["text"]
    assert len(made.parts["html"]) < 20_000
