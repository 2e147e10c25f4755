"""The Liquid tokens of a text, those without an end included."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from templates_app.checking.findings import Fault

_OPEN = re.compile(r"\{\{|\{%")
_VERBATIM = re.compile(r"\{%-?\s*(raw|comment|doc)\b[^%]*%\}")
_QUOTED = re.compile(r""""[^"\n]*"|'[^'\n]*'""")
_STOP = re.compile(r"""[\n<>"]""")
_WRONG_END = re.compile(r"\}\}|%\}|\}")
_NAME = re.compile(r"\{%-?\s*(#|\w*)")
_MAX_LENGTH = 20_000
_NOT_NEWLINE = re.compile(r"[^\n]")


@dataclass(frozen=True, slots=True)
class Token:
    """One Liquid token; `name` is that of a tag, empty for an output.

    `fault` says what is wrong with it; a token without an end goes as far as it can
    be told.
    """

    start: int
    text: str
    name: str = ""
    fault: Fault | None = None

    @property
    def end(self) -> int:
        """The index after it."""
        return self.start + len(self.text)

    @property
    def is_output(self) -> bool:
        """Whether it writes a value."""
        return self.text.startswith("{{")

    @property
    def name_start(self) -> int:
        """The index of a tag's name."""
        return self.start + max(0, self.text.find(self.name))


def blanked(
    text: str, ranges: Iterator[tuple[int, int]] | list[tuple[int, int]]
) -> str:
    """Return a text with some ranges made blank; newlines stay."""
    pieces, position = [], 0
    for start, end in sorted(ranges):
        if end <= position:
            continue
        start = max(start, position)
        pieces += [text[position:start], _NOT_NEWLINE.sub(" ", text[start:end])]
        position = end
    return "".join([*pieces, text[position:]])


def scan(text: str) -> list[Token]:
    """Return the tokens of a text; a raw, comment or doc block is none."""
    return list(_scanned(text))


def _scanned(text: str) -> Iterator[Token]:
    position = 0
    while True:
        match = _OPEN.search(text, position)
        if match is None:
            return
        start = match.start()
        verbatim = _VERBATIM.match(text, start)
        if verbatim:
            end = _verbatim_end(text, verbatim)
            if end is None:
                yield _unended(text, verbatim)
            position = end or verbatim.end()
            continue
        end = _end(text, match.group(), start)
        if end is None:
            token = _unclosed(text, match.group(), start)
        else:
            token = _token(start, text[start:end])
        yield token
        position = token.end


def _token(start: int, text: str, fault: Fault | None = None) -> Token:
    name = _NAME.match(text)
    return Token(start, text, name[1] if name else "", fault)


def _verbatim_end(text: str, opening: re.Match[str]) -> int | None:
    if f"end{opening[1]}" not in text:
        return None  # said at once: there may be thousands of them
    closing = re.compile(r"\{%-?\s*end" + opening[1] + r"\s*-?%\}")
    found = closing.search(text, opening.end())
    return found.end() if found else None


def _unended(text: str, opening: re.Match[str]) -> Token:
    fault = Fault(
        opening.start(),
        "syntax_error",
        f"{{% {opening[1]} %}} is never closed",
        f"add {{% end{opening[1]} %}} where it ends",
        len(opening.group()),
    )
    return Token(opening.start(), opening.group(), "#", fault)


def _end(text: str, opening: str, start: int) -> int | None:
    """Return where a token ends; None when another begins before its end."""
    closing = "}}" if opening == "{{" else "%}"
    end = text.find(closing, start + 2, start + _MAX_LENGTH)
    if end < 0:
        return None
    inside = _QUOTED.sub(_spaces, text[start + 2 : end])
    return None if _OPEN.search(inside) else end + 2


def _unclosed(text: str, opening: str, start: int) -> Token:
    """Return a token without an end, as far as it probably goes."""
    closing = "}}" if opening == "{{" else "%}"
    begin = start + 2
    following = _OPEN.search(text, begin)
    words = _QUOTED.sub(_spaces, text[begin : following.start() if following else None])
    stop = _STOP.search(words)
    length = stop.start() if stop else len(words)
    wrong = _WRONG_END.search(words, 0, length)
    if wrong:
        length = wrong.end()
        advice = f"write {closing} instead of {wrong.group()}"
    else:
        length = len(text[begin : begin + length].rstrip())
        said = text[begin : begin + length].strip()
        advice = f"add {closing} after “{said}”" if said else f"add {closing}"
    fault = Fault(
        start,
        "syntax_error",
        f"{opening} is never closed: {closing} is missing",
        advice,
        2 + length,
    )
    return _token(start, text[start : begin + length], fault)


def _spaces(match: re.Match[str]) -> str:
    return _NOT_NEWLINE.sub(" ", match.group())
