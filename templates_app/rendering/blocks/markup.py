"""Typed text on its way into MJML: escaped where it is plain, checked where it is HTML.

Inline HTML is read by a small tokenizer that knows the allowed tags and nothing else.
"""

from __future__ import annotations

import html.entities
import re
from collections.abc import Iterator

from templates_app.rendering.errors import RenderError, error_at
from templates_app.rendering.expanding import (
    HTML_ESCAPES,
    escaped,
    literals,
    replaced,
)
from templates_app.rendering.scanning import masked
from templates_app.rendering.sources import Source

ALLOWED_TAGS = ("a", "b", "br", "em", "i", "li", "ol", "p", "span", "strong", "u", "ul")
_EVERYWHERE = frozenset({"dir", "lang", "style"})
_ATTRIBUTES = {"a": frozenset({"href", "title", "target", "rel"})}
_STYLES = frozenset(
    {
        *("background-color", "color", "font-size", "font-style", "font-weight"),
        *("line-height", "text-align", "text-decoration"),
    }
)
_MARKUP = re.compile(
    r"</(?P<end>[a-zA-Z][^\s<>/]*)\s*>"
    r"""|<(?P<name>[a-zA-Z][^\s<>"'/]*)"""
    r"""(?P<attributes>(?:[^<>"']++|"[^"]*+"|'[^']*+')*+)>"""
    r"|<"
)
_ATTRIBUTE = re.compile(r"""\s+(?P<name>[a-zA-Z-]+)\s*=\s*(?P<value>"[^"]*"|'[^']*')""")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|(?P<name>\w+));")
_SIGN = re.compile(r"[&>]")
_BREAKS = re.compile(r"<(?:br|p|ul|ol)\b", re.IGNORECASE)
_TAGS_ALONE = re.compile(r"\s*(?:{%[^%]*%}\s*)+")
_MJML_TEXT = re.compile(r"<mj-(?:text|table)\b(?P<attributes>[^<>]*)>")
_STYLE_VALUE = re.compile(r"(?:[\w#%.,\s-]|rgba?\([\d.,%\s]+\))+")


def plain(source: Source) -> Source:
    """Return plain text for the inside of an element: escaped, lines kept."""
    return _with_breaks(escaped(source, HTML_ESCAPES))


def attribute(source: Source) -> Source:
    """Return plain text for the inside of a double-quoted attribute, on one line."""
    return escaped(source, {**HTML_ESCAPES, "\n": " "})


def inline(source: Source) -> Source:
    """Return inline HTML, bare ampersands escaped; lines kept if it has no breaks."""
    whole = _without_bare_signs(source)
    return whole if _BREAKS.search(masked(whole.text)) else _with_breaks(whole)


def _without_bare_signs(source: Source) -> Source:
    """Return inline HTML with ``&`` and ``>`` escaped where they are just signs."""
    text = source.text
    ends = {match.end() - 1 for match in _MARKUP.finditer(masked(text))}
    bare = [
        (match.start(), match.end(), HTML_ESCAPES[match.group()])
        for start, end in literals(text)
        for match in _SIGN.finditer(text, start, end)
        if not (match.start() in ends or _is_entity(text, match.start()))
    ]
    return replaced(source, bare) if bare else source


def _found(text: str, wanted: str, start: int, end: int) -> Iterator[int]:
    index = text.find(wanted, start, end)
    while index >= 0:
        yield index
        index = text.find(wanted, index + 1, end)


def _is_entity(text: str, index: int) -> bool:
    match = _ENTITY.match(text, index)
    if match is None:
        return False
    name = match.group("name")
    return name is None or name + ";" in html.entities.html5


def _with_breaks(source: Source) -> Source:
    """Return a text whose line ends are breaks, save of lines that hold tags alone."""
    text = source.text
    ends = [
        index
        for start, end in literals(text)
        for index in _found(text, "\n", start, end)
        if not _TAGS_ALONE.fullmatch(text, text.rfind("\n", 0, index) + 1, index)
    ]
    if not ends:
        return source
    return replaced(source, ((at, at + 1, "<br />\n") for at in ends))


