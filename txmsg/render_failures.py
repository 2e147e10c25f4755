"""Why a message does not render with a context, in words for who wrote either.

The client for Python has a copy of this module, for it must stand alone."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any

_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)|\['([^']*)'\]")


def explained(
    name: str,
    *,
    ctx: Mapping[str, Any] | None,
    errors: Sequence[Mapping[str, Any]],
    misfits: Sequence[tuple[str, str]],
) -> str:
    """Return what is wrong, a line each with its place; empty if nothing is.

    `errors` are those of rendering, ``{"message", "part", "line", "column", "path"}``;
    `misfits` a JSON Pointer and a sentence for what the contract refuses.
    """
    lines: list[str] = []
    if errors:
        lines.append(f"{name} does not render with this context:")
        for error in errors:
            hint = _hint(_steps_of_path(str(error.get("path") or "")), ctx)
            lines.append(f"  {_place(error)}{error['message']}{hint}")
    if misfits:
        lines.append(f"The context does not fit the contract of {name}:")
        for pointer, sentence in misfits:
            hint = _hint(_steps_of_pointer(pointer), ctx)
            lines.append(f"  {sentence}{hint}")
    return "\n".join(lines)


def _place(error: Mapping[str, Any]) -> str:
    words = [str(error["part"])] if error.get("part") else []
    if error.get("line"):
        words.append(f"line {error['line']}")
        if error.get("column"):
            words.append(f"column {error['column']}")
    return f"{', '.join(words)}: " if words else ""


def _steps_of_path(path: str) -> list[str]:
    """Return the steps of a path such as ``ctx.items[2].price``."""
    return [next(filter(None, step), "") for step in _STEP.findall(path)]


def _steps_of_pointer(pointer: str) -> list[str]:
    """Return the steps of a pointer such as ``/ctx/items/2/price``."""
    steps = pointer.split("/")[1:]
    return [step.replace("~1", "/").replace("~0", "~") for step in steps]


def _hint(steps: Sequence[str], ctx: Mapping[str, Any] | None) -> str:
    """Return what the context has in place of a name that it does not have."""
    if not steps or steps[0] != "ctx" or ctx is None:
        return ""
    value: Any = ctx
    for number, step in enumerate(steps[1:], start=1):
        if isinstance(value, Sequence) and not isinstance(value, str):
            if not (step.isdecimal() and int(step) < len(value)):
                return f" (the list has {len(value)} items)"
            value = value[int(step)]
        elif not isinstance(value, Mapping):
            return f" ({'.'.join(steps[:number])} is {type(value).__name__} here)"
        elif step not in value:
            return _others(steps[:number], step, value)
        else:
            value = value[step]
    return ""


def _others(above: Sequence[str], step: str, value: Mapping[str, Any]) -> str:
    names = [str(name) for name in value]
    near = difflib.get_close_matches(step, names, n=1)
    place = ".".join(above)
    if near:
        return f" (the context has {place}.{near[0]}: did you mean that?)"
    has = ", ".join(sorted(names)[:10])
    return f" ({place} has {has})" if names else f" ({place} is empty)"
