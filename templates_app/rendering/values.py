"""What an expression of a template holds, followed through filters and loops."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from liquid.builtin.expressions import Path
from liquid.builtin.expressions.filtered import Filter
from liquid.expression import Expression

Steps = tuple[str, ...]

ITEM = "[]"
ANY = "*"
_PLAIN_NAME = re.compile(r"[^\W\d][\w-]*")
_RESULTS = {
    **dict.fromkeys(("join", "date", "time", "money", "number", "plural"), "string"),
    **dict.fromkeys(("size", "sum", "round", "ceil", "floor", "abs"), "number"),
    **dict.fromkeys(("plus", "minus", "times", "divided_by", "modulo"), "number"),
    **dict.fromkeys(("at_least", "at_most", "find_index"), "number"),
    **dict.fromkeys(("upcase", "downcase", "capitalize", "append"), "string"),
    **dict.fromkeys(("prepend", "replace", "replace_first", "remove"), "string"),
    **dict.fromkeys(("truncate", "truncatewords", "strip", "rich"), "string"),
    **dict.fromkeys(("escape", "strip_html", "url_encode"), "string"),
    **dict.fromkeys(("split",), "array"),
    **dict.fromkeys(("has",), "boolean"),
}
_SAME_LIST = frozenset(
    {
        *("where", "reject", "sort", "sort_natural", "reverse", "uniq", "compact"),
        *("concat", "slice"),
    }
)
_ONE_ITEM = frozenset({"first", "last", "find"})


@dataclass(frozen=True, slots=True)
class Value:
    """What an expression holds: a path's value, a list of them, or a known type.

    `steps` is empty when it comes from no path; `is_list` says that it is a list of
    the values at the path, as ``map`` makes it; `type` is a JSON type or empty.
    `is_safe` says that it is never missing, whatever the event holds.
    """

    steps: Steps = ()
    is_list: bool = False
    type: str = ""
    is_safe: bool = False

    def item(self) -> Value:
        """Return what one item of this value holds."""
        if not self.steps:
            return Value()
        return Value(self.steps) if self.is_list else Value((*self.steps, ITEM))

    def member(self, keys: Steps) -> Value:
        """Return what lies below this value."""
        if not self.steps:
            return Value()
        if self.is_list and keys:
            if keys[0] not in {ITEM, "first", "last"}:
                return Value(type="number") if keys[0] == "size" else Value()
            return Value((*self.steps, *keys[1:]))
        return replace(self, steps=(*self.steps, *keys))


NOTHING_KNOWN = Value()


def path_text(steps: Sequence[str]) -> str:
    """Return steps as an author would write them: ``ctx.items[].price``."""
    words: list[str] = []
    for step in steps:
        if step == ITEM:
            words.append(ITEM)
        elif step == ANY:
            words.append("[…]")
        elif not words:
            words.append(step)
        else:
            words.append(f".{step}" if _PLAIN_NAME.fullmatch(step) else f"[{step!r}]")
    return "".join(words)


def step_of(step: object) -> str:
    """Return one step of the library's path as one of ours."""
    if isinstance(step, Path):
        return ANY
    return ITEM if isinstance(step, int) else str(step)


def literal_type(expression: Expression) -> str:
    """Return the JSON type of a literal; empty for anything else."""
    value = getattr(expression, "value", None)
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    return "" if value is None else "number"


def after(each: Filter, value: Value) -> Value:
    """Return what a filter makes of a value."""
    if each.name == "default":
        return replace(value, is_safe=True)
    if each.name in _ONE_ITEM:
        return value.item()
    if each.name in _SAME_LIST:
        return value
    if each.name == "map" and each.args and value.steps:
        key = getattr(each.args[0].value, "value", None)
        return (
            replace(value.item().member((key,)), is_list=True)
            if isinstance(key, str)
            else Value(type="array")
        )
    return Value(type=_RESULTS.get(each.name, ""), is_safe=True)
