from __future__ import annotations

import time
from contextlib import suppress
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pytest

from templates_app.rendering import RenderError
from templates_app.rendering.liquid import FILTER_NAMES, parse
from tests.test_rendering_context import make_context, render, render_plain

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&"


def fail(source: str, **ctx: Any) -> RenderError:
    with pytest.raises(RenderError) as caught:
        render(source, **ctx)
    return caught.value


class _Spy(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]


@pytest.mark.parametrize(
    "source",
    [
        "<p>{{ ctx.v }}</p>",
        '<p title="{{ ctx.v }}">x</p>',
        "<p title='{{ ctx.v }}'>x</p>",
        '<p title="{{ ctx.v | upcase | downcase }}">{{ "a" | append: ctx.v }}</p>',
        "<p>{% capture c %}{{ ctx.v }}{% endcapture %}{{ c }}{{ c | truncate: 9 }}</p>",
        '<p title="{{ ctx.v | rich }}">{{ ctx.v | rich }}</p>',
        '{% assign r = ctx.v | rich %}<p title="{{ r }}{% cycle r %}">x</p>',
        "<p>{{ ctx.v | split: 'a' | join: '<br>' | strip_html }}</p>",
        "<p>{{ ctx.v | newline_to_br | replace: 'a', '\"' | slice: 3, 40 }}</p>",
    ],
)
def test_a_hostile_value_adds_no_element_and_no_attribute(source: str) -> None:
    spy = _Spy()
    spy.feed(render(source, v=HOSTILE))

    assert set(spy.tags) <= {"p", "br"}
    assert set(spy.attributes) <= {"title"}


def test_values_are_never_templates() -> None:
    value = "{{ 7*7 }}{% include 'x' %}${7*7}<%= 1 %>"

    assert render_plain("{{ ctx.v }}", v=value) == value


def test_rich_keeps_formatting_and_drops_what_can_act() -> None:
    value = (
        '<p onclick="x" style="y">Hi <b>you</b><script>alert(1)</script>'
        '<a href="javascript:x">a</a><a href="https://a.b">b</a><iframe src="x">'
    )

    assert render("{{ ctx.v | rich }}", v=value) == (
        '<p>Hi <b>you</b><a rel="noopener noreferrer">a</a>'
        '<a href="https://a.b" rel="noopener noreferrer">b</a></p>'
    )
    assert "rich text of" in fail("{{ ctx.v | rich }}", v="x" * 20_000).message


def test_plain_text_is_not_escaped_and_needs_no_html_filters() -> None:
    value = "a <b> & 'c'\nd"

    assert render_plain("{{ ctx.v | escape | newline_to_br }}", v=value) == value
    assert (
        render_plain("{{ ctx.v | rich }}", v="<p>Tom &amp; <b>J</b></p>") == "Tom & J"
    )


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("<a title={{ ctx.v }}>", "unquoted_value"),
        ("<script>{{ ctx.v }}</script>", "unsafe_place"),
        ("<style>p { color: {{ ctx.v }} }</style>", "unsafe_place"),
        ('<p onclick="{{ ctx.v }}">', "unsafe_place"),
        ('<iframe src="{{ ctx.v }}">', "unsafe_place"),
    ],
)
def test_a_value_where_no_escaping_helps_is_refused(source: str, code: str) -> None:
    assert fail(source, v="x").code == code


def test_math_is_exact_decimal_math() -> None:
    price = Decimal("19.99")

    assert render("{{ ctx.p | times: 3 }}", p=price) == "59.97"
    assert render("{{ ctx.p | plus: 0.01 | minus: 20 }}", p=price) == "0.00"
    assert render("{{ ctx.p | divided_by: 3 | round: 2 }}", p="19.99") == "6.66"
    assert render("{{ 7 | divided_by: 2 }} {{ 7 | divided_by: 2.0 }}") == "3 3.5"
    assert render("{{ -7 | modulo: 3 }} {{ 7.5 | modulo: 2 }}") == "2 1.5"
    assert render("{{ 2.5 | round }} {{ 1.2 | ceil }} {{ 1.8 | floor }}") == "3 2 1"
    assert render("{{ -3.10 | abs }} {{ 5 | at_most: 3 | at_least: 4 }}") == "3.10 4"
    assert render("{{ ctx.i | sum: 'p' }}", i=[{"p": price}, {"p": 1}, {}]) == "20.99"
    assert render("{{ ctx.p }}", p=Decimal("1E+3")) == "1000"
    assert render("{{ ctx.f }} {% if ctx.f == 0.1 %}same{% endif %}", f=0.1) == (
        "0.1 same"
    )


