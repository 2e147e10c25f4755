"""JSON as lines for people, with what is wrong beside the line it is wrong in.

Knows nothing of requests: it is told a value and the faults, by JSON Pointer.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from events.strict_json import escape

_INDENT = "  "


@dataclass(slots=True)
class Line:
    """A line of text, and the sentences about what is wrong with it."""

    text: str
    faults: list[str] = field(default_factory=list)


def lines_of(
    value: Any, faults: Iterable[tuple[str, str]] = (), *, omitted: str = ""
) -> list[Line]:
    """Return a value as indented JSON; `faults` are pairs of pointer and sentence.

    A fault at what is not there stands at what it is missing from. Neighbouring items
    of a list that are the text `omitted` become one line that counts them.
    """
    writer = _Writer(omitted)
    writer.write(value, "", "", "", "")
    for pointer, sentence in faults:
        place = pointer
        while place and place not in writer.places:
            place = place.rpartition("/")[0]
        said = writer.places[place].faults
        if sentence not in said:
            said.append(sentence)
    return writer.lines


def plain_lines(text: str, faults: Mapping[int, str]) -> list[Line]:
    """Return the lines of a text that is no JSON; `faults` by number, from 1 on."""
    return [
        Line(line, [faults[number]] if number in faults else [])
        for number, line in enumerate(text.splitlines() or [""], 1)
    ]


class _Writer:
    """Writes a value line by line, and remembers where each part of it begins."""

    def __init__(self, omitted: str) -> None:
        self.lines: list[Line] = []
        self.places: dict[str, Line] = {}
        self._omitted = omitted

    def write(
        self, value: Any, pointer: str, indent: str, before: str, after: str
    ) -> None:
        """Write a value; `before` and `after` stand round it on its lines."""
        if isinstance(value, dict) and value:
            self._begin(pointer, f"{indent}{before}{{")
            self._members(value, pointer, indent + _INDENT)
            self.lines.append(Line(f"{indent}}}{after}"))
        elif isinstance(value, list) and value:
            self._begin(pointer, f"{indent}{before}[")
            self._items(value, pointer, indent + _INDENT)
            self.lines.append(Line(f"{indent}]{after}"))
        else:
            text = json.dumps(value, ensure_ascii=False)
            self._begin(pointer, f"{indent}{before}{text}{after}")

    def _begin(self, pointer: str, text: str) -> None:
        line = Line(text)
        self.lines.append(line)
        self.places[pointer] = line

    def _members(self, value: Mapping[str, Any], pointer: str, indent: str) -> None:
        for number, (key, item) in enumerate(value.items(), 1):
            name = json.dumps(key, ensure_ascii=False)
            after = "," if number < len(value) else ""
            self.write(item, f"{pointer}/{escape(key)}", indent, f"{name}: ", after)

    def _items(self, value: Sequence[Any], pointer: str, indent: str) -> None:
        skipped = 0
        for number, item in enumerate(value):
            if self._omitted and item == self._omitted:
                skipped += 1
                continue
            self._skip(skipped, indent)
            skipped = 0
            after = "," if number < len(value) - 1 else ""
            self.write(item, f"{pointer}/{number}", indent, "", after)
        self._skip(skipped, indent)

    def _skip(self, count: int, indent: str) -> None:
        if count:
            self.lines.append(Line(f"{indent}… {count:,} more"))
