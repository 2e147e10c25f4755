"""Plain data as JSON text; a Decimal keeps the digits it came with."""

from __future__ import annotations

import json
import re
import secrets
from decimal import Decimal
from typing import Any

import orjson

# The json module cannot write a Decimal; it is written as a string that nobody can
# guess, and its quotes are taken off afterwards.
_NONCE = secrets.token_hex(16)
_MARKED = re.compile(f'"{_NONCE}([^"]+)"')


def dumps(value: Any, *, indent: int | None = None) -> str:
    """Return data as JSON text; a Decimal keeps the digits it came with."""
    if indent is None:
        return orjson.dumps(value, default=_digits).decode()
    text = json.dumps(value, ensure_ascii=False, default=_mark_decimal, indent=indent)
    return _unmarked(text)


def canonical(value: Any) -> bytes:
    """Return the same bytes for the same data, whatever the order of its keys.

    A number is not the string of the same digits, and 10.1 is not 10.10.
    """
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), default=_mark_decimal
    )
    return _unmarked(text).encode()


def compact(value: Any) -> bytes:
    """Return data as the shortest JSON text in UTF-8."""
    return orjson.dumps(value, default=_digits)


def read(text: str | bytes | None) -> Any:
    """Return data that was stored by us; numbers with a fraction as Decimal."""
    return json.loads(text, parse_float=Decimal) if text is not None else None


def _mark_decimal(value: Any) -> str:
    """Wrap a Decimal so that `dumps` can write its digits as they are."""
    if isinstance(value, Decimal):
        return f"{_NONCE}{value}"
    message = f"{type(value).__name__} is not plain data"
    raise TypeError(message)


def _digits(value: Any) -> orjson.Fragment:
    """Return a Decimal as orjson is to write it."""
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    message = f"{type(value).__name__} is not plain data"
    raise TypeError(message)


def _unmarked(text: str) -> str:
    return _MARKED.sub(r"\1", text) if _NONCE in text else text
