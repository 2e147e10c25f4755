from __future__ import annotations

import pytest

from templates_app.rendering.formatting import Formats
from templates_app.rendering.liquid import parse
from templates_app.rendering.writing import (
    RESERVED_WORDS,
    is_variable,
    liquid_path,
    liquid_text,
    path_of,
    path_steps,
)
from tests.test_rendering_context import make_context


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("ctx.order.number", "ctx.order.number"),
        ("ctx.order.limit", "ctx.order['limit']"),
        ("ctx.items[0].price", "ctx.items[0].price"),
        ("ctx['a b'].c", "ctx['a b'].c"),
        ('ctx["it\'s"]', 'ctx["it\'s"]'),
        ("ctx.1st", "ctx['1st']"),
        ("ctx.first-name", "ctx.first-name"),
        ("item", "item"),
    ],
)
def test_a_path_is_written_so_that_liquid_reads_it(given: str, wanted: str) -> None:
    assert liquid_path(given) == wanted
    parse("{{ " + wanted + " }}", html=False, part="x")
    assert path_of(path_steps(given)) == wanted


@pytest.mark.parametrize("word", sorted(RESERVED_WORDS))
def test_every_reserved_word_can_be_written(word: str) -> None:
    parse("{{ " + liquid_path(f"ctx.{word}") + " }}", html=False, part="x")
    assert not is_variable(word)


@pytest.mark.parametrize(
    "path",
    [
        *("", ".a", "ctx.", "ctx..a", "ctx.a b", "ctx.items[].a", "ctx.a | upcase"),
        *("if.a", "ctx['{{']", "ctx['a}}']", "ctx.a }}{{ ctx.b"),
    ],
)
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        liquid_path(path)


@pytest.mark.parametrize("text", ["", "a", "it's", 'say "a"', "a\\b", "{ }", "ж %"])
def test_a_text_is_data_whatever_it_holds(text: str) -> None:
    context = make_context({"a": text})
    source = "{% if ctx.a == " + liquid_text(text) + " %}same{% endif %}"

    for html in (False, True):
        template = parse(source, html=html, part="x")
        assert template.render(context.variables(), Formats.of(context)) == "same"


@pytest.mark.parametrize("text", ["'\"", "a\nb", "{{ x }}", "%}", "{% raw %}"])
def test_a_text_that_liquid_cannot_hold_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cannot hold"):
        liquid_text(text)
