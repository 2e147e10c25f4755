"""Hiding sensitive values from a preview: replaced before rendering, never after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

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
        steps = path.strip().removeprefix("ctx.").replace("[]", ".[]").split(".")
        masked = _masked(masked, [step for step in steps if step])
    return dict(masked)


def _masked(value: Any, steps: list[str]) -> Any:
    if not steps:
        return value if value is None else MASK
    step, rest = steps[0], steps[1:]
    if step == "[]":
        if isinstance(value, list):
            return [_masked(item, rest) for item in value]
        return value
    if isinstance(value, list):  # `items.code` means every item's code
        return [_masked(item, steps) for item in value]
    if isinstance(value, Mapping) and step in value:
        return {**value, step: _masked(value[step], rest)}
    return value
