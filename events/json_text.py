"""JSON as people type it: read with the place of what is wrong.

Knows no model and no form. A place is a line and a column, both from 1.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

from events import strict_json
from events.problems import Refused

_BLANK = re.compile(r"[ \t\n\r]*")
_SCALAR = re.compile(r"[^\s,\]}]+")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a text, and where if that is known."""

    message: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        if self.line is None:
            return self.message
        return f"Line {self.line}, column {self.column}: {self.message}"


class BadText(ValueError):
    """A text is not one JSON object; `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def read_object(text: str, *, noun: str) -> dict[str, Any]:
    """Return the one JSON object in a text, an empty one for none; raise BadText.

    Numbers are as the database keeps them; `noun` is what the sentences call it.
    """
    if not text.strip():
        return {}
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        problem = Problem(f"{error.msg}.", error.lineno, error.colno)
        raise BadText(problem) from None
    except RecursionError:
        raise BadText(Problem("It is nested too deeply.")) from None
    if not isinstance(value, dict):
        raise BadText(Problem(f"The {noun} must be one JSON object."))
    try:
        read = strict_json.loads(text.encode())
    except Refused as refused:
        pointer = refused.errors[0].pointer if refused.errors else ""
        raise BadText(placed(text, pointer, refused.detail)) from None
    except UnicodeEncodeError:
        raise BadText(Problem("It holds half a character.")) from None
    found: dict[str, Any] = json.loads(strict_json.dumps(read))
    return found


def as_text(value: Any) -> str:
    """Return data as JSON for people to read and edit."""
    return strict_json.dumps(value, indent=2)


def placed(text: str, pointer: str, message: str) -> Problem:
    """Return a problem with the place of the value that it is about."""
    place = place_of(text, pointer)
    return Problem(message, *place) if place else Problem(message)


def place_of(text: str, pointer: str) -> tuple[int, int] | None:
    """Return line and column of what a JSON Pointer (RFC 6901) names in a text.

    A member is placed at its key; one that is missing, at the object it should be in.
    """
    steps = pointer.split("/")[1:]
    steps = [step.replace("~1", "/").replace("~0", "~") for step in steps]
    try:
        at = _find(text, _skip(text, 0), steps)
    except (ValueError, IndexError):
        return None
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


def _find(text: str, at: int, steps: list[str]) -> int:
    """Return the offset of the value at these steps, or of the deepest that exists."""
    if not steps:
        return at
    if text[at] == "[":
        return _find_item(text, at, steps)
    if text[at] != "{":
        return at
    found = at
    at = _skip(text, at + 1)
    while text[at] != "}":
        key_at = at
        key, at = scanstring(text, at + 1, True)
        at = _skip(text, _skip(text, at) + 1)
        if key == steps[0]:  # The last counts, as for whoever reads it.
            found = _find(text, at, steps[1:]) if len(steps) > 1 else key_at
        at = _next(text, at)
    return found


def _find_item(text: str, at: int, steps: list[str]) -> int:
    here, index = at, 0
    at = _skip(text, at + 1)
    while text[at] != "]":
        if str(index) == steps[0]:
            return _find(text, at, steps[1:])
        at, index = _next(text, at), index + 1
    return here


def _next(text: str, at: int) -> int:
    """Return where the next member begins, or where the object or list ends."""
    at = _skip(text, _end(text, at))
    return _skip(text, at + 1) if text[at] == "," else at


def _end(text: str, at: int) -> int:
    """Return the offset behind the value at `at`."""
    if text[at] == '"':
        return int(scanstring(text, at + 1, True)[1])
    if text[at] not in "{[":
        scalar = _SCALAR.match(text, at)
        return scalar.end() if scalar else at + 1
    depth = 0
    while True:
        if text[at] == '"':
            at = scanstring(text, at + 1, True)[1]
            continue
        depth += (text[at] in "{[") - (text[at] in "}]")
        at += 1
        if depth == 0:
            return at


def _skip(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at
