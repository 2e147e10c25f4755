"""What a compiled template calls while it runs: the library's meaning, nothing more.

Whatever is not plain success raises, whichever exception: python-liquid renders again
then, and it alone says what is wrong.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from itertools import islice
from typing import Any

import markupsafe
from liquid import Markup, escape
from liquid.builtin.expressions.logical import _contains, _eq, _le, _lt
from liquid.limits import to_int
from liquid.stringify import to_liquid_string
from liquid.undefined import FalsyStrictUndefined

from templates_app.rendering.filters import MAX_TEXT, check_length, text_of
from templates_app.rendering.masking import MASK
from templates_app.rendering.nodes import ATTRIBUTE_SAFE
from templates_app.rendering.runtime import (
    MAX_ITERATIONS,
    MAX_OUTPUT,
    MAX_STEPS,
    item_of,
)

# Without the object that `escape` wraps each text in: a third of its time.
escaped: Callable[[str], str] = vars(markupsafe)["_escape_inner"]


class Odd(Exception):  # no error: python-liquid says what is wrong
    """Something that python-liquid has to judge."""


MISSING: Any = object()
"""A root that the context has not."""
UNSET: Any = object()
"""A variable that was not assigned yet."""
UNDEFINED: Any = FalsyStrictUndefined("", token=None)
"""What a path is that leads nowhere; only its name is not the library's."""
CONTINUE: Any = object()
"""Where a loop begins that goes on where the last one like it ended."""

_SAFE_INT = 10**50
_ALIKE: frozenset[Any] = frozenset({str, int, Decimal})
_NUMBERS: frozenset[Any] = frozenset({int, Decimal})


def member(value: Any, keys: Sequence[Any]) -> Any:
    """Return what lies at a path, or the undefined value."""
    try:
        for key in keys:
            value = item_of(value, key)
    except (KeyError, IndexError, TypeError):
        if any(key is UNDEFINED for key in keys):  # its name cannot be told
            raise Odd from None
        return UNDEFINED
    return Decimal(repr(value)) if value.__class__ is float else value


def html_text(value: Any) -> str:
    """Return a value as it stands in the text of an HTML part."""
    if value.__class__ is int and -_SAFE_INT < value < _SAFE_INT:
        return str(value)
    if value.__class__ is float:
        value = Decimal(repr(value))
    return str(escape(text_of(value)))


def html_attribute(value: Any) -> str:
    """Return a value as it stands in an attribute."""
    return html_text(value).translate(ATTRIBUTE_SAFE)


def plain_text(value: Any) -> str:
    """Return a value as it stands in plain text."""
    if value.__class__ is float:
        value = Decimal(repr(value))
    return str(text_of(value))


def filtered(
    function: Callable[..., Any], left: Any, *positional: Any, **named: Any
) -> Any:
    """Return what a filter makes of a value; a masked one stays as it is."""
    if isinstance(left, str) and left == MASK:
        return left
    return applied(function, left, *positional, **named)


def formatted(
    function: Callable[..., Any], formats: Any, left: Any, *values: Any, **named: Any
) -> Any:
    """Return what a filter makes of a value for one recipient."""
    return filtered(partial(function, formats), left, *values, **named)


def applied(
    function: Callable[..., Any], left: Any, *positional: Any, **named: Any
) -> Any:
    """Return what a filter makes of any value."""
    for value in (left, *positional):
        if isinstance(value, list | tuple | range):
            check_length(value)
    return function(left, *positional, **named)


def extra_steps(result: Any) -> int:
    """Return what a filter's result costs beyond one step; raise when it is too big."""
    if isinstance(result, str):
        if len(result) > MAX_TEXT:
            raise Odd
        return len(result) >> 8
    if isinstance(result, list | tuple | range):
        check_length(result)
        return len(result) >> 3
    return 0


def equal(left: Any, right: Any) -> bool:
    """Return whether two values are equal in Liquid."""
    if left.__class__ is right.__class__ and left.__class__ in _ALIKE:
        return bool(left == right)
    return _eq(left, right)


