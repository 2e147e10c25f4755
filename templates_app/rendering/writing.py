"""Writing Liquid for people who do not type it: paths and texts, quoted as needed.

What a block editor or a picker puts into a template goes through here. It parses no
template and knows no data.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

# Words of the expression lexer: `.limit` fails where `['limit']` works.
RESERVED_WORDS = frozenset(
    {
        *("and", "as", "blank", "cols", "contains", "continue", "else", "empty"),
        *("false", "for", "if", "in", "limit", "nil", "not", "null", "offset", "or"),
        *("required", "reversed", "true", "with"),
    }
)
_NAME = re.compile(r"[^\W\d][\w-]*")
_STEP = re.compile(
    r"""\.(?P<name>[^.\[\]'"\s{}|]+)|\[(?P<index>-?\d+)\]"""
    r"""|\[(?:'(?P<single>[^']*)'|"(?P<double>[^"]*)")\]"""
)
_NEVER = re.compile(r"{{|{%|}}|%}|[\x00-\x1f]")


def liquid_path(path: str) -> str:
    """Return a path as Liquid reads it: ``ctx.order.limit`` → ``ctx.order['limit']``.

    Raises ValueError when it is no path.
    """
    return path_of(path_steps(path))


def path_steps(path: str) -> list[str | int]:
    """Return the steps of a path: ``ctx.items[0]['a b']`` → ctx, items, 0, a b.

    Raises ValueError when it is no path.
    """
    root = _NAME.match(path)
    if root is None:
        raise ValueError(f"{path!r} is no path such as ctx.order.number")
    steps: list[str | int] = [root.group()]
    position = root.end()
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None:
            raise ValueError(f"{path!r} is no path such as ctx.order.number")
        if step.group("index") is not None:
            steps.append(int(step.group("index")))
        else:
            names = (step.group(name) for name in ("name", "single", "double"))
            steps.append(next(name for name in names if name is not None))
        position = step.end()
    return steps


def path_of(steps: Sequence[str | int]) -> str:
    """Return steps such as ``["ctx", "items", 0]`` as a Liquid path.

    Raises ValueError when a name cannot be written in Liquid.
    """
    root, *rest = steps
    if not isinstance(root, str) or not is_variable(root):
        raise ValueError(f"a path cannot begin with {root!r}")
    return root + "".join(_step(step) for step in rest)


def _step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    if _NAME.fullmatch(step) and step not in RESERVED_WORDS:
        return f".{step}"
    return f"[{liquid_text(step)}]"


def is_variable(name: str) -> bool:
    """Return whether Liquid takes a name for a variable."""
    return bool(_NAME.fullmatch(name)) and name not in RESERVED_WORDS


def liquid_text(text: str) -> str:
    """Return a text as a Liquid literal, in whichever quotes it does not hold.

    Liquid has no escapes: raises ValueError for both kinds of quotes, braces of
    Liquid itself, and line ends.
    """
    if _NEVER.search(text):
        raise ValueError("this cannot hold a line end, {{, }}, {% or %}")
    if "'" not in text:
        return f"'{text}'"
    if '"' not in text:
        return f'"{text}"'
    raise ValueError("this cannot hold both ' and \"")
