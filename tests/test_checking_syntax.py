"""Liquid with mistakes: all of them at once, each with its place and what to write."""

from __future__ import annotations

import pytest

from templates_app.checking.findings import Fault
from templates_app.checking.syntax import read
from templates_app.rendering.errors import RenderError
from templates_app.rendering.liquid import parse
from templates_app.rendering.paths import uses


def _paths(source: str) -> list[str]:
    reading = read(source)
    return [use.path for use in uses(reading, unknown=reading.unknown)]


def _only(source: str) -> Fault:
    (fault,) = read(source).faults
    return fault


@pytest.mark.parametrize(
    "source",
    [
        "",
        "plain { text } with % signs",
        "{{ ctx.a | upcase }}",
        '{{ "{{" }}{{ "%}" }}',
        "{% raw %}{{ {% endraw %}{% comment %}{% if %}{% endcomment %}",
        "{% # a note %}",
        "{%- if ctx.a -%}1{%- elsif ctx.b -%}2{%- else -%}3{%- endif -%}",
        "{% for i in ctx.l %}{% if i %}{% break %}{% endif %}{% else %}-{% endfor %}",
        "{% case ctx.a %}{% when 1, 2 %}x{% else %}y{% endcase %}",
        "{{ ctx.a\n | default:\n 'x' }}",
    ],
)
def test_sound_liquid_has_no_faults(source: str) -> None:
    assert read(source).faults == ()
    assert read(source).text == source


@pytest.mark.parametrize(
    ("source", "at", "message", "suggestion"),
    [
        ("Hi {{ ctx.a <b>", "{{", "{{ is never closed", "add }} after “ctx.a”"),
        ("{{ ctx.a } b", "{{", "{{ is never closed", "write }} instead of }"),
        ("{{ ctx.a %} b", "{{", "{{ is never closed", "write }} instead of %}"),
        ("{% assign a = 1 }}", "{%", "{% is never closed", "write %} instead of }}"),
        ("{{ ctx.a {{ ctx.b }}", "{{", "{{ is never closed", "add }} after"),
        ('<a href="{{ ctx.a">b</a>', "{{", "{{ is never closed", "after “ctx.a”"),
        ("{% if ctx.a %}x", "{% if", "{% if %} is never", "add {% endif %} at the end"),
        (
            "<td>\n{% for i in ctx.l %}x\n</td>",
            *("{% for", "{% for %} is never closed"),
            "add {% endfor %} before </td> in line 3",
        ),
        ("x{% endif %}", "{% endif", "{% endif %} has no beginning", "take it away"),
        ("x{% else %}", "{% else", "{% else %} stands outside", "move it"),
        ("{% when 1 %}", "{% when", "stands outside of {% case %}", ""),
        ("{% break %}", "{% break", "stands outside of a loop", "take it away"),
        ("{% comment %} x", "{% comment", "never closed", "add {% endcomment %}"),
        ("{% echo ctx.a %}", "echo", "there is no tag {% echo %}", "{{ … }}"),
        ("{% asign a = 1 %}", "asign", "no tag {% asign %}", "mean {% assign %}?"),
        ("{% include 'x' %}", "include", "there is no tag", "{% block 'name' %}"),
        ("{%%}", "{%%}", "this tag has no name", ""),
        ("{{ }}", "}}", "found the end", "write what is meant"),
        ("{{ ctx. }}", "}}", "expected an identifier", "a name after the dot"),
        ("{{ ctx.limit }}", "limit", "Liquid's own", "write ['limit'] instead of"),
        ("{{ ctx.a b }}", "b }}", "found word", "write | before a filter"),
        ("{{ ctx.a | }}", "}}", "found the end", "take | away"),
        ("{{ ctx.a | upcase 'x' }}", "'x'", "found string", "filter: value"),
        ("{{ 'abc }}", "'abc", "unexpected", "close the quote"),
        ("{% if a = 3 %}{% endif %}", "= 3", "found '='", "=="),
        ("{% if a && b %}{% endif %}", "& b", "unexpected '&'", "and instead of"),
        ("{% if %}{% endif %}", "if", "missing expression", "write the condition"),
        ("{% for a ctx.l %}{% endfor %}", "ctx.l", "expected in", "{% for item in"),
        ("{% assign a %}", "%}", "expected '='", "{% assign name = value %}"),
        ("{{ 'a' if ctx.b }}", "if", "ternary", "{% if … %}"),
    ],
)  # fmt: skip
def test_each_mistake_has_its_place_and_a_suggestion(
    source: str, at: str, message: str, suggestion: str
) -> None:
    fault = _only(source)
    assert message in fault.message
    assert suggestion in fault.suggestion
    # Some are noticed at the character before: within a blank of the place.
    assert abs(fault.offset - source.index(at)) <= 2


