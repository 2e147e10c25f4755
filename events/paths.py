"""Paths into a context as people write them: `order.number`, `items[].price`.

A key that cannot stand bare is quoted: `shipping['postal code']`. Knows no contract.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

EACH = "[]"
"""The step from a list to each of its items."""

_BARE = re.compile(r"[^\s.\[\]'\"]+\Z")
_STEP = re.compile(
    r"""\.?(?:(?P<each>\[\])|\['(?P<quoted>(?:[^'\\]|\\.)*)'\]|(?P<bare>[^\s.\[\]'"]+))"""
)


class BadPath(ValueError):
    """A text is no path."""


def steps_of(path: str) -> list[str]:
    """Return the steps of a path, `EACH` among them; raise BadPath."""
    steps: list[str] = []
    at = 0
    while at < len(path):
        found = _STEP.match(path, at)
        if found is None or path.startswith("."):
            raise BadPath(path)
        if found["each"]:
            steps.append(EACH)
        elif found["quoted"] is not None:
            steps.append(re.sub(r"\\(.)", r"\1", found["quoted"]))
        else:
            steps.append(found["bare"])
        at = found.end()
    return steps


def path_of(steps: Sequence[str]) -> str:
    """Return the path of these steps."""
    path = ""
    for step in steps:
        if step == EACH:
            path += EACH
        elif _BARE.match(step):
            path += f".{step}" if path else step
        else:
            quoted = step.replace("\\", "\\\\").replace("'", "\\'")
            path += f"['{quoted}']"
    return path
