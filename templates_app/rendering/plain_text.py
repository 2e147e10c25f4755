"""The text part of an email, made from its HTML.

It is made once, from the template and not from each message: Liquid stays in its
place, so a message's text part costs one more small template and no HTML parser.
Link targets are kept, as ``Label (https://…)``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser

from templates_app.rendering.scanning import (
    MASK_WORD,
    is_output,
    liquid_tokens,
    word_masked,
)

_BLANK = re.compile(r"[ \t\r\n\f]+")
_HIDDEN = re.compile(r"display\s*:\s*none|mso-hide\s*:\s*all", re.I)

_SKIPPED = frozenset({"head", "script", "style", "title", "template", "noscript"})
_VOID = frozenset(
    {
        *("area", "base", "br", "col", "embed", "hr", "img", "input", "link"),
        *("meta", "source", "track", "wbr"),
    }
)
_BLOCKS = frozenset(
    {
        *("address", "article", "aside", "blockquote", "caption", "center", "dd"),
        *("div", "dl", "dt", "fieldset", "footer", "form", "header", "main", "nav"),
        *("ol", "section", "table", "tbody", "tfoot", "thead", "tr", "ul"),
    }
)
_PARAGRAPHS = frozenset(["p", "h1", "h2", "h3", "h4", "h5", "h6", "pre"])
_CELLS = frozenset({"td", "th"})


@dataclass(slots=True)
class _Element:
    name: str
    hidden: bool
    target: str = ""
    start: int = 0


class _Writer(HTMLParser):
    """Writes the words of a masked HTML text, one block a line."""

    def __init__(self, tokens: list[str]) -> None:
        super().__init__(convert_charrefs=True)
        self.tokens = tokens
        self.pieces: list[str] = []
        self.stack: list[_Element] = []

    @property
    def hidden(self) -> bool:
        return bool(self.stack) and self.stack[-1].hidden

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag in _VOID:
            self._void(tag, values)
            return
        hidden = (
            self.hidden
            or tag in _SKIPPED
            or bool(_HIDDEN.search(values.get("style", "")))
        )
        if not hidden:
            self._open(tag)
        target = values.get("href", "").strip() if tag == "a" else ""
        self.stack.append(_Element(tag, hidden, target, len(self.pieces)))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _VOID:
            self._void(tag, {name: value or "" for name, value in attrs})

    def handle_endtag(self, tag: str) -> None:
        if not any(element.name == tag for element in self.stack):
            return
        while self.stack:
            element = self.stack.pop()
            if not element.hidden:
                self._close(element)
            if element.name == tag:
                return

    def handle_data(self, data: str) -> None:
        if self.hidden:
            self._keep_tags(data)
        else:
            self.pieces.append(_BLANK.sub(" ", data))

    def handle_comment(self, data: str) -> None:
        self._keep_tags(data)

    def _keep_tags(self, data: str) -> None:
        """Leave out what is hidden, but not the conditions and loops in it."""
        for match in MASK_WORD.finditer(data):
            if not is_output(self.tokens[int(match.group(1))]):
                self.pieces.append(match.group())

    def _void(self, tag: str, values: dict[str, str]) -> None:
        if self.hidden:
            return
        if tag == "br":
            self.pieces.append("\n")
        elif tag == "hr":
            self.pieces.append("\n\n----------\n\n")
        elif tag == "img" and values.get("alt", "").strip():
            self.pieces.append(_BLANK.sub(" ", values["alt"].strip()))

    def _open(self, tag: str) -> None:
        if tag == "li":
            self.pieces.append("\n* ")
        elif tag in _PARAGRAPHS:
            self.pieces.append("\n\n")
        elif tag in _BLOCKS:
            self.pieces.append("\n")

    def _close(self, element: _Element) -> None:
        if element.name in _CELLS:
            self.pieces.append("  ")
        elif element.name in _PARAGRAPHS or element.name == "table":
            self.pieces.append("\n\n")
        elif element.name in _BLOCKS or element.name == "li":
            self.pieces.append("\n")
        elif element.target and not element.target.startswith("#"):
            label = "".join(self.pieces[element.start :]).strip()
            address = element.target.removeprefix("mailto:").removeprefix("tel:")
            if not label:
                self.pieces.append(address)
            elif label != address:
                self.pieces.append(f" ({address})")


def text_template(html: str) -> str:
    """Return the plain-text Liquid template that says what an HTML template says."""
    tokens = [match.group() for match in liquid_tokens(html)]
    writer = _Writer(tokens)
    writer.feed(word_masked(html))
    writer.close()
    text = tidied("".join(writer.pieces))
    return MASK_WORD.sub(lambda match: tokens[int(match.group(1))], text)


def text_of_fragment(html: str) -> str:
    """Return the words of a small piece of HTML that holds no Liquid."""
    writer = _Writer([])
    writer.feed(html)
    writer.close()
    return tidied("".join(writer.pieces))


def tidied(text: str) -> str:
    """Return text without blanks at line ends and with single empty lines."""
    lines: list[str] = []
    for raw in text.split("\n"):
        line = raw.strip(" \t\r\xa0")
        if line or (lines and lines[-1]):
            lines.append(line)
    return "\n".join(lines).strip()
