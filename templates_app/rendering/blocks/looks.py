"""How a document looks: colours, sizes and the style sheet, in light and in dark.

Styles stand inside the elements, for mail programs that drop the style sheet; the
sheet holds what cannot stand there: phones, dark mode, links inside of typed text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from templates_app.rendering.blocks.colors import best_on, mixed, muted, readable
from templates_app.rendering.blocks.kinds import DEFAULT_SETTINGS

GUTTER = 32  # left and right of the content, in pixels
_DARK_PAGE = "#0f1113"
_DARK_CARD = "#1b1e22"
_DARK_TEXT = "#e8eaed"
_DARK_MUTED = "#a9b0b8"
_DARK_LINE = "#3a3f45"
_SCALE = {1: 1.75, 2: 1.375, 3: 1.125}


@dataclass(frozen=True, slots=True)
class Look:
    """The settings of a document and what follows from them."""

    width: int
    font: str
    size: int
    text: str
    link: str
    card: str
    page: str
    language: str

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Return the look of a document's settings; what is missing has its default."""
        chosen = {**DEFAULT_SETTINGS, **settings}
        return cls(
            width=chosen["width"],
            font=chosen["font_family"] or DEFAULT_SETTINGS["font_family"],
            size=chosen["font_size"],
            text=chosen["text_color"],
            link=chosen["link_color"],
            card=chosen["content_background"],
            page=chosen["background"],
            language=chosen["language"],
        )

    @property
    def small(self) -> int:
        """The size of small print in pixels."""
        return max(12, round(self.size * 0.8125))

    @property
    def muted(self) -> str:
        """The colour of what matters less, on the content."""
        return muted(self.text, on=self.card)

    @property
    def page_muted(self) -> str:
        """The colour of the footer, which stands on the page."""
        return muted(readable(self.text, on=self.page), on=self.page)

    @property
    def page_link(self) -> str:
        """The colour of links in the footer."""
        return readable(self.link, on=self.page)

    @property
    def line(self) -> str:
        """The colour of thin lines on the content."""
        return mixed(self.text, self.card, 0.86)

    def heading_size(self, level: int) -> int:
        """Return the size of a heading in pixels."""
        return round(self.size * _SCALE[level])

    def line_height(self, size: int) -> str:
        """Return the distance of lines for a size of type."""
        return f"{round(size * (1.25 if size > self.size else 1.5))}px"


def on_button(background: str) -> str:
    """Return the colour of a button's words."""
    return best_on(background)


def head(look: Look) -> str:
    """Return the ``<mj-head>`` of a document."""
    return (
        "<mj-head>"
        '<mj-raw><meta name="color-scheme" content="light dark" />'
        '<meta name="supported-color-schemes" content="light dark" /></mj-raw>'
        f'<mj-attributes><mj-all font-family="{look.font}" />'
        f'<mj-text font-size="{look.size}px" '
        f'line-height="{look.line_height(look.size)}" color="{look.text}" '
        f'padding="8px {GUTTER}px" />'
        f'<mj-section padding="0" /><mj-wrapper padding="24px 0" />'
        "</mj-attributes>"
        f"<mj-style>{_sheet(look)}</mj-style></mj-head>"
    )


def _sheet(look: Look) -> str:
    dark_link = readable(look.link, on=_DARK_CARD)
    return f"""
:root {{ color-scheme: light dark; supported-color-schemes: light dark; }}
.tx-text h1, .tx-text h2, .tx-text h3 {{ margin: 0; }}
.tx-text p {{ margin: 0 0 12px; }}
.tx-text p:last-child {{ margin-bottom: 0; }}
.tx-text ul, .tx-text ol {{ margin: 0; padding-left: 24px; }}
@media (max-width: 479px) {{
.tx-pad {{ padding-left: 20px !important; padding-right: 20px !important; }}
.tx-tiles {{ padding-left: 8px !important; padding-right: 8px !important; }}
.tx-tile {{ width: 50% !important; }}
.tx-tile img {{ max-width: 100% !important; }}
.tx-columns > table > tbody > tr > td {{ padding-left: 0 !important;
padding-right: 0 !important; }}
}}
@media (prefers-color-scheme: dark) {{
body, .tx-page {{ background-color: {_DARK_PAGE} !important; }}
.tx-card, .tx-card > table {{ background: {_DARK_CARD} !important; }}
.tx-text, .tx-text div, .tx-text h1, .tx-text h2, .tx-text h3, .tx-text table,
.tx-text p, .tx-text li, .tx-text span {{ color: {_DARK_TEXT} !important; }}
.tx-text a, .tx-text a span {{ color: {dark_link} !important; }}
.tx-text .tx-muted, .tx-footer, .tx-footer div, .tx-footer p, .tx-footer span
{{ color: {_DARK_MUTED} !important; }}
.tx-text td, .tx-line p {{ border-color: {_DARK_LINE} !important; }}
}}
"""