def inline_problems(text: str, *, part: str) -> Iterator[RenderError]:
    """Yield every fault of an inline HTML text, each with its place."""
    opened: list[tuple[str, int]] = []
    seen = masked(text)
    for match in _MARKUP.finditer(seen):
        start = match.start()
        name = (match.group("end") or match.group("name") or "").lower()
        if not name:
            yield _fault(text, start, "a plain < is written &lt;", part=part)
        elif name not in ALLOWED_TAGS:
            tags = " ".join(f"<{each}>" for each in ALLOWED_TAGS)
            message = f"<{name}> cannot stand here; allowed are {tags}"
            yield _fault(text, start, message, part=part)
        elif match.group("end"):
            yield from _closing_problems(text, opened, name, start, part=part)
        else:
            yield from _attribute_problems(text, match, name, part=part)
            if name != "br" and not match.group("attributes").endswith("/"):
                opened.append((name, start))
    for name, start in opened:
        yield _fault(text, start, f"<{name}> is never closed", part=part)


def _closing_problems(
    text: str, opened: list[tuple[str, int]], name: str, start: int, *, part: str
) -> Iterator[RenderError]:
    if name == "br":
        yield _fault(text, start, "a line break is written <br>", part=part)
    elif name not in (each for each, _ in opened):
        yield _fault(text, start, f"</{name}> has no beginning", part=part)
    else:
        while opened[-1][0] != name:
            last, begun = opened.pop()
            message = f"<{last}> is not closed before </{name}>"
            yield _fault(text, begun, message, part=part)
        opened.pop()


def _attribute_problems(
    text: str, tag: re.Match[str], name: str, *, part: str
) -> Iterator[RenderError]:
    given = tag.group("attributes").removesuffix("/").rstrip()
    position = 0
    while position < len(given):
        found = _ATTRIBUTE.match(given, position)
        at = tag.start("attributes") + position
        if found is None:
            message = f'<{name}>: an attribute is written name="value"'
            yield _fault(text, at, message, part=part)
            return
        own = found.group("name").lower()
        at = tag.start("attributes") + found.start("name")
        if own not in _EVERYWHERE | _ATTRIBUTES.get(name, frozenset()):
            message = f"<{name}> cannot have {own} here"
            yield _fault(text, at, message, part=part)
        elif own == "style":
            yield from _style_problems(text, found.group("value")[1:-1], at, part=part)
        position = found.end()


def _style_problems(
    text: str, style: str, at: int, *, part: str
) -> Iterator[RenderError]:
    for declaration in filter(str.strip, style.split(";")):
        name, colon, value = declaration.partition(":")
        if not colon or name.strip().lower() not in _STYLES:
            allowed = ", ".join(sorted(_STYLES))
            message = f"{name.strip()!r} cannot stand in a style here; only {allowed}"
            yield _fault(text, at, message, part=part)
        elif not _STYLE_VALUE.fullmatch(value):
            message = f"{value.strip()!r} is no value for {name.strip()}"
            yield _fault(text, at, message, part=part)


def _fault(text: str, offset: int, message: str, *, part: str) -> RenderError:
    return error_at(text, offset, message, code="invalid_blocks", part=part)


def with_link_color(source: Source, color: str) -> Source:
    """Return inline HTML whose links without a style have a colour."""
    links = [
        match.start("name") + 1
        for match in _MARKUP.finditer(masked(source.text))
        if (match.group("name") or "").lower() == "a"
        and "style" not in match.group("attributes").lower()
    ]
    style = f' style="color:{color}"'
    return replaced(source, ((at, at, style) for at in links)) if links else source


def with_dark_mode(source: Source) -> Source:
    """Return MJML whose texts turn light with the page in dark mode.

    Where it sets a background of its own its texts are left alone, and so is every
    element with a class.
    """
    seen = masked(source.text)
    if "background" in seen:
        return source
    ends = [
        match.start("attributes")
        for match in _MJML_TEXT.finditer(seen)
        if "css-class" not in match.group("attributes")
    ]
    style = ' css-class="tx-text tx-pad"'
    return replaced(source, ((at, at, style) for at in ends)) if ends else source
