"""Numbers and money prepared for one language: its pattern and signs looked up once.

Babel looks them up for each number: ten times the work. What is in any way unusual, a
pattern or a number, is left to Babel, which the tests hold this to.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Any

from babel import Locale
from babel.numbers import (
    NumberPattern,
    format_decimal,
    get_currency_precision,
    get_currency_symbol,
    get_decimal_symbol,
    get_group_symbol,
    parse_pattern,
)

from templates_app.rendering.arithmetic import number_of, round_

Format = Callable[[Any], str]

# Babel computes with 28 digits; up to here it rounds nothing.
_MAX_LENGTH = 24
_EXACT = Context(prec=34, rounding=ROUND_HALF_UP)
# With more, Python writes a small number with an exponent.
_MAX_PLACES = 6


def money_format(locale: Locale, code: str) -> Format:
    """Return what formats an amount of a currency, such as ``59,97 €``.

    It raises FilterArgumentError for what is no number.
    """
    pattern = currency_pattern(locale, code)
    places = get_currency_precision(code)

    def by_babel(value: Any) -> str:
        return str(pattern.apply(round_(value, places), locale))

    return _fast(pattern, locale, places, by_babel)


def number_format(locale: Locale, places: int) -> Format:
    """Return what formats a number at so many digits behind the point."""
    words = "#,##0" + ("." + "0" * places if places else "")

    def by_babel(value: Any) -> str:
        return format_decimal(round_(value, places), format=words, locale=locale)

    return _fast(parse_pattern(words), locale, places, by_babel)


def natural_format(locale: Locale) -> Format:
    """Return what formats a number with just the digits that it has."""

    def by_babel(value: Any) -> str:
        return format_decimal(
            number_of(value), locale=locale, decimal_quantization=False
        )

    pattern = locale.decimal_formats[None]
    if not _is_plain(pattern, locale) or pattern.frac_prec[0]:
        return by_babel
    point, joined = get_decimal_symbol(locale), _joiner(pattern, locale)

    def formatted(value: Any) -> str:
        number = number_of(value)
        text = str(number)
        if len(text) > _MAX_LENGTH or "E" in text or "-" in text:
            return by_babel(number)
        whole, _, fraction = text.partition(".")
        fraction = fraction.rstrip("0")
        if len(whole) > 3:
            whole = joined(whole)
        number_text = f"{whole}{point}{fraction}" if fraction else whole
        return f"{pattern.prefix[0]}{number_text}{pattern.suffix[0]}"

    return formatted


def _fast(
    pattern: NumberPattern, locale: Locale, places: int, by_babel: Format
) -> Format:
    """Return a quick way to what `by_babel` says, where there is one."""
    if not _is_plain(pattern, locale) or places > _MAX_PLACES:
        return by_babel
    point = get_decimal_symbol(locale) if places else ""
    joined = _joiner(pattern, locale)
    (before, before_minus), (after, after_minus) = pattern.prefix, pattern.suffix
    digits_of = _digits(places)
    dot, dot_end = (-places - 1, -places) if places else (None, None)
    short = 3 + places + len(point[:1])
    is_common = point == "."

    def formatted(value: Any) -> str:
        text = str(value) if value.__class__ is Decimal else ""
        if places == 2 and text[-2:-1] == ".":
            text += "0"
        if not places or text[dot:dot_end] != "." or len(text) > _MAX_LENGTH:
            text = digits_of(value)
            if not text:
                return by_babel(value)
        if is_common and len(text) <= short and text[0] != "-":
            return f"{before}{text}{after}"
        first, last = before, after
        if text[0] == "-":
            text, first, last = text[1:], before_minus, after_minus
        whole, fraction = text[:dot], text[dot_end:] if places else ""
        if len(whole) > 3:
            whole = joined(whole)
        return f"{first}{whole}{point}{fraction}{last}"

    return formatted


def _digits(places: int) -> Callable[[Any], str]:
    """Return what rounds a number and writes it; empty where that is for Babel.

    It raises FilterArgumentError for what is no number.
    """
    quantum = Decimal(1).scaleb(-places)
    zero = str(_EXACT.quantize(Decimal(0), quantum))
    zeros = frozenset({zero, f"-{zero}"})
    tail = zero[1:]

    def digits_of(value: Any) -> str:
        number = number_of(value)
        if number.__class__ is int:
            text = f"{number}{tail}"
            return text if len(text) <= _MAX_LENGTH else ""
        try:
            text = str(_EXACT.quantize(Decimal(number), quantum))
        except InvalidOperation:  # too many digits
            return ""
        # Babel is to know zero from what is nearly zero.
        if len(text) > _MAX_LENGTH or (text in zeros and (number or text[0] == "-")):
            return ""
        return text

    return digits_of


def _is_plain(pattern: NumberPattern, locale: Locale) -> bool:
    """Return whether a pattern is one that is written here."""
    texts = [*pattern.prefix, *pattern.suffix]
    texts += [get_group_symbol(locale), get_decimal_symbol(locale)]
    return (
        not pattern.exp_prec
        and "@" not in pattern.pattern
        and not pattern.scale
        and pattern.int_prec[0] == 1
        and pattern.number_pattern != ""
        and pattern.grouping[0] >= 3
        and not any("'" in text or "¤" in text for text in texts)
    )


def _joiner(pattern: NumberPattern, locale: Locale) -> Callable[[str], str]:
    """Return what puts separators between a number's digits, four or more."""
    symbol = get_group_symbol(locale)
    size, others = pattern.grouping

    def joined(digits: str) -> str:
        groups, end, width = [], len(digits), size
        while end > width:
            groups.append(digits[end - width : end])
            end, width = end - width, others
        groups.append(digits[:end])
        return symbol.join(reversed(groups))

    return joined


def currency_pattern(locale: Locale, code: str) -> NumberPattern:
    """Return a locale's pattern for one currency, its symbol and digits filled in.

    Babel's format_currency looks both up again for each amount: six times the cost.
    """
    pattern: NumberPattern = copy(locale.currency_formats["standard"])
    symbol = get_currency_symbol(code, locale)
    # CLDR parts letters from digits by a blank; Babel does not.
    before = symbol + "\xa0" if symbol[-1:].isalpha() else symbol
    after = "\xa0" + symbol if symbol[:1].isalpha() else symbol
    plus, minus = (
        text[:-1] + before if text.endswith("¤") else text for text in pattern.prefix
    )
    pattern.prefix = plus.replace("¤", symbol), minus.replace("¤", symbol)
    plus, minus = (
        after + text[1:] if text.startswith("¤") else text for text in pattern.suffix
    )
    pattern.suffix = plus.replace("¤", symbol), minus.replace("¤", symbol)
    pattern.frac_prec = (get_currency_precision(code),) * 2
    return pattern
