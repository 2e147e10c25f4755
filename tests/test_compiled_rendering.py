"""The compiled templates, held to python-liquid: it is the oracle for all they say."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

import pytest

from templates_app.models import Version
from templates_app.rendering import RenderError, compile_content, program
from templates_app.rendering.compiled import source_of
from templates_app.rendering.context import RenderContext
from templates_app.rendering.formatting import Formats
from templates_app.rendering.liquid import Template, parse
from templates_app.rendering.runtime import MAX_ITERATIONS, MAX_OUTPUT, MAX_STEPS
from templates_app.rendering.urls import check_urls
from templates_app.versions import from_row
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
    """Return a template of its own: it is not prepared, whoever used it before."""
    parsed = parse(source, html=html, part="html")
    return Template(parsed.source, parsed.part, parsed.bound)


def outcome(template: Template, variables: Any, formats: Formats) -> Outcome:
    try:
        return "text", template.render(variables, formats)
    except RenderError as error:
        return "error", error.as_dict()


def served(template: Template, variables: Any, formats: Formats) -> bool:
    """Return whether a template's own function serves; its addresses are harmless."""
    function = template.prepare().function
    if function is None:
        return False
    try:
        text, is_harmless = function.render(variables, formats)
    except Exception:  # whichever: python-liquid renders then
        return False
    if is_harmless:
        check_urls(text)
    return True


def test_ten_thousand_random_renderings_say_what_python_liquid_says() -> None:
    counts: Counter[str] = Counter()
    for seed in itertools.count():
        if counts["pairs"] >= PAIRS:
            break
        random = Random(seed)
        html = random.random() < 0.6
        source = Grammar(random, html=html).template()
        try:
            template = make_template(source, html=html)
        except RenderError:
            continue
        quick = make_template(source, html=html).prepare()
        counts["compiled"] += CONTEXTS * (quick.function is not None)
        for _ in range(CONTEXTS):
            language = random.choice(["en", "de", "ar", "hi", "fr"])
            inputs = make_inputs(make_context(random), language)
            kind, said = outcome(template, *inputs)

            assert outcome(quick, *inputs) == (kind, said), (seed, source)

            is_served = served(quick, *inputs)
            assert kind == "text" or not is_served, (seed, source)
            counts.update(["pairs", kind, *["served"] * is_served])
    assert counts["error"] > PAIRS / 5
    assert counts["served"] > counts["text"] * 0.9 > PAIRS * 0.45
    assert counts["compiled"] > PAIRS * 0.85


def test_the_mail_of_the_benchmark_is_compiled_and_proven_as_a_whole() -> None:
    content = compile_content("email", mail.CONTENT)
    for part in ("subject", "html", "text"):
        template = parse(content[part], html=part == "html", part=part).prepare()
        for number in range(50):
            ctx = json.loads(json.dumps(mail.context(number)), parse_float=Decimal)
            variables, formats = make_inputs(ctx)

            assert template.function is not None
            text, is_harmless = template.function.render(variables, formats)

            assert text == template.interpreted(variables, formats)
            assert is_harmless == (part == "html")


