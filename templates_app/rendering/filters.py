"""The closed list of filters: what each does to a value of the context.

Filters are plain functions. Those marked by `formatted` take the recipient's Formats
first. A filter that can multiply text checks the size of its result beforehand.
"""

from __future__ import annotations

import html as html_escapes
import re
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

from liquid import Environment, Markup, escape
from liquid.builtin.filters import array, misc, string
from liquid.exceptions import FilterArgumentError, ResourceLimitError
from liquid.undefined import is_undefined

from templates_app.rendering import arithmetic
from templates_app.rendering.arithmetic import decimal_text
from templates_app.rendering.formatting import Formats
from templates_app.rendering.plain_text import text_of_fragment
from templates_app.rendering.sanitizing import sanitize_fragment

Filter = Callable[..., Any]

MAX_TEXT = 262_144
MAX_ITEMS = 20_000

_TAGS = re.compile(r"<[^>]*>")

_WITH_ENVIRONMENT = frozenset({"strip_html", "strip_newlines", "url_encode"})
_LIBRARY_FILTERS = (
    *("append", "capitalize", "downcase", "lstrip", "prepend", "remove"),
    *("remove_first", "remove_last", "replace_last", "rstrip", "split", "squish"),
    *("strip", "strip_html", "strip_newlines", "upcase", "url_decode", "url_encode"),
)


def text_of(value: object) -> str:
    """Return a value as the text that a template shows; markup stays markup.

    Raises FilterArgumentError for an object, or for a list of objects.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(arithmetic.number_of(value))
    if isinstance(value, Decimal | float):
        return decimal_text(value)
    if isinstance(value, list | tuple):
        return "".join(str(text_of(item)) for item in value)
    if isinstance(value, range):
        return f"{value.start}..{value.stop - 1}"
    if is_undefined(value):
        return str(value)  # raises UndefinedError with its place
    raise FilterArgumentError(
        "an object is no text: name one of its fields", token=None
    )


def formatted(function: Filter) -> Filter:
    """Mark a filter as one that takes the recipient's formats first."""
    function.needs_formats = True  # type: ignore[attr-defined]  # read in runtime.py
    return function


def as_text(function: Filter, *, environment: Environment | None = None) -> Filter:
    """Return one of the library's string filters with its arguments made text first."""
    inner = partial(function, environment=environment) if environment else function

    def text_filter(value: object, *arguments: object) -> Any:
        return inner(text_of(value), *[_argument(each) for each in arguments])

    text_filter.__wrapped__ = inner  # type: ignore[attr-defined]  # for its signature
    return text_filter


def _argument(value: object) -> object:
    return text_of(value) if isinstance(value, bool | Decimal | float) else value


def _check_size(size: int) -> None:
    if size > MAX_TEXT:
        raise ResourceLimitError(
            f"a text grew beyond {MAX_TEXT:,} characters", token=None
        )


def _replace(value: object, old: object, new: object = "", *, count: int = -1) -> str:
    text, before, after = text_of(value), text_of(old), text_of(new)
    found = text.count(before) if count < 0 else count
    _check_size(len(text) + found * max(0, len(after) - len(before)))
    return text.replace(before, after, count)


def replace(value: object, old: object, new: object = "") -> str:
    """Return the text with each occurrence replaced."""
    return _replace(value, old, new)


def replace_first(value: object, old: object, new: object = "") -> str:
    """Return the text with the first occurrence replaced."""
    return _replace(value, old, new, count=1)


def join(value: Any, separator: object = " ") -> str:
    """Return the items of a list in one text."""
    items = [text_of(item) for item in _items(value)]
    between = text_of(separator)
    _check_size(sum(map(len, items)) + len(between) * len(items))
    if any(isinstance(each, Markup) for each in (between, *items)):
        return escape(between).join(items)  # escapes the items that are no markup
    return between.join(items)


def _items(value: Any) -> list[Any]:
    if is_undefined(value):
        str(value)  # raises UndefinedError with its place
    if value is None:
        return []
    if isinstance(value, list | tuple | range):
        return list(value)
    return [value]


def first(value: Any) -> Any:
    """Return the first item of a list, or nothing."""
    return next(iter(_items(value)), None)


def last(value: Any) -> Any:
    """Return the last item of a list, or nothing."""
    items = _items(value)
    return items[-1] if items else None


def map_(value: Any, key: object) -> list[Any]:
    """Return one field of each object of a list; missing ones are nothing."""
    return [
        item.get(str(key)) if isinstance(item, dict) else None for item in _items(value)
    ]


def uniq(value: Any, key: object = None) -> list[Any]:
    """Return the items without repetition, in their order."""
    seen: set[str] = set()
    kept = []
    for item in _items(value):
        mark = (
            item.get(str(key)) if key is not None and isinstance(item, dict) else item
        )
        if repr(mark) not in seen:
            seen.add(repr(mark))
            kept.append(item)
    return kept


def _words(value: object) -> str:
    """Return text that may be cut anywhere, so markup loses its tags."""
    text = text_of(value)
    if isinstance(text, Markup):
        return html_escapes.unescape(_TAGS.sub("", str(text)))
    return text


