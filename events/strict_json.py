"""Strict JSON: bytes in, plain data out, or refused with the place of every fault.

Knows nothing of events. Numbers with a fraction come out as `Decimal`, exactly as
written. What JSON leaves open or Python accepts silently is refused: duplicate keys,
NaN, huge numbers, lone surrogates, NUL, trailing data.
"""

from __future__ import annotations

import codecs
import itertools
import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from events.problems import Fault, Refused

MAX_DEPTH = 16
MAX_KEYS = 2_000
MAX_KEY_LENGTH = 128
MAX_STRING_LENGTH = 65_536
MAX_ARRAY_LENGTH = 1_000
MAX_SAFE_INTEGER = 2**53 - 1
_MAX_DIGITS = 40
_MAX_EXPONENT = 308
_MAX_FAULTS = 20
_MAX_SHOWN = 200
_SURROGATE = re.compile("[\ud800-\udfff]")
_PLAIN = frozenset((int, bool, type(None), Decimal))
# The json module cannot write a Decimal; it is written as a string that nobody can
# guess, and its quotes are taken off afterwards.
_NONCE = secrets.token_hex(16)
_MARKED = re.compile(f'"{_NONCE}([^"]+)"')

# Faults of the text itself are a 400; faults of a value in it are a 422.
_SYNTAX = {
    "non_finite_number": "is not a finite number, which JSON does not have",
    "number_out_of_range": "is out of the range of numbers",
    "number_too_long": f"has more than {_MAX_DIGITS} digits; send it as a string",
    "duplicate_key": "stands twice in the same object",
    "too_deep": f"is nested deeper than {MAX_DEPTH} levels",
    "too_many_keys": f"has more than {MAX_KEYS:,} keys in all",
    "invalid_key": f"has a key that is empty or over {MAX_KEY_LENGTH} long",
}
_VALUES = {
    "unsafe_integer": "is beyond ±(2^53−1); send it as a string",
    "nul_character": "holds the character NUL",
    "invalid_unicode": "holds half of a surrogate pair",
    "string_too_long": f"has more than {MAX_STRING_LENGTH:,} characters",
    "array_too_long": f"has more than {MAX_ARRAY_LENGTH:,} items",
}


@dataclass(frozen=True, slots=True)
class _BadNumber:
    code: str


class _WithDuplicates(dict[str, Any]):
    """An object in which a key stood more than once."""

    duplicates: tuple[str, ...] = ()


def loads(body: bytes) -> dict[str, Any]:
    """Return the one JSON object in a body; raise Refused with every fault."""
    parsed = parse(body)
    check(parsed.value, has_escapes=parsed.has_escapes)
    return parsed.value


@dataclass(frozen=True, slots=True)
class Parsed:
    """The one JSON object of a body, not yet safe: `check` has to follow.

    Without an escape such as ``\\u0000`` no string of it holds what must not be there.
    """

    value: dict[str, Any]
    has_escapes: bool


def parse(body: bytes) -> Parsed:
    """Return what is in a body; raise Refused when it is no JSON object at all."""
    text = _decode(body)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=lambda _: _BadNumber("non_finite_number"),
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
        raise _refusal([Fault("", "too_deep", _sentence("", "too_deep"))]) from None
    if not isinstance(value, dict):
        raise Refused(400, "object_required", "The body must be one JSON object.")
    return Parsed(value, "\\u" in text)


def check(value: dict[str, Any], *, has_escapes: bool) -> None:
    """Raise Refused with every fault of a value from `parse`, or of an object in it."""
    if _is_clean(value, has_escapes):
        return
    faults = list(itertools.islice(_faults(value, "", 1, _Count()), _MAX_FAULTS))
    if faults:
        raise _refusal(faults)


def dumps(value: Any, *, indent: int | None = None) -> str:
    """Return data as JSON text; a Decimal keeps the digits it came with."""
    text = (
        _encode(value)
        if indent is None
        else json.dumps(value, ensure_ascii=False, default=_mark_decimal, indent=indent)
    )
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
    text = json.dumps(
        value, ensure_ascii=False, separators=(",", ":"), default=_mark_decimal
    )
    return _unmarked(text).encode()


def read(text: str | bytes | None) -> Any:
    """Return data that was stored by us; numbers with a fraction as Decimal."""
    return json.loads(text, parse_float=Decimal) if text is not None else None


def _mark_decimal(value: Any) -> str:
    """Wrap a Decimal so that `dumps` can write its digits as they are."""
    if isinstance(value, Decimal):
        return f"{_NONCE}{value}"
    message = f"{type(value).__name__} is not plain data"
    raise TypeError(message)


# What was read from JSON holds no circle.
_encode = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, default=_mark_decimal
).encode


def _unmarked(text: str) -> str:
    return _MARKED.sub(r"\1", text) if _NONCE in text else text


class _Count:
    """How many keys were seen in all."""

    keys = 0


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
    doubled = _WithDuplicates(made)
    doubled.duplicates = tuple(
        key
        for key, _ in pairs
        if key in seen or seen.add(key)  # type: ignore[func-returns-value]
    )
    return doubled


