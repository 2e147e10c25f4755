"""The product list: a row or a tile for each item of a list of the event.

Rows are one table, which reads at any width; tiles are blocks in a line, which wrap by
themselves, with a table around them for the mail programs that know no such blocks.
"""

from __future__ import annotations

import re

from templates_app.rendering.blocks.looks import GUTTER
from templates_app.rendering.blocks.writer import Pieces, Writer, fixed
from templates_app.rendering.sources import Piece
from templates_app.rendering.writing import liquid_path

_ONLY_PATH = re.compile(r"\s*{{-?\s*(?P<path>[^\s|{}]+)\s*-?}}\s*")
_PICTURE = 72  # width of a row's picture, in pixels
_TILE_GUTTER = 20
PLACE_NAME = "tx_place"


def products(writer: Writer) -> Pieces:
    """Return the sections of a product list, and of its words for an empty one."""
    path = liquid_path(writer.value("path"))
    part = f"{writer.part}/path"
    body = _rows(writer) if writer.value("layout") == "row" else _tiles(writer)
    pieces = [fixed(f"{{% if {path} != blank %}}", part), *body]
    if writer.value("empty").strip():
        pieces += [
            fixed("{% else %}", part),
            writer.markup(
                f"<mj-section{writer.css()}><mj-column><mj-text "
                f'color="{writer.look.muted}" css-class="tx-text tx-pad">'
            ),
            *writer.plain("empty"),
            writer.markup("</mj-text></mj-column></mj-section>\n"),
        ]
    return [*pieces, fixed("{% endif %}", part)]


def _loop(writer: Writer) -> tuple[Piece, Piece]:
    part = f"{writer.part}/path"
    first = writer.value("first")
    offset = f" offset: {first - 1}" if first > 1 else ""
    opening = (
        f"{{% for {writer.value('as')} in {liquid_path(writer.value('path'))}"
        f" limit: {writer.value('max')}{offset} %}}"
    )
    return fixed(opening, part), fixed("{% endfor %}", part)


def _rows(writer: Writer) -> Pieces:
    look = writer.look
    begin, end = _loop(writer)
    cell = f"padding:12px 0;border-bottom:1px solid {look.line};vertical-align:top"
    pieces = [
        writer.markup(
            f"<mj-section{writer.css()}><mj-column><mj-table "
            f'padding="8px {GUTTER}px" color="{look.text}" font-size="{look.size}px" '
            f'line-height="{look.line_height(look.size)}" css-class="tx-text tx-pad">\n'
        ),
        begin,
        writer.markup("<tr>"),
    ]
    if writer.value("image").strip():
        pieces += [
            writer.markup(f'<td width="{_PICTURE + 16}" style="{cell}">'),
            *_picture(writer, width=_PICTURE),
            writer.markup("</td>"),
        ]
    cell += f";{_type(writer)}"
    pieces += [writer.markup(f'<td style="{cell}">'), *_words(writer)]
    pieces.append(writer.markup("</td>"))
    if writer.value("price").strip():
        style = f"{cell};padding-left:16px;white-space:nowrap"
        pieces += [
            writer.markup(f'<td align="right" style="{style}">'),
            *writer.plain("price"),
            writer.markup("</td>"),
        ]
    return [
        *pieces,
        writer.markup("</tr>\n"),
        end,
        writer.markup("</mj-table></mj-column></mj-section>\n"),
    ]


def _type(writer: Writer) -> str:
    """Return the size of type: elements within elements do not inherit it for sure."""
    look = writer.look
    return f"font-size:{look.size}px;line-height:{look.line_height(look.size)}"


