"""SMS: the text of one delivery, and how many segments the networks bill for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from templates_app.rendering.context import RenderContext
from templates_app.rendering.errors import RenderError
from templates_app.rendering.formatting import Formats
from templates_app.rendering.message import RenderedMessage
from templates_app.rendering.places import PlacedTemplate
from templates_app.rendering.program import one_line, recipient_name

MAX_SEGMENTS = 10  # what the large providers accept in one message

# GSM 03.38, the basic character set; escape itself is left out.
_GSM7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("^{}\\[~]|€\f")
_GSM7_SIZES = (160, 153)
_UCS2_SIZES = (70, 67)


@dataclass(frozen=True, slots=True)
class Segments:
    """How a text travels: encoding, size in its units, parts, and who forces UCS-2."""

    encoding: str
    units: int
    parts: int
    guilty: tuple[str, ...] = ()


def segments(text: str) -> Segments:
    """Return how a text is cut into segments; no character is split over two."""
    guilty = tuple(
        dict.fromkeys(c for c in text if c not in _GSM7 and c not in _EXTENDED)
    )
    if guilty:
        sizes = [2 if ord(character) > 0xFFFF else 1 for character in text]
        return _cut("UCS-2", sizes, _UCS2_SIZES, guilty)
    sizes = [2 if character in _EXTENDED else 1 for character in text]
    return _cut("GSM-7", sizes, _GSM7_SIZES, ())


def _cut(
    encoding: str, sizes: list[int], limits: tuple[int, int], guilty: tuple[str, ...]
) -> Segments:
    single, each = limits
    units = sum(sizes)
    if units <= single:
        return Segments(encoding, units, 1 if units else 0, guilty)
    parts, filled = 1, 0
    for size in sizes:
        if filled + size > each:
            parts, filled = parts + 1, 0
        filled += size
    return Segments(encoding, units, parts, guilty)


class SmsProgram:
    """The compiled content of an SMS in one language."""

    def __init__(self, compiled: Mapping[str, Any]) -> None:
        self._text = PlacedTemplate.of(compiled, "text")
        self._sender = PlacedTemplate.of(compiled, "sender")

    def prepare(self) -> None:
        """Make functions of its templates, for more than one delivery."""
        self._text.prepare()
        self._sender.prepare()

    def render(
        self, context: RenderContext, *, delivery_id: UUID, address: str
    ) -> RenderedMessage:
        """Return the SMS of one delivery; raise RenderError."""
        variables, formats = context.variables(), Formats.of(context)
        text = self._text.render(variables, formats).strip()
        if not text:
            raise RenderError("the text is empty", code="bad_value", part="text")
        parts = segments(text).parts
        if parts > MAX_SEGMENTS:
            raise RenderError(
                f"the text takes {parts} segments; at most {MAX_SEGMENTS} are sent",
                code="too_long",
                part="text",
            )
        sender = one_line(self._sender.render(variables, formats))
        return RenderedMessage(
            delivery_id=delivery_id,
            channel="sms",
            address=address,
            recipient_name=recipient_name(context),
            at=context.frozen_at,
            parts={"text": text},
            headers={"sender": sender} if sender else {},
        )
