"""Prepared formats of numbers and dates, held to Babel in its languages."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from babel import Locale
from babel.dates import format_date, format_datetime, format_time
from babel.localedata import locale_identifiers
from babel.numbers import format_decimal, get_currency_precision
from liquid.exceptions import FilterArgumentError

from templates_app.rendering.arithmetic import Number, number_of, round_
from templates_app.rendering.date_patterns import date_format
from templates_app.rendering.formatting import Formats, Prepared
from templates_app.rendering.numerals import (
    currency_pattern,
    money_format,
    natural_format,
    number_format,
)

# All of them take half a minute; each run of the suite takes some, and these always.
EVERY = 8
_ALWAYS = [
    *("en", "de", "de-AT", "de-CH", "fr", "es", "pl", "pt", "nl", "sv", "it", "hi"),
    *("bn", "mr", "ta", "en-IN", "ar", "ar-EG", "fa", "he", "ur", "ja", "zh", "ko"),
    *("th", "bg", "lv", "hy", "rm", "eu", "zh-Hant", "my", "ne", "dz", "ckb"),
]
LOCALES = [
    Locale.parse(name, sep="-" if "-" in name else "_")
    for name in sorted({*sorted(locale_identifiers())[::EVERY], *_ALWAYS})
]
NUMBERS: list[Number | str | float] = [
    *(0, 7, -7, 999, 1000, -1000, 12_345, 1_234_567, 10**15, 10**30, -(10**20)),
    *("0.00", "19.90", "-0.01", "1234.5", " 7 ", 0.1, 1234.5),
    *map(Decimal, ("0", "-0.00", "0.005", "-0.005", "2.5", "3.5", "19.9", "99.995")),
    *map(Decimal, ("1E+3", "1E-3", "1E-30", "123456789012345678901234.56", "100000")),
    *map(Decimal, ("1234567.891", "-1234567.895", "0.1234567", "1E-8", "12345.60")),
]
ZONE = ZoneInfo("Europe/Vienna")
MOMENTS = [
    dt.datetime(2026, 11, 23, 17, 30, 5, tzinfo=ZONE),
    dt.datetime(2026, 3, 1, 0, 5, 59, tzinfo=ZONE),
    dt.datetime(987, 8, 9, 12, 0, 0, tzinfo=ZONE),
]
PATTERNS = [
    *("EEEE, d. MMMM y", "dd.MM.yy 'um' HH:mm 'o''clock'", "LLLL ccc e c h:mm:ss a"),
    *("yyyyy M L MMMMM EEEEEE k K", "D w G", "QQQ", "xx z", "EEEEE MMM"),
]


def result(function: object, *arguments: object) -> object:
    """Return what a function returns, or the words of its error."""
    try:
        return function(*arguments)  # type: ignore[operator]  # of three kinds
    except (FilterArgumentError, ArithmeticError) as error:
        return type(error).__name__, str(error)


def test_money_is_what_babel_writes_in_every_language() -> None:
    codes = ["EUR", "USD", "JPY", "KWD", "INR", "CHF", "XXX", "CLF", "BGN", "AED"]
    for number, locale in enumerate(LOCALES):
        for code in {codes[number % len(codes)], "EUR"}:
            pattern = currency_pattern(locale, code)
            places = get_currency_precision(code)
            quick = money_format(locale, code)
            for value in NUMBERS:
                expected = result(
                    lambda v, p=pattern, d=places, w=locale: str(
                        p.apply(round_(v, d), w)
                    ),
                    value,
                )

                assert result(quick, value) == expected, (locale, code, value)


def test_numbers_are_what_babel_writes_in_every_language() -> None:
    for number, locale in enumerate(LOCALES):
        natural, places = natural_format(locale), number % 9
        words = "#,##0" + ("." + "0" * places if places else "")
        fixed = number_format(locale, places)
        for value in NUMBERS:
            expected = result(
                lambda v, w=locale: format_decimal(
                    number_of(v), locale=w, decimal_quantization=False
                ),
                value,
            )
            rounded = result(
                lambda v, w=locale, p=places, f=words: format_decimal(
                    round_(v, p), format=f, locale=w
                ),
                value,
            )

            assert result(natural, value) == expected, (locale, value)
            assert result(fixed, value) == rounded, (locale, places, value)


def test_dates_and_times_are_what_babel_writes_in_every_language() -> None:
    counts: Counter[bool] = Counter()
    for locale in LOCALES:
        formats = Formats(Prepared(locale), ZONE, MOMENTS[0])
        for moment in MOMENTS:
            text = moment.isoformat()
            for style in ("short", "medium", "long", "full"):
                assert formats.date(text, style) == format_date(
                    moment, format=style, locale=locale
                ), (locale, style)
                assert formats.time(text, style) == format_time(
                    moment, format=style, tzinfo=ZONE, locale=locale
                ), (locale, style)
            for pattern in PATTERNS:
                assert formats.date(text, pattern) == format_datetime(
                    moment, format=pattern, tzinfo=ZONE, locale=locale
                ), (locale, pattern)
        for kind in ("date", "time"):
            pattern = str(getattr(locale, f"{kind}_formats")["medium"])
            counts[date_format(pattern, locale) is not None] += 1
    assert counts[True] > 20 * counts[False]


@pytest.mark.parametrize("value", [None, True, [], "x", "NaN", Decimal("NaN"), 10**60])
def test_what_is_no_number_is_refused_as_before(value: object) -> None:
    for quick in (
        money_format(Locale("en"), "EUR"),
        number_format(Locale("en"), 2),
        natural_format(Locale("en")),
    ):
        assert result(quick, value) == result(number_of, value)


def test_what_is_kept_of_a_language_is_bounded() -> None:
    prepared = Prepared(Locale("en"))
    formats = Formats(prepared, ZONE, MOMENTS[0])
    for number in range(1_000):
        letters = chr(65 + number % 26) + chr(65 + number // 26 % 26)
        formats.money(1, f"X{letters}")
        formats.date("now", f"'{number}' d")

    assert max(len(prepared.money), len(prepared.dates)) <= 300
