"""Simulation: content and a sample in, the rendered message or its errors out."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from templates_app.framing import framed
from templates_app.rendering.languages import nearest_language
from templates_app.rendering.sms import SmsProgram
from templates_app.simulation import (
    Sample,
    Simulation,
    as_json,
    guilty_characters,
    prepare,
    read_sample,
    rehearse,
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


def test_content_is_compiled_once_for_all_samples() -> None:
    assert prepare("email", EMAIL) is prepare("email", dict(EMAIL))
    assert prepare("email", EMAIL) is not prepare("email", {**EMAIL, "subject": "s"})


def test_what_cannot_be_compiled_fails_for_every_sample() -> None:
    prepared = prepare("sms", {"text": "{{ ctx.n | nofilter }}"})
    for ctx in ({"n": 1}, {}):
        result = rehearse(prepared, Sample(ctx), about={}, at=AT)
        assert [error["code"] for error in result.errors] == ["unknown_filter"]


def test_what_is_not_known_of_a_recipient_is_not_there() -> None:
    sample = {"recipient": {"name": None}}
    result = simulated("sms", {"text": "Hi {{ recipient.name }}"}, {}, **sample)
    assert result.errors[0]["path"] == "recipient.name"
    polite = {"text": "Hi {{ recipient.name | default: 'there' }}"}
    result = simulated("sms", polite, {}, **sample)
    assert result.message is not None
    assert result.message.parts["text"] == "Hi there"


def test_a_stand_in_for_a_hidden_value_is_no_misfit() -> None:
    contract = {"properties": {"link": {"type": "string", "maxLength": 3}}}
    ctx = {"link": "https://example.com/hidden", "n": "1"}
    shown = simulated("sms", {"text": "x"}, ctx, contract=contract)
    assert len(shown.warnings) == 1
    hidden = simulated("sms", {"text": "x"}, ctx, contract=contract, masked=("link",))
    assert hidden.warnings == []


def test_the_bytes_of_a_push_message_are_counted() -> None:
    result = simulated("push", {"title": "é", "body": "bb", "data": ""}, {})
    assert result.push_bytes == len("é".encode()) + len("bb") + len("{}")
    assert as_json(result)["push_bytes"] == result.push_bytes


def test_characters_that_force_ucs2_come_with_a_plain_form() -> None:
    result = simulated("sms", {"text": "“Hi” – ł 漢 \u200b Ś"}, {})
    found = {
        each["character"]: each["replacement"]
        for each in guilty_characters(result.segments)
    }
    assert found["“"] == '"'
    assert found["ł"] == "l"
    assert found["Ś"] == "S"
    assert found["\u200b"] == ""
    assert found["漢"] is None
    assert as_json(result)["guilty"] == guilty_characters(result.segments)


def test_the_nearest_language_is_found_as_when_it_is_sent() -> None:
    offered = ["en", "pt", "de-AT"]
    for wanted, expected in {
        "pt-BR": ("pt", True),
        "pt_PT": ("pt", True),
        "DE-at": ("de-AT", True),
        "fr": ("en", False),
        "": ("en", False),
    }.items():
        assert nearest_language(offered, wanted, default="en") == expected
    assert nearest_language(["fr"], "pt", default="en") == ("fr", False)


def test_without_images_none_is_loaded() -> None:
    page = framed('<img src="https://a.example/x.png" alt="A">', with_images=False)
    assert "img-src 'none'" in page
    assert "https:;" not in page
    assert 'alt="A"' in page


def test_a_fault_of_ours_is_an_error_of_that_sample(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise KeyError("html")

    monkeypatch.setattr(SmsProgram, "render", fail)
    result = simulated("sms", {"text": "Hello"}, {})
    assert result.message is None
    assert result.errors[0]["message"] == "A fault of txmsg itself: KeyError."
