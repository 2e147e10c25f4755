"""Our own tags, filters and expressions inside the template library.

They escape by place, give each mistake its place, and count work before doing it.
python-liquid is pinned exactly: its nodes and expressions are not exported API.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from decimal import Decimal
from io import StringIO
from typing import Any, TextIO

from liquid import Environment, RenderContext, escape
from liquid.ast import BlockNode, Node
from liquid.builtin.expressions import FilteredExpression
from liquid.builtin.expressions.filtered import Filter
from liquid.builtin.expressions.logical import (
    EqExpression,
    GeExpression,
    GtExpression,
    LeExpression,
    LtExpression,
    NeExpression,
)
from liquid.builtin.expressions.primitive import (
    Blank,
    Empty,
    FloatLiteral,
    RangeLiteral,
)
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags.case_tag import CaseNode, CaseTag
from liquid.builtin.tags.cycle_tag import CycleNode, CycleTag
from liquid.builtin.tags.for_tag import ForNode, ForTag
from liquid.builtin.tags.if_tag import IfNode, IfTag
from liquid.builtin.tags.unless_tag import UnlessNode, UnlessTag
from liquid.exceptions import (
    FilterArgumentError,
    LiquidError,
    LiquidSyntaxError,
    LiquidTypeError,
    OutputStreamLimitError,
    ResourceLimitError,
    UndefinedError,
    UnknownFilterError,
)
from liquid.expression import Expression
from liquid.stream import TokenStream
from liquid.token import Token
from liquid.undefined import is_undefined

from templates_app.rendering.filters import MAX_TEXT, check_length, text_of
from templates_app.rendering.masking import MASK
from templates_app.rendering.runtime import RunContext
from templates_app.rendering.scanning import attribute_tokens

_MISTAKES = (TypeError, ValueError, ArithmeticError, LookupError, RecursionError)


class BadValueError(LiquidError):
    """A value that a filter or an output cannot use, with its path."""

    def __init__(self, message: str, *, token: Token, path: str) -> None:
        super().__init__(message, token=token)
        self.path = path


class _Placed(Node):
    """Gives a place to mistakes that the library raises bare."""

    __slots__ = ()

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        """Render, and say of any mistake where it was made."""
        try:
            return super().render_to_output(context, buffer)  # type: ignore[safe-super]
        except LiquidError as error:
            error.token = error.token or self.token
            raise
        except _MISTAKES as error:
            raise LiquidTypeError(str(error), token=self.token) from error


class CountedFor(_Placed, ForNode):
    """A loop that is charged for all that it will do before it starts."""

    __slots__ = ("weight",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.weight = 1 + _count(self.block)

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        """Render the loop."""
        assert isinstance(context, RunContext)  # noqa: S101  # narrows the type
        context.running.append(self)
        context.weights.append(self.weight)
        try:
            return super().render_to_output(context, buffer)
        finally:
            context.running.pop()
            context.weights.pop()


def _count(node: Node) -> int:
    if isinstance(node, BlockNode):
        return sum(_count(child) for child in node.nodes)
    return 1 + sum(_count(child) for child in children(node))


class PlacedIf(_Placed, IfNode):
    """An if whose mistakes have a place."""

    __slots__ = ()


class PlacedUnless(_Placed, UnlessNode):
    """An unless whose mistakes have a place."""

    __slots__ = ()


class PlacedCase(_Placed, CaseNode):
    """A case whose mistakes have a place."""

    __slots__ = ()


ATTRIBUTE_SAFE = str.maketrans({'"': "&#34;", "'": "&#39;", "<": "&lt;", ">": "&gt;"})


class ValueNode(OutputNode):
    """Writes one value: escaped in HTML, as it is in plain text."""

    __slots__ = ()

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        """Write the value, or raise when it is undefined or no text."""
        return buffer.write(self.text(context))

    def text(self, context: RenderContext) -> str:
        """Return the value as it is written."""
        value = self.expression.evaluate(context)
        try:
            text = text_of(value)
        except FilterArgumentError as error:
            assert isinstance(context, RunContext)  # noqa: S101  # narrows the type
            path = context.name_of(getattr(self.expression, "left", self.expression))
            raise BadValueError(
                f"{path}: {error.message}", token=self.expression.token, path=path
            ) from error
        return escape(text) if context.autoescape else text


class AttributeValueNode(ValueNode):
    """Writes a value inside an HTML tag: not even markup may end the attribute."""

    __slots__ = ()

    def text(self, context: RenderContext) -> str:
        """Return the value without any character that could end an attribute."""
        return str(super().text(context)).translate(ATTRIBUTE_SAFE)


class ValueTag(Output):
    """Parses ``{{ … }}``, telling attributes from text in HTML."""

    def parse(self, stream: TokenStream) -> OutputNode:
        """Return the node for a value at this place."""
        node = super().parse(stream)
        token = node.token
        if self.env.autoescape and token.start_index in attribute_tokens(token.source):
            return AttributeValueNode(token, node.expression)
        return ValueNode(token, node.expression)


class SafeCycleNode(CycleNode):
    """A cycle whose words cannot end an attribute."""

    __slots__ = ()

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        """Write the next word of the cycle."""
        word = StringIO()
        super().render_to_output(context, word)
        text = word.getvalue()
        return buffer.write(
            text.translate(ATTRIBUTE_SAFE) if context.autoescape else text
        )


class _For(ForTag):
    node_class = CountedFor


class _If(IfTag):
    node_class = PlacedIf


class _Unless(UnlessTag):
    node_class = PlacedUnless


class _Case(CaseTag):
    node_class = PlacedCase


class _Cycle(CycleTag):
    node_class = SafeCycleNode


OWN_TAGS = (ValueTag, _For, _If, _Unless, _Case, _Cycle)


class CheckedFilter(Filter):
    """A filter found, and its arguments counted, when the template is parsed."""

    __slots__ = ("function", "needs_formats", "subject")

    def __init__(
        self, filter_: Filter, *, env: Environment, subject: Expression
    ) -> None:
        super().__init__(filter_.token, filter_.name, filter_.args)
        if self.name not in env.filters:
            raise UnknownFilterError(
                f"there is no filter named {self.name!r}", token=self.token
            )
        self.function = env.filters[self.name]
        self.needs_formats = getattr(self.function, "needs_formats", False)
        self.subject = subject
        self._check_arguments()

    def _check_arguments(self) -> None:
        names = [getattr(argument, "name", None) for argument in self.args]
        positional = [None] * (1 + self.needs_formats + names.count(None))
        try:
            inspect.signature(self.function).bind(
                *positional, **dict.fromkeys(name for name in names if name)
            )
        except TypeError as error:
            raise LiquidSyntaxError(
                f"the filter {self.name!r} cannot be used with these arguments "
                f"({error})",
                token=self.token,
            ) from error

    def evaluate(self, left: object, context: RenderContext) -> object:
        """Return the filter's result, within the limits; mistakes get their place."""
        assert isinstance(context, RunContext)  # noqa: S101  # narrows the type
        positional, named = self.evaluate_args(context)
        if self.name != "default" and isinstance(left, str) and left == MASK:
            return left  # a masked preview: the value's shape is not known
        try:
            for value in (left, *positional):
                if isinstance(value, list | tuple | range):
                    check_length(value)
            if self.needs_formats:
                result = self.function(context.formats, left, *positional, **named)
            else:
                result = self.function(left, *positional, **named)
            self._check_result(result, context)
        except (UndefinedError, ResourceLimitError) as error:
            error.token = error.token or self.token
            raise
        except (LiquidError, *_MISTAKES) as error:
            message = error.message if isinstance(error, LiquidError) else error
            path = context.name_of(self.subject)
            raise BadValueError(
                f"{path} | {self.name}: {message}", token=self.token, path=path
            ) from error
        return result

    def _check_result(self, result: object, context: RunContext) -> None:
        if isinstance(result, str):
            if len(result) > MAX_TEXT:
                raise OutputStreamLimitError(
                    f"a text grew beyond {MAX_TEXT:,} characters", token=self.token
                )
            context.charge(1 + (len(result) >> 8))
        elif isinstance(result, list | tuple | range):
            check_length(result)
            context.charge(1 + (len(result) >> 3))
        else:
            context.charge(1)