@pytest.mark.parametrize("value", ["abc", None, True, {}, "NaN", "1e999999", 10**100])
def test_what_is_no_number_is_an_error_with_its_path(value: object) -> None:
    error = fail("{{ ctx.v | plus: 1 }}", v=value)

    assert (error.code, error.path) == ("bad_value", "ctx.v")


def test_undefined_output_is_an_error_with_line_column_and_full_path() -> None:
    source = "x\n{% for order in ctx.orders %}{% for line in order.lines reversed %}\n  {{ line.price }}{% endfor %}{% endfor %}"  # noqa: E501
    orders = [{"lines": [{"price": 1}]}, {"lines": [{"sku": "a"}, {"price": 1}]}]

    error = fail(source, orders=orders)

    assert (error.code, error.line, error.column) == ("undefined_variable", 3, 6)
    assert error.path == "ctx.orders[1].lines[0].price"
    assert str(error) == (
        "ctx.orders[1].lines[0].price is not in this event's data "
        "(html, line 3, column 6)"
    )


@pytest.mark.parametrize(
    "path",
    [
        "ctx.__class__",
        "ctx.v.__len__",
        "ctx.list.append",
        "ctx.list[9]",
        "nope",
        "partial",
    ],
)
def test_only_plain_data_is_reachable(path: str) -> None:
    error = fail(f"{{{{ {path} }}}}", v="x", list=[1])

    assert (error.code, error.path) == ("undefined_variable", path)


def test_default_and_conditions_take_what_is_missing() -> None:
    assert render('{{ ctx.x.y | default: "friend" }}') == "friend"
    assert render("{% if ctx.x %}a{% elsif ctx.x > 3 %}b{% else %}c{% endif %}") == "c"
    assert render("{% if ctx.x != blank %}a{% else %}b{% endif %}") == "b"
    assert render("{% if ctx.x == empty %}a{% endif %}", x=[]) == "a"
    assert render("{% unless ctx.x contains 'a' %}a{% endunless %}") == "a"


def test_an_object_is_no_text() -> None:
    assert fail("{{ ctx.order }}", order={"a": 1}).code == "bad_value"
    assert fail("{{ ctx.list }}", list=[{"a": 1}]).code == "bad_value"


@pytest.mark.parametrize(
    ("source", "code", "line", "column"),
    [
        ("a\n{% if ctx.a %}", "syntax_error", 2, 4),
        ("{% for i in ctx.a %}\n{% if i %}\n{% endfor %}", "syntax_error", 2, 4),
        ("\n{% endif %}", "syntax_error", 2, 4),
        ("a\n b {{ ctx.a", "syntax_error", 2, 4),
        ("{{ ctx.a | }}", "syntax_error", 1, 4),
        ("\n {% raw %}", "syntax_error", 2, 2),
        ("{{ ctx.a | money }}", "syntax_error", 1, 12),
        ("\n{{ ctx.a | frobnicate }}", "unknown_filter", 2, 12),
        ("{{ ctx.a | safe }}", "unknown_filter", 1, 12),
        ("{% include 'x' %}", "unknown_tag", 1, 4),
        ("{% render 'x' %}", "unknown_tag", 1, 4),
        ("{% extends 'x' %}", "unknown_tag", 1, 4),
        ("{% macro x %}{% endmacro %}", "unknown_tag", 1, 4),
        ("{% debug %}", "unknown_tag", 1, 4),
    ],
)
def test_a_mistake_is_found_at_its_place_when_parsing(
    source: str, code: str, line: int, column: int
) -> None:
    with pytest.raises(RenderError) as caught:
        parse(source, html=True, part="html")

    error = caught.value
    assert error.code == code
    if (line, column) != (1, 4) or code != "syntax_error":
        assert (error.line, error.column) == (line, column)


