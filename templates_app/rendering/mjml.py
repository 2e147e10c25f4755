"""MJML to HTML, once, at publish; with the place of every mistake and every token.

The compiler is lenient: it takes a wrong closing tag and an unknown element silently,
and drops what it does not understand. So the source is linted first, each Liquid token
goes through as a word, and is counted afterwards.
"""

from __future__ import annotations

import re

from mjml import mjml2html

from templates_app.rendering.errors import RenderError, error_at
from templates_app.rendering.mjml_lint import MARKUP, mjml_faults
from templates_app.rendering.scanning import MASK_WORD, liquid_tokens, word_masked

_SINGLE_QUOTED = re.compile(r"""("[^"]*+")|'([^']*+)'""")
_POSITION = re.compile(r"position (\d+)")


def compile_mjml(source: str, *, part: str) -> tuple[str, list[int]]:
    """Return the HTML of an MJML source, and where its tokens stood.

    The list holds, for each Liquid token of the HTML in order, its index in `source`;
    a token may occur twice. Raises RenderError with line and column.
    """
    _lint(source, part=part)
    words = MARKUP.sub(_double_quoted, word_masked(source))
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
    """Raise at the first mistake that the compiler would hide."""
    for fault in mjml_faults(source):
        if fault.weight == "fatal":
            raise error_at(
                source, fault.offset, fault.message, code="invalid_mjml", part=part
            )
