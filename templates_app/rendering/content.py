"""What an author writes for one language, and its compilation at publish.

Compiled content is plain JSON, kept in the immutable version; a Program renders it.
"""

from __future__ import annotations

import html as entities
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from templates_app.rendering.errors import RenderError, line_column
from templates_app.rendering.liquid import parse
from templates_app.rendering.mjml import compile_mjml
from templates_app.rendering.plain_text import text_template
from templates_app.rendering.scanning import (
    MASK_WORD,
    check_tags,
    liquid_tokens,
    masked,
    word_masked,
)

_BODY = re.compile(r"<body\b[^>]*>", re.IGNORECASE)
_STYLED = re.compile(r"<style\b", re.IGNORECASE)
# Blanks after the preheader keep mail clients from showing the body's first words.
_PADDING = "&#8199;&#65279;&#847; " * 60
_PREHEADER = (
    '<div style="display:none;max-height:0;overflow:hidden;mso-hide:all;'
    'font-size:1px;line-height:1px;opacity:0;">{words}{padding}</div>'
)


@dataclass(frozen=True, slots=True)
class Content:
    """What is said in one language; the fields used depend on the channel.

    Email: subject, preheader, source_kind (``mjml`` or ``html``), source, text (made
    from the HTML when empty), from_name, from_address, reply_to. SMS: text, sender.
    Push: title, body, data (a JSON object as text), image.
    """

    subject: str = ""
    preheader: str = ""
    source_kind: str = "mjml"
    source: str = ""
    text: str = ""
    from_name: str = ""
    from_address: str = ""
    reply_to: str = ""
    sender: str = ""
    title: str = ""
    body: str = ""
    data: str = ""
    image: str = ""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the content of a JSON object; unknown keys are left out."""
        known = {each.name for each in fields(cls)}
        values: dict[str, str] = {}
        for name, value in data.items():
            if name not in known or value is None:
                continue
            if not isinstance(value, str):
                raise RenderError(
                    f"{name} must be text", code="invalid_content", part=name
                )
            values[name] = value.replace("\r\n", "\n")
        return cls(**values)

    def to_json(self) -> dict[str, str]:
        """Return the fields that are filled, as plain data."""
        return {name: value for name, value in asdict(self).items() if value}


def compile_content(channel: str, content_json: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a Program of the channel renders, as plain JSON.

    Parses every template and raises RenderError with the place in the author's text.
    """
    content = Content.from_json(content_json)
    if channel == "email":
        return _compile_email(content)
    if channel == "sms":
        return _compile_fields(channel, content, ("text", "sender"), required="text")
    if channel == "push":
        compiled = _compile_fields(
            channel, content, ("title", "body", "image"), required="body"
        )
        return {**compiled, "data": _compile_data(content.data)}
    raise RenderError(f"there is no channel {channel!r}", code="invalid_content")


def _compile_fields(
    channel: str, content: Content, names: tuple[str, ...], *, required: str
) -> dict[str, Any]:
    compiled: dict[str, Any] = {"channel": channel}
    for name in names:
        compiled[name] = getattr(content, name)
        parse(compiled[name], html=False, part=name)
    if not compiled[required].strip():
        raise RenderError(
            f"the {required} is empty", code="invalid_content", part=required
        )
    return compiled


def _compile_email(content: Content) -> dict[str, Any]:
    names = ("subject", "from_name", "from_address", "reply_to")
    if not content.subject.strip():
        raise RenderError("the subject is empty", code="empty_subject", part="subject")
    compiled = _compile_fields("email", content, names, required="subject")
    html, places = _compile_source(content)
    text = content.text or _generated_text(html)
    parse(text, html=False, part="text")
    if content.preheader.strip():
        html, places = _with_preheader(html, places, content.preheader)
    compiled |= {
        "source_kind": content.source_kind,
        "html": html,
        "text": text,
        "text_is_generated": not content.text,
        "inline_css": content.source_kind == "html" and bool(_STYLED.search(html)),
        "places": places,
    }
    try:
        parse(html, html=True, part="html")
    except RenderError as error:
        raise placed(error, html, places) from error
    return compiled


