"""Paths of a template: followed through loops, filters and names, with their places."""

from __future__ import annotations

import pytest

from templates_app.rendering.liquid import parse
from templates_app.rendering.paths import Kind, Use, branches, uses, walked


def _uses(source: str) -> list[Use]:
    return uses(parse(source, html=False, part="text"))


def _paths(source: str) -> list[str]:
    return [use.path for use in _uses(source)]


@pytest.mark.parametrize(
    ("source", "paths"),
    [
        ("{{ ctx.a.b }}", ["ctx.a.b"]),
        ("{{ ctx['a b'].c }}", ["ctx['a b'].c"]),
        ("{{ ctx.items[0].sku }}", ["ctx.items[].sku"]),
        ("{{ rtEvent.ctx.a }}{{ event.ctx.b }}", ["ctx.a", "ctx.b"]),
        ("{{ event.id }}", ["event.id"]),
        ("{{ ctx[ctx.key].x }}", ["ctx[…].x", "ctx.key"]),
        (
            "{% for i in ctx.items %}{{ i.sku }}{% endfor %}",
            ["ctx.items", "ctx.items[].sku"],
        ),
        (
            "{% for i in ctx.items %}{% for t in i.tags %}{{ t.x }}{% endfor %}"
            "{% endfor %}",
            ["ctx.items", "ctx.items[].tags", "ctx.items[].tags[].x"],
        ),
        ("{% assign a = ctx.b %}{{ a.c }}", ["ctx.b", "ctx.b.c"]),
        (
            "{% assign f = ctx.items | where: 'x', 1 | first %}{{ f.sku }}",
            ["ctx.items", "ctx.items[].x", "ctx.items[].sku"],
        ),
        (
            "{% assign p = ctx.items | map: 'price' %}{% for x in p %}{{ x }}"
            "{% endfor %}",
            [
                *("ctx.items", "ctx.items[].price", "ctx.items[].price"),
                "ctx.items[].price",
            ],
        ),
        ("{% capture a %}{{ ctx.b }}{% endcapture %}{{ a }}", ["ctx.b"]),
        ("{% for i in (1..ctx.n) %}{{ i }}{% endfor %}", ["ctx.n"]),
        (
            "{% for i in ctx.l limit: ctx.n %}{{ forloop.index }}{% endfor %}",
            ["ctx.l", "ctx.n", "forloop.index"],
        ),
        ("{{ 'a' | append: ctx.b }}", ["ctx.b"]),
        ("{% case ctx.k %}{% when ctx.v %}{{ ctx.w }}{% endcase %}",
         ["ctx.k", "ctx.v", "ctx.w"]),
        ("{% cycle 'a', ctx.b %}", ["ctx.b"]),
        ("{{ now | date }}", ["now"]),
        ("{% comment %}{{ ctx.a }}{% endcomment %}", []),
    ],
)  # fmt: skip
def test_every_path_is_followed_to_the_event(source: str, paths: list[str]) -> None:
    assert _paths(source) == paths


def test_a_loop_variable_is_a_name_inside_its_loop_only() -> None:
    source = "{% for i in ctx.a %}{{ i }}{% endfor %}{{ i.x }}"
    assert _paths(source) == ["ctx.a", "ctx.a[]", "i.x"]


def test_a_use_knows_where_it_stands_and_what_it_is() -> None:
    source = "Hi\n{{ ctx.order.total | money: ctx.currency }}"
    total, currency = _uses(source)
    assert source[total.offset :][: total.length] == "ctx.order.total"
    assert source[currency.offset :][: currency.length] == "ctx.currency"
    assert (total.kind, currency.kind) == (Kind.OUTPUT, Kind.ARGUMENT)
    assert [(each.name, each.arguments) for each in total.filters] == [("money", 1)]
    assert source[total.filters[0].offset :].startswith("money")


