"""Every use of the event's data in a template, by its full path.

Walks the syntax tree of a parsed template. Loop variables and assigned names are
followed to where they come from, so ``item.price`` is ``ctx.items[].price``. It knows
no contract: what a path holds is for its callers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from liquid.ast import Node
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.expressions.filtered import Filter
from liquid.builtin.output import OutputNode
from liquid.builtin.tags.assign_tag import AssignNode
from liquid.builtin.tags.capture_tag import CaptureNode
from liquid.builtin.tags.case_tag import CaseNode, MultiExpressionBlockNode
from liquid.builtin.tags.for_tag import ForNode
from liquid.builtin.tags.if_tag import IfNode
from liquid.builtin.tags.unless_tag import UnlessNode
from liquid.expression import Expression

from templates_app.rendering.branches import Branch, Tree, branches
from templates_app.rendering.guards import NONE, Guards, guards_of
from templates_app.rendering.nodes import children
from templates_app.rendering.values import (
    ANY,
    ITEM,
    NOTHING_KNOWN,
    Steps,
    Value,
    after,
    literal_type,
    path_text,
    step_of,
)

__all__ = [
    "ANY",
    "ITEM",
    "Applied",
    "Branch",
    "Kind",
    "Steps",
    "Use",
    "Value",
    "branches",
    "path_text",
    "uses",
    "walked",
]

_EVENT_ROOTS = frozenset({"event", "rtEvent"})
_PATH_TEXT = re.compile(
    r"""[^\s.\[\]|,:(){}%=<>!"']*(?:\.[^\s.\[\]|,:(){}%=<>!"']+|\[[^\]]*\])*"""
)
_KEYED = frozenset(
    {
        *("compact", "find", "find_index", "has", "map", "reject", "sort"),
        *("sort_natural", "sum", "uniq", "where"),
    }
)


class Kind(StrEnum):
    """Where a path stands."""

    OUTPUT = "output"
    CONDITION = "condition"
    LOOP = "loop"
    ARGUMENT = "argument"
    ASSIGNED = "assigned"


@dataclass(frozen=True, slots=True)
class Applied:
    """One filter in a chain: where it stands, and what it is given.

    `subject` is what it is applied to; `arguments` are the positional ones, `named` the
    names of the others.
    """

    name: str
    offset: int
    subject: Value
    arguments: int
    named: Steps = ()


@dataclass(frozen=True, slots=True)
class Use:
    """One path in a template.

    `steps` are its steps from the root, ``[]`` for an item of a list and ``*`` for a
    step that only the event decides. `present` holds what is known to be there where
    it stands, from the conditions and loops around it. `is_list` says that it is a
    list of the values at the path. `filters` are those applied to it, in their order,
    and `result` is what they make of it. `names` are those that the template made until
    there, such as loop variables, with the steps that they stand for.
    """

    steps: Steps
    written: str
    offset: int
    length: int
    kind: Kind
    has_default: bool = False
    present: frozenset[Steps] = frozenset()
    is_list: bool = False
    filters: tuple[Applied, ...] = ()
    result: Value = NOTHING_KNOWN
    names: tuple[tuple[str, Steps], ...] = ()

    @property
    def path(self) -> str:
        """The path in words, such as ``ctx.items[].price``."""
        return path_text(self.steps)


@dataclass(frozen=True, slots=True)
class Walked:
    """All uses of data and all filters of a template, in their order."""

    uses: tuple[Use, ...]
    filters: tuple[Applied, ...]


def uses(template: Tree, *, unknown: Iterable[str] = ()) -> list[Use]:
    """Return every path of a template in its order; `unknown` are names of locals.

    A name that the template itself makes (by loop, assign or capture) is no use when
    it comes from no path.
    """
    return list(walked(template, unknown=unknown).uses)


def walked(template: Tree, *, unknown: Iterable[str] = ()) -> Walked:
    """Return every path and every filter of a template; see `uses`."""
    walk = _Walk({name: Value() for name in unknown})
    walk.nodes(template.nodes, NONE)
    return Walked(
        tuple(sorted(walk.found, key=lambda use: use.offset)),
        tuple(sorted(walk.filters, key=lambda each: each.offset)),
    )


