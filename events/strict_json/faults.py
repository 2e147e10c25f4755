"""What is wrong with JSON data, and where: every fault with its place and words."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from events.problems import Fault, Refused

MAX_DEPTH = 16
MAX_KEYS = 2_000
MAX_KEY_LENGTH = 128
MAX_STRING_LENGTH = 65_536
MAX_ARRAY_LENGTH = 1_000
MAX_SAFE_INTEGER = 2**53 - 1
MAX_DIGITS = 40
_MAX_FAULTS = 20
_MAX_SHOWN = 200
_SURROGATE = re.compile("[\ud800-\udfff]")

# Faults of the text itself are a 400; faults of a value in it are a 422.
_SYNTAX = {
    "non_finite_number": "is not a finite number, which JSON does not have",
    "number_out_of_range": "is out of the range of numbers",
    "number_too_long": f"has more than {MAX_DIGITS} digits; send it as a string",
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
class BadNumber:
    """A number that is none here, and why."""

    code: str


class WithDuplicates(dict[str, Any]):
    """An object in which a key stood more than once."""

    duplicates: tuple[str, ...] = ()


def refuse_faulty(value: Any) -> None:
    """Raise Refused with every fault of data, if there is one."""
    faults = list(itertools.islice(faults_of(value), _MAX_FAULTS))
    if faults:
        raise refusal(faults)


def faults_of(value: Any) -> Iterator[Fault]:
    """Yield the faults of data, in the order of their places."""
    return _faults(value, "", 1, _Count())


class _Count:
    """How many keys were seen in all."""

    keys = 0


def _faults(value: Any, pointer: str, depth: int, count: _Count) -> Iterator[Fault]:
    if isinstance(value, str):
        yield from _string_faults(value, pointer)
    elif isinstance(value, BadNumber):
        yield Fault(pointer, value.code, sentence(pointer, value.code))
    elif isinstance(value, dict | list):
        if depth > MAX_DEPTH:
            yield Fault(pointer, "too_deep", sentence(pointer, "too_deep"))
            return
        if isinstance(value, list):
            if len(value) > MAX_ARRAY_LENGTH:
                code = "array_too_long"
                yield Fault(pointer, code, sentence(pointer, code))
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
        yield Fault(place, "duplicate_key", sentence(place, "duplicate_key"))
    if count.keys > MAX_KEYS:
        return
    count.keys += len(value)
    if count.keys > MAX_KEYS:
        yield Fault("", "too_many_keys", sentence("", "too_many_keys"))
        return
    for key, item in value.items():
        place = f"{pointer}/{escape(key)}"
        if not key or len(key) > MAX_KEY_LENGTH:
            yield Fault(pointer, "invalid_key", sentence(pointer, "invalid_key"))
            continue
        yield from _string_faults(key, pointer)
        yield from _faults(item, place, depth + 1, count)


def _string_faults(value: str, pointer: str) -> Iterator[Fault]:
    if code := string_code(value):
        yield Fault(pointer, code, sentence(pointer, code))


def string_code(value: str) -> str:
    """Return what is wrong with a string, or nothing."""
    if len(value) > MAX_STRING_LENGTH:
        return "string_too_long"
    if "\x00" in value:
        return "nul_character"
    if not value.isascii() and _SURROGATE.search(value):
        return "invalid_unicode"
    return ""


def refusal(faults: list[Fault]) -> Refused:
    """Return the answer to faults: 400 for one of the text itself, else 422."""
    first = next((f for f in faults if f.code in _SYNTAX), faults[0])
    status = 400 if first.code in _SYNTAX else 422
    return Refused(status, first.code, first.message, errors=faults)


def sentence(pointer: str, code: str) -> str:
    """Return a fault in words."""
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