def test_all_mistakes_are_found_at_once_and_the_rest_is_read() -> None:
    source = (
        "{{ ctx.a </p>\n{% if ctx.b = 1 %}x{% endif %}\n{% fro i in ctx.l %}{{ i.x }}"
        "{% endfor %}\n{{ ctx.c | }}\n{{ ctx.d }}{% unless ctx.e %}"
    )
    reading = read(source)
    lines = [source.count("\n", 0, each.offset) + 1 for each in reading.faults]
    assert lines == [1, 2, 3, 4, 5]
    assert _paths(source) == ["ctx.d", "ctx.e"]
    assert len(reading.text) == len(source)


@pytest.mark.parametrize(
    ("source", "paths"),
    [
        # A loop that is broken or not closed keeps its variable known.
        ("{% for i in ctx.l %}{{ i.x }}", ["ctx.l", "ctx.l[].x"]),
        ("{% for i ctx.l %}{{ i.x }}{% endfor %}", []),
        ("{% if ctx.a %}{% for i in ctx.l %}{{ i }}{% endif %}",
         ["ctx.a", "ctx.l", "ctx.l[]"]),
        ("{% assign x = %}{{ x.y }}", []),
        ("{% if ctx.a = 1 %}{{ ctx.b }}{% else %}{{ ctx.c }}{% endif %}",
         ["ctx.b", "ctx.c"]),
    ],
)  # fmt: skip
def test_a_mistake_makes_no_further_ones(source: str, paths: list[str]) -> None:
    assert len(read(source).faults) == 1
    assert _paths(source) == paths


def _renders(source: str) -> bool:
    try:
        parse(source, html=False, part="text")
    except RenderError as error:
        return error.code == "unknown_filter"  # filters are looked up elsewhere
    return True


@pytest.mark.parametrize(
    "source",
    [
        *("{{", "{%", "{{ a", "{% if a", "{{ a %}", "{% a }}", "{{{{", "{%{%", "{{}}"),
        *("{% if %}", "{% endif %}", "{% for %}{% else %}", "{% case %}{% when %}"),
        *("{{ 'a }}", '{{ "a }}', "{{ a | b: }}", "{{ a..b }}", "{{ [ }}", "{{ a[ }}"),
        *("{% raw %}", "{% comment %}{{", "{% endraw %}", "{% capture %}", "{% \n %}"),
        *("{% if a %}{% else %}{% else %}{% endif %}", "{% case 1 %}x{% endcase %}"),
        *("{{ a | b | }}", "{{ | a }}", "{{ 1..2 }}", "{% cycle %}", "{% elsif a %}"),
        "{% if a %}" * 40,
        "{{ a" * 50,
        "{% for a in b %}{% if c %}{% endfor %}{% endif %}",
    ],
)
def test_what_the_renderer_refuses_is_found_and_nothing_breaks(source: str) -> None:
    faults = read(source).faults
    assert faults or _renders(source)
    assert all(0 <= each.offset <= len(source) for each in faults)


def test_a_content_block_that_was_not_written_out_is_no_unknown_tag() -> None:
    fault = _only("{{ ctx.a <p>{% block 'x' %}</p>{{ ctx.b }}")
    assert fault.offset == 0


@pytest.mark.parametrize(
    ("source", "suggestion"),
    [
        ("{% if ctx.a %}{% else if ctx.b > 1 %}x{% endif %}", "elsif ctx.b > 1 %}"),
        ("{% if ctx.a %}{%- else ctx.b -%}x{% endif %}", "write {% else %}"),
    ],
)
def test_a_condition_after_else_is_no_condition(source: str, suggestion: str) -> None:
    """The renderer would ignore it in silence."""
    fault = _only(source)
    assert source[fault.offset :].startswith("{%")
    assert "else" in fault.message
    assert suggestion in fault.suggestion
