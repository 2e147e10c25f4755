"""Simulation: content and a sample in, the rendered message or its errors out."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from templates_app.simulation import (
    Sample,
    Simulation,
    as_json,
    framed,
    read_sample,
    segments_in_words,
    simulate,
)

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HTML = (
    "<!doctype html><html><head><title>t</title></head><body>{{ ctx.n }}</body></html>"
)
EMAIL = {
    "subject": "Order {{ ctx.n }}",
    "preheader": "For {{ recipient.name }}",
    "source_kind": "html",
    "source": HTML,
}


def simulated(
    channel: str, content: dict[str, str], ctx: dict[str, Any], **sample: Any
) -> Simulation:
    about = {"internal_name": "order", "label": "Order", "version": 0}
    return simulate(channel, content, Sample(ctx, **sample), about=about, at=AT)


def test_an_email_is_rendered_with_its_preheader_and_size() -> None:
    result = simulated("email", EMAIL, {"n": "A-1"})
    assert result.message is not None
    assert result.message.parts["subject"] == "Order A-1"
    assert result.preheader == "For Alex Example"
    assert result.html_bytes == len(result.message.parts["html"].encode())
    assert result.errors == []


def test_an_error_names_part_line_and_column() -> None:
    broken = {**EMAIL, "source": "<p>\n  {{ ctx.n | nofilter }}</p>"}
    result = simulated("email", broken, {"n": "A-1"})
    assert result.message is None
    [error] = result.errors
    assert error["part"] == "html"
    assert error["line"] == 2
    assert error["column"] is not None


def test_a_sample_that_breaks_the_contract_is_a_warning() -> None:
    contract = {"type": "object", "required": ["total"]}
    result = simulated("email", EMAIL, {"n": Decimal("1.50")}, contract=contract)
    assert result.message is not None
    assert any("/ctx/total is required" in warning for warning in result.warnings)


def test_an_email_without_preheader_and_above_the_clip_is_warned_of() -> None:
    heavy = {
        "subject": "s",
        "source_kind": "html",
        "source": f"<p>{'x' * 110_000}</p>",
    }
    warnings = " ".join(simulated("email", heavy, {}).warnings)
    assert "Gmail hides the rest" in warnings
    assert "no preheader" in warnings


def test_an_sms_counts_segments_and_names_what_forces_ucs2() -> None:
    plain = simulated("sms", {"text": "Hi {{ recipient.name }}"}, {})
    assert segments_in_words(plain.segments) == "15 of 160 · GSM-7 · 1 segment"
    ticked = simulated("sms", {"text": "done ✓"}, {})
    assert segments_in_words(ticked.segments) == "6 of 70 · UCS-2 · 1 segment"
    assert any("✓" in warning for warning in ticked.warnings)


def test_a_sample_is_an_object_with_exact_fractions() -> None:
    assert read_sample('{"a": 1.10}') == ({"a": Decimal("1.10")}, None)
    assert read_sample("  ") == ({}, None)


def test_a_broken_sample_says_line_and_column() -> None:
    for text in ('{"a": 1,\n "b": }', "[1]", '{"a": NaN}', "[" * 100_000):
        _, error = read_sample(text)
        assert error is not None
        assert error["part"] == "context_sample"
    _, error = read_sample('{"a": 1,\n "b": }')
    assert error is not None
    assert (error["line"], error["column"]) == (2, 7)


def test_a_framed_page_has_its_policy_in_the_head_whatever_the_html() -> None:
    for html in (
        HTML,
        "<p>no head</p>",
        "<!doctype html><p>x</p>",
        "<html lang=en><body>x</body></html>",
    ):
        page = framed(html)
        assert "default-src 'none'" in page
        assert '<base target="_blank">' in page
        assert page.lower().startswith("<!doctype") == html.lower().startswith(
            "<!doctype"
        )


def test_a_framed_page_is_light_or_dark_whatever_the_system_prefers() -> None:
    html = (
        "<head><style>@media ( Prefers-Color-Scheme:dark ) { a { color: red } }"
        "@media (prefers-color-scheme: light) { a { color: blue } }</style></head>"
    )
    light, dark = framed(html), framed(html, is_dark=True)
    for page in (light, dark):
        assert "prefers-color-scheme" not in page.lower()
    assert "@media (max-width: 0) { a { color: red }" in light
    assert "@media (min-width: 0) { a { color: red }" in dark
    assert "color-scheme:only light" in light
    assert "color-scheme:only light" not in dark


def test_the_answer_for_the_live_preview_is_plain_and_framed() -> None:
    answer = as_json(simulated("email", EMAIL, {"n": "A-1"}))
    assert "Content-Security-Policy" in answer["parts"]["html"]
    assert answer["parts"]["subject"] == "Order A-1"
    assert answer["errors"] == []
