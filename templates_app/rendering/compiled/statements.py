"""The nodes of a template as Python statements, in the order in which they write.

What is written without a condition or loop between is put together in one go; its
length is counted there, and so are a loop's rounds and the steps they may cost, before
it starts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from liquid.ast import BlockNode, Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions.primitive import StringLiteral
from liquid.builtin.tags.assign_tag import AssignNode
from liquid.builtin.tags.capture_tag import CaptureNode
from liquid.builtin.tags.case_tag import CaseNode, MultiExpressionBlockNode
from liquid.builtin.tags.comment_tag import CommentNode
from liquid.builtin.tags.doc_tag import DocNode
from liquid.builtin.tags.for_tag import BreakNode, ContinueNode
from liquid.builtin.tags.inline_comment_tag import InlineCommentNode

from templates_app.rendering.compiled.addresses import Proof
from templates_app.rendering.compiled.expressions import Expressions, Loop
from templates_app.rendering.compiled.source import Source, Unsupported
from templates_app.rendering.nodes import (
    AttributeValueNode,
    CountedFor,
    PlacedCase,
    PlacedIf,
    PlacedUnless,
    SafeCycleNode,
    ValueNode,
    descendants,
)

_MAX_PIECES = 40
_MAX_LOOPS = 8  # Python nests no more than 20 blocks, and each has a try inside
SILENT = (CommentNode, DocNode, InlineCommentNode)


@dataclass(slots=True)
class _Output:
    """Where text is being written, and what waits to be put there."""

    append: str
    pieces: list[str] = field(default_factory=list)
    literal: list[str] = field(default_factory=list)
    length: int = 0
    strict: list[str] = field(default_factory=list)
    lenient: list[str] = field(default_factory=list)


class Statements:
    """Writes nodes; raises Unsupported for what it does not know."""

    def __init__(
        self,
        source: Source,
        expressions: Expressions,
        *,
        proof: Proof,
        local_limit: int,
        keeps_stops: bool,
    ) -> None:
        self.source = source
        self.expressions = expressions
        self.proof = proof
        self.html = expressions.html
        self._local_limit = source.constant(local_limit)
        self._keeps_stops = keeps_stops
        self._outputs = [_Output("write")]
        self._write: dict[type[Node], Callable[[Any], None]] = {
            ValueNode: lambda node: self._value(node, "html_text"),
            AttributeValueNode: lambda node: self._value(node, "html_attribute"),
            SafeCycleNode: self._cycle,
            AssignNode: self._assign,
            CaptureNode: self._capture,
            PlacedIf: lambda node: self._if(node, ""),
            PlacedUnless: lambda node: self._if(node, "not "),
            PlacedCase: self._case,
            CountedFor: self._for,
            BreakNode: lambda _: self._leave("break"),
            ContinueNode: lambda _: self._leave("continue"),
        }

    def nodes(self, nodes: Sequence[Node], *, silent: bool = False) -> None:
        """Write nodes one after the other; silent ones show no text."""
        for node in nodes:
            if type(node) is ContentNode:
                if not silent:
                    self._literal(node.text)
            elif type(node) not in SILENT:
                write = self._write.get(type(node))
                if write is None or (silent and not node.blank):
                    raise Unsupported(type(node).__name__)
                write(node)
        self._flush()

    def _block(self, header: str, block: BlockNode | None, before: str = "") -> None:
        with self.source.block(header):
            if before:
                self.source.line(before)
            if block is not None:
                self.nodes(block.nodes, silent=block.blank)

    # --- text

    def _literal(self, text: str) -> None:
        self._outputs[-1].literal.append(text)

    def _end_literal(self) -> None:
        output = self._outputs[-1]
        text = "".join(output.literal)
        output.literal.clear()
        if text:
            output.pieces.append(self.source.constant(text))

    def _piece(self, name: str, node: Node) -> None:
        self._end_literal()
        output = self._outputs[-1]
        output.pieces.append(name)
        if self.html and self.proof.holds:
            place = self.proof.places[id(node)]
            (output.lenient if place.may_equal else output.strict).append(name)
            if place.begins_address:
                self.source.line(f"if not {name}.startswith(WEB): safe = False")
        if len(output.pieces) >= _MAX_PIECES:
            self._flush()

    def _flush(self) -> None:
        """Write what waits, and count it."""
        self._end_literal()
        output = self._outputs[-1]
        if not output.pieces:
            return
        line = self.source.line
        name = output.pieces[0]
        if len(output.pieces) > 1:
            name = self.source.name("s")
            line(f"{name} = {_together(output.pieces)}")
        line(f"length += len({name})")
        line("if length > LETTERS: raise Odd")
        line(f"{output.append}({name})")
        for values, note in ((output.strict, "strict"), (output.lenient, "lenient")):
            if values:
                line(f"{note}({_together(values, lines=True)})")
            values.clear()
        output.pieces.clear()

    def _value(self, node: ValueNode, function: str) -> None:
        name = self.expressions.raw(node.expression)
        if not self.html:
            function = "plain_text"
        known = self.source.known((function, name))
        if known:
            self._piece(known, node)
            return
        text = self.source.remember((function, name), self.source.name("x"))
        line = self.source.line
        quick = f"escaped({name})" if self.html else name
        if name in self.expressions.texts:
            line(f"{text} = {quick}")
        else:
            line(f"{text} = {quick} if {name}.__class__ is str else {function}({name})")
        self._piece(text, node)

    def _cycle(self, node: SafeCycleNode) -> None:
        group = self.expressions.value(node.group) if node.group else "UNSET"
        words = [self.expressions.value(each) for each in node.args]
        text = self.source.name("x")
        self.source.line(
            f"{text} = cycled(cycles, {group}, [{', '.join(words)}], "
            f"autoescape={self.html})"
        )
        self._piece(text, node)

    # --- variables

    def _assign(self, node: AssignNode) -> None:
        name = self.expressions.value(node.expression)
        self._keep(str(node.name), name)

    def _keep(self, name: str, value: str) -> None:
        variable = self.expressions.variables[name]
        self.source.line(f"{variable} = {value}")
        self.source.line(f"if size({variable}, 1) > {self._local_limit}: raise Odd")
        self.expressions.steps += len(self.expressions.variables)

    def _capture(self, node: CaptureNode) -> None:
        self._flush()
        pieces, append = self.source.name("o"), self.source.name("w")
        self.source.line(f"{pieces} = []")
        self.source.line(f"{append} = {pieces}.append")
        self._outputs.append(_Output(append))
        self.nodes(node.block.nodes, silent=node.block.blank)
        self._outputs.pop()
        text = f"joined({pieces})"
        self._keep(str(node.name), f"Markup({text})" if self.html else text)

    # --- conditions

    def _if(self, node: Any, negation: str) -> None:
        self._flush()
        condition = self.expressions.condition(node.condition)
        self._block(f"if {negation}{condition}:", node.consequence)
        self._else(node.alternatives, node.default)

    def _else(self, alternatives: Sequence[Any], default: BlockNode | None) -> None:
        if alternatives:
            first, *others = alternatives
            with self.source.block("else:"):
                condition = self.expressions.condition(first.expression)
                self._block(f"if {condition}:", first.block)
                self._else(others, default)
        elif default:
            self._block("else:", default)

    def _case(self, node: CaseNode) -> None:
        self._flush()
        matched = self.source.name("m")
        self.source.line(f"{matched} = False")
        for block in node.blocks:
            if isinstance(block, MultiExpressionBlockNode):
                self._when(block, matched)
            else:
                self._block(f"if not {matched}:", block)

    def _when(self, block: MultiExpressionBlockNode, matched: str) -> None:
        sides = block.expression
        left = self.expressions.compared(sides.left)
        rights = [self.expressions.compared(each) for each in sides.expressions]
        tests = " + ".join(f"equal({left}, {right})" for right in rights)
        count = self.source.name("c")
        self.source.line(f"{count} = {tests}")
        if len(rights) > 1:  # a block is written once for each
            self.source.line(f"if {count} > 1: raise Odd")
        self._block(f"if {count}:", block.block, before=f"{matched} = True")

    # --- loops

    def _for(self, node: CountedFor) -> None:
        self._flush()
        values = self._loop_values(node)
        item, index, length = (self.source.name(letter) for letter in "ijn")
        line = self.source.line
        line(f"{length} = len({values})")
        identifier = str(node.expression.identifier)
        title = f"{identifier}-{node.expression.iterable}"
        loop = Loop(identifier, item, index, length, title, node.expression.iterable)
        with self.source.block(f"if {length}:"):
            line(f"rounds += {length}")
            cost_at = len(self.source.lines)
            line("")  # known when all inside is written
            line("if rounds > ITERATIONS or st > STEPS: raise Odd")
            line(f"{index} = -1")
            steps, self.expressions.steps = self.expressions.steps, node.weight
            self._rounds(node, loop, values)
            cost = self.source.constant(self.expressions.steps)
            self.expressions.steps = steps
            depth = " " * (len(self.source.lines[cost_at]))
            self.source.lines[cost_at] = f"{depth}st += {length} * {cost}"
        if node.default:
            if any(isinstance(each, CountedFor) for each in descendants(node.default)):
                raise Unsupported("a loop stands in another one's else")
            self._block("else:", node.default)

    def _rounds(self, node: CountedFor, loop: Loop, values: str) -> None:
        loops = self.expressions.loops
        if len(loops) >= _MAX_LOOPS:
            raise Unsupported("its loops are nested too deep")
        if any(loop.identifier in each.names() for each in (*loops, loop)):
            raise Unsupported("a loop hides what another one goes through")
        loops.append(loop)
        with self.source.block(f"for {loop.item} in {values}:"):
            self.source.line(f"{loop.index} += 1")
            self.nodes(node.block.nodes, silent=node.block.blank)
        loops.pop()

    def _loop_values(self, node: CountedFor) -> str:
        expression = node.expression
        name = self.expressions.value(expression.iterable)
        values = self.source.name("v")
        line = self.source.line
        line(f"{values} = {name} if {name}.__class__ is list else items({name})")
        if self._keeps_stops or expression.limit or expression.offset:
            title = f"{expression.identifier}-{expression.iterable}"
            limit = (
                self.expressions.value(expression.limit)
                if expression.limit
                else "UNSET"
            )
            line(
                f"{values} = part({values}, stops, {self.source.constant(title)}, "
                f"{limit}, {self._offset(expression.offset)})"
            )
        if expression.reversed:
            line(f"{values} = backwards({values})")
        return values

    def _offset(self, offset: Any) -> str:
        if offset is None:
            return "UNSET"
        if isinstance(offset, StringLiteral):
            if offset.value == "continue":
                return "CONTINUE"
            return self.source.constant(str(offset.value))
        return self.expressions.value(offset)

    def _leave(self, word: str) -> None:
        self._flush()
        self.source.line(word if self.expressions.loops else "raise Odd")


def _together(names: Sequence[str], *, lines: bool = False) -> str:
    """Return what puts texts together, each of them plain text for sure."""
    between = r"\n" if lines else ""
    if len(names) == 1:
        return names[0]
    return 'f"' + between.join(f"{{{name}}}" for name in names) + '"'
