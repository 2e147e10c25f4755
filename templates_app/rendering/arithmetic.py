"""Numbers in templates: exact decimals in, exact decimals out; never floats.

The template library's own math filters turn a Decimal into 0, so all are replaced.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal, DecimalException
from typing import Any

from liquid.exceptions import FilterArgumentError
from liquid.undefined import is_undefined

Number = int | Decimal

# Enough for any sum of money; bounds what chained multiplications can grow to.
_MATH = Context(prec=34, rounding=ROUND_HALF_UP)
_MAX_DIGITS = 60


def number_of(value: object) -> Number:
    """Return a value of the context as a number; text such as "19.90" is allowed.

    Raises FilterArgumentError when it is none, or too large to be meant.
    """
    if is_undefined(value):
        str(value)  # raises UndefinedError with its place
    if isinstance(value, int) and not isinstance(value, bool):
        result: Number = value
    elif isinstance(value, Decimal):
        result = value
    elif isinstance(value, float | str):
        result = _parsed(value)
    else:
        name = "nothing" if value is None else f"a {type(value).__name__}"
        raise FilterArgumentError(f"{name} is not a number", token=None)
    if isinstance(result, Decimal):
        if not result.is_finite():
            raise FilterArgumentError(f"{value} is not a number", token=None)
        if result and abs(result.adjusted()) > _MAX_DIGITS:
            raise FilterArgumentError("the number is too large or small", token=None)
    elif abs(result) >= 10**_MAX_DIGITS:
        raise FilterArgumentError("the number is too large", token=None)
    return result


def _parsed(value: float | str) -> Number:
    text = str(value).strip()
    if len(text) > _MAX_DIGITS * 2 or "_" in text:
        raise FilterArgumentError("this text is not a number", token=None)
    try:
        result = Decimal(text)
    except DecimalException as error:
        raise FilterArgumentError(f"{text!r} is not a number", token=None) from error
    is_whole = isinstance(value, str) and text.lstrip("+-").isdigit()
    return int(result) if is_whole and result.is_finite() else result


def decimal_text(value: Decimal | float) -> str:
    """Return a decimal as plain digits: no exponent, no binary dust."""
    number = number_of(value)
    return str(number) if isinstance(number, int) else format(number, "f")


def _decimal(value: object) -> Decimal:
    return Decimal(number_of(value))


def plus(left: object, right: object) -> Number:
    """Return the sum."""
    a, b = number_of(left), number_of(right)
    if isinstance(a, int) and isinstance(b, int):
        return a + b
    return _MATH.add(Decimal(a), Decimal(b))


def minus(left: object, right: object) -> Number:
    """Return the difference."""
    a, b = number_of(left), number_of(right)
    if isinstance(a, int) and isinstance(b, int):
        return a - b
    return _MATH.subtract(Decimal(a), Decimal(b))


def times(left: object, right: object) -> Number:
    """Return the product."""
    a, b = number_of(left), number_of(right)
    if isinstance(a, int) and isinstance(b, int):
        return a * b
    return _MATH.multiply(Decimal(a), Decimal(b))


def divided_by(left: object, right: object) -> Number:
    """Return the quotient; of two whole numbers a whole one, as in all Liquid."""
    a, b = number_of(left), number_of(right)
    if b == 0:
        raise FilterArgumentError("division by zero", token=None)
    if isinstance(a, int) and isinstance(b, int):
        return a // b
    return _MATH.divide(Decimal(a), Decimal(b))


def modulo(left: object, right: object) -> Number:
    """Return the remainder; it has the sign of the divisor."""
    a, b = number_of(left), number_of(right)
    if b == 0:
        raise FilterArgumentError("division by zero", token=None)
    if isinstance(a, int) and isinstance(b, int):
        return a % b
    quotient = math.floor(_MATH.divide(Decimal(a), Decimal(b)))
    return _MATH.subtract(Decimal(a), _MATH.multiply(Decimal(b), Decimal(quotient)))


def abs_(value: object) -> Number:
    """Return the number without its sign."""
    number: Number = number_of(value)
    return -number if number < 0 else number


def ceil(value: object) -> Number:
    """Return the next whole number up."""
    return math.ceil(number_of(value))


def floor(value: object) -> Number:
    """Return the next whole number down."""
    return math.floor(number_of(value))


def round_(value: object, digits: object = 0) -> Number:
    """Return the number rounded to so many digits, halves away from zero."""
    places = int(number_of(digits))
    if not -20 <= places <= 20:
        raise FilterArgumentError("round: from -20 to 20 digits", token=None)
    rounded = _decimal(value).quantize(Decimal(1).scaleb(-places), context=_MATH)
    return rounded if places > 0 else int(rounded)


def at_least(value: object, limit: object) -> Number:
    """Return the number, or the limit when it is below."""
    return max(number_of(value), number_of(limit))


def at_most(value: object, limit: object) -> Number:
    """Return the number, or the limit when it is above."""
    return min(number_of(value), number_of(limit))


def sum_(values: Any, key: object = None) -> Number:
    """Return the sum of a list's numbers, or of one property of its objects."""
    if not isinstance(values, list | tuple | range):
        raise FilterArgumentError("sum needs a list", token=None)
    total: Number = 0
    for item in values:
        value = item
        if key is not None:
            value = item.get(str(key)) if isinstance(item, dict) else None
        if value is not None:
            total = plus(total, value)
    return total


FILTERS: dict[str, Callable[..., Any]] = {
    "abs": abs_,
    "at_least": at_least,
    "at_most": at_most,
    "ceil": ceil,
    "divided_by": divided_by,
    "floor": floor,
    "minus": minus,
    "modulo": modulo,
    "plus": plus,
    "round": round_,
    "sum": sum_,
    "times": times,
}