class BlankEq(EqExpression):
    """Equality to `blank` and `empty` that holds for what is missing, too."""

    __slots__ = ()

    def evaluate(self, context: RenderContext) -> object:
        return _is_missing(self, context) or super().evaluate(context)


class BlankNe(NeExpression):
    """Inequality to `blank` and `empty` that fails for what is missing."""

    __slots__ = ()

    def evaluate(self, context: RenderContext) -> object:
        return not _is_missing(self, context) and super().evaluate(context)


def _is_missing(expression: Any, context: RenderContext) -> bool:
    for side, other in (
        (expression.left, expression.right),
        (expression.right, expression.left),
    ):
        if isinstance(side, Blank | Empty):
            value = other.evaluate(context)
            return value is None or is_undefined(value)
    return False


class _Unmasked(Expression):
    """A comparison that a value which is masked in a preview never passes."""

    __slots__ = ()

    def evaluate(self, context: RenderContext) -> object:
        comparison: Any = self
        sides = (comparison.left, comparison.right)
        if any(side.evaluate(context) == MASK for side in sides):
            return False
        return super().evaluate(context)  # type: ignore[safe-super]


class ShortRange(RangeLiteral):
    """A range that is no longer than a list may be."""

    __slots__ = ()

    def evaluate(self, context: RenderContext) -> range:
        result = super().evaluate(context)
        check_length(result)
        return result


REPLACED: dict[type[Expression], type[Expression]] = {
    EqExpression: BlankEq,
    NeExpression: BlankNe,
    RangeLiteral: ShortRange,
    **{
        each: type(f"Unmasked{each.__name__}", (_Unmasked, each), {"__slots__": ()})
        for each in (LtExpression, LeExpression, GtExpression, GeExpression)
    },
}


def children(node: Node) -> Iterable[Node]:
    """Return a node's direct children; there are no partial templates."""
    nothing: Any = None  # the context is read by partials alone
    return node.children(nothing, include_partials=False)


def descendants(node: Node) -> Iterable[Node]:
    """Yield all nodes below a node."""
    for child in children(node):
        yield child
        yield from descendants(child)


def prepare(node: Node, *, env: Environment) -> None:
    """Check a parsed node and all below it, and put our expressions in their place.

    Raises UnknownFilterError or LiquidSyntaxError with the place.
    """
    for expression in node.expressions():
        _prepare_expression(expression, env=env)
    for child in children(node):
        prepare(child, env=env)


def _prepare_expression(expression: Expression, *, env: Environment) -> None:
    replacement = REPLACED.get(type(expression))
    if replacement is not None:
        # The same slots and meaning; the parser cannot be told to make ours.
        expression.__class__ = replacement
    if isinstance(expression, FloatLiteral):
        expression.value = Decimal(expression.token.value)  # type: ignore[assignment]
    if isinstance(expression, FilteredExpression) and expression.filters:
        subject = expression.left
        expression.filters = [
            CheckedFilter(each, env=env, subject=subject) for each in expression.filters
        ]
    for child in expression.children():
        _prepare_expression(child, env=env)