def test_the_mail_of_the_benchmark_has_the_agreed_size() -> None:
    made = program("email", compile_content("email", mail.CONTENT))
    for number in (1, 77_777):
        ctx = mail.context(number)
        message = made.render(
            make_render_context(ctx), delivery_id=UUID(int=1), address="a@example.com"
        )

        assert 9_576 <= len(message.parts["html"].encode()) <= 10_584
        assert 345 <= len(message.parts["text"].encode()) <= 421
        assert 1_000 <= len(json.dumps(ctx)) <= 1_200


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in (1..{0}) %}{% endfor %}{% for i in (1..{0}) %}{% endfor %}",
        "{% for i in (1..300) %}{% for j in (1..300) %}x{% endfor %}{% endfor %}",
        "{% for i in (1..15000) %}{{ ctx.text }}{{ ctx.text }}{% endfor %}",
        "{% for i in (1..15000) %}{% capture v %}{{ ctx.text }}{% endcapture %}"
        "{% endfor %}",
        "{% assign v = ctx.text %}{% for i in (1..20) %}{% assign v = v | append: v %}"
        "{% endfor %}{{ v }}",
        "{% assign v = ctx.big %}{% assign w = v | append: v %}{{ w | size }}",
        "{% for i in (1..500) %}{{ ctx.many | slice: 0, 9000 | size }}{% endfor %}",
        "{% for i in (1..9999) %}"
        + "{% if ctx.a.b.c.d %}{% endif %}" * 50
        + "{% endfor %}",
        "{{ (1..30000) | size }}",
        "{{ ctx.many | concat: ctx.many | concat: ctx.many | size }}",
    ],
)
def test_no_limit_is_passed_that_python_liquid_keeps(source: str) -> None:
    source = source.replace("{0}", str(MAX_ITERATIONS // 3 * 2))
    ctx = {"text": "x" * 100, "big": "y" * 131_000, "many": list(range(9_000))}
    inputs = make_inputs(ctx)
    quick = make_template(source).prepare()
    assert quick.function is not None

    kind, said = outcome(make_template(source), *inputs)

    assert outcome(quick, *inputs) == (kind, said)
    assert kind == "text" or not served(quick, *inputs)


def test_work_just_below_each_limit_is_served() -> None:
    assert (MAX_OUTPUT, MAX_STEPS, MAX_ITERATIONS) == (1_000_000, 400_000, 50_000)
    for source in (
        "{% for i in (1..9999) %}{{ ctx.text }}{% endfor %}",
        "{% for i in (1..9000) %}{{ i }}{{ i | plus: 1 }}{% endfor %}",
    ):
        assert served(make_template(source), *make_inputs({"text": "x" * 99}))


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in ctx.i %}{% for i in i.i %}{{ i.x }}{% endfor %}{% endfor %}",
        "{% for i in ctx.a %}{% else %}"
        "{% for j in (1..2) %}{{ j }}{% endfor %}{% endfor %}",
        "{% for i in ctx.a %}{{ forloop }}{% endfor %}",
        "{% for i in ctx.a %}{{ forloop.size }}{% endfor %}",
    ],
)
def test_what_the_compiler_does_not_know_stays_with_python_liquid(source: str) -> None:
    template = make_template(source).prepare()
    inputs = make_inputs({"a": [], "i": []})

    assert template.function is None
    assert outcome(template, *inputs) == outcome(make_template(source), *inputs)


@pytest.mark.parametrize(
    "source",
    [
        '{{ "now" | date: "%Y" }} {{ now | time }} {{ ctx.d | upcase | date: "long" }}',
        '{{ ctx.n | plus: 1 | money: "EUR" }} {{ ctx.n | number: 2 }}',
        "{{ ctx.l.size }} {{ ctx.l.first }} {{ ctx.l | last }} {{ ctx.t.size }}",
        '{{ ctx.none | default: "there" }} {% if ctx.none.at.all %}x{% endif %}',
        "{% for i in ctx.l %}{{ forloop.index }}{% unless forloop.last %},"
        "{% endunless %}{% endfor %}",
        '{% case ctx.t %}{% when "a", "b" %}1{% else %}2{% endcase %}',
        "{% capture v %}<b>{{ ctx.t }}</b>{% endcapture %}{{ v }}{{ v }}",
    ],
)
def test_what_templates_usually_hold_is_served(source: str) -> None:
    ctx = {"d": "2026-11-23", "n": Decimal("19.90"), "l": [1, 2], "t": "a & b"}
    for html in (True, False):
        assert served(make_template(source, html=html), *make_inputs(ctx))


def test_nothing_of_a_template_stands_in_the_source_of_its_function() -> None:
    template = make_template(
        "{{ ctx['__class__'] }}{{ ctx.__import__ }}"
        "{{ ctx.a.__globals__ | default: 'zq' }}"
        "{% assign zq = 'zq\"); zq' %}zq{{ zq['zq'].zq }}{% cycle 'zq': 'zq', zq %}"
        "{% for zq in ctx.zq limit: ctx.zq %}{{ zq.zq }}{% endfor %}"
    ).prepare()
    assert template.function is not None

    source = source_of(template.nodes, html=True)

    names = set(re.findall(r"[A-Za-z_]\w*", source))
    assert "zq" not in source
    assert {name for name in names if "__" in name} == {"__class__"}


