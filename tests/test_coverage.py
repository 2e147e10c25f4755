"""Branch coverage: which arms of a content its samples reach, and where the rest is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from templates_app.coverage import Arm, Case, Coverage, coverage_of
from templates_app.rendering import BlockText, RenderContext
from templates_app.rendering.formatting import Formats
from templates_app.rendering.liquid import parse
from templates_app.rendering.tracing import TracedTemplate
from templates_app.simulation import prepare

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
EVERY = """\
{% if ctx.a %}A{% if ctx.b %}B{% endif %}{% elsif ctx.c == 1 %}C{% else %}D{% endif %}
{% for item in ctx.items %}{% unless item == 2 %}x{% endunless %}{% endfor %}
{% case ctx.k %}{% when 'p' %}P{% when 'q', 'r' %}Q{% endcase %}
{% case ctx.k %}{% when 'p' %}P{% else %}O{% endcase %}
{% for item in ctx.items %}{{ item }}{% else %}none{% endfor %}
{% capture word %}{% if ctx.a %}1{% endif %}{% endcapture %}{{ word }}
"""


def context(ctx: dict[str, Any]) -> RenderContext:
    return RenderContext(ctx=ctx, recipient={}, event={}, message={}, frozen_at=AT)


def covered(
    channel: str, content: dict[str, Any], *samples: dict[str, Any]
) -> Coverage:
    cases = [
        Case(f"sample {number}", "Samples", context(ctx))
        for number, ctx in enumerate(samples, start=1)
    ]
    return coverage_of(prepare(channel, content), cases)


def words(arms: list[Arm]) -> list[str]:
    return [f"{arm.words} of {arm.of}" if arm.of else arm.words for arm in arms]


def test_a_traced_template_renders_as_the_template_does() -> None:
    template = parse(EVERY, html=True, part="html")
    traced = TracedTemplate(template)
    plain = template.render
    for ctx in (
        {"a": True, "b": False, "items": [1, 2], "k": "p", "c": 0},
        {"a": False, "b": False, "items": [], "k": "z", "c": 1},
        {"a": False, "b": False, "items": [2], "k": "r", "c": 2},
    ):
        variables, formats = context(ctx).variables(), Formats.of(context(ctx))
        before = plain(variables, formats)
        assert traced.taken(variables, formats)
        assert traced.rendered(variables, formats) == before
        assert plain(variables, formats) == before


def test_each_arm_is_told_from_the_others() -> None:
    traced = TracedTemplate(parse(EVERY, html=True, part="html"))

    def taken(**ctx: Any) -> list[str]:
        seen = context({"b": False, "c": 0, "items": [], "k": "z", **ctx})
        numbers = traced.taken(seen.variables(), Formats.of(seen))
        arms = [traced.branches[number] for number in sorted(numbers)]
        return [f"{arm.kind} {arm.text}".strip() for arm in arms]

    empty = "empty item in ctx.items"
    assert taken(a=True) == [
        "if ctx.a",
        "else",
        empty,
        "else",
        "else",
        empty,
        "if ctx.a",
    ]
    assert taken(a=False, c=1)[0] == "elsif ctx.c == 1"
    assert taken(a=False, c=2)[0] == "else"
    many = taken(a=False, items=[1, 2])
    assert many.count("for item in ctx.items") == 2
    assert "unless item == 2" in many
    assert "when ctx.k is 'q', 'r'" in taken(a=True, k="r")


def test_arms_that_no_sample_reaches_are_named_with_their_place() -> None:
    source = "<p>Hi</p>\n{% if ctx.vip %}<b>VIP</b>{% endif %}"
    content = {"subject": "s", "source_kind": "html", "source": source}
    found = covered("email", content, {"vip": False})
    assert (found.reached, len(found.arms), found.percent) == (1, 2, 50)
    [missing] = found.missing
    assert words([missing]) == ["if ctx.vip"]
    assert (missing.part, missing.line, missing.column) == ("html", 2, 4)
    both = covered("email", content, {"vip": False}, {"vip": True})
    assert both.percent == 100
    assert [arm.reached_by for arm in both.arms] == [("sample 2",), ("sample 1",)]
    assert both.arms[0].groups == ("Samples",)


def test_an_otherwise_names_the_condition_it_belongs_to() -> None:
    found = covered("sms", {"text": "a{% if ctx.vip %}b{% endif %}"}, {"vip": True})
    assert words(found.missing) == ["otherwise of if ctx.vip"]


def test_the_generated_text_and_the_preheader_are_not_counted_twice() -> None:
    content = {
        "subject": "{% if ctx.a %}x{% else %}y{% endif %}",
        "preheader": "{% if ctx.a %}x{% endif %}p",
        "source_kind": "html",
        "source": "<html><body>{% if ctx.a %}x{% endif %}</body></html>",
    }
    found = covered("email", content, {"a": True})
    assert sorted({arm.part for arm in found.arms}) == ["html", "preheader", "subject"]
    assert len(found.arms) == 6


def test_places_in_mjml_are_those_of_the_mjml() -> None:
    source = (
        "<mjml><mj-body><mj-section><mj-column>\n<mj-text>"
        "{% for i in ctx.items %}{{ i }}{% endfor %}</mj-text>"
        "</mj-column></mj-section></mj-body></mjml>"
    )
    content = {"subject": "s", "source_kind": "mjml", "source": source}
    found = covered("email", content, {"items": [1]})
    assert words(found.missing) == ["for i in ctx.items: without items"]
    assert (found.missing[0].line, found.missing[0].column) == (2, 13)


def test_arms_inside_a_content_block_are_placed_in_the_block() -> None:
    prepared = prepare(
        "sms",
        {"text": "Hi {% block 'sign' %}"},
        blocks={"sign": BlockText("", "\n{% if ctx.vip %}Yours{% endif %}")},
    )
    [arm, other] = coverage_of(prepared, []).arms
    assert (arm.part, arm.line) == ("block/sign", 2)
    assert other.of == "if ctx.vip"


def test_data_of_a_push_message_is_covered() -> None:
    content = {"body": "b", "data": '{"to": "{% if ctx.a %}x{% else %}y{% endif %}"}'}
    found = covered("push", content, {"a": False})
    assert words(found.missing) == ["if ctx.a"]
    assert found.missing[0].part == "data"


def test_a_sample_that_fails_has_reached_what_came_before() -> None:
    text = "a{% if ctx.a %}{{ ctx.gone }}{% endif %}{% if ctx.b %}b{% endif %}"
    found = covered("sms", {"text": text}, {"a": True, "b": True})
    assert words([arm for arm in found.arms if arm.reached_by]) == ["if ctx.a"]


def test_content_without_conditions_is_covered_whole() -> None:
    assert covered("sms", {"text": "plain"}, {}).percent == 100


def test_content_that_cannot_be_compiled_has_no_arms() -> None:
    assert covered("sms", {"text": "{% if %}"}, {}).arms == ()


def test_a_case_that_does_not_count_is_named_and_reaches_nothing() -> None:
    prepared = prepare("sms", {"text": "a{% if ctx.vip %}b{% endif %}"})
    cases = [
        Case("plain", "Samples", context({"vip": False})),
        Case("odd", "Personas", context({"vip": True}), counts=False),
    ]
    [missing] = coverage_of(prepared, cases).missing
    assert missing.words == "if ctx.vip"
    assert missing.only_by == ("odd",)
    assert missing.groups == ()
