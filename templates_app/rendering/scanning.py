"""Where Liquid stands in a text: its tokens, and what surrounds them in HTML.

Looks at text only; parses neither Liquid nor HTML for good.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

from templates_app.rendering.errors import RenderError, error_at

# A raw or comment block is one token: what stands in it is nobody's markup.
_VERBATIM = re.compile(
    r"{%-?\s*(raw|comment|doc)\b[^%]*%}.*?{%-?\s*end\1\s*-?%}", re.DOTALL
)
_VERBATIM_START = re.compile(r"{%-?\s*(raw|comment|doc)\b[^%]*%}")
_VERBATIM_END = re.compile(r"{%-?\s*end(raw|comment|doc)\s*-?%}")
_PLAIN = re.compile(r"{{.*?}}|{%.*?%}", re.DOTALL)
MASK_WORD = re.compile(r"LQz(\d+)zQL")
_TOKEN_START = re.compile(r"{{|{%")
_OPENED = re.compile(r"{%-?\s*(end)?(raw|doc|comment)\b")
_TAG = re.compile(r"""<([a-zA-Z][^\s<>"'/]*)(?:[^<>"']++|"[^"]*+"|'[^']*+')*+>""")
_TAG_OR_START = re.compile(_TAG.pattern + r"|</[a-zA-Z][^<>]*+>|<!--|<[a-zA-Z]|</")
_MAX_BROKEN_TAGS = 50
_QUOTED = re.compile(r""""[^"]*+"|'[^']*+'""")
_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]+)\s*=\s*("[^"]*+"|'[^']*+')""")
_NOT_NEWLINE = re.compile(r"[^\n]")

MAX_TOKENS = 5_000

# Whole tags in which a value can do harm whatever it is escaped to.
_NO_VALUES_IN = frozenset(
    {
        *("animate", "applet", "base", "embed", "frame", "iframe", "link", "meta"),
        *("object", "script", "set", "style"),
    }
)


def liquid_tokens(source: str) -> Iterator[re.Match[str]]:
    """Yield every Liquid token; a raw or comment block is one token."""
    # Nothing is tried that cannot have an end: thousands of tokens without one would
    # each be looked for in all the rest.
    last = {"{{": source.rfind("}}"), "{%": source.rfind("%}")}
    last_verbatim = {
        match.group(1): match.start() for match in _VERBATIM_END.finditer(source)
    }
    position = 0
    while start := _TOKEN_START.search(source, position):
        match = None
        if last[start.group()] >= start.end():
            match = _verbatim_at(source, start.start(), last_verbatim)
            match = match or _PLAIN.match(source, start.start())
        position = match.end() if match else start.start() + 1
        if match:
            yield match


def _verbatim_at(source: str, at: int, last: Mapping[str, int]) -> re.Match[str] | None:
    opening = _VERBATIM_START.match(source, at)
    if opening is None or last.get(opening.group(1), -1) < opening.end():
        return None
    return _VERBATIM.match(source, at)


def _replaced(source: str, words: Callable[[re.Match[str]], str]) -> str:
    pieces, done = [], 0
    for token in liquid_tokens(source):
        pieces += [source[done : token.start()], words(token)]
        done = token.end()
    return "".join([*pieces, source[done:]])


def is_output(token: str) -> bool:
    """Return whether a token writes a value."""
    return token.startswith("{{")


def masked(source: str) -> str:
    """Return the source with each token replaced by letters, at the same length.

    Newlines stay, so indexes, lines and columns are those of the source.
    """
    return _replaced(source, lambda match: _NOT_NEWLINE.sub("L", match.group()))


def word_masked(source: str) -> str:
    """Return the source with each token replaced by a numbered word, ``LQz7zQL``."""
    numbers = itertools.count()
    return _replaced(source, lambda _: f"LQz{next(numbers)}zQL")


def check_closed(source: str, *, part: str) -> None:
    """Raise when a token, or a raw, doc or comment block, is not closed.

    The library's lexer would find no place for it, and would take quadratic time.
    """
    _check_tokens(source, part=part)
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


def _check_tokens(source: str, *, part: str) -> None:
    position = count = 0
    while match := _TOKEN_START.search(source, position):
        closing = "}}" if match.group() == "{{" else "%}"
        end = source.find(closing, match.end())
        if end < 0:
            message = f"{match.group()} is never closed: {closing} is missing"
            raise error_at(
                source, match.start(), message, code="syntax_error", part=part
            )
        position = end + 2
        count += 1
    if count > MAX_TOKENS:
        raise RenderError(
            f"there are more than {MAX_TOKENS:,} Liquid tokens",
            code="too_long",
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


def check_tags(source: str, *, part: str) -> None:
    """Raise when many HTML tags are incomplete: parsers take quadratic time on them."""
    text = masked(source)
    last_comment_end = text.rfind("-->")
    broken = (
        match.start()
        for match in _TAG_OR_START.finditer(text)
        if len(match.group()) == 2
        or (match.group() == "<!--" and match.start() > last_comment_end)
    )
    # No more than that are looked for: each takes all the rest to be read.
    found = list(itertools.islice(broken, _MAX_BROKEN_TAGS + 1))
    if len(found) > _MAX_BROKEN_TAGS:
        message = f"more than {_MAX_BROKEN_TAGS} tags have no end; this is the first"
        raise error_at(source, found[0], message, code="invalid_content", part=part)


def check_places(source: str, *, part: str) -> None:
    """Raise when a value stands where no escaping makes it safe.

    That is: in an attribute without quotes, in an event handler, in a script or style
    sheet, or anywhere in a tag such as iframe or base.
    """
    outputs = [m.start() for m in liquid_tokens(source) if is_output(m.group())]
    if not outputs:
        return
    text = masked(source)
    for name, begin, end in _verbatim(text.lower()):
        for start in _within(outputs, begin, end):
            message = f"a value cannot stand inside <{name}>"
            raise error_at(source, start, message, code="unsafe_place", part=part)
    inside = attribute_tokens(source)
    starts = [start for start in outputs if start in inside]
    if not starts:
        return
    for tag in _TAG.finditer(text):
        for start in _within(starts, tag.start(), tag.end()):
            _check_tag(source, tag, start, part=part)


def _within(starts: list[int], begin: int, end: int) -> list[int]:
    return starts[bisect_right(starts, begin) : bisect_left(starts, end)]


def _verbatim(lowered: str) -> Iterator[tuple[str, int, int]]:
    """Yield name, start and end of each script and style sheet."""
    for name in ("script", "style"):
        begin = lowered.find(f"<{name}")
        while begin >= 0:
            end = lowered.find(f"</{name}", begin)
            end = len(lowered) if end < 0 else end
            yield name, begin, end
            begin = lowered.find(f"<{name}", end + 1)


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
