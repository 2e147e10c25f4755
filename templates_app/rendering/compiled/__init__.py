"""Templates as Python functions: the quick way to what python-liquid renders.

A template's syntax tree becomes the source of one function, once for each version. The
function serves success alone. Whatever it raises means that python-liquid renders the
same again, and its answer counts, an error with its place or a text. A tree that holds
something unknown here has no function, which is no error.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from liquid.ast import BlockNode, Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions.primitive import StringLiteral
from liquid.builtin.tags.assign_tag import AssignNode
from liquid.builtin.tags.capture_tag import CaptureNode
from liquid.builtin.tags.case_tag import CaseNode, MultiExpressionBlockNode
from liquid.builtin.tags.for_tag import ForNode
from liquid.builtin.tags.if_tag import IfNode
from liquid.builtin.tags.unless_tag import UnlessNode

from templates_app.rendering.compiled.addresses import (
    Piece,
    Proof,
    are_harmless,
    is_encodable,
    proof_of,
)
from templates_app.rendering.compiled.expressions import Expressions
from templates_app.rendering.compiled.running import NAMES
from templates_app.rendering.compiled.source import Source, Unsupported
from templates_app.rendering.compiled.statements import SILENT, Statements
from templates_app.rendering.formatting import Formats
from templates_app.rendering.nodes import SafeCycleNode, ValueNode, descendants
from templates_app.rendering.runtime import MAX_STEPS

logger = logging.getLogger(__name__)

_LOCALS_LIMIT = 2_000_000

_Function = Callable[
    [Mapping[str, Any], Formats], tuple[list[str], list[str], list[str], bool]
]


@dataclass(frozen=True, slots=True)
class Compiled:
    """A template as a function; `is_proven` says its own addresses are harmless."""

    function: _Function
    is_proven: bool

    def render(
        self, variables: Mapping[str, Any], formats: Formats
    ) -> tuple[str, bool]:
        """Return the text, and whether all in it is known to be harmless.

        That is its addresses, and that any channel can carry its letters. Raises
        anything for what python-liquid has to judge.
        """
        pieces, strict, lenient, safe = self.function(variables, formats)
        return "".join(pieces), (
            safe and self.is_proven and are_harmless(strict, lenient)
        )


def compiled(nodes: Sequence[Node], *, html: bool, name: str) -> Compiled | None:
    """Return a template's function, or None for one that python-liquid must render."""
    try:
        return _compiled(nodes, html=html)
    except (Unsupported, RecursionError, SyntaxError) as reason:
        logger.debug("%s is not compiled: %s", name, reason)
        return None


def source_of(nodes: Sequence[Node], *, html: bool) -> str:
    """Return a template's function as text, to look at; raise Unsupported."""
    return _written(nodes, html=html)[0]


def _compiled(nodes: Sequence[Node], *, html: bool) -> Compiled:
    text, constants, proof = _written(nodes, html=html)
    names = {**NAMES, **constants}
    exec(compile(text, "<template>", "exec"), names)  # noqa: S102  # all names are ours
    return Compiled(
        names["render"],
        proof.holds
        and all(is_encodable(each) for each in constants.values() if _is_text(each)),
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _written(nodes: Sequence[Node], *, html: bool) -> tuple[str, dict[str, Any], Proof]:
    """Return a function's source, its constants, and what is known of its addresses."""
    source = Source()
    every = [each for node in nodes for each in (node, *descendants(node))]
    proof = proof_of(_runs(nodes)) if html else Proof(holds=False)
    assigned = frozenset(
        str(node.name) for node in every if isinstance(node, AssignNode | CaptureNode)
    )
    expressions = Expressions(source, html=html, assigned=assigned)
    statements = Statements(
        source,
        expressions,
        proof=proof,
        local_limit=_LOCALS_LIMIT // max(1, len(assigned)),
        keeps_stops=any(_goes_on(node) for node in every),
    )
    statements.nodes(nodes)
    if expressions.steps > MAX_STEPS:
        raise Unsupported("it does too much work")
    text = "\n".join([*_beginning(expressions), *source.lines, _END])
    return text, source.constants, proof


_END = "    return pieces, marked, others, safe"


def _beginning(expressions: Expressions) -> Iterator[str]:
    """Yield the function's first lines, with the roots and variables it names."""
    yield "def render(variables, formats):"
    steps = expressions.source.constant(expressions.steps)
    yield f"    length = rounds = 0; st = {steps}; safe = True"
    yield "    pieces = []; write = pieces.append"
    yield "    marked = []; strict = marked.append"
    yield "    others = []; lenient = others.append"
    yield "    cycles = {}; stops = {}"
    yield "    money_of = formats.money_of; date = formats.date; time = formats.time"
    for root, name in expressions.roots.items():
        key = expressions.source.constant(root)
        yield f"    {name} = variables.get({key}, MISSING)"
    for name in expressions.variables.values():
        yield f"    {name} = UNSET"


def _goes_on(node: Node) -> bool:
    """Return whether a node is a loop that begins where another one ended."""
    offset = node.expression.offset if isinstance(node, ForNode) else None
    return isinstance(offset, StringLiteral) and offset.value == "continue"


def _runs(nodes: Sequence[Node], *, silent: bool = False) -> Iterator[list[Piece]]:
    """Yield what is written in one go: the texts of it, and its values by id."""
    run: list[Piece] = []
    for node in nodes:
        if isinstance(node, ContentNode):
            if not silent:
                run.append(node.text)
        elif isinstance(node, ValueNode | SafeCycleNode):
            run.append(id(node))
        elif isinstance(node, CaptureNode):
            yield from _runs(node.block.nodes, silent=node.block.blank)
        elif not isinstance(node, (*SILENT, AssignNode)):
            yield run
            run = []
            for block in _blocks(node):
                yield from _runs(block.nodes, silent=block.blank)
    yield run


def _blocks(node: Node) -> Iterator[BlockNode]:
    """Yield the blocks of which a node writes some."""
    if isinstance(node, IfNode | UnlessNode):
        yield node.consequence
        yield from (each.block for each in node.alternatives)
    elif isinstance(node, CaseNode):
        for each in node.blocks:
            yield each.block if isinstance(each, MultiExpressionBlockNode) else each
    elif isinstance(node, ForNode):
        yield node.block
    default = getattr(node, "default", None)
    if default is not None:
        yield default
