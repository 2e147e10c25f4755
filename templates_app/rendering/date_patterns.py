"""Patterns of dates prepared for one language: each field a table that Babel filled.

What has no small table, such as an era, a week or a time zone's name, is left to Babel,
which the tests hold this to.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from babel import Locale
from babel.dates import PATTERN_CHARS, DateTimeFormat, tokenize_pattern

DateFormat = Callable[[Any], str]

_DAY = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)  # a Monday
_DAYS = [_DAY.replace(day=day) for day in range(1, 32)]
_HOURS = [_DAY.replace(hour=hour) for hour in range(24)]
_Table = list[str]
_Samples = tuple[Callable[[_Table], DateFormat], list[dt.datetime | None]]
_month: _Samples = (
    lambda table: lambda moment: table[moment.month],
    [None, *(_DAY.replace(month=month) for month in range(1, 13))],
)
_weekday: _Samples = (
    lambda table: lambda moment: table[moment.weekday()],
    [*_DAYS[:7]],
)
_hour: _Samples = (lambda table: lambda moment: table[moment.hour], [*_HOURS])

# How a field is read from its table, and a moment for each of the table's places.
_FIELDS: dict[str, _Samples] = {
    **dict.fromkeys("ML", _month),
    **dict.fromkeys("Eec", _weekday),
    **dict.fromkeys("hHKka", _hour),
    "d": (lambda table: lambda moment: table[moment.day], [None, *_DAYS]),
    "m": (
        lambda table: lambda moment: table[moment.minute],
        [_DAY.replace(minute=at) for at in range(60)],
    ),
    "s": (
        lambda table: lambda moment: table[moment.second],
        [_DAY.replace(second=at) for at in range(60)],
    ),
}
# Fields that Babel writes in plain digits.
_DIGITS = frozenset("dhHKkms")


def date_format(pattern: str, locale: Locale) -> DateFormat | None:
    """Return what writes a moment in a CLDR pattern; None where Babel must do it."""
    steps: list[tuple[DateFormat, str]] = []
    first = ""
    try:
        for _, token in tokenize_pattern(pattern):
            if isinstance(token, tuple):
                letter, count = token
                steps.append((_field(str(letter), int(count), locale), ""))
            elif steps:
                field, words = steps[-1]
                steps[-1] = field, words + str(token)
            else:
                first += str(token)
    except (KeyError, ValueError, AttributeError):
        return None

    def formatted(moment: Any) -> str:
        text = first
        for field, words in steps:
            text += field(moment) + words
        return text

    return formatted


def _field(letter: str, count: int, locale: Locale) -> DateFormat:
    """Return what writes one field; raise KeyError or ValueError without a table."""
    limit: Iterable[int] | None = PATTERN_CHARS[letter]
    if limit and count not in limit:
        raise ValueError(letter)
    if letter in "yu":
        return _year(count)
    reader, _ = _FIELDS[letter]
    if letter in _DIGITS or (letter in "ML" and count <= 2):
        return reader(_digits(letter, count))
    return reader(_table(letter, count, locale))


@lru_cache(maxsize=64)
def _digits(letter: str, count: int) -> _Table:
    """Return the table of a field that is written the same in all languages."""
    return _table(letter, count, Locale("en"))


def _table(letter: str, count: int, locale: Locale) -> _Table:
    name = letter * count
    return [
        DateTimeFormat(sample, locale)[name] if sample else ""
        for sample in _FIELDS[letter][1]
    ]


def _year(count: int) -> DateFormat:
    if count == 2:
        return lambda moment: f"{moment.year:02d}"[-2:]
    return lambda moment: f"{moment.year:0{count}d}"
