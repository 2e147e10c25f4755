"""Email: subject, HTML and text of one delivery."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import css_inline

from templates_app.rendering.attachments import AttachmentTemplate
from templates_app.rendering.context import RenderContext
from templates_app.rendering.errors import RenderError
from templates_app.rendering.formatting import Formats
from templates_app.rendering.liquid import parse
from templates_app.rendering.message import RenderedMessage
from templates_app.rendering.places import PlacedTemplate, placed
from templates_app.rendering.plain_text import tidied
from templates_app.rendering.program import one_line, recipient_name
from templates_app.rendering.urls import check_urls

MAX_SUBJECT = 998  # RFC 5322, section 2.1.1
_HEADERS = ("from_name", "from_address", "reply_to")

# Style sheets stay beside the inlined rules for @media and :hover; nothing is fetched.
_INLINER = css_inline.CSSInliner(keep_style_tags=True, load_remote_stylesheets=False)


class EmailProgram:
    """The compiled content of an email in one language."""

    def __init__(self, compiled: Mapping[str, Any]) -> None:
        self._subject = PlacedTemplate.of(compiled, "subject")
        self._html = parse(compiled["html"], html=True, part="html")
        self._text = PlacedTemplate.of(compiled, "text")
        headers = {name: PlacedTemplate.of(compiled, name) for name in _HEADERS}
        # What holds no Liquid is the same for every delivery.
        self._fixed_headers = {
            name: one_line(template.fixed or "") for name, template in headers.items()
        }
        self._headers = {
            name: template
            for name, template in headers.items()
            if template.fixed is None
        }
        self._places = compiled.get("places", [])
        self._attachments = [
            AttachmentTemplate.of(facts, number)
            for number, facts in enumerate(compiled.get("attachments", []))
        ]
        self._text_is_generated = bool(compiled.get("text_is_generated"))
        self._inline_css = bool(compiled.get("inline_css"))

    def prepare(self) -> None:
        """Make functions of its templates, for more than one delivery."""
        for template in (self._subject, self._html, self._text):
            template.prepare()
        for header in self._headers.values():
            header.prepare()
        for attachment in self._attachments:
            attachment.prepare()

    def render(
        self, context: RenderContext, *, delivery_id: UUID, address: str
    ) -> RenderedMessage:
        """Return the email of one delivery; raise RenderError."""
        variables, formats = context.variables(), Formats.of(context)
        subject = one_line(self._subject.render(variables, formats))
        _check_subject(subject)
        parts = {
            "subject": subject,
            "html": self._rendered_html(variables, formats),
            "text": self._rendered_text(variables, formats),
        }
        headers = self._fixed_headers.copy()
        for name, template in self._headers.items():
            headers[name] = one_line(template.render(variables, formats))
        attachments = [
            template.render(variables, formats) for template in self._attachments
        ]
        return RenderedMessage(
            delivery_id=delivery_id,
            channel="email",
            address=address,
            recipient_name=recipient_name(context),
            at=context.frozen_at,
            parts=parts,
            headers=headers,
            attachments=tuple([each for each in attachments if each is not None]),
        )

    def _rendered_html(self, variables: Mapping[str, Any], formats: Formats) -> str:
        try:
            html, is_harmless = self._html.rendered(variables, formats)
        except RenderError as error:
            raise placed(error, self._html.source, self._places) from error
        # Before inlining: there, what is a quote in a value is still an entity.
        if not is_harmless:
            check_urls(html)
        if not self._inline_css:
            return html
        try:
            return _INLINER.inline(html)
        except css_inline.InlineError as error:
            raise RenderError(
                f"the style sheet cannot be applied: {error}",
                code="invalid_content",
                part="html",
            ) from error

    def _rendered_text(self, variables: Mapping[str, Any], formats: Formats) -> str:
        text = self._text.render(variables, formats)
        return tidied(text) if self._text_is_generated else text


def _check_subject(subject: str) -> None:
    if not subject:
        raise RenderError("the subject is empty", code="empty_subject", part="subject")
    if len(subject) > MAX_SUBJECT:
        raise RenderError(
            f"the subject is longer than {MAX_SUBJECT} characters",
            code="too_long",
            part="subject",
        )