@dataclass(slots=True)
class _Walk:
    """One pass over a tree: what names mean, and what was found."""

    names: dict[str, Value]
    found: list[Use] = field(default_factory=list)
    filters: list[Applied] = field(default_factory=list)

    def nodes(self, nodes: Iterable[Node], guards: Guards) -> None:
        for node in nodes:
            self.node(node, guards)

    def node(self, node: Node, guards: Guards) -> None:
        if isinstance(node, OutputNode):
            self.chain(node.expression, Kind.OUTPUT, guards)
        elif isinstance(node, AssignNode):
            self.names[str(node.name)] = self.chain(
                node.expression, Kind.ASSIGNED, guards
            )
        elif isinstance(node, CaptureNode):
            self.nodes(node.block.nodes, guards)
            self.names[str(node.name)] = Value(type="string", is_safe=True)
        elif isinstance(node, ForNode):
            self.loop(node, guards)
        elif isinstance(node, IfNode | UnlessNode):
            self.condition(node, guards)
        elif isinstance(node, CaseNode):
            self.case(node, guards)
        else:
            for expression in node.expressions():
                self.chain(expression, Kind.CONDITION, guards)
            self.nodes(children(node), guards)

    def condition(self, node: IfNode | UnlessNode, guards: Guards) -> None:
        self.plain(node.condition, Kind.CONDITION, guards)
        holds, fails = guards_of(node.condition, self.steps_of)
        if isinstance(node, UnlessNode):
            holds, fails = fails, holds
        self.nodes(node.consequence.nodes, guards | holds)
        guards |= fails
        for arm in node.alternatives:
            self.plain(arm.expression, Kind.CONDITION, guards)
            holds, fails = guards_of(arm.expression, self.steps_of)
            self.nodes(arm.block.nodes, guards | holds)
            guards |= fails
        if node.default:
            self.nodes(node.default.nodes, guards)

    def case(self, node: CaseNode, guards: Guards) -> None:
        self.plain(node.expression, Kind.CONDITION, guards)
        steps = self.steps_of(node.expression)
        inside = guards | {steps} if steps else guards
        for block in node.blocks:
            if isinstance(block, MultiExpressionBlockNode):
                self.plain(block.expression, Kind.CONDITION, guards)
                self.nodes(block.block.nodes, inside)
            else:
                self.nodes(block.nodes, guards)

    def loop(self, node: ForNode, guards: Guards) -> None:
        loop = node.expression
        # The ends of a range, (1..ctx.items.size), are numbers and no lists.
        is_path = isinstance(loop.iterable, Path)
        self.plain(loop.iterable, Kind.LOOP if is_path else Kind.ARGUMENT, guards)
        for argument in (loop.limit, loop.offset):
            if argument is not None:
                self.plain(argument, Kind.ARGUMENT, guards)
        subject = self.value_of(loop.iterable)
        outer = dict(self.names)
        item = subject.item()
        self.names[str(loop.identifier)] = item
        self.names["forloop"] = Value(("forloop",), is_safe=True)
        inside = guards
        if item.steps:
            inside |= {subject.steps, item.steps}
        self.nodes(node.block.nodes, inside)
        for name in (str(loop.identifier), "forloop"):
            self.names.pop(name)
            if name in outer:
                self.names[name] = outer[name]
        if node.default:
            self.nodes(node.default.nodes, guards)

    def chain(self, expression: Expression, kind: Kind, guards: Guards) -> Value:
        """Note the uses of an output or assignment; return what it results in."""
        if not isinstance(expression, FilteredExpression):
            self.plain(expression, kind, guards)
            return self.value_of(expression)
        applied: list[Applied] = []
        value = self.value_of(expression.left)
        for each in expression.filters or ():
            applied.append(_applied(each, value))
            value = after(each, value)
            for argument in each.args:
                self.plain(argument.value, Kind.ARGUMENT, guards)
            self.key(each, applied[-1].subject)
        self.filters += applied
        if isinstance(expression.left, Path):
            self.path(expression.left, kind, guards, tuple(applied), value)
        else:
            self.plain(expression.left, kind, guards)
        return value

    def key(self, each: Filter, subject: Value) -> None:
        """Note the field that a filter of lists names: ``map: 'price'``."""
        if each.name not in _KEYED or not each.args or not subject.steps:
            return
        literal = each.args[0].value
        name = getattr(literal, "value", None)
        if isinstance(name, str):
            self.found.append(
                Use(
                    steps=subject.item().member((name,)).steps,
                    written=name,
                    offset=literal.token.start_index,
                    length=len(name),
                    kind=Kind.ARGUMENT,
                    has_default=True,
                )
            )

    def plain(self, expression: Expression, kind: Kind, guards: Guards) -> None:
        """Note the uses of an expression without filters, and of all below it."""
        if isinstance(expression, Path):
            self.path(expression, kind, guards)
        else:
            for child in expression.children():
                self.plain(child, kind, guards)

    def path(
        self,
        path: Path,
        kind: Kind,
        guards: Guards,
        filters: tuple[Applied, ...] = (),
        result: Value | None = None,
    ) -> None:
        for step in path.path:
            if isinstance(step, Path):
                self.path(step, Kind.ARGUMENT, guards)
        value = self.value_of(path)
        if not value.steps:
            return
        is_default = bool(filters) and filters[0].name == "default"
        self.found.append(
            Use(
                steps=value.steps,
                written=str(path),
                offset=path.token.start_index,
                length=_length(path),
                kind=kind,
                has_default=is_default or value.is_safe,
                present=frozenset(guards),
                is_list=value.is_list,
                filters=filters,
                result=result or value,
                names=tuple((name, local.steps) for name, local in self.names.items()),
            )
        )

    def steps_of(self, expression: Expression) -> Steps:
        return self.value_of(expression).steps

    def value_of(self, expression: Expression) -> Value:
        """Return what an expression holds; nothing is known of most."""
        if isinstance(expression, FilteredExpression):
            value = self.value_of(expression.left)
            for each in expression.filters or ():
                value = after(each, value)
            return value
        if not isinstance(expression, Path):
            return Value(type=literal_type(expression), is_safe=True)
        keys = tuple(step_of(step) for step in expression.path)
        local = self.names.get(keys[0])
        if local is not None:
            return local.member(keys[1:]) if keys[1:] else local
        if len(keys) > 1 and keys[0] in _EVENT_ROOTS and keys[1] == "ctx":
            keys = keys[1:]
        return Value(keys)


def _applied(each: Filter, subject: Value) -> Applied:
    names = [getattr(argument, "name", None) for argument in each.args]
    return Applied(
        name=each.name,
        offset=each.token.start_index,
        subject=subject,
        arguments=names.count(None),
        named=tuple(str(name) for name in names if name),
    )


def _length(path: Path) -> int:
    """Return how many characters a path takes in its source."""
    token = path.token
    end = _PATH_TEXT.match(token.source, token.start_index)
    return end.end() - token.start_index if end else len(str(path))