def truncate(value: object, length: object = 50, end: object = "...") -> str:
    """Return the text cut to so many characters, the ending included."""
    text, ending = _words(value), str(text_of(end))
    limit = max(0, int(arithmetic.number_of(length)))
    if len(text) <= limit:
        return text
    return text[: max(0, limit - len(ending))] + ending


def truncatewords(value: object, count: object = 15, end: object = "...") -> str:
    """Return the text cut to so many words."""
    words = _words(value).split()
    limit = max(1, int(arithmetic.number_of(count)))
    if len(words) <= limit:
        return " ".join(words)
    return " ".join(words[:limit]) + str(text_of(end))


def slice_(value: Any, start: object, length: object = 1) -> Any:
    """Return a part of a text or list; a negative start counts from the end."""
    sequence = value if isinstance(value, list | tuple | range) else _words(value)
    begin = int(arithmetic.number_of(start))
    begin = max(0, len(sequence) + begin) if begin < 0 else begin
    part = sequence[begin : begin + max(0, int(arithmetic.number_of(length)))]
    return part if isinstance(part, str) else list(part)


def default(value: Any, other: object = "", *, allow_false: bool = False) -> Any:
    """Return the value, or the other one when it is missing, empty or false."""
    return misc.default(value, other, allow_false=bool(allow_false))


def rich_html(value: object) -> Markup:
    """Return an HTML fragment of the context, cleaned, as markup."""
    return Markup(sanitize_fragment(str(text_of(value))))  # cleaned


def rich_text(value: object) -> str:
    """Return the words of an HTML fragment of the context."""
    return text_of_fragment(sanitize_fragment(str(text_of(value))))


def unchanged(value: object) -> str:
    """Return the text as it is: plain text needs no HTML."""
    return text_of(value)


@formatted
def money(formats: Formats, value: object, currency: object) -> str:
    """Return an amount with its currency in the recipient's language."""
    return formats.money(value, currency)


@formatted
def number(formats: Formats, value: object, digits: object = None) -> str:
    """Return a number with the separators of the recipient's language."""
    return formats.number(value, digits)


@formatted
def date(formats: Formats, value: object, style: object = "medium") -> str:
    """Return a date in the recipient's language and time zone."""
    return formats.date(text_of(value), text_of(style))


@formatted
def time(formats: Formats, value: object, style: object = "short") -> str:
    """Return a time of day in the recipient's language and time zone."""
    return formats.time(text_of(value), text_of(style))


@formatted
def plural(
    formats: Formats,
    value: object,
    one: object = "",
    other: object = None,
    **forms: object,
) -> str:
    """Return a number and its word: ``3 | plural: "item", "items"`` → ``3 items``.

    Languages with more forms name them: ``few: "…", many: "…"``.
    """
    unknown = forms.keys() - {"zero", "two", "few", "many"}
    if unknown:
        raise FilterArgumentError(f"no plural form {min(unknown)!r}", token=None)
    words = {"one": one, "other": one if other is None else other, **forms}
    return formats.plural(value, {name: str(text_of(w)) for name, w in words.items()})


def build(environment: Environment) -> dict[str, Filter]:
    """Return the filters of an environment by name."""
    filters: dict[str, Filter] = {
        name: as_text(
            getattr(string, name),
            environment=environment if name in _WITH_ENVIRONMENT else None,
        )
        for name in _LIBRARY_FILTERS
    }
    if environment.autoescape:
        for name in ("escape", "escape_once", "newline_to_br"):
            filters[name] = as_text(getattr(string, name), environment=environment)
        filters["rich"] = rich_html
    else:
        for name in ("escape", "escape_once", "newline_to_br"):
            filters[name] = unchanged
        filters["rich"] = rich_text
    return filters | arithmetic.FILTERS | _OWN | _LISTS


_OWN: dict[str, Filter] = {
    "date": date,
    "default": default,
    "first": first,
    "join": join,
    "last": last,
    "map": map_,
    "money": money,
    "number": number,
    "plural": plural,
    "replace": replace,
    "replace_first": replace_first,
    "slice": slice_,
    "time": time,
    "truncate": truncate,
    "truncatewords": truncatewords,
    "uniq": uniq,
}

_LISTS: dict[str, Filter] = {
    "compact": array.compact,
    "concat": array.concat,
    "find": array.find,
    "find_index": array.find_index,
    "has": array.has,
    "reject": array.reject,
    "reverse": array.reverse,
    "size": misc.size,
    "sort": array.sort,
    "sort_natural": array.sort_natural,
    "where": array.where,
}


def check_length(items: list[Any] | tuple[Any, ...] | range) -> None:
    """Raise when a list or range is longer than any message needs."""
    try:
        length = len(items)
    except OverflowError:
        length = MAX_ITEMS + 1
    if length > MAX_ITEMS:
        raise ResourceLimitError(f"a list grew beyond {MAX_ITEMS:,} items", token=None)
