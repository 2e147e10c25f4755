"""Strict JSON: bytes in, plain data out, or refused with the place of every fault.

What is sound is told from what is not at the speed of a library (jiter) and of a look
at the bytes; whatever is odd is read again by Python's own reader, which knows lines
and columns, and gone through item by item.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import jiter

from events.problems import Fault, Refused
from events.strict_json.faults import (
    MAX_ARRAY_LENGTH,
    MAX_DEPTH,
    MAX_DIGITS,
    MAX_KEY_LENGTH,
    MAX_KEYS,
    MAX_SAFE_INTEGER,
    MAX_STRING_LENGTH,
    BadNumber,
    WithDuplicates,
    refusal,
    refuse_faulty,
    sentence,
    string_code,
)

_MAX_EXPONENT = 308
_HOLDERS = frozenset((dict, list))
_KNOWN = frozenset((str, int, bool, type(None), Decimal, dict, list))
# Bytes by what they are in a number, or in a string: a run of many of a kind is looked
# for at the speed of memory.
_KINDS = dict.fromkeys(b"0123456789.", "0") | dict.fromkeys(b"+-", "-")
_KINDS |= dict.fromkeys(b"eE", "e")
_IN_NUMBER = bytes(ord(_KINDS.get(byte, " ")) for byte in range(256))
_IN_STRING = bytes(ord('"') if byte == ord('"') else ord(" ") for byte in range(256))
_LONG_NUMBER = b"0" * 16
_LARGE_EXPONENTS = (b"0e000", b"0e-000")
_ODD_NUMBER = re.compile(rb"[:,\[]\s*-?(?:[0-9.]{16}|[0-9.]+[eE][+-]?[0-9]{3})")
_LONG_STRING = b" " * (MAX_KEY_LENGTH + 1)


def loads(body: bytes) -> dict[str, Any]:
    """Return the one JSON object in a body; raise Refused with every fault."""
    parsed = parse(body)
    check(parsed.value, parsed)
    return parsed.value


@dataclass(frozen=True, slots=True)
class Parsed:
    """The one JSON object of a body, not yet safe: `check` has to follow.

    What the bytes say of the data: without an escape such as ``\\u0000`` no string
    holds what must not be there, and strings that are surely short enough need not be
    looked at one by one.
    """

    value: dict[str, Any]
    has_escapes: bool
    has_long_strings: bool


def parse(body: bytes) -> Parsed:
    """Return what is in a body; raise Refused when it is no JSON object at all."""
    try:
        value = jiter.from_json(
            body,
            allow_inf_nan=False,
            cache_mode="keys",
            catch_duplicate_keys=True,
            float_mode="decimal",
        )
    except ValueError:
        value = None
    if type(value) is not dict or _may_have_odd_numbers(body):
        return _parse_slowly(body)
    return Parsed(
        value,
        has_escapes=b"\\u" in body,
        # Behind a backslash a quotation mark is no end.
        has_long_strings=b"\\" in body or _LONG_STRING in body.translate(_IN_STRING),
    )


def _may_have_odd_numbers(body: bytes) -> bool:
    """Say whether a number may have many digits, or a large exponent."""
    in_numbers = body.translate(_IN_NUMBER)
    if _LONG_NUMBER in in_numbers or any(e in in_numbers for e in _LARGE_EXPONENTS):
        # It may be in a string: there, nothing of a list or an object comes before it.
        return _ODD_NUMBER.search(body) is not None
    return False


def _parse_slowly(body: bytes) -> Parsed:
    """Return what Python's own reader makes of a body; its errors have places."""
    text = _decode(body)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=lambda _: BadNumber("non_finite_number"),
            parse_float=_decimal,
            parse_int=_integer,
        )
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            raise Refused(
                400,
                "trailing_data",
                f"Something follows the JSON object at line {error.lineno}, "
                f"column {error.colno}.",
            ) from None
        raise Refused(
            400,
            "invalid_json",
            f"The body is not valid JSON at line {error.lineno}, column "
            f"{error.colno}: {error.msg}.",
        ) from None
    except RecursionError:
        raise refusal([Fault("", "too_deep", sentence("", "too_deep"))]) from None
    if not isinstance(value, dict):
        raise Refused(400, "object_required", "The body must be one JSON object.")
    return Parsed(value, has_escapes="\\u" in text, has_long_strings=True)


