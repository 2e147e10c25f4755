"""What all programs share: a program is made once per version and language.

It holds parsed templates and renders one delivery at a time, from plain data alone.
"""

from __future__ import annotations

import re
from typing import Protocol
from uuid import UUID

from templates_app.rendering.context import RenderContext
from templates_app.rendering.message import RenderedMessage

_CONTROL = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029]+")


class Program(Protocol):
    """Renders one version's content in one language."""

    def prepare(self) -> None:
        """Make rendering quick: worth its time for what renders more than once."""
        ...

    def render(
        self, context: RenderContext, *, delivery_id: UUID, address: str
    ) -> RenderedMessage:
        """Return the message of one delivery; raise RenderError."""
        ...


def one_line(text: str) -> str:
    """Return text for a header: no line ends or control characters, single blanks."""
    if text.isprintable() and "  " not in text:  # most are: there is nothing to replace
        return text.strip()
    return _CONTROL.sub(" ", text).strip()


def recipient_name(context: RenderContext) -> str:
    """Return the recipient's name for an address header; may be empty."""
    return one_line(str(context.recipient.get("name") or ""))