def _compile_source(content: Content) -> tuple[str, list[list[Any]]]:
    """Return the HTML and, for each of its tokens, ``[part, line, column]``."""
    source = content.source
    if not source.strip():
        raise RenderError("the body is empty", code="invalid_content", part="html")
    parse(source, html=True, part="html")
    if content.source_kind == "mjml":
        html, starts = compile_mjml(source, part="html")
    elif content.source_kind == "html":
        check_tags(source, part="html")
        html, starts = source, [match.start() for match in liquid_tokens(source)]
    else:
        raise RenderError(
            f"there is no source kind {content.source_kind!r}",
            code="invalid_content",
            part="html",
        )
    return html, [["html", *line_column(source, start)] for start in starts]


def _generated_text(html: str) -> str:
    text = text_template(html)
    try:
        parse(text, html=False, part="text")
    except RenderError as error:
        raise RenderError(
            "no text part can be made from this HTML, because its conditions and loops "
            f"are not closed where they were opened ({error.message}): write a text",
            code="invalid_content",
            part="text",
        ) from error
    return text


def _with_preheader(
    html: str, places: list[list[Any]], preheader: str
) -> tuple[str, list[list[Any]]]:
    """Return the HTML with the preheader as hidden text at the top of its body."""
    parse(preheader, html=True, part="preheader")
    tokens = list(liquid_tokens(preheader))
    escaped = entities.escape(word_masked(preheader), quote=False)
    words = MASK_WORD.sub(lambda match: tokens[int(match.group(1))].group(), escaped)
    body = _BODY.search(masked(html))
    at = body.end() if body else 0
    before = sum(1 for match in liquid_tokens(html) if match.start() < at)
    hidden = _PREHEADER.format(words=words, padding=_PADDING)
    own = [["preheader", *line_column(preheader, match.start())] for match in tokens]
    return html[:at] + hidden + html[at:], places[:before] + own + places[before:]


def _compile_data(data: str) -> Any:
    """Return a push message's data: a JSON object whose texts are templates."""
    if not data.strip():
        return {}
    tokens = [match.group() for match in liquid_tokens(data)]
    try:
        values = json.loads(word_masked(data))
    except ValueError as error:
        raise RenderError(
            f"the data is no JSON ({error}); Liquid stands inside quotes there",
            code="invalid_json",
            part="data",
        ) from error
    if not isinstance(values, dict):
        raise RenderError(
            "the data must be a JSON object", code="invalid_json", part="data"
        )
    return _unmasked(values, tokens)


def _unmasked(value: Any, tokens: list[str]) -> Any:
    if isinstance(value, dict):
        if any(MASK_WORD.search(key) for key in value):
            message = "Liquid cannot stand in a name, only in a value"
            raise RenderError(message, code="invalid_json", part="data")
        return {key: _unmasked(each, tokens) for key, each in value.items()}
    if isinstance(value, list):
        return [_unmasked(each, tokens) for each in value]
    if isinstance(value, str):
        text = MASK_WORD.sub(lambda match: tokens[int(match.group(1))], value)
        parse(text, html=False, part="data")
        return text
    return value


def placed(error: RenderError, html: str, places: list[list[Any]]) -> RenderError:
    """Return an error in compiled HTML with its place in what the author wrote."""
    if error.offset is None:
        return error
    for match, (part, line, column) in zip(liquid_tokens(html), places, strict=False):
        if match.start() <= error.offset < match.end():
            down, across = line_column(match.group(), error.offset - match.start())
            return RenderError(
                error.message,
                code=error.code,
                part=part,
                line=line + down - 1,
                column=across if down > 1 else column + across - 1,
                path=error.path,
            )
    return RenderError(error.message, code=error.code, part=error.part, path=error.path)
