"""Expressions of a template as Python: one name for each value, one text a condition.

A path is read by plain subscripts of plain data; what does not go that way is looked up
again, with all of Liquid's rules, by `running.member`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from liquid import Markup
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.expressions.filtered import Filter
from liquid.builtin.expressions.logical import (
    BooleanExpression,
    ContainsExpression,
    GeExpression,
    GtExpression,
    LeExpression,
    LogicalAndExpression,
    LogicalNotExpression,
    LogicalOrExpression,
    LtExpression,
)
from liquid.builtin.expressions.primitive import (
    Blank,
    Empty,
    FalseLiteral,
    FloatLiteral,
    IntegerLiteral,
    Nil,
    StringLiteral,
    TrueLiteral,
)
from liquid.expression import Expression

from templates_app.rendering import filters
from templates_app.rendering.compiled.source import Source, Unsupported
from templates_app.rendering.nodes import (
    REPLACED,
    BlankEq,
    BlankNe,
    CheckedFilter,
    ShortRange,
)

# What a date or a time, in the longest pattern there may be, can cost in steps.
_LONG_TEXT = 64
_MAX_NESTING = 40
_OF_LISTS = {
    "size": ("{0}.__class__ is list", "len({0})"),
    "first": ("{0}.__class__ is list and {0}", "{0}[0]"),
    "last": ("{0}.__class__ is list and {0}", "{0}[-1]"),
}
# Their results are plain texts, and they refuse all that other filters let pass.
_DATES: dict[Any, str] = {filters.date: "date", filters.time: "time"}


@dataclass(slots=True)
class Loop:
    """A loop that is being written: the names of its item, index and length."""

    identifier: str
    item: str
    index: str
    length: str
    title: str
    iterable: Expression

    def names(self) -> set[str]:
        """Return the names by which the library finds what the loop goes through."""
        return set(_roots(self.iterable))


class Expressions:
    """Writes expressions, and counts what each costs at most."""

    def __init__(self, source: Source, *, html: bool, assigned: frozenset[str]) -> None:
        self.source = source
        self.html = html
        self.loops: list[Loop] = []
        self.variables = {name: source.name("a") for name in sorted(assigned)}
        self.roots: dict[str, str] = {}
        self.steps = 0
        self.texts: set[str] = set()  # names of what is sure to be plain text
        self._nesting = 0
        self._values: dict[type, Callable[[Any], str]] = {
            Path: self._path,
            FilteredExpression: self._filtered,
            ShortRange: self._range,
            StringLiteral: self._string,
            IntegerLiteral: self._literal,
            FloatLiteral: self._decimal,
            TrueLiteral: lambda _: "True",
            FalseLiteral: lambda _: "False",
            Nil: lambda _: "None",
            Empty: source.constant,
            Blank: source.constant,
        }
        self._conditions: dict[type, Callable[[Any], str]] = {
            BooleanExpression: lambda each: self.condition(each.expression),
            LogicalAndExpression: lambda each: self._both(each, "and"),
            LogicalOrExpression: lambda each: self._both(each, "or"),
            LogicalNotExpression: lambda each: f"(not {self.condition(each.right)})",
            ContainsExpression: lambda each: self._call("contains", each),
            BlankEq: self._equal,
            BlankNe: lambda each: f"(not {self._equal(each)})",
            REPLACED[LtExpression]: lambda each: self._compared("less", each),
            REPLACED[LeExpression]: lambda each: self._compared("at_most", each),
            REPLACED[GtExpression]: lambda each: self._compared("less", each, -1),
            REPLACED[GeExpression]: lambda each: self._compared("at_most", each, -1),
        }

    # --- values

    def value(self, expression: Expression) -> str:
        """Return the name of a value, written before; raise Unsupported."""
        write = self._values.get(type(expression))
        if write is None:
            raise Unsupported(type(expression).__name__)
        with self._deeper():
            name = write(expression)
        if isinstance(expression, Path):
            self._without_floats(name)
        return name

    def raw(self, expression: Expression) -> str:
        """Return the name of a value that may be a float: its user takes that, too."""
        if isinstance(expression, FilteredExpression) and not expression.filters:
            expression = expression.left
        if isinstance(expression, Path):
            with self._deeper():
                return self._path(expression)
        return self.value(expression)

    def _without_floats(self, name: str) -> None:
        """Make an exact number of a float, once."""
        if name in {"UNDEFINED", *self.texts} or self.source.known(("exact", name)):
            return
        self.source.remember(("exact", name), name)
        with self.source.block(f"if {name}.__class__ is float:"):
            self.source.line(f"{name} = Decimal(repr({name}))")

    def _literal(self, expression: IntegerLiteral) -> str:
        return self.source.constant(expression.value)

    def _decimal(self, expression: FloatLiteral) -> str:
        value: Any = expression.value
        if not isinstance(value, Decimal):
            raise Unsupported("a number that was not prepared")
        return self.source.constant(value)

    def _string(self, expression: StringLiteral) -> str:
        text = expression.value
        return self.source.constant(Markup(text) if self.html else text)

    def _range(self, expression: Any) -> str:
        start, stop = self.value(expression.start), self.value(expression.stop)
        return self._named(f"span({start}, {stop})")

    def _named(self, text: str) -> str:
        name = self.source.name("t")
        self.source.line(f"{name} = {text}")
        return name

    # --- paths

    def _path(self, path: Path) -> str:
        self.steps += 1
        root, *keys = path.path
        if not isinstance(root, str):
            raise Unsupported("a path that begins with no name")
        for depth in range(len(self.loops), 0, -1):
            loop = self.loops[depth - 1]
            if root == loop.identifier:
                self.steps += sum(_steps(each.iterable) for each in self.loops)
                return self._member(loop.item, keys)
            if root == "forloop":
                return self._about_loop(depth, keys)
        if root not in self.roots:
            self.roots[root] = self.source.name("g")
        name = self.roots[root]
        variable = self.variables.get(root)
        if variable:  # its value may be another one here than there
            name = self._named(f"{name} if {variable} is UNSET else {variable}")
        return self._member(name, keys)

    def _member(self, start: str, keys: list[Any]) -> str:
        if any(isinstance(key, Path) for key in keys):
            return self._written_member(start, keys)
        what = (start, *((type(key), key) for key in keys))
        return self.source.known(what) or self.source.remember(
            what, self._written_member(start, keys)
        )

    def _written_member(self, start: str, keys: list[Any]) -> str:
        if keys and isinstance(keys[-1], str) and keys[-1] in _OF_LISTS:
            return self._of_list(start, keys)
        name = self.source.name("t")
        line = self.source.line
        if not keys:
            line(f"{name} = {start} if {start} is not MISSING else UNDEFINED")
        elif all(isinstance(key, str) for key in keys):
            steps = "".join(f"[{self.source.constant(key)}]" for key in keys)
            slow = self.source.constant(tuple(keys))
            line("try:")
            line(f"    {name} = {start}{steps}")
            line("except FAULTS:")
            line(f"    {name} = member({start}, {slow})")
        else:
            names = [self._key(key) for key in keys]
            line(f"{name} = member({start}, ({', '.join(names)},))")
        return name

    def _of_list(self, start: str, keys: list[Any]) -> str:
        """Write what a list has though no key of it is called so: quick for a list."""
        *path, last = keys
        whole = self._member(start, path) if path else start
        slow = self.source.constant((last,))
        test, quick = _OF_LISTS[last]
        otherwise = f"member({whole}, {slow})"
        return self._named(
            f"{quick.format(whole)} if {test.format(whole)} else {otherwise}"
        )

    def _key(self, key: Any) -> str:
        return self.value(key) if isinstance(key, Path) else self.source.constant(key)

    def _about_loop(self, depth: int, keys: list[Any]) -> str:
        while keys[:1] == ["parentloop"]:
            depth, keys = depth - 1, keys[1:]
            if not depth:
                return "UNDEFINED"
        loop = self.loops[depth - 1]
        index, length = loop.index, loop.length
        facts = {
            "index": f"{index} + 1",
            "index0": index,
            "rindex": f"{length} - {index}",
            "rindex0": f"{length} - {index} - 1",
            "first": f"{index} == 0",
            "last": f"{index} == {length} - 1",
            "length": length,
        }
        if len(keys) != 1 or not isinstance(keys[0], str):
            raise Unsupported("a loop itself")
        if keys[0] == "name":
            return self.source.constant(loop.title)
        if keys[0] not in facts:
            raise Unsupported("what a loop has not")
        return self._named(facts[keys[0]])

    # --- filters

    def _filtered(self, expression: Any) -> str:
        first, *_ = expression.filters or [None]
        takes_floats = getattr(first, "function", None) in {filters.money, *_DATES}
        name = (self.raw if takes_floats else self.value)(expression.left)
        for each in expression.filters or ():
            name = self._applied(each, name)
        return name

    def _applied(self, each: Filter, left: str) -> str:
        if not isinstance(each, CheckedFilter):
            raise Unsupported("a filter that was not checked")
        self.steps += 1
        positional, named = [], []
        for argument in each.args:
            name = self.value(argument.value)
            keyword = getattr(argument, "name", None)
            if keyword:
                named.append(f"{self.source.constant(str(keyword))}: {name}")
            else:
                positional.append(name)
        arguments = [left, *positional]
        if not named and each.function is filters.money:
            return self._money(*arguments)
        if not named and each.function in _DATES:
            return self._date(each, arguments)
        return self._called(each, arguments, named)

    def _money(self, amount: str, currency: str) -> str:
        what = ("money", currency)
        function = self.source.known(what) or self.source.remember(
            what, self._named(f"money_of({currency})")
        )
        result = self._named(f"{function}({amount})")
        self.texts.add(result)
        return result

    def _date(self, each: CheckedFilter, arguments: list[str]) -> str:
        """Write a date or a time of a text in a style that the template gives."""
        value, *style = arguments
        if style and not isinstance(self.source.constants.get(style[0]), str):
            return self._called(each, arguments, [])
        self.steps += _LONG_TEXT
        result = self.source.name("t")
        if not isinstance(self.source.constants.get(value), str):
            kind = f"{value}.__class__"
            with self.source.block(f"if {kind} is not str and {kind} is not Markup:"):
                self.source.line("raise Odd")
        self.source.line(f"{result} = {_DATES[each.function]}({', '.join(arguments)})")
        self.texts.add(result)
        return result

    def _called(
        self, each: CheckedFilter, arguments: list[str], named: list[str]
    ) -> str:
        call = "applied" if each.name == "default" else "filtered"
        words = [self.source.constant(each.function), *arguments]
        if each.needs_formats:
            self.steps += _LONG_TEXT
            call = "formatted"
            words.insert(1, "formats")
        if named:
            words.append("**{" + ", ".join(named) + "}")
        result = self._named(f"{call}({', '.join(words)})")
        line = self.source.line
        line(f"st += extra_steps({result})")
        line("if st > STEPS: raise Odd")
        return result

    # --- conditions

    def condition(self, expression: Expression) -> str:
        """Return what is true when a condition holds; raise Unsupported."""
        write = self._conditions.get(type(expression))
        with self._deeper():
            if write is not None:
                return write(expression)
            name = self.value(expression)
        if isinstance(expression, Path):
            return f"({name} is not None and {name} is not False and " + (
                f"{name} is not UNDEFINED)"
            )
        return "False" if name in {"None", "False"} else "True"

    def _both(self, expression: Any, word: str) -> str:
        left = self.condition(expression.left)
        return f"({left} {word} {self.condition(expression.right)})"

    def compared(self, expression: Expression) -> str:
        """Return the name of one side of a comparison; its literals are plain text."""
        if isinstance(expression, StringLiteral):
            return self.source.constant(str(expression.value))
        return self.value(expression)

    def _sides(self, expression: Any) -> list[str]:
        return [self.compared(expression.left), self.compared(expression.right)]

    def _call(self, function: str, expression: Any) -> str:
        return f"{function}({', '.join(self._sides(expression))})"

    def _compared(self, function: str, expression: Any, order: int = 1) -> str:
        before = self.steps
        left, right = self._sides(expression)[::order]
        self.steps += self.steps - before  # the library looks at both sides twice
        return f"{function}({left}, {right})"

    def _equal(self, expression: Any) -> str:
        before = self.steps
        left, right = self._sides(expression)
        self.steps += 2 * (self.steps - before)
        tests = [f"equal({left}, {right})"]
        for side, other in ((expression.left, right), (expression.right, left)):
            if isinstance(side, Blank | Empty):
                tests.insert(0, f"{other} is None or {other} is UNDEFINED")
        return f"({' or '.join(tests)})"

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        self._nesting += 1
        if self._nesting > _MAX_NESTING:
            raise Unsupported("it is nested too deep")
        yield
        self._nesting -= 1


def _roots(expression: Expression) -> Iterator[str]:
    """Yield the names with which the paths of an expression begin."""
    if isinstance(expression, Path):
        yield str(expression.path[0])
    for child in expression.children():
        yield from _roots(child)


def _steps(iterable: Expression) -> int:
    """Return what it costs the library to name an item that has not what is asked."""
    return 2 * sum(1 for _ in _roots(iterable))