def _tiles(writer: Writer) -> Pieces:
    count = int(writer.value("layout"))
    room = (writer.look.width - 2 * _TILE_GUTTER) // count
    begin, end = _loop(writer)
    return [
        writer.markup(
            f'<mj-section{writer.css()}><mj-column><mj-text font-size="0" '
            f'padding="8px {_TILE_GUTTER}px" css-class="tx-text tx-tiles">'
            '<!--[if mso]><table role="presentation" width="100%"><tr><![endif]-->'
        ),
        begin,
        writer.markup(f'<!--[if mso]><td width="{room}" valign="top"><![endif]-->'),
        *_tile(writer, share=100 / count, room=room),
        writer.markup("<!--[if mso]></td><![endif]-->"),
        *_row_end(writer, count),
        end,
        writer.markup(
            "<!--[if mso]></tr></table><![endif]-->"
            "</mj-text></mj-column></mj-section>\n"
        ),
    ]


def _tile(writer: Writer, *, share: float, room: int) -> Pieces:
    style = (
        f"display:inline-block;width:{round(share, 3)}%;vertical-align:top;"
        f"{_type(writer)}"
    )
    pieces = [
        writer.markup(
            f'<div class="tx-tile" style="{style}"><div style="padding:12px">'
        ),
        *_picture(writer, width=room - 24),
        writer.markup('<div style="padding-top:8px">'),
        *_words(writer),
        writer.markup("</div>"),
    ]
    if writer.value("price").strip():
        pieces.append(writer.markup('<div style="padding-top:4px">'))
        pieces += [*writer.plain("price"), writer.markup("</div>")]
    return [*pieces, writer.markup("</div></div>")]


def _row_end(writer: Writer, count: int) -> Pieces:
    """Return the end of a row for mail programs that do not wrap tiles themselves."""
    part = f"{writer.part}/layout"
    condition = (
        f"{{% assign {PLACE_NAME} = forloop.index | modulo: {count} %}}"
        f"{{% if {PLACE_NAME} == 0 %}}"
    )
    return [
        fixed(condition, part),
        writer.markup("<!--[if mso]></tr><tr><![endif]-->"),
        fixed("{% endif %}", part),
    ]


def _picture(writer: Writer, *, width: int) -> Pieces:
    if not writer.value("image").strip():
        return []
    before, after = _if_there(writer, "image")
    # Beside its title a picture says nothing of its own: no words for it.
    return [
        *before,
        writer.markup(
            f'<img alt="" width="{width}" style="display:block;width:100%;'
            f'max-width:{width}px;height:auto;border-radius:6px" src="'
        ),
        *writer.attribute("image"),
        writer.markup('" />'),
        *after,
    ]


def _words(writer: Writer) -> Pieces:
    """Return title, description and link of an item."""
    has_link = bool(writer.value("link").strip())
    has_words = bool(writer.value("link_text").strip())
    title = writer.plain("title")
    if has_link and not has_words:
        title = _linked(writer, title, style="text-decoration:none")
    pieces = [writer.markup("<strong>"), *title, writer.markup("</strong>")]
    if writer.value("description").strip():
        before, after = _if_there(writer, "description")
        look = writer.look
        pieces += [
            *before,
            writer.markup(
                f'<div class="tx-muted" style="color:{look.muted};'
                f'font-size:{look.small}px;line-height:{look.line_height(look.small)}">'
            ),
            *writer.plain("description"),
            writer.markup("</div>"),
            *after,
        ]
    if has_link and has_words:
        link = _linked(writer, writer.plain("link_text"))
        pieces += [writer.markup("<div>"), *link, writer.markup("</div>")]
    return pieces


def _linked(writer: Writer, words: Pieces, *, style: str = "") -> Pieces:
    before, after = _if_there(writer, "link")
    color = f"color:{writer.look.link};{style}".rstrip(";")
    return [
        *before,
        writer.markup(f'<a style="{color}" href="'),
        *writer.attribute("link"),
        writer.markup('">'),
        *after,
        *words,
        *before,
        writer.markup("</a>"),
        *after,
    ]


def _if_there(writer: Writer, name: str) -> tuple[Pieces, Pieces]:
    """Return a condition that a field's value is there, if it is nothing but a path."""
    match = _ONLY_PATH.fullmatch(writer.value(name))
    part = f"{writer.part}/{name}"
    if match is None:
        return [], []
    opening = f"{{% if {match.group('path')} != blank %}}"
    return [fixed(opening, part)], [fixed("{% endif %}", part)]