def test_no_filter_undoes_escaping() -> None:
    assert FILTER_NAMES.isdisjoint({"safe", "script_tag", "stylesheet_tag", "json"})


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in (1..1000000) %}x{% endfor %}",
        "{% for i in (1..9000) %}{% for j in (1..9000) %}x{% endfor %}{% endfor %}",
        "{% for i in (1..20000) %}{% endfor %}" * 40,
        "{% for i in (1..20000) %}" + "{% if true %}{% endif %}" * 500 + "{% endfor %}",
        "{% for i in (1..20000) %}{{ ctx.big }}{% endfor %}",
        "{% for i in (1..20000) %}{% capture a %}{{ ctx.big }}{% endcapture %}"
        "{% endfor %}",
        "{% assign a = 'aaaaaaaaaa' %}" + "{% assign a = a | append: a %}" * 40,
        "{{ ctx.big" + " | replace: 'a', 'aaaaaaaaaaaaaaaaaaaaaaaa'" * 8 + " }}",
        "{{ ctx.list" + " | join: ctx.big | split: '' " * 5 + " }}",
        "{{ (1..99999999999) | join }}",
        "{% if (1..99999999999) contains 'x' %}{% endif %}",
        "{% assign a = ctx.list %}" + "{% assign a = a | concat: a %}" * 40,
        "{% if true %}" * 40 + "{% endif %}" * 40,
    ],
)
def test_each_way_to_do_too_much_trips_a_limit_within_a_second(source: str) -> None:
    started = time.process_time()

    error = fail(source, big="a" * 10_000, list=["a"] * 1_000)

    assert error.code == "render_limit"
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in ctx.list limit: -1 %}{% endfor %}",
        "{% if ctx.map contains ctx.list %}{% endif %}",
        "{{ ctx.list | sort: ctx.map }}{{ ctx.mixed | sort }}",
        "{{ 1 | divided_by: 0 }}",
        "{{ ctx.v | date: 'long' }}",
        "{% if ctx.v > 3 %}{% endif %}",
    ],
)
def test_a_librarys_bare_error_becomes_ours_with_a_place(source: str) -> None:
    error = fail(source, list=[1], map={"a": 1}, mixed=[1, "a"], v="abc")

    assert error.code == "bad_value"
    assert error.line == 1


def test_lone_surrogates_do_not_break_the_encoding() -> None:
    assert render_plain("{{ ctx.v }}", v="a\ud800b").encode() == "a\ufffdb".encode()


def test_the_same_source_is_parsed_once() -> None:
    assert parse("{{ a }}", html=True, part="html") is parse(
        "{{ a }}", html=True, part="html"
    )


def test_everyday_filters() -> None:
    ctx = {
        "items": [{"n": "b", "ok": True}, {"n": "a"}, {"n": "b"}],
        "s": "Hello World",
    }
    for source, expected in [
        ("{{ ctx.items | map: 'n' | uniq | sort | join: ', ' }}", "a, b"),
        ("{{ ctx.items | where: 'n', 'b' | size }}", "2"),
        ("{{ ctx.items | where: 'ok' | size }} {{ ctx.items.first.n }}", "1 b"),
        ("{{ ctx.items | last | default: '' }}", None),
        ("{{ ctx.s | upcase | append: '!' | prepend: '>' }}", ">HELLO WORLD!"),
        ("{{ ctx.s | split: ' ' | last | slice: 0, 2 }}", "Wo"),
        (
            "{{ ctx.s | truncate: 8 }} {{ ctx.s | truncatewords: 1 }}",
            "Hello... Hello...",
        ),
        ("{{ ctx.s | url_encode }} {{ ctx.s | replace: 'o', '0' }}", None),
    ]:
        if expected is not None:
            assert render_plain(source, make_context(ctx)) == expected


@pytest.mark.parametrize(
    "piece", ["{{", "{% raw %}", "{{ a }}", "<a ", '<a href="{{ a }}">', "<script>"]
)
def test_parsing_a_huge_repetition_ends_within_a_second(piece: str) -> None:
    source = piece * (380_000 // len(piece))
    started = time.process_time()

    with suppress(RenderError):
        parse(source, html=True, part="html")

    assert time.process_time() - started < 1
