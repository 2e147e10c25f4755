"""Which arms of a template a rendering takes: a copy of its tree that takes notes.

The template itself, which is kept and renders deliveries, is left as it is.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, TextIO

from liquid import RenderContext
from liquid.ast import BlockNode, Node
from liquid.builtin.tags.case_tag import CaseNode, MultiExpressionBlockNode
from liquid.builtin.tags.for_tag import ForNode
from liquid.builtin.tags.if_tag import IfNode
from liquid.builtin.tags.unless_tag import UnlessNode
from liquid.template import BoundTemplate

from templates_app.rendering.branches import Branch, branches
from templates_app.rendering.errors import RenderError
from templates_app.rendering.formatting import Formats
from templates_app.rendering.liquid import Template


class TracedTemplate:
    """A template whose arms say that they were taken."""

    def __init__(self, template: Template) -> None:
        self.branches: list[Branch] = branches(template)
        self._hits: set[int] = set()
        self._arms = 0
        bound: BoundTemplate = copy.copy(template.bound)
        bound.nodes = self._copies(template.nodes)
        self._template = Template(template.source, template.part, bound)

    def taken(self, variables: Mapping[str, Any], formats: Formats) -> set[int]:
        """Return which of `branches` one rendering takes, as indexes.

        A rendering that fails has taken what it reached before.
        """
        self._hits.clear()
        with suppress(RenderError):
            self.rendered(variables, formats)
        return set(self._hits)

    def rendered(self, variables: Mapping[str, Any], formats: Formats) -> str:
        """Return what the template itself would render; raise RenderError."""
        return self._template.render(variables, formats)

    # --- the copy, in the order of `branches`

    def _copies(self, nodes: Iterable[Node]) -> list[Node]:
        return [self._copy(node) for node in nodes]

    def _copy(self, node: Node) -> Node:
        twin: Any = copy.copy(node)
        if isinstance(node, IfNode | UnlessNode):
            twin.consequence = self._arm(node.consequence)
            twin.alternatives = [copy.copy(arm) for arm in node.alternatives]
            for arm in twin.alternatives:
                arm.block = self._arm(arm.block)
            twin.default = self._arm(node.default, beside=node.consequence)
        elif isinstance(node, CaseNode):
            twin.blocks = self._cases(node)
        elif isinstance(node, ForNode):
            twin.block = self._arm(node.block)
            twin.default = self._arm(node.default, beside=node.block)
        elif isinstance(node, BlockNode):
            twin.nodes = self._copies(node.nodes)
        elif isinstance(getattr(node, "block", None), BlockNode):  # capture
            twin.block = self._copy(twin.block)
        return twin  # type: ignore[no-any-return]  # it was Any to be changed

    def _arm(
        self, block: BlockNode | None, *, beside: BlockNode | None = None
    ) -> BlockNode:
        """Return the next arm; one that is not written out is empty."""
        number, self._arms = self._arms, self._arms + 1
        if block is None:
            assert beside is not None  # noqa: S101  # narrows the type
            return _NotingBlock(beside.token, [], self._hits, number, blank=True)
        nodes = self._copies(block.nodes)
        return _NotingBlock(block.token, nodes, self._hits, number, blank=block.blank)

    def _cases(self, node: CaseNode) -> list[Node]:
        twins: dict[int, Node] = {}
        for at, block in enumerate(node.blocks):
            if isinstance(block, MultiExpressionBlockNode):
                twin = copy.copy(block)
                twin.block = self._arm(block.block)
                twins[at] = twin
        others = [
            (at, block)
            for at, block in enumerate(node.blocks)
            if isinstance(block, BlockNode)
        ]
        number, self._arms = self._arms, self._arms + 1
        for at, block in others:
            nodes = self._copies(block.nodes)
            twins[at] = _NotingBlock(
                block.token, nodes, self._hits, number, blank=block.blank
            )
        if not others:
            twins[len(node.blocks)] = _NotingBlock(
                node.token, [], self._hits, number, blank=True
            )
        return [twins[at] for at in sorted(twins)]


class _NotingBlock(BlockNode):
    """A block that notes that it was rendered."""

    __slots__ = ("_hits", "_number")

    def __init__(
        self, token: Any, nodes: list[Node], hits: set[int], number: int, *, blank: bool
    ) -> None:
        super().__init__(token, nodes)
        self.blank = blank
        self._hits = hits
        self._number = number

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        """Render the block."""
        self._hits.add(self._number)
        return super().render_to_output(context, buffer)
