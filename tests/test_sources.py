from __future__ import annotations

import time

import pytest

from templates_app.rendering.errors import RenderError
from templates_app.rendering.expanding import block_tags, escaped, replaced
from templates_app.rendering.scanning import masked
from templates_app.rendering.sources import Piece, Place, Source

TYPED = "one\ntwo {{ a }}"


def made() -> Source:
    return Source(
        (
            Piece("<p>", "markup", "", is_fixed=True),
            Piece(TYPED, "text", TYPED),
            Piece("</p>", "markup", "", is_fixed=True),
        )
    )


def test_a_place_is_that_of_the_piece_and_of_its_origin() -> None:
    source = made()

    assert source.text == "<p>one\ntwo {{ a }}</p>"
    assert source.place(0) == source.place(2) == Place("markup", 1, 1)
    assert source.place(3) == Place("text", 1, 1)
    assert source.place(source.text.index("{{")) == Place("text", 2, 5)
    assert source.place(len(source.text)) == Place("markup", 1, 1)
    assert Source(()).place(5) == Place("", 1, 1)


def test_cut_pieces_keep_their_places() -> None:
    source = made()
    start = source.text.index("two")
    again = Source(tuple(source.cut(start, start + 5)))

    assert again.text == "two {"
    assert again.place(4) == Place("text", 2, 5)
    assert [piece.is_fixed for piece in source.cut(0, 99)] == [True, False, True]


def test_an_error_gets_the_authors_place_and_keeps_its_facts() -> None:
    source = made()
    at = source.text.index("a }}")
    error = RenderError("no", code="bad_value", part="html", path="a", offset=at)

    found = source.placed(error)

    assert (found.part, found.line, found.column) == ("text", 2, 8)
    assert (found.message, found.code, found.path) == ("no", "bad_value", "a")
    unplaced = RenderError("no", code="bad_value")
    assert source.placed(unplaced) is unplaced


def test_escaping_leaves_liquid_alone_and_moves_no_place() -> None:
    text = 'a & {{ b | append: "&" }} < c'
    source = escaped(Source.typed(text, part="t"), {"&": "&amp;", "<": "&lt;"})

    assert source.text == 'a &amp; {{ b | append: "&" }} &lt; c'
    assert source.place(source.text.index("{{")) == Place("t", 1, 5)
    assert source.place(source.text.index("amp;")) == Place("t", 1, 3)
    assert source.place(len(source.text) - 1).column == len(text)


def test_a_replacement_within_markup_has_the_place_of_the_markup() -> None:
    source = replaced(made(), [(0, 3, "<div>"), (7, 7, "+")])

    assert source.text == "<div>one\n+two {{ a }}</p>"
    assert source.place(4) == Place("markup", 1, 1)
    assert source.place(source.text.index("+")) == Place("text", 2, 1)


@pytest.mark.parametrize(
    "repeated", ["{{", "{%", "{{ a ", "{% raw %}", "{% comment %}", "{{'", "{% if "]
)
def test_tokens_without_an_end_are_looked_for_once(repeated: str) -> None:
    """Each would be looked for in all the rest."""
    text = "{% block 'a' %}" + repeated * 60_000
    started = time.process_time()  # not the clock: others may have the processor
    assert [tag.group(2) for _, tag in block_tags(text)][:1] == [" 'a' "]
    assert len(masked(text)) == len(text)
    assert time.process_time() - started < 2
