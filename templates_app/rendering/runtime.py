"""The state of one rendering: what a name means, and what was used of the limits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from io import StringIO
from typing import Any, TextIO

from liquid import RenderContext
from liquid.builtin.expressions import Path
from liquid.builtin.tags.for_tag import ForLoop, ForNode
from liquid.exceptions import LoopIterationLimitError, OutputStreamLimitError
from liquid.expression import Expression
from liquid.template import BoundTemplate
from liquid.token import Token
from liquid.undefined import UNDEFINED

from templates_app.rendering.formatting import Formats

MAX_OUTPUT = 1_000_000
MAX_STEPS = 400_000
MAX_ITERATIONS = 50_000

_NAME = re.compile(r"[^\W\d][\w-]*")


class Scope:
    """The namespaces of one rendering, the innermost first."""

    __slots__ = ("namespaces",)

    def __init__(self, *namespaces: Mapping[str, Any]) -> None:
        self.namespaces = list(namespaces)

    def push(self, namespace: Mapping[str, Any]) -> None:
        """Add an innermost namespace."""
        self.namespaces.insert(0, namespace)

    def pop(self) -> None:
        """Drop the innermost namespace."""
        del self.namespaces[0]

    def size(self) -> int:
        """Return how many namespaces there are."""
        return len(self.namespaces)

    def __getitem__(self, name: str) -> Any:
        for namespace in self.namespaces:
            if name in namespace:
                return namespace[name]
        raise KeyError(name)


class RunContext(RenderContext):
    """The state of one rendering: scope, formats, and what was used of the limits."""

    __slots__ = ("formats", "iterations", "running", "steps", "weights", "written")

    def __init__(
        self, template: BoundTemplate, *, variables: Mapping[str, Any], formats: Formats
    ) -> None:
        super().__init__(template, globals=variables)
        self.scope = Scope(self.locals, variables)  # type: ignore[assignment]  # faster
        self.formats = formats
        self.running: list[ForNode] = []
        self.weights: list[int] = []
        self.steps = 0
        self.iterations = 0
        self.written = 0

    def charge(self, steps: int) -> None:
        """Count work done; raise when it is more than any message needs."""
        self.steps += steps
        if self.steps > MAX_STEPS:
            raise LoopIterationLimitError("the template does too much work", token=None)

    def raise_for_loop_limit(self, length: int = 1) -> None:
        """Count a loop's iterations before it starts, nested ones each time."""
        self.iterations += length
        if self.iterations > MAX_ITERATIONS:
            raise LoopIterationLimitError(
                f"the loops run more than {MAX_ITERATIONS:,} times", token=None
            )
        self.charge(length * (self.weights[-1] if self.weights else 1))

    def get_size_of_locals(self) -> int:
        """Count the work of measuring, then measure."""
        self.charge(len(self.locals))
        return super().get_size_of_locals()

    def get_buffer(self, buf: TextIO | None = None) -> StringIO:
        """Return a buffer that counts towards the same limit as all others."""
        return CountedBuffer(self)

    def get(
        self, path: list[Any], *, token: Token | None, default: object = UNDEFINED
    ) -> object:
        """Return the value at a path, or an undefined one that knows its full path."""
        self.charge(1)
        depth = 0
        try:
            value = self.scope[path[0]]
            for depth in range(1, len(path)):  # told in the error
                value = item_of(value, path[depth])
        except (KeyError, IndexError, TypeError):
            if default is not UNDEFINED:
                return default
            name = self.full_path(path[: depth + 1])
            return self.env.undefined(name, hint=name, token=token)
        return Decimal(repr(value)) if value.__class__ is float else value

    def full_path(self, path: list[Any]) -> str:
        """Return a path as the author of the event would write it, with indexes."""
        parts = [self._origin(path[0])]
        for step in path[1:]:
            if isinstance(step, str) and _NAME.fullmatch(step):
                parts.append(f".{step}")
            else:
                parts.append(f"[{step!r}]" if isinstance(step, str) else f"[{step}]")
        return "".join(parts)

    def name_of(self, expression: Expression) -> str:
        """Return what an expression names: a full path, else how it is written."""
        if not isinstance(expression, Path):
            return str(expression)
        return self.full_path(
            [
                step.evaluate(self) if isinstance(step, Path) else step
                for step in expression.path
            ]
        )

    def _origin(self, name: Any) -> str:
        """Return where a loop's variable comes from, else its name."""
        for depth in reversed(range(len(self.loops))):
            expression = self.running[depth].expression
            iterable = expression.iterable
            if expression.identifier != name or not isinstance(iterable, Path):
                continue
            items, item = iterable.evaluate(self), self.scope[name]
            if not isinstance(items, list | tuple):
                return str(name)
            at = self.loops[depth].index0
            if not (at < len(items) and items[at] is item):  # offset, reversed
                at = next((i for i, each in enumerate(items) if each is item), at)
            if iterable.path[0] == name:
                return str(name)
            return f"{self.name_of(iterable)}[{at}]"
        return str(name)


def item_of(value: Any, key: Any) -> Any:
    """Return a member of plain data; anything else has no members."""
    if isinstance(value, dict | ForLoop):
        if key in value:
            return value[key]
    elif isinstance(value, list | tuple):
        if isinstance(key, int):
            return value[key]
        if key == "first":
            return value[0]
        if key == "last":
            return value[-1]
    elif not isinstance(value, str):
        raise KeyError(key)
    if key == "size":
        return len(value)
    raise KeyError(key)


class CountedBuffer(StringIO):
    """A buffer whose writes count towards the limit of the whole rendering."""

    def __init__(self, context: RunContext) -> None:
        super().__init__()
        self.context = context

    def write(self, text: str, /) -> int:
        """Write, or raise when the message grows too long."""
        context = self.context
        context.written += len(text)
        if context.written > MAX_OUTPUT:
            raise OutputStreamLimitError(
                f"the result is longer than {MAX_OUTPUT:,} characters", token=None
            )
        return super().write(text)
