"""From a place in compiled text back to the place in what the author wrote.

Compiled content keeps, for each Liquid token of a text, where the author put it: as
``[part, line, column]``, or ``[part]`` for what was written for the author, such as
the condition of a visual block.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from templates_app.rendering.errors import RenderError, line_column
from templates_app.rendering.formatting import Formats
from templates_app.rendering.liquid import Template, parse
from templates_app.rendering.scanning import liquid_tokens
from templates_app.rendering.sources import Source

Places = list[list[Any]]


def places_of(source: Source, starts: Iterable[int]) -> Places:
    """Return the places of tokens that begin at these indexes of a source."""
    return [_place(source, start) for start in starts]


def _place(source: Source, start: int) -> list[Any]:
    piece, _ = source.piece_at(start)
    if piece.is_fixed:
        return [piece.part]
    place = source.place(start)
    return [place.part, place.line, place.column]


def token_places(source: Source) -> Places:
    """Return the place of each Liquid token of a source."""
    return places_of(source, (token.start() for token in liquid_tokens(source.text)))


def placed(
    error: RenderError, text: str, places: Sequence[Sequence[Any]]
) -> RenderError:
    """Return an error in a compiled text with its place in what the author wrote."""
    if error.offset is None:
        return error
    for match, place in zip(liquid_tokens(text), places, strict=False):
        if not match.start() <= error.offset < match.end():
            continue
        part, *position = place
        if not position:
            return _moved(error, part=part)
        down, across = line_column(match.group(), error.offset - match.start())
        line, column = position
        return _moved(
            error,
            part=part,
            line=line + down - 1,
            column=across if down > 1 else column + across - 1,
        )
    return _moved(error, part=error.part)


def _moved(
    error: RenderError, *, part: str, line: int | None = None, column: int | None = None
) -> RenderError:
    return RenderError(
        error.message,
        code=error.code,
        part=part,
        line=line,
        column=column,
        path=error.path,
    )


@dataclass(frozen=True, slots=True)
class PlacedTemplate:
    """A template whose errors name the author's places, where those differ."""

    template: Template
    places: Sequence[Sequence[Any]] = ()

    @classmethod
    def of(cls, compiled: Mapping[str, Any], part: str) -> PlacedTemplate:
        """Return the template of a plain text of compiled content."""
        places = compiled.get("text_places", {}).get(part, ())
        return cls(parse(compiled.get(part, ""), html=False, part=part), places)

    @property
    def fixed(self) -> str | None:
        """The text of a template that holds no Liquid; None for any other."""
        return self.template.fixed

    def prepare(self) -> None:
        """Make it quick, for a template that is used again."""
        self.template.prepare()

    def render(self, variables: Mapping[str, Any], formats: Formats) -> str:
        """Return the text for one delivery; raise RenderError."""
        try:
            return self.template.render(variables, formats)
        except RenderError as error:
            if not self.places:
                raise
            raise placed(error, self.template.source, self.places) from error
