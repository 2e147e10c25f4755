"""Hiding sensitive values before anybody sees them, or a template is rendered.

Knows no model: it is told the paths.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from events.paths import EACH, BadPath, steps_of

MASK = "••••"


def mask_context(
    ctx: Mapping[str, Any], sensitive_paths: Iterable[str]
) -> dict[str, Any]:
    """Return a copy of `ctx` whose values at the paths are ``••••``.

    Paths are written ``reset.link`` or ``items[].code``; a leading ``ctx.`` is
    allowed, a missing path is ignored, and a masked object or list is masked whole.
    """
    masked: Any = dict(ctx)
    for path in sensitive_paths:
        masked = _masked(masked, _steps(path))
    return dict(masked)


def _steps(path: str) -> list[str]:
    text = path.strip().removeprefix("ctx.")
    try:
        return steps_of(text)
    except BadPath:  # A path typed by hand hides what it can still name.
        loose = text.replace(EACH, f".{EACH}").split(".")
        return [step for step in loose if step]


def _masked(value: Any, steps: Sequence[str]) -> Any:
    if not steps:
        return value if value is None else MASK
    step, rest = steps[0], steps[1:]
    if step == EACH:
        if isinstance(value, list):
            return [_masked(item, rest) for item in value]
        return value
    if isinstance(value, list):  # `items.code` means every item's code
        return [_masked(item, steps) for item in value]
    if isinstance(value, Mapping) and step in value:
        return {**value, step: _masked(value[step], rest)}
    return value