def check(value: dict[str, Any], parsed: Parsed) -> None:
    """Raise Refused with every fault of a value from `parse`, or of an object in it."""
    if type(value) is not dict or not _is_clean(value, parsed):
        refuse_faulty(value)


def _decode(body: bytes) -> str:
    if not body.strip():
        raise Refused(400, "empty_body", "The body is empty; send one JSON object.")
    body = body.removeprefix(codecs.BOM_UTF8)
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused(
            400, "invalid_utf8", f"The body is not UTF-8 at byte {error.start}."
        ) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) == len(pairs):
        return made
    seen: set[str] = set()
    doubled = WithDuplicates(made)
    doubled.duplicates = tuple(
        key
        for key, _ in pairs
        if key in seen or seen.add(key)  # type: ignore[func-returns-value]
    )
    return doubled


def _decimal(text: str) -> Decimal | BadNumber:
    if len(text) > MAX_DIGITS + 10:
        return BadNumber("number_too_long")
    try:
        number = Decimal(text)
    except InvalidOperation:
        return BadNumber("number_out_of_range")
    # Zero too: 0e99999 is a number, but none that the database stores.
    if abs(number.adjusted()) > _MAX_EXPONENT:
        return BadNumber("number_out_of_range")
    return number


def _integer(text: str) -> int | BadNumber:
    if len(text) > MAX_DIGITS:
        return BadNumber("number_too_long")
    number = int(text)
    if abs(number) > MAX_SAFE_INTEGER:
        return BadNumber("unsafe_integer")
    return number


def _is_clean(value: dict[str, Any], parsed: Parsed) -> bool:
    """Say whether a value surely has no fault, and cheaply.

    Whatever is odd is left to those who know places and words.
    """
    holders = _holders(value)
    if holders is None:
        return False
    # What jiter has read is of types we know, and its short strings are sound.
    return not parsed.has_long_strings or all(
        _is_clean_holder(holder, parsed) for holder in holders
    )


def _holders(value: dict[str, Any]) -> list[Any] | None:
    """Return all objects and lists in a value, level by level; None if one is odd.

    Odd is an empty key, what is nested too deep, and what has too many keys or items.
    """
    found: list[Any] = []
    level: list[Any] = [value]
    keys = 0
    for _ in range(MAX_DEPTH):
        found += level
        below: list[Any] = []
        for holder in level:
            if type(holder) is dict:
                keys += len(holder)
                if "" in holder:
                    return None
                below += [item for item in holder.values() if type(item) in _HOLDERS]
            elif len(holder) > MAX_ARRAY_LENGTH:
                return None
            else:
                below += [item for item in holder if type(item) in _HOLDERS]
        if not below:
            return found if keys <= MAX_KEYS else None
        level = below
    return None


def _is_clean_holder(holder: Any, parsed: Parsed) -> bool:
    """Say whether what an object or a list has in it is surely sound."""
    items = holder
    if type(holder) is dict:
        items = holder.values()
        if not _are_clean(holder, MAX_KEY_LENGTH, parsed):
            return False
    kinds = set(map(type, items))
    if not kinds <= _KNOWN:
        return False
    texts = [item for item in items if type(item) is str] if str in kinds else ()
    return _are_clean(texts, MAX_STRING_LENGTH, parsed)


def _are_clean(texts: Collection[str], longest: int, parsed: Parsed) -> bool:
    return not texts or (
        max(map(len, texts)) <= longest
        and not (parsed.has_escapes and any(map(string_code, texts)))
    )
