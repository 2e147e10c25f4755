"""Money, numbers, dates and plurals in the recipient's language and time zone.

Nothing here reads a clock: `now` and `today` are the delivery's frozen moment.
"""

from __future__ import annotations

import datetime as dt
import re
from copy import copy
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime, format_time
from babel.numbers import (
    NumberPattern,
    format_decimal,
    get_currency_precision,
    get_currency_symbol,
)
from liquid.exceptions import FilterArgumentError

from templates_app.rendering.arithmetic import abs_, number_of, round_
from templates_app.rendering.context import RenderContext, locale_of, zone_of

_STYLES = ("short", "medium", "long", "full")
_CURRENCY = re.compile(r"[A-Z]{3}")
_MAX_PATTERN = 200

# strftime's directives in CLDR's letters; a dash drops the leading zero.
_DIRECTIVES = {
    "a": "EEE",
    "A": "EEEE",
    "b": "MMM",
    "B": "MMMM",
    "d": "dd",
    "-d": "d",
    "e": "d",
    "D": "MM/dd/yy",
    "F": "yyyy-MM-dd",
    "h": "MMM",
    "H": "HH",
    "-H": "H",
    "I": "hh",
    "-I": "h",
    "j": "DDD",
    "-j": "D",
    "m": "MM",
    "-m": "M",
    "M": "mm",
    "-M": "m",
    "p": "a",
    "P": "a",
    "R": "HH:mm",
    "S": "ss",
    "-S": "s",
    "T": "HH:mm:ss",
    "y": "yy",
    "Y": "yyyy",
    "z": "xx",
    "Z": "z",
    "%": "'%'",
}
_STRFTIME = re.compile(r"%(-?[A-Za-z%])|%")


@dataclass(frozen=True, slots=True)
class Formats:
    """How one recipient reads numbers and dates, and when it is for this delivery."""

    locale: Locale
    zone: ZoneInfo
    now: dt.datetime

    @classmethod
    def of(cls, context: RenderContext) -> Formats:
        """Return the formats of a delivery."""
        zone = zone_of(context.timezone)
        return cls(
            locale_of(context.language).babel, zone, context.frozen_at.astimezone(zone)
        )

    def money(self, value: object, currency: object) -> str:
        """Return an amount with its currency, such as ``€59.97`` or ``59,97 €``."""
        code = str(currency or "").strip().upper()
        if not _CURRENCY.fullmatch(code):
            raise FilterArgumentError(
                f"{str(currency)[:20]!r} is not a currency code such as EUR", token=None
            )
        amount = round_(value, get_currency_precision(code))
        pattern = _currency_pattern(str(self.locale), code)
        return str(pattern.apply(amount, self.locale))

    def number(self, value: object, digits: object = None) -> str:
        """Return a number with the language's separators, at so many digits."""
        number = number_of(value)
        if digits is None:
            return format_decimal(
                number, locale=self.locale, decimal_quantization=False
            )
        places = int(number_of(digits))
        if not 0 <= places <= 20:
            raise FilterArgumentError("from 0 to 20 digits", token=None)
        pattern = "#,##0" + ("." + "0" * places if places else "")
        rounded = round_(number, places)
        return format_decimal(rounded, format=pattern, locale=self.locale)

    def date(self, value: object, style: object = "medium") -> str:
        """Return a date in a named style, an strftime or a CLDR pattern."""
        moment = self._moment(value)
        pattern = str(style)
        if pattern in _STYLES:
            return format_date(moment, format=pattern, locale=self.locale)
        if not isinstance(moment, dt.datetime):
            moment = dt.datetime.combine(moment, dt.time.min, self.zone)
        return self._patterned(moment, pattern)

    def time(self, value: object, style: object = "short") -> str:
        """Return a time of day in a named style or a pattern."""
        moment = self._moment(value)
        if not isinstance(moment, dt.datetime):
            raise FilterArgumentError(
                f"{str(value)[:40]!r} is a date without a time", token=None
            )
        if str(style) in _STYLES:
            return format_time(
                moment, format=str(style), tzinfo=self.zone, locale=self.locale
            )
        return self._patterned(moment, str(style))

    def plural(self, value: object, forms: dict[str, object]) -> str:
        """Return the number and the form of the word that goes with it."""
        number = number_of(value)
        form = forms.get(self.locale.plural_form(Decimal(abs_(number))))
        word = forms.get("other", "") if form is None else form
        return f"{self.number(number)} {word}"

    def _patterned(self, moment: dt.datetime, pattern: str) -> str:
        if len(pattern) > _MAX_PATTERN:
            raise FilterArgumentError("the date pattern is too long", token=None)
        cldr = cldr_pattern(pattern) if "%" in pattern else pattern
        try:
            return format_datetime(
                moment, format=cldr, tzinfo=self.zone, locale=self.locale
            )
        except (KeyError, AttributeError, NotImplementedError) as error:
            raise FilterArgumentError(
                f"the date pattern {pattern!r} cannot be used", token=None
            ) from error

    def _moment(self, value: object) -> dt.date | dt.datetime:
        """Return a date, or a time in the recipient's zone; without one it is kept."""
        if value == "now":
            return self.now
        if value == "today":
            return self.now.date()
        text = str(value).strip() if isinstance(value, str) else ""
        try:
            if len(text) == 10:
                return dt.date.fromisoformat(text)
            moment = dt.datetime.fromisoformat(text)
        except ValueError as error:
            raise FilterArgumentError(
                f"{str(value)[:40]!r} is not a date such as 2026-11-23 or "
                "2026-11-23T17:30:00Z",
                token=None,
            ) from error
        if moment.tzinfo is None:
            return moment.replace(tzinfo=self.zone)
        try:
            return moment.astimezone(self.zone)
        except OverflowError as error:
            raise FilterArgumentError(
                f"{text!r} is out of range", token=None
            ) from error


@lru_cache(maxsize=512)
def _currency_pattern(locale_name: str, code: str) -> NumberPattern:
    """Return a locale's pattern for one currency, its symbol and digits filled in.

    Babel's format_currency looks both up again for each amount: six times the cost.
    """
    locale = Locale.parse(locale_name)
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


@lru_cache(maxsize=512)
def cldr_pattern(pattern: str) -> str:
    """Return an strftime pattern in CLDR's letters, its plain words quoted."""
    pieces: list[str] = []
    position = 0
    for match in _STRFTIME.finditer(pattern):
        pieces.append(_quoted(pattern[position : match.start()]))
        directive = match.group(1)
        if directive not in _DIRECTIVES:
            raise FilterArgumentError(
                f"the date pattern has an unknown part {match.group()!r}", token=None
            )
        pieces.append(_DIRECTIVES[directive])
        position = match.end()
    pieces.append(_quoted(pattern[position:]))
    return "".join(pieces)


def _quoted(words: str) -> str:
    if not any(letter.isalpha() or letter == "'" for letter in words):
        return words
    return "'" + words.replace("'", "''") + "'"
