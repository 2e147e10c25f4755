"""MJML to HTML, once, at publish; with the place of every mistake and every token.

The compiler is lenient: it takes a wrong closing tag and an unknown element silently,
and drops what it does not understand. So the source is linted first, each Liquid token
goes through as a word, and is counted afterwards.
"""

from __future__ import annotations

import re

from mjml import mjml2html

from templates_app.rendering.errors import RenderError, error_at
from templates_app.rendering.scanning import (
    MASK_WORD,
    liquid_tokens,
    masked,
    word_masked,
)

_MARKUP = re.compile(
    r"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<!doctype[^<>]*>|<\?.*?\?>"
    r"|</(?P<end>[a-zA-Z][^\s<>/]*)\s*>"
    r"""|<(?P<name>[a-zA-Z][^\s<>"'/]*)"""
    r"""(?P<attributes>(?:[^<>"']++|"[^"]*+"|'[^']*+')*+)>"""
    r"|<",
    re.DOTALL | re.IGNORECASE,
)
_ATTRIBUTE = re.compile(r"""\s[^\s"'<>/=]+\s*=\s*(?:"[^"]*+"|'[^']*+')""")
_SINGLE_QUOTED = re.compile(r"""("[^"]*+")|'([^']*+)'""")
_POSITION = re.compile(r"position (\d+)")

_VOID = frozenset(
    {
        *("area", "base", "br", "col", "embed", "hr", "img", "input", "link"),
        *("meta", "source", "track", "wbr"),
    }
)
_ELEMENTS = frozenset(
    {
        *("mjml", "mj-head", "mj-body", "mj-raw", "mj-all", "mj-attributes"),
        *("mj-breakpoint", "mj-class", "mj-font", "mj-preview", "mj-style", "mj-title"),
        *("mj-wrapper", "mj-section", "mj-group", "mj-column", "mj-hero"),
        *("mj-button", "mj-divider", "mj-image", "mj-spacer", "mj-table", "mj-text"),
        *("mj-accordion", "mj-accordion-element", "mj-accordion-text"),
        *("mj-accordion-title", "mj-carousel", "mj-carousel-image", "mj-navbar"),
        *("mj-navbar-link", "mj-social", "mj-social-element"),
    }
)


def compile_mjml(source: str, *, part: str) -> tuple[str, list[int]]:
    """Return the HTML of an MJML source, and where its tokens stood.

    The list holds, for each Liquid token of the HTML in order, its index in `source`;
    a token may occur twice. Raises RenderError with line and column.
    """
    _lint(source, part=part)
    words = _MARKUP.sub(_double_quoted, word_masked(source))
    try:
        html = mjml2html(words, fonts={})  # no fonts are fetched from anywhere
    except ValueError as error:
        raise _explained(source, words, str(error), part=part) from error
    tokens = list(liquid_tokens(source))
    found = [int(number) for number in MASK_WORD.findall(html)]
    lost = sorted(set(range(len(tokens))) - set(found))
    if lost:
        raise error_at(
            source,
            tokens[lost[0]].start(),
            "MJML drops this: it stands in an attribute or element that cannot hold it",
            code="invalid_mjml",
            part=part,
        )
    html = MASK_WORD.sub(lambda match: tokens[int(match.group(1))].group(), html)
    return html, [tokens[number].start() for number in found]


def _double_quoted(tag: re.Match[str]) -> str:
    """Return a tag in double quotes: the compiler breaks single-quoted values."""
    if not tag.group("name") or "'" not in tag.group():
        return tag.group()
    return _SINGLE_QUOTED.sub(
        lambda m: m.group(1) or '"' + m.group(2).replace('"', "&quot;") + '"',
        tag.group(),
    )


def _explained(source: str, words: str, message: str, *, part: str) -> RenderError:
    position = _POSITION.search(message)
    text = f"MJML cannot be read: {message}"
    if position is None:
        return RenderError(text, code="invalid_mjml", part=part)
    offset = int(position.group(1))
    for token, word in zip(
        liquid_tokens(source), MASK_WORD.finditer(words), strict=False
    ):
        if word.start() >= int(position.group(1)):
            break
        offset += len(token.group()) - len(word.group())
    return error_at(source, offset, text, code="invalid_mjml", part=part)


def _lint(source: str, *, part: str) -> None:
    """Raise at the first element that is unknown, not closed or badly written."""
    text = masked(source)
    opened: list[tuple[str, int]] = []
    for match in _MARKUP.finditer(text):
        start = match.start()
        if match.group() == "<":
            raise _error(
                source,
                start,
                "this is no complete tag: a quote or > is missing; a plain < is "
                "written &lt;",
                part=part,
            )
        if match.group("end"):
            _close(source, opened, match.group("end"), start, part=part)
        elif match.group("name"):
            _check_element(source, match, part=part)
            is_closed = match.group("attributes").endswith("/")
            if not is_closed and match.group("name").lower() not in _VOID:
                opened.append((match.group("name"), start))
    if opened:
        name, start = opened[-1]
        raise _error(source, start, f"<{name}> is never closed", part=part)
    if not re.search(r"<mjml\b", text):
        raise _error(source, 0, "an MJML source begins with <mjml>", part=part)


def _close(
    source: str, opened: list[tuple[str, int]], name: str, start: int, *, part: str
) -> None:
    if name.lower() in _VOID:
        return
    if not opened:
        raise _error(source, start, f"</{name}> has no beginning", part=part)
    last, begun = opened.pop()
    if last != name:
        message = f"<{last}> is not closed before </{name}>"
        raise _error(source, begun, message, part=part)


def _check_element(source: str, match: re.Match[str], *, part: str) -> None:
    name = match.group("name")
    if name == "mj-include":
        message = "<mj-include> is not available: put the block's content here"
        raise _error(source, match.start(), message, part=part)
    if name.startswith("mj") and name not in _ELEMENTS:
        raise _error(source, match.start(), f"there is no element <{name}>", part=part)
    attributes = match.group("attributes").removesuffix("/")
    rest = _ATTRIBUTE.sub(lambda found: " " * len(found.group()), attributes)
    if not rest.strip():
        return
    offset = match.start("attributes") + len(rest) - len(rest.lstrip())
    is_token = any(t.start() <= offset < t.end() for t in liquid_tokens(source))
    message = (
        "Liquid cannot stand around whole attributes: put it inside the quotes, or "
        "around the element"
        if is_token
        else f'<{name}>: an attribute is written name="value"'
    )
    raise _error(source, offset, message, part=part)


def _error(source: str, offset: int, message: str, *, part: str) -> RenderError:
    return error_at(source, offset, message, code="invalid_mjml", part=part)
