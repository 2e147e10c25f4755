"""Branch coverage: which arms of a draft's conditions and loops its samples reach.

An arm that no sample reaches is content that nobody has seen. Knows no model.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from templates_app.rendering import RenderContext
from templates_app.rendering.assembling import assembled
from templates_app.rendering.branches import Branch
from templates_app.rendering.content import placed
from templates_app.rendering.errors import error_at
from templates_app.rendering.fields import Content
from templates_app.rendering.formatting import Formats
from templates_app.rendering.liquid import Template, parse
from templates_app.rendering.sources import Place
from templates_app.rendering.tracing import TracedTemplate
from templates_app.simulation import Prepared

_WORDS = {
    "if": "if {text}",
    "elsif": "else if {text}",
    "unless": "unless {text}",
    "when": "when {text}",
    "for": "for {text}: with items",
    "empty": "for {text}: without items",
}


@dataclass(frozen=True, slots=True)
class Case:
    """One sample that is rendered; `group` names the kind of samples it is of.

    One that does not count reaches no arm, but is named where it would.
    """

    label: str
    group: str
    context: RenderContext
    counts: bool = True


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm, where the author wrote it, and which samples reach it.

    `words` say what must hold, such as ``if ctx.vip`` or ``otherwise``; `of` names the
    condition that an otherwise belongs to. `only_by` are cases that do not count.
    """

    part: str
    line: int
    column: int
    words: str
    of: str
    reached_by: tuple[str, ...]
    groups: tuple[str, ...]
    only_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Coverage:
    """Every arm in its order; `percent` is whole, and 100 only if none is missing."""

    arms: tuple[Arm, ...]

    @property
    def reached(self) -> int:
        """Return how many arms some sample reaches."""
        return sum(1 for arm in self.arms if arm.reached_by)

    @property
    def missing(self) -> list[Arm]:
        """Return the arms that no sample reaches."""
        return [arm for arm in self.arms if not arm.reached_by]

    @property
    def percent(self) -> int:
        """Return the share of arms that are reached."""
        return self.reached * 100 // len(self.arms) if self.arms else 100


def coverage_of(prepared: Prepared, cases: Sequence[Case]) -> Coverage:
    """Return which arms of every part the cases reach.

    A text part that was made from the HTML has the same arms and is left out. Content
    that cannot be compiled has none.
    """
    if prepared.program is None:
        return Coverage(())
    views = [(c, c.context.variables(), Formats.of(c.context)) for c in cases]
    arms: list[Arm] = []
    for template, place in _templates(prepared):
        traced = TracedTemplate(template)
        if not traced.branches:
            continue
        reached: list[list[Case]] = [[] for _ in traced.branches]
        for case, variables, formats in views:
            for number in traced.taken(variables, formats):
                reached[number].append(case)
        tags = {branch.offset: branch for branch in reversed(traced.branches)}
        arms += [
            _arm(branch, of=tags[branch.offset], by=by, place=place(branch.offset))
            for branch, by in zip(traced.branches, reached, strict=True)
        ]
    return Coverage(tuple(arms))


def _templates(
    prepared: Prepared,
) -> Iterator[tuple[Template, Callable[[int], Place]]]:
    """Yield every part as it is rendered, and what finds a place in it.

    The preheader is a part of the HTML.
    """
    content = Content.from_json(prepared.content)
    for part, source in assembled(content, prepared.blocks).items():
        if part == "html":
            html = str(prepared.compiled["html"])
            yield (
                parse(html, html=True, part="html"),
                functools.partial(_in_html, html, prepared.compiled["places"]),
            )
        elif part != "preheader":
            yield parse(source.text, html=False, part=part), source.place


def _in_html(html: str, places: list[list[Any]], offset: int) -> Place:
    error = error_at(html, offset, "", code="syntax_error", part="html")
    found = placed(error, html, places)
    return Place(found.part, found.line or 1, found.column or 1)


def _arm(branch: Branch, *, of: Branch, by: list[Case], place: Place) -> Arm:
    words = _WORDS.get(branch.kind, "otherwise").format(text=branch.text)
    is_other = branch.kind == "else"
    return Arm(
        part=place.part,
        line=place.line,
        column=place.column,
        words=words,
        of=_WORDS.get(of.kind, "").format(text=of.text) if is_other else "",
        reached_by=tuple(case.label for case in by if case.counts),
        groups=tuple(dict.fromkeys(case.group for case in by if case.counts)),
        only_by=tuple(case.label for case in by if not case.counts),
    )
