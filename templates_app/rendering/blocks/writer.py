"""What every element is written with: a block's fields, as pieces of MJML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from templates_app.rendering.blocks import markup
from templates_app.rendering.blocks.kinds import KINDS
from templates_app.rendering.blocks.looks import GUTTER, Look
from templates_app.rendering.expanding import Blocks, expanded
from templates_app.rendering.sources import Piece, Source

Pieces = list[Piece]


def fixed(text: str, part: str) -> Piece:
    """Return markup that no author wrote."""
    return Piece(text, part, "", is_fixed=True)


@dataclass(frozen=True, slots=True)
class Writer:
    """One block, and what its element needs besides.

    `gutter` is the room left and right of it, in pixels.
    """

    block: Mapping[str, Any]
    look: Look
    blocks: Blocks | None = None
    mark: bool = False
    gutter: int = GUTTER

    @property
    def kind(self) -> str:
        """The kind of the block."""
        return str(self.block["kind"])

    @property
    def part(self) -> str:
        """The part that names the block."""
        return f"blocks/{self.block['id']}"

    @property
    def padding(self) -> str:
        """The padding of an element in the flow of the content."""
        return f"8px {self.gutter}px"

    def inside(self, block: Mapping[str, Any], *, gutter: int) -> Writer:
        """Return the writer of a block inside of this one."""
        return replace(self, block=block, gutter=gutter)

    def value(self, name: str) -> Any:
        """Return a field, or what it means to leave it out."""
        return self.block.get(name, KINDS[self.kind].default(name))

    def css(self, names: str = "") -> str:
        """Return the attribute with an element's classes; may be empty."""
        names = self._classes(names)
        return f' css-class="{names}"' if names else ""

    def html_class(self, names: str = "") -> str:
        """Return the same for an HTML element."""
        names = self._classes(names)
        return f' class="{names}"' if names else ""

    def _classes(self, names: str) -> str:
        own = f"tx-block-{self.block['id']}" if self.mark else ""
        return f"{names} {own}".strip()

    def markup(self, text: str) -> Piece:
        """Return markup of the block."""
        return fixed(text, self.part)

    def plain(self, name: str) -> Pieces:
        """Return a plain text for the inside of an element."""
        return list(markup.plain(self._source(name, html=False)).pieces)

    def attribute(self, name: str, text: str | None = None) -> Pieces:
        """Return a plain text for the inside of a double-quoted attribute."""
        source = self._source(name, html=False, text=text)
        return list(markup.attribute(source).pieces)

    def plain_text(self, name: str, text: str) -> Pieces:
        """Return a plain text that stands deeper in the block, named by its part."""
        return list(markup.plain(self._source(name, html=False, text=text)).pieces)

    def inline(self, name: str, *, link: str) -> Pieces:
        """Return a text of inline HTML whose links have a colour."""
        source = markup.inline(self._source(name, html=True))
        return list(markup.with_link_color(source, link).pieces)

    def mjml(self, name: str) -> Pieces:
        """Return MJML as it was typed, with its texts ready for dark mode."""
        return list(markup.with_dark_mode(self._source(name, html=True)).pieces)

    def _source(self, name: str, *, html: bool, text: str | None = None) -> Source:
        words = self.value(name) if text is None else text
        whole = Source.typed(words, part=f"{self.part}/{name}")
        end = len(words.rstrip("\n"))
        start = min(end, len(words) - len(words.lstrip("\n")))
        return expanded(Source(tuple(whole.cut(start, end))), self.blocks, html=html)
