"""Every arm of the conditions, cases and loops of a template, for branch coverage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from liquid.ast import BlockNode, Node
from liquid.builtin.tags.case_tag import CaseNode, MultiExpressionBlockNode
from liquid.builtin.tags.for_tag import ForNode
from liquid.builtin.tags.if_tag import IfNode
from liquid.builtin.tags.unless_tag import UnlessNode

from templates_app.rendering.nodes import children


@dataclass(frozen=True, slots=True)
class Branch:
    """An arm of a condition, case or loop.

    `kind` is ``if``, ``elsif``, ``else``, ``unless``, ``when``, ``for`` or ``empty``
    (the else of a loop); `text` is its condition as it is written. `id` is the offset
    of its tag, for an else that of the first tag with a suffix: ``12:else``.
    """

    id: str
    kind: str
    text: str
    offset: int


class Tree(Protocol):
    """What is walked: a parsed template of ours or of the library."""

    @property
    def nodes(self) -> list[Node]:
        """The parse tree."""


def branches(template: Tree) -> list[Branch]:
    """Return the arms of every condition, case and loop, in their order.

    An if or case without else has one more arm, ``else`` with no text: nothing of it
    holds. A loop has ``for`` (some items) and ``empty`` (none).
    """
    return list(_branches(template.nodes))


def _branches(nodes: Iterable[Node]) -> Iterator[Branch]:
    for node in nodes:
        if isinstance(node, IfNode | UnlessNode):
            yield from _arms(node)
        elif isinstance(node, CaseNode):
            yield from _cases(node)
        elif isinstance(node, ForNode):
            at = node.token.start_index
            text = _words(node)
            yield Branch(f"{at}", "for", text, at)
            yield from _branches(node.block.nodes)
            yield Branch(f"{at}:empty", "empty", text, at)
            yield from _branches(node.default.nodes if node.default else ())
        else:
            yield from _branches(children(node))


def _words(node: Node) -> str:
    """Return what stands in a tag after its name, as it is written."""
    token = node.token
    return _until_end(token.source, token.start_index + len(token.value))


def _until_end(source: str, start: int) -> str:
    text = source[start : source.find("%}", start)]
    return " ".join(text.removesuffix("-").split())


def _arms(node: IfNode | UnlessNode) -> Iterator[Branch]:
    at = node.token.start_index
    kind = "unless" if isinstance(node, UnlessNode) else "if"
    yield Branch(f"{at}", kind, _words(node), at)
    yield from _branches(node.consequence.nodes)
    for arm in node.alternatives:
        token = arm.expression.token  # of an operator, or of the first word
        start = token.source.find(
            "elsif", token.source.rfind("{%", 0, token.start_index)
        )
        text = _until_end(token.source, start + len("elsif"))
        yield Branch(f"{start}", "elsif", text, start)
        yield from _branches(arm.block.nodes)
    yield Branch(f"{at}:else", "else", "", at)
    yield from _branches(node.default.nodes if node.default else ())


def _cases(node: CaseNode) -> Iterator[Branch]:
    at = node.token.start_index
    for block in node.blocks:
        if isinstance(block, MultiExpressionBlockNode):
            start = block.token.start_index
            text = f"{_words(node)} is {_words(block)}"
            yield Branch(f"{start}", "when", text, start)
            yield from _branches(block.block.nodes)
    yield Branch(f"{at}:else", "else", "", at)
    for block in node.blocks:
        if isinstance(block, BlockNode):
            yield from _branches(block.nodes)
