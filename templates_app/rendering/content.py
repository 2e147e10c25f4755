"""What an author wrote for one language, compiled at publish.

Compiled content is plain JSON, kept in the immutable version; a Program renders it.
The same content and blocks give the same JSON, always: digests depend on it.
"""

from __future__ import annotations

import html as entities
import json
import re
from collections.abc import Mapping
from typing import Any

from templates_app.rendering.assembling import assembled
from templates_app.rendering.errors import RenderError
from templates_app.rendering.expanding import Blocks, BlockText, used_blocks
from templates_app.rendering.fields import Content
from templates_app.rendering.liquid import parse
from templates_app.rendering.mjml import compile_mjml
from templates_app.rendering.places import Places, placed, places_of, token_places
from templates_app.rendering.plain_text import text_template
from templates_app.rendering.push_options import checked_options
from templates_app.rendering.scanning import (
    MASK_WORD,
    check_tags,
    liquid_tokens,
    masked,
    word_masked,
)
from templates_app.rendering.sources import Source

__all__ = [
    "BlockText",
    "Blocks",
    "Content",
    "assembled",
    "compile_content",
    "placed",
    "used_blocks",
]

_BODY = re.compile(r"<body\b[^>]*>", re.IGNORECASE)
_STYLED = re.compile(r"<style\b", re.IGNORECASE)
# Blanks after the preheader keep mail clients from showing the body's first words.
_PADDING = "&#8199;&#65279;&#847; " * 60
_PREHEADER = (
    '<div style="display:none;max-height:0;overflow:hidden;mso-hide:all;'
    'font-size:1px;line-height:1px;opacity:0;">{words}{padding}</div>'
)
_SOURCE_KINDS = frozenset({"blocks", "mjml", "html"})

Sources = Mapping[str, Source]


def compile_content(
    channel: str,
    content_json: Mapping[str, Any],
    *,
    blocks: Blocks | None = None,
    mark: bool = False,
) -> dict[str, Any]:
    """Return what a Program of the channel renders, as plain JSON.

    Parses every template and raises RenderError with the place in the author's text.
    `blocks` are the content blocks by name; `mark` names the visual blocks in the HTML
    and is for previews alone.
    """
    content = Content.from_json(content_json)
    if channel == "email":
        return _compile_email(content, assembled(content, blocks, mark=mark))
    sources = assembled(content, blocks)
    if channel == "sms":
        return _compile_fields(channel, sources, ("text", "sender"), required="text")
    if channel == "push":
        return _compile_push(content, sources)
    raise RenderError(f"there is no channel {channel!r}", code="invalid_content")


def _parse(source: Source, *, html: bool, part: str) -> None:
    try:
        parse(source.text, html=html, part=part)
    except RenderError as error:
        raise source.placed(error) from error


def _compile_fields(
    channel: str, sources: Sources, names: tuple[str, ...], *, required: str
) -> dict[str, Any]:
    compiled: dict[str, Any] = {"channel": channel}
    places: dict[str, Places] = {}
    for name in names:
        source = sources.get(name, Source(()))
        _parse(source, html=False, part=name)
        compiled[name] = source.text
        if len(source.pieces) > 1:
            places[name] = token_places(source)
    if not compiled[required].strip():
        raise RenderError(
            f"the {required} is empty", code="invalid_content", part=required
        )
    return compiled | ({"text_places": places} if places else {})


def _compile_push(content: Content, sources: Sources) -> dict[str, Any]:
    names = ("title", "body", "image")
    compiled = _compile_fields("push", sources, names, required="body")
    compiled["data"] = compiled_data(sources.get("data"))
    options = checked_options(content.options, sources)
    return compiled | ({"options": options} if options else {})


def _compile_email(content: Content, sources: Sources) -> dict[str, Any]:
    names = ("subject", "from_name", "from_address", "reply_to")
    if not content.subject.strip():
        raise RenderError("the subject is empty", code="empty_subject", part="subject")
    compiled = _compile_fields("email", sources, names, required="subject")
    html, places = _compile_source(content, sources)
    text = sources.get("text")
    if text is not None:
        _parse(text, html=False, part="text")
        if len(text.pieces) > 1:
            compiled.setdefault("text_places", {})["text"] = token_places(text)
    generated = "" if text is not None else _generated_text(html)
    if content.preheader.strip():
        html, places = _with_preheader(html, places, sources["preheader"])
    compiled |= {
        "source_kind": content.source_kind,
        "html": html,
        "text": text.text if text is not None else generated,
        "text_is_generated": text is None,
        "inline_css": content.source_kind == "html" and bool(_STYLED.search(html)),
        "places": places,
    }
    attachments = _compile_attachments(content, sources)
    try:
        parse(html, html=True, part="html")
    except RenderError as error:
        raise placed(error, html, places) from error
    return compiled | ({"attachments": attachments} if attachments else {})


