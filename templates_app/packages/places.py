"""JSON with places: plain data, and the line and column of every value in its text.

Knows nothing of packages. A value is named by its JSON pointer (RFC 6901).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from templates_app.rendering.errors import line_column

_TOKEN = re.compile(
    r"""[{}\[\],:]|"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null""", re.DOTALL
)
_OPENING = {"{", "["}
_CLOSING = {"}", "]"}


class BrokenJson(Exception):
    """A text that is no JSON, or holds a key twice; it has a place."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True)
class Placed:
    """Plain data, and where each value of it begins in the text, by JSON pointer."""

    value: Any
    text: str
    starts: dict[str, int]

    def place(self, pointer: str) -> tuple[int, int]:
        """Return line and column of a value, or of what would hold it."""
        while pointer and pointer not in self.starts:
            pointer = pointer.rpartition("/")[0]
        return line_column(self.text, self.starts.get(pointer, 0))

    def place_within(self, pointer: str, line: int, column: int) -> tuple[int, int]:
        """Return where in the text a place inside of a string value stands.

        The value is a string, or a list of strings that are lines.
        """
        is_list = f"{pointer}/{line - 1}" in self.starts
        at = f"{pointer}/{line - 1}" if is_list else pointer
        down, across = self.place(at)
        if at not in self.starts:
            return down, across
        value: Any = self.value
        for step in at.split("/")[1:]:
            value = value[int(step)] if isinstance(value, list) else value[_plain(step)]
        if not isinstance(value, str):
            return down, across
        lines = [value] if is_list else value.split("\n")[:line]
        before = "\n".join([*lines[:-1], lines[-1][: column - 1]])
        return down, across + len(json.dumps(before, ensure_ascii=False)) - 1


def parse(text: str) -> Placed:
    """Return the data of a JSON text with its places; raise BrokenJson."""
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise BrokenJson(
            f"this is not valid JSON: {error.msg}", error.lineno, error.colno
        ) from error
    except (ValueError, RecursionError) as error:
        message = str(error) or "this is nested too deeply"
        raise BrokenJson(message, 1, 1) from error
    starts: dict[str, int] = {}
    for pointer, start in _values(text):
        if pointer in starts:
            name = pointer.rpartition("/")[2]
            message = f"“{_plain(name)}” stands twice in the same object"
            raise BrokenJson(message, *line_column(text, start))
        starts[pointer] = start
    return Placed(value, text, starts)


def pointer_of(*steps: object) -> str:
    """Return the JSON pointer of some keys and indexes."""
    return "".join(
        "/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps
    )


@dataclass(slots=True)
class _Open:
    """An object or list that is not closed yet."""

    pointer: str
    is_list: bool
    key: str = ""
    index: int = 0
    awaits_key: bool = True


def _values(text: str) -> Iterator[tuple[str, int]]:
    """Yield pointer and start of every value of a valid JSON text, in its order."""
    opened: list[_Open] = []
    for match in _TOKEN.finditer(text):
        word, top = match.group(), opened[-1] if opened else None
        if word in _CLOSING:
            opened.pop()
        elif word == "," and top is not None:
            top.index += 1
            top.awaits_key = True
        elif word == ":":
            continue
        elif top is not None and not top.is_list and top.awaits_key:
            top.key, top.awaits_key = str(json.loads(word)), False
        else:
            pointer = "" if top is None else top.pointer + _step(top)
            yield pointer, match.start()
            if word in _OPENING:
                opened.append(_Open(pointer, is_list=word == "["))


def _step(top: _Open) -> str:
    return pointer_of(top.index if top.is_list else top.key)


def _plain(step: str) -> str:
    return step.replace("~1", "/").replace("~0", "~")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")
