"""The blocks that stand in the flow of a column: one MJML element each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from templates_app.rendering.blocks.looks import on_button
from templates_app.rendering.blocks.writer import Pieces, Writer

_TEXT = "tx-text tx-pad"


def _heading(writer: Writer) -> Pieces:
    look, level = writer.look, writer.value("level")
    size = look.heading_size(level)
    color = writer.value("color") or look.text
    style = f"margin:0;font-size:{size}px;line-height:{look.line_height(size)}"
    return [
        writer.markup(
            f'<mj-text align="{writer.value("align")}" padding="{writer.padding}" '
            f'color="{color}" font-size="{size}px" '
            f'line-height="{look.line_height(size)}" font-weight="700"'
            f'{writer.css(_TEXT)}><h{level} style="{style}">'
        ),
        *writer.plain("text"),
        writer.markup(f"</h{level}></mj-text>\n"),
    ]


def _text(writer: Writer) -> Pieces:
    return [
        writer.markup(
            f'<mj-text align="{writer.value("align")}" padding="{writer.padding}"'
            f"{writer.css(_TEXT)}>"
        ),
        *writer.inline("text", link=writer.look.link),
        writer.markup("</mj-text>\n"),
    ]


def _image(writer: Writer) -> Pieces:
    if not writer.value("src").strip():
        return []
    width = writer.value("width")
    size = f' width="{width}px"' if width else ""
    pieces = [
        writer.markup(
            f'<mj-image align="{writer.value("align")}" padding="{writer.padding}"'
            f'{size}{writer.css("tx-pad")} src="'
        ),
        *writer.attribute("src"),
        writer.markup('" alt="'),
        *writer.attribute("alt"),
    ]
    if writer.value("link").strip():
        pieces += [writer.markup('" href="'), *writer.attribute("link")]
    return [*pieces, writer.markup('" />\n')]


def _button(writer: Writer) -> Pieces:
    look = writer.look
    background = writer.value("background") or look.link
    color = writer.value("color") or on_button(background)
    pieces = [
        writer.markup(
            f'<mj-button align="{writer.value("align")}" padding="{writer.padding}" '
            f'background-color="{background}" color="{color}" '
            f'border-radius="{writer.value("radius")}px" font-size="{look.size}px" '
            f'font-weight="700" inner-padding="14px 28px"{writer.css("tx-pad")}'
        )
    ]
    if writer.value("link").strip():
        pieces += [
            writer.markup(' href="'),
            *writer.attribute("link"),
            writer.markup('"'),
        ]
    return [
        *pieces,
        writer.markup(">"),
        *writer.plain("text"),
        writer.markup("</mj-button>\n"),
    ]


def _divider(writer: Writer) -> Pieces:
    color = writer.value("color") or writer.look.line
    return [
        writer.markup(
            f'<mj-divider padding="{writer.padding}" border-color="{color}" '
            f'border-width="{writer.value("thickness")}px"'
            f"{writer.css('tx-line tx-pad')} />\n"
        )
    ]


def _spacer(writer: Writer) -> Pieces:
    height = writer.value("height")
    # A row of our own: the words of an <mj-spacer> would stand in the text part.
    return [
        writer.markup(
            f'<mj-raw><tr><td{writer.html_class()} style="height:{height}px;'
            f'font-size:0;line-height:{height}px">&#160;</td></tr></mj-raw>\n'
        )
    ]


def _social(writer: Writer) -> Pieces:
    pieces = [
        writer.markup(
            f'<mj-text align="{writer.value("align")}" padding="{writer.padding}" '
            f'font-size="{writer.look.small}px"{writer.css(_TEXT)}>'
        )
    ]
    for number, link in enumerate(writer.value("links")):
        name = f"links/{number}"
        dot = "&#160; · &#160;" if number else ""
        color = writer.look.link
        pieces += [
            writer.markup(f'{dot}<a style="color:{color}" href="'),
            *writer.attribute(f"{name}/link", link.get("link", "")),
            writer.markup('">'),
            *writer.plain_text(f"{name}/network", link.get("network", "")),
            writer.markup("</a>"),
        ]
    return [*pieces, writer.markup("</mj-text>\n")]


ELEMENTS: Mapping[str, Callable[[Writer], Pieces]] = MappingProxyType(
    {
        "heading": _heading,
        "text": _text,
        "image": _image,
        "button": _button,
        "divider": _divider,
        "spacer": _spacer,
        "social": _social,
    }
)
