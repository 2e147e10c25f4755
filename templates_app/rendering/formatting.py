"""Money, numbers, dates and plurals in the recipient's language and time zone.

Nothing here reads a clock: `now` and `today` are the delivery's frozen moment.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime, format_time
from liquid.exceptions import FilterArgumentError

from templates_app.rendering.arithmetic import abs_, number_of
from templates_app.rendering.context import RenderContext, locale_of, zone_of
from templates_app.rendering.date_patterns import DateFormat, date_format
from templates_app.rendering.numerals import (
    Format,
    money_format,
    natural_format,
    number_format,
)

_STYLES = ("short", "medium", "long", "full")
_CURRENCY = re.compile(r"[A-Z]{3}")
_MAX_PATTERN = 200
_MAX_KEPT = 300
_NATURAL = -1  # as many digits as there are

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
class Prepared:
    """What is kept of a language's formats, made when they are used first."""

    locale: Locale
    money: dict[str, Format] = field(default_factory=dict)
    numbers: dict[int, Format] = field(default_factory=dict)
    dates: dict[tuple[str, str], DateFormat | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Formats:
    """How one recipient reads numbers and dates, and when it is for this delivery."""

    prepared: Prepared
    zone: ZoneInfo
    now: dt.datetime

    @classmethod
    def of(cls, context: RenderContext) -> Formats:
        """Return the formats of a delivery."""
        return _formats(context.language, context.timezone, context.frozen_at)

    @property
    def locale(self) -> Locale:
        """The language of numbers and dates."""
        return self.prepared.locale

    def money(self, value: object, currency: object) -> str:
        """Return an amount with its currency, such as ``€59.97`` or ``59,97 €``."""
        return self.money_of(currency)(value)

    def money_of(self, currency: object) -> Format:
        """Return what writes amounts of a currency."""
        known = self.prepared.money.get(currency) if isinstance(currency, str) else None
        return known or self._money_of(currency)

    def _money_of(self, currency: object) -> Format:
        code = str(currency or "").strip().upper()
        if not _CURRENCY.fullmatch(code):
            raise FilterArgumentError(
                f"{str(currency)[:20]!r} is not a currency code such as EUR", token=None
            )
        kept = self.prepared.money
        if code not in kept:
            _make_room(kept)
            kept[code] = money_format(self.locale, code)
        return kept[code]

    def number(self, value: object, digits: object = None) -> str:
        """Return a number with the language's separators, at so many digits."""
        number = number_of(value)
        places = _NATURAL
        if digits is not None:
            places = int(number_of(digits))
            if not 0 <= places <= 20:
                raise FilterArgumentError("from 0 to 20 digits", token=None)
        kept = self.prepared.numbers
        if places not in kept:
            kept[places] = (
                natural_format(self.locale)
                if places == _NATURAL
                else number_format(self.locale, places)
            )
        return kept[places](number)

    def date(self, value: object, style: object = "medium") -> str:
        """Return a date in a named style, an strftime or a CLDR pattern."""
        moment = self._moment(value)
        pattern = str(style)
        if pattern in _STYLES:
            quick = self._prepared_date("date", pattern)
            if quick is not None:
                return quick(moment)
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
        pattern = str(style)
        if pattern in _STYLES:
            quick = self._prepared_date("time", pattern)
            if quick is not None:
                return quick(moment)
            return format_time(
                moment, format=pattern, tzinfo=self.zone, locale=self.locale
            )
        return self._patterned(moment, pattern)

    def _prepared_date(self, kind: str, style: str) -> DateFormat | None:
        """Return what writes a named style, or a pattern, where it is prepared."""
        kept = self.prepared.dates
        key = kind, style
        if key not in kept:
            _make_room(kept)
            pattern = style
            if kind != "pattern":
                formats = getattr(self.locale, f"{kind}_formats")
                pattern = str(formats[style])
            kept[key] = date_format(pattern, self.locale)
        return kept[key]

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
        quick = self._prepared_date("pattern", cldr)
        if quick is not None:
            return quick(moment)
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


@lru_cache(maxsize=256)
def _formats(language: str, timezone: str, frozen_at: dt.datetime) -> Formats:
    zone = zone_of(timezone)
    return Formats(_prepared(language), zone, frozen_at.astimezone(zone))


@lru_cache(maxsize=64)
def _prepared(language: str) -> Prepared:
    return Prepared(locale_of(language).babel)


def _make_room(kept: dict[Any, Any]) -> None:
    """Empty what would grow with the currencies and patterns of events."""
    if len(kept) >= _MAX_KEPT:
        kept.clear()


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
