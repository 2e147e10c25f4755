"""A block document to MJML, with the place of everything that an author typed.

Blocks that follow each other share a section, for size: mail programs clip what is
longer than 102 KB. The footer stands outside of the card that holds the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from templates_app.rendering.blocks.conditions import is_about, repeated, shown_if
from templates_app.rendering.blocks.elements import ELEMENTS
from templates_app.rendering.blocks.looks import GUTTER, Look, head
from templates_app.rendering.blocks.products import products
from templates_app.rendering.blocks.validation import problems_of_document
from templates_app.rendering.blocks.writer import Pieces, Writer, fixed
from templates_app.rendering.expanding import Blocks
from templates_app.rendering.sources import Source

Block = Mapping[str, Any]

_OUTSIDE = frozenset({"footer", "raw"})


def mjml_of(
    document: Mapping[str, Any],
    *,
    mark: bool = False,
    blocks: Blocks | None = None,
    is_checked: bool = False,
) -> Source:
    """Return the MJML of a block document.

    What was typed has the part ``blocks/<id>/<field>``; markup has that of its block,
    at line 1, column 1. With `mark` each block's element has the class
    ``tx-block-<id>``, for a preview. `blocks` are the content blocks that its texts
    call. Raises RenderError, the first of `problems_of_document`; with `is_checked`
    the caller has them, and none is about the shape of the document.
    """
    problems = () if is_checked else problems_of_document(document, blocks=blocks)
    if problems:
        raise problems[0]
    look = Look.of(document.get("settings", {}))
    language = f' lang="{look.language}"' if look.language else ""
    writers = [
        Writer(block, look, blocks=blocks, mark=mark)
        for block in document.get("blocks", [])
    ]
    body = "".join(
        [
            f"<mjml{language}>{head(look)}",
            f'<mj-body width="{look.width}px" background-color="{look.page}" ',
            'css-class="tx-page"><mj-section padding="12px 0" />',
        ]
    )
    return Source(
        (
            fixed(body, "blocks"),
            *(piece for part in _parts(writers) for piece in part),
            fixed('<mj-section padding="12px 0" /></mj-body></mjml>', "blocks"),
        )
    )


def _parts(writers: Sequence[Writer]) -> Iterator[Pieces]:
    """Yield the body: cards of blocks, and what stands between and below them."""
    for kind, group in groupby(writers, _place):
        if kind == "raw":
            yield [piece for each in group for piece in framed(each, _raw(each))]
        elif kind == "footer":
            yield [piece for each in group for piece in framed(each, _footer(each))]
        else:
            yield list(_card(list(group)))


def _place(writer: Writer) -> str:
    return writer.kind if writer.kind in _OUTSIDE else "card"


def _card(writers: Sequence[Writer]) -> Iterator[Any]:
    look = writers[0].look
    yield fixed(
        f'<mj-wrapper css-class="tx-card" background-color="{look.card}" '
        'border-radius="10px">\n',
        "blocks",
    )
    for is_own, group in groupby(writers, lambda each: each.kind not in ELEMENTS):
        if is_own:
            for each in group:
                section = _columns if each.kind == "columns" else products
                yield from framed(each, section(each))
        else:
            yield fixed("<mj-section><mj-column>\n", "blocks")
            for each in group:
                yield from framed(each, ELEMENTS[each.kind](each))
            yield fixed("</mj-column></mj-section>\n", "blocks")
    yield fixed("</mj-wrapper>\n", "blocks")


def _columns(writer: Writer) -> Pieces:
    columns = writer.value("columns")
    inner = GUTTER // 2
    pieces = [
        writer.markup(
            f'<mj-section padding="0 {GUTTER - inner}px"{writer.css("tx-columns")}>\n'
        )
    ]
    for column in columns:
        width = column.get("width", round(100 / len(columns), 4))
        pieces.append(
            writer.markup(f'<mj-column width="{width}%" vertical-align="top">\n')
        )
        for block in column.get("blocks", []):
            each = writer.inside(block, gutter=inner)
            pieces += framed(each, ELEMENTS[each.kind](each))
        pieces.append(writer.markup("</mj-column>\n"))
    return [*pieces, writer.markup("</mj-section>\n")]


def _footer(writer: Writer) -> Pieces:
    look = writer.look
    return [
        writer.markup(
            f'<mj-section padding="12px 0 0"><mj-column><mj-text '
            f'align="{writer.value("align")}" font-size="{look.small}px" '
            f'line-height="{look.line_height(look.small)}" color="{look.page_muted}"'
            f"{writer.css('tx-text tx-footer tx-pad')}>"
        ),
        *writer.inline("text", link=look.page_link),
        writer.markup("</mj-text></mj-column></mj-section>\n"),
    ]


def _raw(writer: Writer) -> Pieces:
    anchor = f"<mj-raw><div{writer.html_class()}></div></mj-raw>" if writer.mark else ""
    return [writer.markup(anchor), *writer.mjml("source"), writer.markup("\n")]


def framed(writer: Writer, pieces: Pieces) -> Pieces:
    """Return a block's MJML inside of its condition and its repetition."""
    show_if, repeat = writer.block.get("show_if"), writer.block.get("repeat")
    condition = tuple(
        fixed(text, f"{writer.part}/show_if") for text in shown_if(show_if)
    )
    loop = tuple(fixed(text, f"{writer.part}/repeat") for text in repeated(repeat))
    outer, inner = condition, loop
    if repeat and is_about(show_if, repeat.get("as", "item")):
        outer, inner = loop, condition
    return [outer[0], inner[0], *pieces, inner[1], outer[1]]
