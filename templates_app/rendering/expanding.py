"""Content blocks, written out where ``{% block 'name' %}`` calls them.

Every place stays the author's: the field around a block, and the block itself inside.
It knows where Liquid stands in a text, and parses none.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from templates_app.rendering.errors import RenderError
from templates_app.rendering.scanning import MASK_WORD, liquid_tokens
from templates_app.rendering.sources import Piece, Source

_BLOCK_TAG = re.compile(r"{%(-?)\s*block\b(.*?)(-?)%}", re.DOTALL)
# What MJML and XML cannot hold, and the words that stand for Liquid in between.
_UNUSABLE = re.compile(
    rf"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]|{MASK_WORD.pattern}"
)
_QUOTED_NAME = re.compile(r"""\s*(?:'([^']*)'|"([^"]*)")\s*""")

HTML_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;"}
JSON_ESCAPES = {
    **{chr(code): f"\\u{code:04x}" for code in range(32)},
    '"': '\\"',
    "\\": "\\\\",
    "\n": "\\n",
    "\t": "\\t",
}


@dataclass(frozen=True, slots=True)
class BlockText:
    """A content block: `html` for bodies of emails, `text` for everything else."""

    html: str = ""
    text: str = ""


Blocks = Mapping[str, BlockText]
# Called with each fault instead of raising the first.
Report = Callable[[RenderError], None]


def block_tags(text: str) -> Iterator[tuple[re.Match[str], re.Match[str]]]:
    """Yield each token that calls a content block: the token, and its parts."""
    for token in liquid_tokens(text):
        match = _BLOCK_TAG.fullmatch(token.group())
        if match:
            yield token, match


def used_blocks(content_json: Mapping[str, Any]) -> set[str]:
    """Return the names of the content blocks that a content calls, anywhere in it."""
    return set(_names(content_json))


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        for _, tag in block_tags(value):
            quoted = _QUOTED_NAME.fullmatch(tag.group(2))
            if quoted:
                yield quoted.group(1) or quoted.group(2) or ""
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _names(each)
    elif isinstance(value, list):
        for each in value:
            yield from _names(each)


def expanded(
    source: Source,
    blocks: Blocks | None,
    *,
    html: bool,
    escapes: Mapping[str, str] | None = None,
    report: Report | None = None,
) -> Source:
    """Return a source with its content blocks written out.

    `escapes` are for the characters of the blocks alone. Raises RenderError at the
    first block that cannot be written; with `report`, each fault is reported and its
    tag left out.
    """
    pieces: list[Piece] = []
    done = 0
    for token, tag in block_tags(source.text):
        start, end = token.span()
        if tag.group(1):
            start = max(done, len(source.text[:start].rstrip()))
        if tag.group(3):
            end += len(source.text[end:]) - len(source.text[end:].lstrip())
        pieces += source.cut(done, start)
        try:
            block = _written_out(tag.group(2), blocks or {}, html=html)
            pieces += (escaped(block, escapes) if escapes else block).pieces
        except RenderError as error:
            error = source.placed(_at(error, token.start()))
            if report is None:
                raise error from None
            report(error)
        done = end
    if not done:
        return source
    return Source((*pieces, *source.cut(done, len(source.text))))


def _written_out(words: str, blocks: Blocks, *, html: bool) -> Source:
    quoted = _QUOTED_NAME.fullmatch(words)
    if quoted is None:
        raise _error(
            "a content block is called by its name in quotes: {% block 'name' %}",
            code="syntax_error",
        )
    name = quoted.group(1) or quoted.group(2) or ""
    block = blocks.get(name)
    if block is None:
        near = difflib.get_close_matches(name, blocks, n=1)
        hint = f": did you mean {near[0]!r}?" if near else ""
        message = f"there is no content block {name!r}{hint}"
        raise _error(message, code="unknown_block")
    text = block.html if html else block.text
    if not text.strip():
        missing = "HTML for the body" if html else "text for this place"
        message = f"the content block {name!r} has no {missing}"
        raise _error(message, code="invalid_content")
    if next(block_tags(text), None) is not None:
        message = f"the content block {name!r} calls another: blocks do not nest"
        raise _error(message, code="invalid_content")
    return Source.typed(text.replace("\r\n", "\n"), part=f"block/{name}")


def _error(message: str, *, code: str) -> RenderError:
    return RenderError(message, code=code)


def _at(error: RenderError, offset: int) -> RenderError:
    error.offset = offset
    return error


def check_characters(source: Source, *, report: Report) -> None:
    """Report the first thing that no template can hold, such as a control character."""
    match = _UNUSABLE.search(source.text)
    if match is None:
        return
    what = "word" if match.group(1) else "character"
    error = _error(f"the {what} {match.group()!r} cannot be used", code="bad_value")
    report(source.placed(_at(error, match.start())))


def escaped(source: Source, escapes: Mapping[str, str]) -> Source:
    """Return a source with single characters outside of Liquid replaced."""
    if not any(character in source.text for character in escapes):
        return source
    pattern = re.compile("[" + re.escape("".join(escapes)) + "]")
    return replaced(
        source,
        (
            (match.start(), match.end(), escapes[match.group()])
            for start, end in literals(source.text)
            for match in pattern.finditer(source.text, start, end)
        ),
    )


def literals(text: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of each run of a text that is no Liquid."""
    done = 0
    for token in liquid_tokens(text):
        yield done, token.start()
        done = token.end()
    yield done, len(text)


def replaced(source: Source, changes: Iterable[tuple[int, int, str]]) -> Source:
    """Return a source with stretches replaced: start, end and words, in their order.

    The words have the place of what they stand for.
    """
    pieces: list[Piece] = []
    done = 0
    for start, end, words in changes:
        pieces += source.cut(done, start)
        at, index = source.piece_at(start)
        offset = at.offset if at.is_fixed else at.offset + index
        pieces.append(Piece(words, at.part, at.origin, offset, is_fixed=True))
        done = end
    return Source((*pieces, *source.cut(done, len(source.text))))
