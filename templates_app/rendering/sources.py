"""Text put together from pieces, and where each piece was written.

What is compiled is often not what an author typed: content blocks are written out,
blocks become MJML. A source keeps, for every index of the assembled text, the part,
line and column that the author knows. It knows neither Liquid nor HTML.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from templates_app.rendering.errors import RenderError, line_column


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in what an author wrote.

    `part` names a field of the content (``subject``, ``html``, ``text`` …), a field of
    a visual block (``blocks/<id>/<field>``) or a content block (``block/<name>``).
    Lines and columns count from 1.
    """

    part: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text, and where in an author's text it comes from.

    A fixed piece was written by no author, such as the markup around a block: its
    place is `offset`, whatever the index.
    """

    text: str
    part: str
    origin: str
    offset: int = 0
    is_fixed: bool = False

    def place(self, index: int) -> Place:
        """Return the place of an index of the text."""
        at = self.offset if self.is_fixed else self.offset + index
        return Place(self.part, *line_column(self.origin, at))


@dataclass(frozen=True, slots=True)
class Source:
    """Pieces in their order; `text` is what they make together."""

    pieces: tuple[Piece, ...]
    text: str = field(init=False)
    _starts: list[int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        starts, length = [], 0
        for piece in self.pieces:
            starts.append(length)
            length += len(piece.text)
        object.__setattr__(self, "_starts", starts)
        object.__setattr__(self, "text", "".join(each.text for each in self.pieces))

    @classmethod
    def typed(cls, text: str, *, part: str) -> Source:
        """Return the source of a text as an author typed it."""
        return cls((Piece(text, part, text),))

    def place(self, index: int) -> Place:
        """Return where the author wrote what stands at an index of the text."""
        if not self.pieces:
            return Place("", 1, 1)
        piece, within = self.piece_at(index)
        return piece.place(within)

    def piece_at(self, index: int) -> tuple[Piece, int]:
        """Return the piece at an index of the text, and the index within it."""
        number = max(0, bisect_right(self._starts, index) - 1)
        return self.pieces[number], index - self._starts[number]

    def cut(self, start: int, end: int) -> Iterator[Piece]:
        """Yield the pieces between two indexes, the outermost cut to fit."""
        for begun, piece in zip(self._starts, self.pieces, strict=True):
            left = max(start - begun, 0)
            right = min(end - begun, len(piece.text))
            if left >= right:
                continue
            moved = piece.offset if piece.is_fixed else piece.offset + left
            yield Piece(
                piece.text[left:right], piece.part, piece.origin, moved, piece.is_fixed
            )

    def placed(self, error: RenderError) -> RenderError:
        """Return an error in the assembled text with the author's place."""
        if error.offset is None:
            return error
        place = self.place(error.offset)
        return RenderError(
            error.message,
            code=error.code,
            part=place.part,
            line=place.line,
            column=place.column,
            path=error.path,
        )
