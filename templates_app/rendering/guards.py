"""What a condition says of the data: which paths are there when it holds or fails."""

from __future__ import annotations

from collections.abc import Callable

from liquid.builtin.expressions.logical import (
    BooleanExpression,
    ContainsExpression,
    EqExpression,
    GeExpression,
    GtExpression,
    LeExpression,
    LogicalAndExpression,
    LogicalNotExpression,
    LogicalOrExpression,
    LtExpression,
    NeExpression,
)
from liquid.builtin.expressions.path import Path
from liquid.builtin.expressions.primitive import Blank, Empty, Nil
from liquid.expression import Expression

Guards = frozenset[tuple[str, ...]]
StepsOf = Callable[[Expression], tuple[str, ...]]

NONE: Guards = frozenset()
_NOTHING = (Nil, Blank, Empty)
_COMPARISONS = (
    GtExpression,
    GeExpression,
    LtExpression,
    LeExpression,
)


def guards_of(condition: Expression, steps_of: StepsOf) -> tuple[Guards, Guards]:
    """Return the paths that are there when a condition holds, and when it fails.

    A path that is there has all before it there, too: ``{{ ctx.a.b }}`` is safe inside
    ``{% if ctx.a.b %}``, and so is ``{{ ctx.a }}``.
    """
    if isinstance(condition, BooleanExpression):
        return guards_of(condition.expression, steps_of)
    if isinstance(condition, LogicalNotExpression):
        holds, fails = guards_of(condition.right, steps_of)
        return fails, holds
    if isinstance(condition, LogicalAndExpression | LogicalOrExpression):
        left = guards_of(condition.left, steps_of)
        right = guards_of(condition.right, steps_of)
        if isinstance(condition, LogicalAndExpression):
            return left[0] | right[0], left[1] & right[1]
        return left[0] & right[0], left[1] | right[1]
    if isinstance(condition, Path):
        return _guard(condition, steps_of), NONE
    if isinstance(condition, EqExpression | NeExpression):
        holds, fails = _equality(condition, steps_of)
        return (holds, fails) if isinstance(condition, EqExpression) else (fails, holds)
    if isinstance(condition, _COMPARISONS):
        return (
            _guard(condition.left, steps_of) | _guard(condition.right, steps_of),
            NONE,
        )
    if isinstance(condition, ContainsExpression):
        return _guard(condition.left, steps_of), NONE
    return NONE, NONE


def _equality(
    condition: EqExpression | NeExpression, steps_of: StepsOf
) -> tuple[Guards, Guards]:
    """Return what is there when two sides are equal, and when they differ."""
    for side, other in (
        (condition.left, condition.right),
        (condition.right, condition.left),
    ):
        if isinstance(other, _NOTHING):
            return NONE, _guard(side, steps_of)
        if isinstance(other, Path) or not isinstance(side, Path):
            continue
        value = getattr(other, "value", None)
        if value is False:
            return NONE, _guard(side, steps_of)
        if value == "":
            return NONE, NONE
        return _guard(side, steps_of), NONE
    return NONE, NONE


def _guard(expression: Expression, steps_of: StepsOf) -> Guards:
    steps = steps_of(expression)
    if steps and steps[-1] == "size":
        steps = steps[:-1]
    return frozenset({steps}) if steps else NONE
