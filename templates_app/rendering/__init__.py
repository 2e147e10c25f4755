"""Context and version in, `RenderedMessage` out. No database, no network, no settings.

`compile_content` runs once, at publish; `program` once per version and language, and
its caller keeps what it returns; `Program.render` once per delivery.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from templates_app.rendering.content import BlockText, compile_content
from templates_app.rendering.context import RenderContext
from templates_app.rendering.email import EmailProgram
from templates_app.rendering.errors import RenderError
from templates_app.rendering.message import Attachment, RenderedMessage
from templates_app.rendering.program import Program
from templates_app.rendering.push import PushProgram
from templates_app.rendering.sms import SmsProgram

__all__ = [
    "Attachment",
    "BlockText",
    "Program",
    "RenderContext",
    "RenderError",
    "RenderedMessage",
    "compile_content",
    "program",
]

_PROGRAMS: dict[str, Callable[[Mapping[str, Any]], Program]] = {
    "email": EmailProgram,
    "sms": SmsProgram,
    "push": PushProgram,
}


def program(channel: str, compiled: Mapping[str, Any]) -> Program:
    """Return the program of a channel for what `compile_content` returned."""
    return _PROGRAMS[channel](compiled)