@pytest.mark.parametrize(
    ("source", "is_present"),
    [
        ("{% if ctx.a %}{{ ctx.a }}{% endif %}", True),
        ("{% if ctx.a %}{% else %}{{ ctx.a }}{% endif %}", False),
        ("{% unless ctx.a %}{{ ctx.a }}{% endunless %}", False),
        ("{% unless ctx.a %}{% else %}{{ ctx.a }}{% endunless %}", True),
        ("{% if ctx.a and ctx.b %}{{ ctx.a }}{% endif %}", True),
        ("{% if ctx.a or ctx.b %}{{ ctx.a }}{% endif %}", False),
        ("{% if ctx.a != blank %}{{ ctx.a }}{% endif %}", True),
        ("{% if ctx.a == blank %}{% else %}{{ ctx.a }}{% endif %}", True),
        ("{% if ctx.a == nil %}{{ ctx.a }}{% endif %}", False),
        ("{% if ctx.a == 'x' %}{{ ctx.a }}{% endif %}", True),
        ("{% if ctx.a != 'x' %}{{ ctx.a }}{% endif %}", False),
        ("{% if ctx.a > 3 %}{{ ctx.a }}{% endif %}", True),
        ("{% if ctx.a.size > 0 %}{{ ctx.a }}{% endif %}", True),
        ("{% if ctx.a contains 'x' %}{{ ctx.a }}{% endif %}", True),
        ("{% if ctx.b %}{% elsif ctx.a %}{{ ctx.a }}{% endif %}", True),
        ("{% case ctx.a %}{% when 'x' %}{{ ctx.a }}{% endcase %}", True),
        ("{% case ctx.a %}{% else %}{{ ctx.a }}{% endcase %}", False),
        ("{% for i in ctx.a %}{{ ctx.a }}{% endfor %}", True),
    ],
)
def test_conditions_tell_what_is_there(source: str, is_present: bool) -> None:
    last = _uses(source)[-1]
    assert last.path == "ctx.a"
    assert (("ctx", "a") in last.present) == is_present


@pytest.mark.parametrize(
    ("source", "has_default"),
    [
        ("{{ ctx.a | default: 'x' }}", True),
        ("{{ ctx.a | default: 'x' | upcase }}", True),
        ("{{ ctx.a | upcase | default: 'x' }}", False),
        ("{% assign b = ctx.c | default: 'x' %}{{ b }}", True),
        ("{{ ctx.a }}", False),
    ],
)
def test_a_default_counts_where_it_comes_first(source: str, has_default: bool) -> None:
    assert _uses(source)[-1].has_default == has_default


def test_all_filters_are_found_on_literals_too() -> None:
    template = parse(
        "{{ 'a' | upcase }}{{ ctx.b | size | plus: 1 }}", html=False, part="x"
    )
    found = walked(template).filters
    assert [each.name for each in found] == ["upcase", "size", "plus"]
    assert found[2].subject.type == "number"


def test_the_walker_finds_what_the_library_finds() -> None:
    source = (
        "{% for i in ctx.items %}{{ i.a }}{% if ctx.b.c %}{{ ctx['d e'] }}{% endif %}"
        "{% endfor %}{{ recipient.name | default: ctx.f }}"
        "{% assign g = ctx.h | first %}"
        "{% case ctx.k %}{% when 1 %}{{ today }}{% endcase %}"
    )
    template = parse(source, html=False, part="text")
    theirs = {
        (str(each), each.span.index)
        for found in template.bound.analyze().globals.values()
        for each in found
    }
    ours = {
        (use.written, use.offset)
        for use in uses(template)
        if not use.written.startswith("i.")
    }
    assert ours == theirs


def test_branches_are_all_arms_in_their_order() -> None:
    source = (
        "{% if ctx.a == 'x' %}1{% elsif ctx.b or ctx.c %}2{% endif %}"
        "{% for i in ctx.l %}{% unless i %}3{% endunless %}{% else %}4{% endfor %}"
        "{% case ctx.k %}{% when 1 %}5{% else %}6{% endcase %}"
    )
    found = branches(parse(source, html=False, part="text"))
    assert [(each.kind, each.text) for each in found] == [
        ("if", "ctx.a == 'x'"),
        ("elsif", "ctx.b or ctx.c"),
        ("else", ""),
        ("for", "i in ctx.l"),
        ("unless", "i"),
        ("else", ""),
        ("empty", "i in ctx.l"),
        ("when", "ctx.k is 1"),
        ("else", ""),
    ]
    assert len({each.id for each in found}) == len(found)
    assert source[found[1].offset :].startswith("elsif")
