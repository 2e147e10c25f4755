"""What differs between two contents, line by line: plain data in, plain data out.

Knows no model and no page. Lines count from 1; within a changed line the words that
differ are marked.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["same", "removed", "added", "gap"]

CONTEXT_LINES = 3
_WORDS = re.compile(r"\w+|\s+|.", re.DOTALL)
_TOO_DIFFERENT = 0.4
# Beyond these, marks inside of lines cost more than they tell.
_MARKED_LENGTH = 600
_ORDER = (
    "subject",
    "preheader",
    "from_name",
    "from_address",
    "reply_to",
    "sender",
    "title",
    "body",
    "source_kind",
    "blocks",
    "source",
    "html",
    "text",
)
_NAMES = {"source_kind": "kind of source", "html": "HTML", "blocks": "visual blocks"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a comparison; `pieces` are its texts and whether each is marked.

    A gap stands for lines that are the same and not shown.
    """

    kind: Kind
    before: int | None
    after: int | None
    pieces: tuple[tuple[str, bool], ...]

    @property
    def sign(self) -> str:
        """What stands before the line: ``+``, ``−`` or nothing."""
        return {"removed": "−", "added": "+"}.get(self.kind, "")


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """One field of one language that differs."""

    language: str
    field: str
    label: str
    lines: tuple[Line, ...]
    added: int
    removed: int


def between(
    before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]
) -> list[FieldDifference]:
    """Return the fields that differ between two contents by language."""
    found = []
    for language in sorted({*before, *after}):
        then, now = before.get(language, {}), after.get(language, {})
        for name in in_order({**then, **now}):
            old, new = as_text(then.get(name)), as_text(now.get(name))
            if old != new:
                found.append(_difference(language, name, old, new))
    return found


def lines_between(before: str, after: str) -> Iterator[Line]:
    """Yield the changed lines of two texts, with a few that are the same around."""
    old, new = before.split("\n"), after.split("\n")
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    groups = list(matcher.get_grouped_opcodes(CONTEXT_LINES))
    for number, group in enumerate(groups):
        if number or group[0][1] > 0:
            yield Line("gap", None, None, ())
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                for i, j in zip(range(i1, i2), range(j1, j2), strict=True):
                    yield Line("same", i + 1, j + 1, ((old[i], False),))
            else:
                yield from _changed(old[i1:i2], new[j1:j2], at=(i1 + 1, j1 + 1))


def as_text(value: Any) -> str:
    """Return a field as lines to compare; objects and lists as indented JSON."""
    if value in (None, "", [], {}):
        return ""
    if isinstance(value, str):
        return value.replace("\r\n", "\n")
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)


def in_order(names: Iterable[str]) -> list[str]:
    """Return the fields of a content as an author meets them."""
    return sorted(names, key=lambda name: (_rank(name), name))


def label_of(field: str) -> str:
    """Return a field's name as an author knows it."""
    return _NAMES.get(field, field.replace("_", " "))


def _rank(name: str) -> int:
    return _ORDER.index(name) if name in _ORDER else len(_ORDER)


def _difference(language: str, name: str, old: str, new: str) -> FieldDifference:
    # An empty text has no line at all, not an empty one.
    if not old or not new:
        kind: Kind = "removed" if old else "added"
        lines = [
            Line(kind, n if old else None, n if new else None, ((text, False),))
            for n, text in enumerate((old or new).split("\n"), start=1)
        ]
    else:
        lines = list(lines_between(old, new))
    return FieldDifference(
        language=language,
        field=name,
        label=label_of(name),
        lines=tuple(lines),
        added=sum(line.kind == "added" for line in lines),
        removed=sum(line.kind == "removed" for line in lines),
    )


def _changed(
    old: Sequence[str], new: Sequence[str], *, at: tuple[int, int]
) -> Iterator[Line]:
    """Yield removed, then added lines; lines that pair up have their words marked."""
    marks = [_marked(a, b) for a, b in zip(old, new, strict=False)]
    for n, text in enumerate(old):
        pieces = marks[n][0] if n < len(marks) else ((text, False),)
        yield Line("removed", at[0] + n, None, pieces)
    for n, text in enumerate(new):
        pieces = marks[n][1] if n < len(marks) else ((text, False),)
        yield Line("added", None, at[1] + n, pieces)


_Pieces = tuple[tuple[str, bool], ...]


def _marked(old: str, new: str) -> tuple[_Pieces, _Pieces]:
    """Return two lines in pieces; what only one of them has is marked."""
    plain: tuple[_Pieces, _Pieces] = (((old, False),), ((new, False),))
    if max(len(old), len(new)) > _MARKED_LENGTH:
        return plain
    before, after = _WORDS.findall(old), _WORDS.findall(new)
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    if matcher.ratio() < _TOO_DIFFERENT:
        return plain
    left: list[tuple[str, bool]] = []
    right: list[tuple[str, bool]] = []
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        is_marked = tag != "equal"
        if i2 > i1:
            left.append(("".join(before[i1:i2]), is_marked))
        if j2 > j1:
            right.append(("".join(after[j1:j2]), is_marked))
    return tuple(left), tuple(right)
