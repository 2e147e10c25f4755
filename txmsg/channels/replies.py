"""Replies of an SMTP server as they come: whole, well-formed, and of an end.

It knows RFC 5321 4.2; it must not know sockets, nor what a reply answers.
"""

from __future__ import annotations

import re
import smtplib
from collections import deque
from dataclasses import dataclass, field

from txmsg.channels.answers import words

MAX_LINE = 2048
MAX_LINES = 128
_LINE = re.compile(rb"([2-5]\d\d)(?:([ -])(.*))?", re.DOTALL)

# A single line with a code that goods servers say all day is not taken apart.
_USUAL = {b"250": 250, b"354": 354}


@dataclass(slots=True)
class Replies:
    """What was heard and not yet taken."""

    _rest: bytes = b""
    """A line that has no end yet."""
    _lines: deque[bytes] = field(default_factory=deque)
    _texts: list[bytes] = field(default_factory=list)
    """The lines so far of a reply that goes on."""

    def __bool__(self) -> bool:
        """Whether anything was heard that was not taken."""
        return bool(self._lines or self._rest or self._texts)

    def feed(self, data: bytes) -> None:
        """Hear more."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._lines.extend(lines)

    def take(self) -> tuple[int, bytes] | None:
        """Return the code and the text of a whole reply, if there is one.

        Raise OSError for what is not SMTP and for what has no end.
        """
        while self._lines:
            line = self._lines.popleft().removesuffix(b"\r")
            if not self._texts and line[3:4] == b" " and line[:3] in _USUAL:
                return _USUAL[line[:3]], line[4:].strip()
            found = _LINE.fullmatch(line)
            if not found:
                raise lost(f"the server's answer is not SMTP: {words(line)!r}")
            code, mark, text = found.groups()
            if not self._texts and mark != b"-":
                return int(code), (text or b"").strip()
            self._texts.append((text or b"").strip())
            if mark != b"-":
                whole = b"\n".join(self._texts)
                self._texts.clear()
                return int(code), whole
            if len(self._texts) >= MAX_LINES:
                raise lost("the server's answer has no end")
        if len(self._rest) > MAX_LINE:
            raise lost("the server's answer has no end")
        return None

    def clear(self) -> None:
        """Forget what was heard: the connection has ended."""
        self._rest = b""
        self._lines.clear()
        self._texts.clear()


def lost(why: str) -> smtplib.SMTPServerDisconnected:
    """Make the error that gives a connection up; whoever began the step closes it."""
    return smtplib.SMTPServerDisconnected(why)