def less(left: Any, right: Any) -> bool:
    """Return whether one value is below another; a masked one never is."""
    if left.__class__ in _NUMBERS and right.__class__ in _NUMBERS:
        return bool(left < right)
    if left == MASK or right == MASK:
        return False
    return _lt(None, left, right)  # type: ignore[arg-type]  # its errors are not shown


def at_most(left: Any, right: Any) -> bool:
    """Return whether one value is not above another; a masked one never is."""
    if left.__class__ in _NUMBERS and right.__class__ in _NUMBERS:
        return bool(left <= right)
    if left == MASK or right == MASK:
        return False
    return _le(left, right)


def contains(left: Any, right: Any) -> bool:
    """Return whether a text or list holds a value."""
    return _contains(None, left, right)  # type: ignore[arg-type]  # as in `less`


def span(start: Any, stop: Any) -> range:
    """Return the numbers from one to another."""
    first, last = _whole(start), _whole(stop)
    result = range(0) if first > last else range(first, last + 1)
    check_length(result)
    return result


def _whole(value: Any) -> int:
    try:
        return to_int(value)
    except (ValueError, TypeError):
        return 0


def items(value: Any) -> Sequence[Any]:
    """Return what a loop goes through."""
    if isinstance(value, list | tuple | range):
        return value
    if isinstance(value, dict):
        return list(value.items())
    if isinstance(value, str):
        return [value] if value else []
    if value is UNDEFINED:
        raise Odd
    return ()


def part(
    values: Sequence[Any], stops: dict[str, int], key: str, limit: Any, offset: Any
) -> Sequence[Any]:
    """Return what of a loop's items its `limit` and `offset` leave."""
    length = len(values)
    count = None if limit is UNSET else to_int(limit)
    if offset is CONTINUE:
        start = stops.get(key, 0)
    else:
        start = 0 if offset is UNSET else to_int(offset)
    stop = None if count is None else count + start
    first = min(max(start, 0), length)
    last = min(stop or length, length)
    stops[key] = last
    if last < 0:
        raise Odd
    return list(islice(values, first, last))


def backwards(values: Sequence[Any]) -> list[Any]:
    """Return a loop's items in reverse."""
    return list(values)[::-1]


def cycled(
    state: dict[str, int], group: Any, words: list[Any], *, autoescape: bool
) -> str:
    """Return the next word of a cycle."""
    if any(each is UNDEFINED for each in words):
        raise Odd
    name = "" if group is UNSET else _group(group)
    key = name or str(words)
    index = state.setdefault(key, 0)
    state[key] = (index + 1) % (len(words) or 1)
    if index >= len(words):
        return ""
    text = to_liquid_string(words[index], autoescape=autoescape)
    return str(text.translate(ATTRIBUTE_SAFE) if autoescape else text)


def _group(value: Any) -> str:
    return "__UNDEFINED" if value is UNDEFINED else str(value)


NAMES: dict[str, Any] = {
    "__builtins__": {},
    "Decimal": Decimal,
    "FAULTS": (KeyError, IndexError, TypeError),
    "ITERATIONS": MAX_ITERATIONS,
    "LETTERS": MAX_OUTPUT,
    "Markup": Markup,
    "MISSING": MISSING,
    "STEPS": MAX_STEPS,
    "UNDEFINED": UNDEFINED,
    "UNSET": UNSET,
    "CONTINUE": CONTINUE,
    "WEB": ("https:", "http:"),
    "applied": applied,
    "at_most": at_most,
    "backwards": backwards,
    "contains": contains,
    "cycled": cycled,
    "equal": equal,
    "escaped": escaped,
    "extra_steps": extra_steps,
    "filtered": filtered,
    "formatted": formatted,
    "float": float,
    "html_attribute": html_attribute,
    "html_text": html_text,
    "items": items,
    "joined": "".join,
    "len": len,
    "less": less,
    "list": list,
    "member": member,
    "Odd": Odd,
    "part": part,
    "plain_text": plain_text,
    "repr": repr,
    "size": sys.getsizeof,
    "span": span,
    "str": str,
}
"""All that a compiled template can name, besides its own constants."""
