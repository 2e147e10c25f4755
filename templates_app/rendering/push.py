"""Push: title, body and data of one delivery, within what the services carry."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from templates_app.rendering.context import RenderContext
from templates_app.rendering.errors import RenderError
from templates_app.rendering.formatting import Formats
from templates_app.rendering.liquid import Template, parse
from templates_app.rendering.message import RenderedMessage
from templates_app.rendering.places import PlacedTemplate
from templates_app.rendering.program import one_line, recipient_name
from templates_app.rendering.push_options import option_templates, rendered_options
from templates_app.rendering.urls import check_urls

MAX_BYTES = 4096  # FCM HTTP v1 and APNs refuse more


class PushProgram:
    """The compiled content of a push message in one language."""

    def __init__(self, compiled: Mapping[str, Any]) -> None:
        self._title = PlacedTemplate.of(compiled, "title")
        self._body = PlacedTemplate.of(compiled, "body")
        self._image = PlacedTemplate.of(compiled, "image")
        self._data = _templates(compiled.get("data") or {})
        self._options = option_templates(compiled.get("options") or {})

    def prepare(self) -> None:
        """Make functions of its templates, for more than one delivery."""
        for placed in (self._title, self._body, self._image):
            placed.prepare()
        for template in _leaves([self._data, self._options]):
            template.prepare()

    def render(
        self, context: RenderContext, *, delivery_id: UUID, address: str
    ) -> RenderedMessage:
        """Return the push message of one delivery; raise RenderError."""
        variables, formats = context.variables(), Formats.of(context)
        data = _rendered(self._data, variables, formats)
        parts = {
            "title": one_line(self._title.render(variables, formats)),
            "body": self._body.render(variables, formats).strip(),
            "data": json.dumps(data, ensure_ascii=False, separators=(",", ":")),
        }
        image = one_line(self._image.render(variables, formats))
        if image:
            parts["image"] = _checked_image(image)
        options = rendered_options(self._options, variables, formats)
        if options:
            parts["options"] = options
        if not parts["body"]:
            raise RenderError("the body is empty", code="bad_value", part="body")
        size = sum(len(part.encode()) for part in parts.values())
        if size > MAX_BYTES:
            raise RenderError(
                f"the message has {size:,} bytes; push services carry {MAX_BYTES:,}",
                code="too_long",
            )
        return RenderedMessage(
            delivery_id=delivery_id,
            channel="push",
            address=address,
            recipient_name=recipient_name(context),
            at=context.frozen_at,
            parts=parts,
        )


def _templates(value: Any) -> Any:
    """Return data with templates in the place of its texts."""
    if isinstance(value, dict):
        return {key: _templates(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_templates(each) for each in value]
    if isinstance(value, str):
        return parse(value, html=False, part="data")
    return value


def _leaves(value: Any) -> Iterator[Template]:
    """Yield the templates of data, wherever they are."""
    if isinstance(value, Template):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _leaves(each)


def _rendered(value: Any, variables: Mapping[str, Any], formats: Formats) -> Any:
    """Return data with its texts rendered; JSON escapes them afterwards."""
    if isinstance(value, dict):
        return {key: _rendered(each, variables, formats) for key, each in value.items()}
    if isinstance(value, list):
        return [_rendered(each, variables, formats) for each in value]
    if isinstance(value, Template):
        return value.render(variables, formats)
    return value


def _checked_image(image: str) -> str:
    quoted = image.replace('"', "%22")
    check_urls(f'<img src="{quoted}">', part="image")
    return image