def _decimal(text: str) -> Decimal | _BadNumber:
    if len(text) > _MAX_DIGITS + 10:
        return _BadNumber("number_too_long")
    try:
        number = Decimal(text)
    except InvalidOperation:
        return _BadNumber("number_out_of_range")
    # Zero too: 0e99999 is a number, but none that the database stores.
    if abs(number.adjusted()) > _MAX_EXPONENT:
        return _BadNumber("number_out_of_range")
    return number


def _integer(text: str) -> int | _BadNumber:
    if len(text) > _MAX_DIGITS:
        return _BadNumber("number_too_long")
    number = int(text)
    if abs(number) > MAX_SAFE_INTEGER:
        return _BadNumber("unsafe_integer")
    return number


def _is_clean(value: dict[str, Any], has_escapes: bool) -> bool:
    """Say whether a value surely has no fault, at a fraction of what `_faults` costs.

    Level by level. Whatever is odd is left to `_faults`, which knows places and words.
    """
    level: list[Any] = [value]
    keys = 0
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for holder in level:
            items = holder
            if type(holder) is dict:
                keys += len(holder)
                if not _are_clean_keys(holder, has_escapes):
                    return False
                items = holder.values()
            elif type(holder) is not list or len(holder) > MAX_ARRAY_LENGTH:
                return False
            for item in items:
                kind = type(item)
                if kind is str:
                    if len(item) > MAX_STRING_LENGTH or (
                        has_escapes and _string_code(item)
                    ):
                        return False
                elif kind is dict or kind is list:
                    below.append(item)
                elif kind not in _PLAIN:
                    return False
        if not below:
            return keys <= MAX_KEYS
        level = below
    return False


def _are_clean_keys(keys: dict[str, Any], has_escapes: bool) -> bool:
    if not keys:
        return True
    if "" in keys or max(map(len, keys)) > MAX_KEY_LENGTH:
        return False
    return not has_escapes or not any(map(_string_code, keys))


def _faults(value: Any, pointer: str, depth: int, count: _Count) -> Iterator[Fault]:
    if isinstance(value, str):
        yield from _string_faults(value, pointer)
    elif isinstance(value, _BadNumber):
        yield Fault(pointer, value.code, _sentence(pointer, value.code))
    elif isinstance(value, dict | list):
        if depth > MAX_DEPTH:
            yield Fault(pointer, "too_deep", _sentence(pointer, "too_deep"))
            return
        if isinstance(value, list):
            if len(value) > MAX_ARRAY_LENGTH:
                code = "array_too_long"
                yield Fault(pointer, code, _sentence(pointer, code))
                return
            for index, item in enumerate(value):
                yield from _faults(item, f"{pointer}/{index}", depth + 1, count)
        else:
            yield from _object_faults(value, pointer, depth, count)


def _object_faults(
    value: dict[str, Any], pointer: str, depth: int, count: _Count
) -> Iterator[Fault]:
    for key in getattr(value, "duplicates", ()):
        place = f"{pointer}/{escape(key)}"
        yield Fault(place, "duplicate_key", _sentence(place, "duplicate_key"))
    if count.keys > MAX_KEYS:
        return
    count.keys += len(value)
    if count.keys > MAX_KEYS:
        yield Fault("", "too_many_keys", _sentence("", "too_many_keys"))
        return
    for key, item in value.items():
        place = f"{pointer}/{escape(key)}"
        if not key or len(key) > MAX_KEY_LENGTH:
            yield Fault(pointer, "invalid_key", _sentence(pointer, "invalid_key"))
            continue
        yield from _string_faults(key, pointer)
        yield from _faults(item, place, depth + 1, count)


def _string_faults(value: str, pointer: str) -> Iterator[Fault]:
    if code := _string_code(value):
        yield Fault(pointer, code, _sentence(pointer, code))


def _string_code(value: str) -> str:
    """Return what is wrong with a string, or nothing."""
    if len(value) > MAX_STRING_LENGTH:
        return "string_too_long"
    if "\x00" in value:
        return "nul_character"
    if not value.isascii() and _SURROGATE.search(value):
        return "invalid_unicode"
    return ""


def _refusal(faults: list[Fault]) -> Refused:
    first = next((f for f in faults if f.code in _SYNTAX), faults[0])
    status = 400 if first.code in _SYNTAX else 422
    return Refused(status, first.code, first.message, errors=faults)


def _sentence(pointer: str, code: str) -> str:
    what = _SYNTAX.get(code) or _VALUES[code]
    return f"{printable(pointer) or 'The body'} {what}."


def printable(pointer: str) -> str:
    """Return a pointer fit for a sentence: short, and without invisible characters."""
    return _shown(pointer)[:_MAX_SHOWN]


def escape(key: str) -> str:
    """Return a key as one step of a JSON Pointer (RFC 6901), cut when it is long."""
    return _shown(key[:_MAX_SHOWN]).replace("~", "~0").replace("/", "~1")


def _shown(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
