"""Every mistake of an MJML source, in its order.

The compiler is lenient: it takes a wrong closing tag and an unknown element silently,
and drops an attribute that it does not know. Liquid is masked here; it is not read.
"""

from __future__ import annotations

import difflib
import itertools
import re
from bisect import bisect_right
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from templates_app.rendering.mjml_names import (
    ATTRIBUTES,
    ELEMENTS,
    PARENTS,
    STRUCTURE,
    VOID,
)
from templates_app.rendering.scanning import liquid_tokens, masked

MARKUP = re.compile(
    # What is not closed goes on to the end.
    r"<!--.*?(?:-->|\Z)|<!\[CDATA\[.*?(?:\]\]>|\Z)|<!doctype[^<>]*>|<\?.*?(?:\?>|\Z)"
    r"|</(?P<end>[a-zA-Z][^\s<>/]*)\s*>"
    r"""|<(?P<name>[a-zA-Z][^\s<>"'/]*)"""
    r"""(?P<attributes>(?:[^<>"']++|"[^"]*+"|'[^']*+')*+)>"""
    r"|<",
    re.DOTALL | re.IGNORECASE,
)
_ATTRIBUTE = re.compile(r"""\s([^\s"'<>/=]+)\s*=\s*(?:"[^"]*+"|'[^']*+')""")
_MJML = re.compile(r"<mjml\b")
_BROKEN_NAME = re.compile(r"<([a-zA-Z][^\s<>\"'/]*)")
_ENDS = {"<!--": "-->", "<![": "]]>", "<?": "?>"}
MAX_FAULTS = 500
_AHEAD = 200

Weight = Literal["fatal", "error", "warning"]


@dataclass(frozen=True, slots=True)
class MjmlFault:
    """A mistake at an index of the source.

    A fatal one keeps the source from being compiled; an error makes an email that is
    not as it was meant; of a warning the author should know.
    """

    offset: int
    message: str
    suggestion: str = ""
    length: int | None = None
    weight: Weight = "fatal"


@dataclass(frozen=True, slots=True)
class _Open:
    name: str
    start: int
    is_broken: bool = False


def mjml_faults(source: str) -> list[MjmlFault]:
    """Return every mistake of an MJML source, in the order of their places."""
    faults: list[MjmlFault] = []
    fatal = 0
    for fault in _Lint(source).faults():
        faults.append(fault)
        fatal += fault.weight == "fatal"
        if fatal == MAX_FAULTS:
            break  # each may have taken all the rest to be read
    return sorted(faults, key=lambda fault: fault.offset)


def unclosed_markup(text: str) -> str:
    """Return what a comment, CDATA or instruction without an end lacks, or nothing."""
    for opening, end in _ENDS.items():
        if text.startswith(opening):
            return "" if text.endswith(end) and len(text) > len(opening) else end
    return ""


