from __future__ import annotations

from decimal import Decimal

import pytest

from templates_app.rendering import RenderError
from tests.test_rendering_context import make_context, render_plain


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "€1,234.50"),
        ("fr", "1\u202f234,50\xa0€"),
        ("ja", "€1,234.50"),
        ("de-AT", "€\xa01.234,50"),
        ("xx", "€1,234.50"),
    ],
)
def test_money_is_written_in_the_recipients_language(
    language: str, expected: str
) -> None:
    for amount in ("1234.5", Decimal("1234.50"), 1234.5):
        context = make_context({"total": amount, "c": "eur"}, language=language)

        assert render_plain("{{ ctx.total | money: ctx.c }}", context) == expected


def test_money_has_the_currencys_digits_and_rounds_halves_up() -> None:
    context = make_context(language="ja")

    assert render_plain('{{ 1234.5 | money: "JPY" }}', context) == "￥1,235"
    assert render_plain('{{ 2.345 | money: "USD" }}') == "$2.35"
    assert render_plain('{{ 2.345 | money: "KWD" }}') == "KWD\xa02.345"


def test_an_unknown_currency_form_is_an_error() -> None:
    with pytest.raises(RenderError, match="currency code"):
        render_plain('{{ 1 | money: "euro" }}')


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('{{ ctx.at | date: "long" }}', "24. November 2026"),
        ('{{ ctx.at | date: "short" }} {{ ctx.at | time }}', "24.11.26 00:30"),
        (
            '{{ ctx.at | date: "%-d. %B %Y um %H:%M Uhr" }}',
            "24. November 2026 um 00:30 Uhr",
        ),
        (
            "{{ ctx.at | date: \"EEEE, d. MMMM, HH 'Uhr'\" }}",
            "Dienstag, 24. November, 00 Uhr",
        ),
        ('{{ ctx.day | date }} {{ ctx.day | date: "%A" }}', "23.11.2026 Montag"),
        ('{{ "now" | date: "HH:mm" }} {{ now | time: "HH:mm:ss" }}', "00:30 00:30:00"),
        ('{{ "today" | date: "yyyy-MM-dd" }} {{ today }}', "2026-11-24 2026-11-24"),
        ('{{ ctx.naive | date: "HH:mm" }}', "08:00"),
    ],
)
def test_dates_are_in_the_recipients_zone_and_language(
    source: str, expected: str
) -> None:
    ctx = {
        "at": "2026-11-23T23:30:00Z",
        "day": "2026-11-23",
        "naive": "2026-11-23T08:00:00",
    }
    context = make_context(ctx, language="de", timezone="Europe/Vienna")

    assert render_plain(source, context) == expected


@pytest.mark.parametrize(
    "source",
    [
        '{{ "soon" | date: "long" }}',
        '{{ "2026-13-45" | date }}',
        '{{ "2026-11-23" | time }}',
        '{{ "2026-11-23" | date: "%Q" }}',
        "{{ 1700000000 | date }}",
        '{{ "0001-01-01T00:00:00+14:00" | date }}',
    ],
)
def test_what_is_no_date_or_pattern_is_an_error_with_its_place(source: str) -> None:
    context = make_context(timezone="America/New_York")

    with pytest.raises(RenderError) as caught:
        render_plain(source, context)

    assert (caught.value.code, caught.value.line) == ("bad_value", 1)


def test_numbers_and_plurals() -> None:
    german = make_context(language="de")
    russian = make_context(language="ru")

    assert render_plain("{{ 1234567.5 | number }}") == "1,234,567.5"
    assert render_plain("{{ 1234.5 | number: 2 }}", german) == "1.234,50"
    assert render_plain('{{ 3 | plural: "item", "items" }}') == "3 items"
    assert render_plain('{{ 1 | plural: "item", "items" }}') == "1 item"
    assert render_plain('{{ 1200 | plural: "item", "items" }}') == "1,200 items"
    source = '{{ 3 | plural: "день", "дня", few: "дня", many: "дней" }}'
    assert render_plain(source, russian) == "3 дня"


def test_a_masked_value_passes_all_filters() -> None:
    context = make_context({"v": "••••"})

    source = '{{ ctx.v | money: "EUR" }}{{ ctx.v | date: "long" }}{{ ctx.v | plus: 1 }}'
    assert render_plain(source, context) == "••••" * 3


def test_a_masked_value_is_neither_less_nor_greater() -> None:
    """A preview of a masked event shows the other arm; nothing fails."""
    context = make_context({"v": "••••", "n": 2})
    for condition in ("ctx.v < 5", "ctx.v >= 5", "5 > ctx.v", "5 <= ctx.v"):
        source = f"{{% if {condition} %}}a{{% else %}}b{{% endif %}}"
        assert render_plain(source, context) == "b"
    source = "{% if ctx.v > 1 or ctx.n <= 2 and ctx.n >= 2 %}a{% else %}b{% endif %}"
    assert render_plain(source, context) == "a"