def _compile_attachments(content: Content, sources: Sources) -> list[dict[str, str]]:
    compiled = []
    for number, attachment in enumerate(content.attachments):
        facts = {"when_missing": attachment.get("when_missing", "fail")}
        for name in ("url", "name"):
            part = f"attachments/{number}/{name}"
            source = sources.get(part, Source(()))
            _parse(source, html=False, part=part)
            facts[name] = source.text
        if not facts["url"].strip():
            message = "an attachment has an address that it is fetched from"
            part = f"attachments/{number}/url"
            raise RenderError(message, code="invalid_content", part=part)
        compiled.append(facts)
    return compiled


def _compile_source(content: Content, sources: Sources) -> tuple[str, Places]:
    """Return the HTML and, for each of its tokens, its place."""
    kind = content.source_kind
    if kind not in _SOURCE_KINDS:
        message = f"there is no source kind {kind!r}"
        raise RenderError(message, code="invalid_content", part="html")
    source = sources.get("html")
    if source is None:
        raise RenderError("the body is empty", code="invalid_content", part="html")
    _parse(source, html=True, part="html")
    try:
        if kind == "html":
            check_tags(source.text, part="html")
            return source.text, token_places(source)
        html, starts = compile_mjml(source.text, part="html")
    except RenderError as error:
        raise source.placed(error) from error
    return html, places_of(source, starts)


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


def _with_preheader(html: str, places: Places, preheader: Source) -> tuple[str, Places]:
    """Return the HTML with the preheader as hidden text at the top of its body."""
    _parse(preheader, html=True, part="preheader")
    tokens = list(liquid_tokens(preheader.text))
    escaped = entities.escape(word_masked(preheader.text), quote=False)
    words = MASK_WORD.sub(lambda match: tokens[int(match.group(1))].group(), escaped)
    body = _BODY.search(masked(html))
    at = body.end() if body else 0
    before = sum(1 for match in liquid_tokens(html) if match.start() < at)
    hidden = _PREHEADER.format(words=words, padding=_PADDING)
    own = token_places(preheader)
    return html[:at] + hidden + html[at:], places[:before] + own + places[before:]


def compiled_data(data: Source | None) -> Any:
    """Return a push message's data: a JSON object whose texts are templates."""
    if data is None:
        return {}
    try:
        values = json.loads(word_masked(data.text))
    except (ValueError, RecursionError) as error:
        raise _no_json(data, error) from error
    if not isinstance(values, dict):
        raise RenderError(
            "the data must be a JSON object", code="invalid_json", part="data"
        )
    tokens = [match.group() for match in liquid_tokens(data.text)]
    return _unmasked(values, tokens, token_places(data))


def _no_json(data: Source, error: Exception) -> RenderError:
    """Return what is wrong with a text that is no JSON, with the author's place."""
    words = getattr(error, "msg", None) or "it is nested too deeply"
    raised = RenderError(
        f"the data is no JSON ({words}); Liquid stands inside quotes there",
        code="invalid_json",
        part="data",
    )
    raised.offset = 0
    if isinstance(error, json.JSONDecodeError):
        # Its index counts in words of another length than the Liquid they stand for.
        masked_text, raised.offset = word_masked(data.text), error.pos
        for token, word in zip(
            liquid_tokens(data.text), MASK_WORD.finditer(masked_text), strict=False
        ):
            if word.start() >= error.pos:
                break
            raised.offset += len(token.group()) - len(word.group())
    return data.placed(raised)


def _unmasked(value: Any, tokens: list[str], places: Places) -> Any:
    if isinstance(value, dict):
        if any(MASK_WORD.search(key) for key in value):
            message = "Liquid cannot stand in a name, only in a value"
            raise RenderError(message, code="invalid_json", part="data")
        return {key: _unmasked(each, tokens, places) for key, each in value.items()}
    if isinstance(value, list):
        return [_unmasked(each, tokens, places) for each in value]
    if isinstance(value, str):
        numbers = [int(number) for number in MASK_WORD.findall(value)]
        text = MASK_WORD.sub(lambda match: tokens[int(match.group(1))], value)
        try:
            parse(text, html=False, part="data")
        except RenderError as error:
            own = [places[number] for number in numbers]
            raise placed(error, text, own) from error
        return text
    return value
