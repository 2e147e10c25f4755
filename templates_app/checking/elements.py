"""The elements of an HTML source: what is not closed, or closes nothing.

Each arm of a condition is read on its own, as just one of them is ever shown.
"""

from __future__ import annotations

import heapq
import itertools
import re
from collections.abc import Iterator

from templates_app.checking.findings import Fault
from templates_app.rendering.mjml_lint import MARKUP, MAX_FAULTS, unclosed_markup
from templates_app.rendering.mjml_names import VOID
from templates_app.rendering.scanning import liquid_tokens, masked

_TAG_NAME = re.compile(r"\{%-?\s*(\w+)")
# HTML lets the end of these be left out.
_OPTIONAL = frozenset(
    {
        *("html", "head", "body", "p", "li", "dt", "dd", "option", "optgroup", "thead"),
        *("tbody", "tfoot", "tr", "td", "th", "colgroup", "caption", "rp", "rt"),
    }
)
_OPENS = frozenset({"if", "unless", "case"})
_ARMS = frozenset({"else", "elsif", "when"})
_CLOSES = frozenset({"endif", "endunless", "endcase"})

_MAX_DEPTH = 500
_BROKEN_NAME = re.compile(r"<([a-zA-Z][^\s<>\"'/]*)")
_Stack = tuple[tuple[str, int], ...]


def element_faults(source: str) -> list[Fault]:
    """Return what is wrong with how the elements of an HTML source are nested."""
    reader = _Elements(source)
    faults = list(itertools.islice(reader.read(), MAX_FAULTS))
    unique = {(fault.offset, fault.code): fault for fault in faults}
    return sorted(unique.values(), key=lambda fault: fault.offset)


class _Elements:
    """One pass over a source: the open elements, and those where an arm began."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.stack: _Stack = ()
        # For each open condition: the elements where it began, and after its first arm.
        self.conditions: list[tuple[_Stack, _Stack | None]] = []
        self.broken_at: set[int] = set()

    def read(self) -> Iterator[Fault]:
        """Yield the faults, in the order in which they come to light."""
        tokens = liquid_tokens(self.source)
        markup = MARKUP.finditer(masked(self.source))
        for each in heapq.merge(tokens, markup, key=lambda match: match.start()):
            start = each.start()
            if each.re is not MARKUP:
                self.liquid(each.group())
            elif each.group() == "<":
                yield self.broken(start)
            elif end := unclosed_markup(each.group()):
                message = f"this is never closed: {end} is missing"
                yield Fault(start, "invalid_html", message, f"add {end}", 4)
                return
            elif each["end"]:
                yield from self.close(each["end"].lower(), start)
            elif each["name"] and not each["attributes"].endswith("/"):
                self.open(each["name"].lower(), start)
            if len(self.stack) > _MAX_DEPTH:
                message = f"elements stand in one another {_MAX_DEPTH} deep"
                yield Fault(start, "invalid_html", message, "close them", 1)
                return
        for name, start in self.stack:
            if name not in _OPTIONAL and start not in self.broken_at:
                yield self.unclosed(name, start, "where it ends")

    def broken(self, start: int) -> Fault:
        """Return what is said of a tag without an end; what closes it may follow."""
        name = _BROKEN_NAME.match(self.source, start)
        if name is not None:
            self.broken_at.add(start)
            self.open(name[1].lower(), start)
        message = "this is no complete tag: a quote or > is missing"
        advice = "a plain < is written &lt;"
        return Fault(start, "invalid_html", message, advice, 1)

    def open(self, name: str, start: int) -> None:
        if name not in VOID:
            self.stack = (*self.stack, (name, start))

    def close(self, name: str, start: int) -> Iterator[Fault]:
        if name in VOID:
            return
        names = [each for each, _ in self.stack]
        if name not in names:
            message = f"</{name}> has no beginning"
            yield Fault(start, "invalid_html", message, "take it away", len(name) + 3)
            return
        at = len(names) - 1 - names[::-1].index(name)
        for inner, begun in self.stack[at + 1 :]:
            if inner not in _OPTIONAL and begun not in self.broken_at:
                line = self.source.count("\n", 0, start) + 1
                where = f"before </{name}> in line {line}"
                yield self.unclosed(inner, begun, where)
        self.stack = self.stack[:at]

    def liquid(self, token: str) -> None:
        match = _TAG_NAME.match(token)
        name = match[1] if match else ""
        if name in _OPENS:
            self.conditions.append((self.stack, None))
        elif name in _ARMS and self.conditions:
            before, after = self.conditions[-1]
            # Between a case and its first arm nothing is ever shown.
            if name == "when" and after is None and self.stack == before:
                return
            self.conditions[-1] = (before, self.stack if after is None else after)
            self.stack = before
        elif name in _CLOSES and self.conditions:
            _, after = self.conditions.pop()
            self.stack = self.stack if after is None else after

    def unclosed(self, name: str, start: int, where: str) -> Fault:
        message = f"<{name}> is never closed"
        advice = f"add </{name}> {where}"
        return Fault(start, "invalid_html", message, advice, len(name) + 1)