def test_a_function_sees_plain_data_alone() -> None:
    class Thing:
        secret = "told"

    inputs = make_inputs({"thing": Thing(), "text": "t", "list": [1]})
    for path in ("thing.secret", "text.upper", "list.append", "thing.__class__"):
        template = make_template(f"{{% if ctx.{path} %}}told{{% endif %}}").prepare()

        assert template.render(*inputs) == ""


HOSTILE = [
    *("javascript:alert(1)", "java\nscript:x", "https://ok.example/?a=b", "x"),
    *('" onclick="x', "'><b>", "href=javascript:x", " href=", "=", "a=", "(x)"),
    *("url(javascript:x)", "(javascript:x)", "l(javascript:x)", "\\75rl(x)", "/*"),
    *("*/", "data:text/html,x", "HTTPS://x", "src", "hre", "&#106;avascript:x"),
    *("\u0130", "bac\u212aground=javascript:x", "\ud800", "", " ", "\n", "xlink:href="),
]
ADDRESSES = [
    '<a href="{0}">{1}</a>',
    '<a title="{0}" href="https://x.example/{1}">x</a>',
    '<a title="{0}{1}" href="{1}{0}">x</a>',
    '<p>href={0} src="{1}"</p>',
    '<p>hr{0}ef="{1}"</p>',
    "<p>{0}='{1}'</p>",
    '<p style="background:url({0})">{1}</p>',
    "<p>u{0}({1})</p>",
    "<p>x < {0} {1}</p>",
    "<!-- {0} --> {1}",
    '<img srcset="{0} 1x, https://x.example/a 2x" alt="{1}">',
    '<a href="mailto:{0}">{1}</a><a href="/{0}">x</a><a href="#{1}">x</a>',
    '<a href="page-{0}">{1}</a>',
    '<a href="&#106;{0}">{1}</a>',
    '<a href="javascript:{0}">{1}</a>',
    "<a href='tel:{0}' title='{1}'>x</a>",
    '<td background="{0}" data-href="{1}">x</td>',
    '<p style="width:1px">{0} ({1})</p>',
    '<a title="it\'s" href="https://x.example?q={0}&amp;r={1}">x</a>',
    '<a href = "{0}" >{1}</a> a = b',
    '{{% if ctx.t %}}<a href="{{% endif %}}{0}">{1}',
    "{{% for i in (1..2) %}}<b title='{0}'>{1}</b>{{% endfor %}}",
    "{{% capture v %}}<a href='{0}'>{1}</a>{{% endcapture %}}{{{{ v }}}}",
    "<p>{0}{1}</p>",
    "<p>/{0}</p>*{1}",
    "url{{% if ctx.t %}}(x){{% endif %}}{0}{1}",
]


def test_an_address_that_is_not_checked_again_is_harmless() -> None:
    counts: Counter[str] = Counter()
    for shape in ADDRESSES:
        source = shape.format("{{ ctx.a }}", "{{ ctx.b }}")
        try:
            template = make_template(source).prepare()
        except RenderError:
            continue
        assert template.function is not None
        for a, b in itertools.product(HOSTILE, HOSTILE):
            inputs = make_inputs({"a": a, "b": b, "t": True})
            text, is_harmless = template.rendered(*inputs)
            counts[f"harmless: {is_harmless}"] += 1
            if is_harmless:
                check_urls(text)
                text.encode()
    assert min(counts.values()) > 2_000, counts


def test_most_addresses_of_a_usual_mail_are_proven_once() -> None:
    for shape in ADDRESSES[:2]:
        template = make_template(shape.format("{{ ctx.a }}", "{{ ctx.b }}")).prepare()
        url = "https://x.example/?id=7&src=mail"

        assert template.rendered(*make_inputs({"a": url, "b": "Pot (large)"}))[1]


def test_a_version_prepares_what_it_renders_and_a_preview_does_not() -> None:
    source = "Only here: {{ ctx.a }}"
    template = parse(source, html=False, part="text")
    program("sms", {"text": source})
    assert template.function is None

    version = from_row(
        Version(channel="sms", compiled={"en": {"text": source}}, default_language="en")
    )
    assert version.program_for("en-GB")[0] == "en"

    assert template.function is not None