class _Lint:
    """One pass over the elements of a source."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.text = masked(source)
        self.tokens = [match.span() for match in liquid_tokens(source)]
        self.opened: list[_Open] = []

    def faults(self) -> Iterator[MjmlFault]:
        for match in MARKUP.finditer(self.text):
            if match.group() == "<":
                yield self.broken(match.start())
            elif end := unclosed_markup(match.group()):
                message = f"this is never closed: {end} is missing"
                yield MjmlFault(match.start(), message, f"add {end}", 4)
                return
            elif match["end"]:
                yield from self.closed(match["end"], match.start())
            elif match["name"]:
                yield from self.element(match)
        for each in reversed(self.opened):
            if not each.is_broken:
                yield self.unclosed(each, "at the end")
        root = _MJML.search(self.text)
        if root is None:
            yield MjmlFault(0, "an MJML source begins with <mjml>", "put it in <mjml>")

    def broken(self, start: int) -> MjmlFault:
        """Return what is said of a tag without an end; what closes it may follow."""
        name = _BROKEN_NAME.match(self.text, start)
        if name is not None:
            self.opened.append(_Open(name[1], start, is_broken=True))
        return MjmlFault(
            start,
            "this is no complete tag: a quote or > is missing; a plain < is written "
            "&lt;",
            length=1,
        )

    def element(self, match: re.Match[str]) -> Iterator[MjmlFault]:
        name = match["name"]
        parent = self.opened[-1].name if self.opened else ""
        if name == "mj-head" and "<mj-body" in self.text[: match.start()]:
            message = "<mj-head> stands after <mj-body>"
            yield MjmlFault(match.start(), message, "put it first", 8, "warning")
        if name == "mj-include":
            message = "<mj-include> is not available: put the block's content here"
            advice = "write {% block 'name' %}"
            yield MjmlFault(match.start(), message, advice, len(name) + 1)
        elif name.startswith("mj") and name not in ELEMENTS:
            yield MjmlFault(
                match.start(),
                f"there is no element <{name}>",
                _did_you_mean(name, ELEMENTS, "<{}>"),
                len(name) + 1,
            )
        else:
            yield from _misplaced(name, parent, match.start())
        yield from self.attributes(match, parent)
        if not match["attributes"].endswith("/") and name.lower() not in VOID:
            self.opened.append(_Open(name, match.start()))

    def attributes(self, match: re.Match[str], parent: str) -> Iterator[MjmlFault]:
        """Yield what is wrong with an element's attributes."""
        name = match["name"]
        words = match["attributes"].removesuffix("/")
        begin = match.start("attributes")
        known = ATTRIBUTES.get(name)
        if known is not None and parent != "mj-attributes":
            for found in _ATTRIBUTE.finditer(words):
                at = begin + found.start(1)
                if found[1] not in known and self.source[at] != "{":
                    yield _unknown_attribute(name, found[1], at)
        rest = _ATTRIBUTE.sub(lambda found: " " * len(found.group()), words)
        if not rest.strip():
            return
        offset = begin + len(rest) - len(rest.lstrip())
        token = self.tokens[bisect_right(self.tokens, (offset, len(self.source))) - 1 :]
        is_token = bool(token) and token[0][0] <= offset < token[0][1]
        message = (
            "Liquid cannot stand around whole attributes: put it inside the quotes, "
            "or around the element"
            if is_token
            else f'<{name}>: an attribute is written name="value"'
        )
        yield MjmlFault(offset, message, length=len(rest.split()[0]))

    def closed(self, name: str, start: int) -> Iterator[MjmlFault]:
        """Close the innermost element of a name; those inside it were forgotten."""
        if name.lower() in VOID:
            return
        if self.opened and _is_meant(self.opened[-1].name, name):
            meant = self.opened.pop().name
            if meant != name and meant in ELEMENTS:
                message, advice = f"there is no element <{name}>", f"write </{meant}>"
                yield MjmlFault(start, message, advice, len(name) + 3, "error")
            return
        if not any(each.name == name for each in self.opened):
            top = self.opened[-1].name if self.opened else ""
            if {name, top} <= ELEMENTS and not self.is_closed_later(top, start):
                yield self.crossed(self.opened.pop(), name, start)
            else:
                yield from self.stray(name, start)
            return
        while self.opened[-1].name != name:
            each = self.opened.pop()
            if each.is_broken:
                continue
            line = self.source.count("\n", 0, start) + 1
            yield self.unclosed(each, f"before </{name}> in line {line}", closer=name)
        self.opened.pop()

    def is_closed_later(self, name: str, start: int) -> bool:
        """Return whether an element has an end of its own behind a closing tag."""
        depth = 0
        following = MARKUP.finditer(self.text, start + 2)
        for match in itertools.islice(following, _AHEAD):
            if match["end"]:
                if depth == 0:
                    return match["end"] == name
                depth -= 1
            elif match["name"] and not match["attributes"].endswith("/"):
                depth += match["name"].lower() not in VOID
        return False

    def crossed(self, each: _Open, name: str, start: int) -> MjmlFault:
        line = self.source.count("\n", 0, start) + 1
        message = f"<{each.name}> is not closed before </{name}>"
        advice = f"write </{each.name}> instead of </{name}> in line {line}"
        return MjmlFault(each.start, message, advice, len(each.name) + 1)

    def stray(self, name: str, start: int) -> Iterator[MjmlFault]:
        message = f"</{name}> has no beginning"
        if name.startswith("mj") and name not in ELEMENTS:
            message = f"there is no element <{name}>"
        advice = _did_you_mean(name, {each.name for each in self.opened}, "</{}>")
        if advice and self.is_closed_later(self.opened[-1].name, start):
            advice = ""
        elif advice:
            self.opened.pop()
        yield MjmlFault(start, message, advice or "take it away", len(name) + 3)

    def unclosed(self, each: _Open, where: str, *, closer: str = "") -> MjmlFault:
        message = (
            f"<{each.name}> is not closed before </{closer}>"
            if closer
            else f"<{each.name}> is never closed"
        )
        advice = f"add </{each.name}> {where}"
        return MjmlFault(each.start, message, advice, len(each.name) + 1)


def _is_meant(opened: str, closing: str) -> bool:
    """Return whether a closing tag ends an element, misspelt names included.

    That is so when just one of the two is an element at all.
    """
    if opened == closing:
        return True
    names = {opened, closing}
    if not all(name.startswith("mj") for name in names) or len(names & ELEMENTS) != 1:
        return False
    return bool(difflib.get_close_matches(opened, [closing], n=1, cutoff=0.7))


def _misplaced(name: str, parent: str, start: int) -> Iterator[MjmlFault]:
    """Yield a fault for an element that stands where it must not."""
    if parent == "mj-attributes" or (parent and parent.startswith("mj-raw")):
        return
    parents = PARENTS.get(name)
    if parents is None:
        if parent in STRUCTURE:
            message = f"<{name}> stands in <{parent}>, which holds MJML elements only"
            advice = "put it into <mj-text>, or into <mj-raw>"
            yield MjmlFault(start, message, advice, len(name) + 1, "warning")
        return
    if parent in parents or (not parent and name == "mjml"):
        return
    if parent.startswith("mj") and parent not in ELEMENTS:
        return  # the parent is wrong itself
    where = f"in <{parent}>" if parent else "outside of <mjml>"
    wanted = " or ".join(f"<{each}>" for each in sorted(parents) if each != "mj-raw")
    advice = f"put it into {wanted}" if wanted else "there is one, around everything"
    message = f"<{name}> cannot stand {where}"
    yield MjmlFault(start, message, advice, len(name) + 1, "error")


def _unknown_attribute(element: str, name: str, offset: int) -> MjmlFault:
    """Return what is said of an attribute that will be dropped."""
    known = ATTRIBUTES[element] or frozenset()
    advice = _did_you_mean(name, known, "{}", cutoff=0.75)
    return MjmlFault(
        offset,
        f"<{element}> has no attribute {name}: it has no effect",
        advice,
        len(name),
        "error" if advice else "warning",
    )


def _did_you_mean(
    name: str, candidates: Collection[str], form: str, *, cutoff: float = 0.6
) -> str:
    near = difflib.get_close_matches(name, sorted(candidates), n=1, cutoff=cutoff)
    return f"did you mean {form.format(near[0])}?" if near else ""
