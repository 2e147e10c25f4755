"""Where Liquid stands in a text: its tokens, and what surrounds them in HTML.

Looks at text only; parses neither Liquid nor HTML for good.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from functools import lru_cache

from templates_app.rendering.errors import error_at

# A raw or comment block is one token: what stands in it is nobody's markup.
LIQUID = re.compile(
    r"{%-?\s*(raw|comment|doc)\b[^%]*%}.*?{%-?\s*end\1\s*-?%}|{{.*?}}|{%.*?%}",
    re.DOTALL,
)
MASK_WORD = re.compile(r"LQz(\d+)zQL")
_OPENED = re.compile(r"{%-?\s*(end)?(raw|doc|comment)\b")
_TAG = re.compile(r"""<([a-zA-Z][^\s<>"'/]*)(?:[^<>"']++|"[^"]*+"|'[^']*+')*+>""")
_QUOTED = re.compile(r""""[^"]*+"|'[^']*+'""")
_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]+)\s*=\s*("[^"]*+"|'[^']*+')""")
_VERBATIM = re.compile(r"<(script|style)\b[^>]*>(.*?)</\1\s*>", re.DOTALL | re.I)
_NOT_NEWLINE = re.compile(r"[^\n]")

# Whole tags in which a value can do harm whatever it is escaped to.
_NO_VALUES_IN = frozenset(
    {
        *("animate", "applet", "base", "embed", "frame", "iframe", "link", "meta"),
        *("object", "script", "set", "style"),
    }
)


def liquid_tokens(source: str) -> Iterator[re.Match[str]]:
    """Yield every Liquid token; a raw or comment block is one token."""
    return LIQUID.finditer(source)


def is_output(token: str) -> bool:
    """Return whether a token writes a value."""
    return token.startswith("{{")


def masked(source: str) -> str:
    """Return the source with each token replaced by letters, at the same length.

    Newlines stay, so indexes, lines and columns are those of the source.
    """
    return LIQUID.sub(lambda match: _NOT_NEWLINE.sub("L", match.group()), source)


def word_masked(source: str) -> str:
    """Return the source with each token replaced by a numbered word, ``LQz7zQL``."""
    numbers = itertools.count()
    return LIQUID.sub(lambda _: f"LQz{next(numbers)}zQL", source)


def check_verbatim_blocks(source: str, *, part: str) -> None:
    """Raise when a raw, doc or comment block is not closed.

    The library's lexer would find no place for it, and would take quadratic time.
    """
    opened: list[re.Match[str]] = []
    for match in _OPENED.finditer(source):
        if match.group(1) is None:
            if not opened:
                opened.append(match)
        elif opened and opened[-1].group(2) == match.group(2):
            opened.pop()
    if opened:
        name = opened[-1].group(2)
        raise error_at(
            source,
            opened[-1].start(),
            f"{{% {name} %}} is never closed: {{% end{name} %}} is missing",
            code="syntax_error",
            part=part,
        )


@lru_cache(maxsize=8)
def attribute_tokens(source: str) -> frozenset[int]:
    """Return the start of every token that stands inside an HTML tag."""
    starts = [match.start() for match in liquid_tokens(source)]
    inside: set[int] = set()
    position = 0
    for tag in _TAG.finditer(masked(source)):
        while position < len(starts) and starts[position] < tag.end():
            if starts[position] > tag.start():
                inside.add(starts[position])
            position += 1
    return frozenset(inside)


def check_places(source: str, *, part: str) -> None:
    """Raise when a value stands where no escaping makes it safe.

    That is: in an attribute without quotes, in an event handler, in a script or style
    sheet, or anywhere in a tag such as iframe or base.
    """
    outputs = [m.start() for m in liquid_tokens(source) if is_output(m.group())]
    if not outputs:
        return
    text = masked(source)
    for match in _VERBATIM.finditer(text):
        for start in outputs:
            if match.start(2) <= start < match.end(2):
                raise error_at(
                    source,
                    start,
                    f"a value cannot stand inside <{match.group(1)}>",
                    code="unsafe_place",
                    part=part,
                )
    inside = attribute_tokens(source)
    starts = [start for start in outputs if start in inside]
    if not starts:
        return
    for tag in _TAG.finditer(text):
        for start in _within(starts, tag.start(), tag.end()):
            _check_tag(source, tag, start, part=part)


def _within(starts: list[int], begin: int, end: int) -> list[int]:
    return [start for start in starts if begin < start < end]


def _check_tag(source: str, tag: re.Match[str], start: int, *, part: str) -> None:
    name = tag.group(1).lower()
    if name.rpartition(":")[2] in _NO_VALUES_IN:
        message = f"a value cannot stand inside the tag <{name}>"
        raise error_at(source, start, message, code="unsafe_place", part=part)
    offset = start - tag.start()
    if not any(m.start() < offset < m.end() for m in _QUOTED.finditer(tag.group())):
        message = "put quotes round this value: an attribute needs them"
        raise error_at(source, start, message, code="unquoted_value", part=part)
    for attribute in _ATTRIBUTE.finditer(tag.group()):
        handler = attribute.group(1).lower()
        if attribute.start() < offset < attribute.end() and handler.startswith("on"):
            message = f"a value cannot stand inside the event handler {handler}"
            raise error_at(source, start, message, code="unsafe_place", part=part)
