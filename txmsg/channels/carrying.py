"""Mails through one SMTP connection, without waiting: RFC 5321 with RFC 2920.

Where the server offers PIPELINING, an envelope is one write, and the content of a mail
goes out in one write with the envelope of the next: a round trip a mail. Else every
command waits for its answer. It must not know what an answer means for a mail, nor of
other connections: whoever gives it mails is told how far each got.
"""

from __future__ import annotations

import enum
import smtplib
import ssl
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from events import failpoints
from txmsg.channels.answers import Answer, Stage, words
from txmsg.channels.mime import Letter
from txmsg.channels.smtp import (
    COMMAND_SECONDS,
    MAX_REPLY_LINE,
    MAX_REPLY_LINES,
    Conversation,
    read_line,
)

CONTENT_SECONDS = 120.0
"""For the content to go out, and again for the answer to it."""
_SMALL = 65536
"""A content up to here goes out in one write with its end."""
_END = b".\r\n"


@dataclass(slots=True)
class Mail:
    """A mail on its way: its place in the wave, and since when it is under way."""

    place: int
    delivery_id: UUID
    letter: Letter
    started_at: datetime
    foremost_at: float = 0.0
    """When the connection had no other mail to care for before it (monotonic)."""


class Desk(Protocol):
    """Gives mails out and takes their answers."""

    def next(self, conversation: Conversation, *, ahead: bool = False) -> Mail | None:
        """Return the next mail; `ahead` says that another must end before it."""
        ...

    def is_too_late(self, mail: Mail) -> bool:
        """Say whether the content of a mail must not be begun any more."""
        ...

    def done(self, mail: Mail, answer: Answer, *, is_fresh: bool) -> None:
        """Take the answer to a mail; `is_fresh`: the connection's first mail."""
        ...

    def again(self, mail: Mail) -> None:
        """Take back a mail that was certainly not sent, for another connection."""
        ...


class _Step(enum.Enum):
    """What an answer is awaited to."""

    MAIL = Stage.MAIL
    RCPT = Stage.RCPT
    DATA = Stage.DATA
    DOT = Stage.DOT
    EMPTY = "the end of an empty mail"
    RESET = "RSET"


_ENVELOPE = (_Step.MAIL, _Step.RCPT, _Step.DATA)


@dataclass(slots=True, eq=False)
class Carrier:
    """Takes mails over one open connection, each step as far as it goes at once.

    A step that takes too long, and the deadline, end the connection: whoever polls
    calls `time_out` when `until` has passed.
    """

    conversation: Conversation
    desk: Desk
    deadline: float
    until: float = 0.0
    _pipelines: bool = False
    _awaited: deque[_Step] = field(default_factory=deque)
    _foremost: Mail | None = None
    _following: Mail | None = None
    """A mail whose envelope went out with the content of the foremost."""
    _refusal: Answer | None = None
    """The first refusal in the foremost mail's envelope."""
    _out: bytes = b""
    """What is still to be written now."""
    _before_the_dot: int | None = None
    """How much of `_out` is content; None when no mail's end is in it."""
    _tail: bytes | None = None
    """What completes a large content, held back until that is out."""
    _lines: deque[bytes] = field(default_factory=deque)
    _partial: bytes = b""
    _texts: list[bytes] = field(default_factory=list)
    _failure: str = ""
    """Why nothing more can be written; what was said before may still be read."""

    def __post_init__(self) -> None:
        """Take the connection over: from now on nothing waits."""
        self._pipelines = self.conversation.has_extn("pipelining")
        if self.conversation.sock is not None:
            self.conversation.sock.settimeout(0)

    @property
    def is_open(self) -> bool:
        """Whether the connection can carry another mail."""
        return self.conversation.sock is not None

    @property
    def is_busy(self) -> bool:
        """Whether something is to be written or an answer awaited."""
        return self.is_open and bool(self._awaited or self._out)

    @property
    def wants_to_write(self) -> bool:
        """Whether the connection was full when we wrote last."""
        return bool(self._out)

    def begin(self) -> bool:
        """Begin the next mail, if there is one."""
        mail = self.desk.next(self.conversation)
        if mail is not None:
            self._begin(mail)
            self._flush()
        return mail is not None

    def go_on(self) -> None:
        """Read what has come and write what there is room for."""
        try:
            data = self._receive()
        except OSError as error:
            return self._lose(f"the connection was lost ({error})")
        if data is not None:
            if not data:
                return self._lose("the server closed the connection")
            self._hear(data)
        if self._out:
            self._flush()
        return None

    def time_out(self) -> None:
        """Give the connection up: a step has taken too long."""
        self._lose("the server did not answer in time")

    def _begin(self, mail: Mail) -> None:
        """Write the envelope of a mail, or its first command."""
        mail.foremost_at = time.monotonic()
        self._foremost, self._refusal = mail, None
        self._write(self._envelope(mail))

    def _envelope(self, mail: Mail) -> bytes:
        """Return the envelope and await its answers."""
        if self._pipelines:
            self._awaited.extend(_ENVELOPE)
            return b"".join(_command(step, mail.letter) for step in _ENVELOPE)
        self._awaited.append(_Step.MAIL)
        return _command(_Step.MAIL, mail.letter)

    def _hear(self, data: bytes) -> None:
        """Take in what the server said, and act upon each whole reply."""
        self.conversation.last_heard_at = time.monotonic()
        *lines, self._partial = (self._partial + data).split(b"\n")
        self._lines.extend(lines)
        try:
            if len(self._partial) > MAX_REPLY_LINE:
                raise smtplib.SMTPServerDisconnected("the server's answer has no end")
            while self.is_open and self._lines:
                self._hear_line(self._lines.popleft().removesuffix(b"\r"))
        except OSError as error:
            self._lose(str(error))

    def _hear_line(self, line: bytes) -> None:
        if len(line) > MAX_REPLY_LINE or len(self._texts) >= MAX_REPLY_LINES:
            raise smtplib.SMTPServerDisconnected("the server's answer has no end")
        code, is_last, text = read_line(line)
        self._texts.append(text)
        if is_last:
            said = words(b"\n".join(self._texts))
            self._texts.clear()
            self._answered(code, said)

    def _answered(self, code: int, said: str) -> None:
        """Act upon one reply."""
        if not self._awaited:
            return self._answered_early(code, said)
        step = self._awaited.popleft()
        self._wait(CONTENT_SECONDS if _Step.DOT in self._awaited else COMMAND_SECONDS)
        if code == 421 or (step is _Step.RESET and code != 250):
            return self._leave(step, code, said)
        if step is _Step.DOT:
            return self._end(Answer(Stage.DOT, code, said))
        if step is _Step.EMPTY:
            return self._refused()
        if step is _Step.RESET:
            return None
        expected = 3 if step is _Step.DATA else 2
        is_taken = code // 100 == expected
        if not is_taken and self._refusal is None:
            self._refusal = Answer(step.value, code, said)
        return self._go_on_with_envelope(step, is_taken=is_taken)

    def _go_on_with_envelope(self, step: _Step, *, is_taken: bool) -> None:
        if step is _Step.DATA:
            if self._refusal is None:
                return self._send_content()
            if is_taken:
                # A server that takes the DATA of a refused envelope waits for a mail;
                # a lone dot ends it (RFC 2920 3.1). There is nobody to deliver it to.
                self._awaited.append(_Step.EMPTY)
                return self._write(_END)
            return self._refused()
        if self._pipelines:
            return None
        if self._refusal is not None:
            return self._refused()
        return self._write_step(_ENVELOPE[_ENVELOPE.index(step) + 1])

    def _write_step(self, step: _Step) -> None:
        if self._foremost is not None:
            self._awaited.append(step)
            self._write(_command(step, self._foremost.letter))

    def _send_content(self) -> None:
        """Write the content, and with it the envelope of the next mail."""
        mail = self._foremost
        if mail is None:
            return
        if self._lines or self._partial:
            # The server goes on speaking where it should wait: it is not reading.
            self._wait(COMMAND_SECONDS)
            return
        if self.desk.is_too_late(mail):
            self._close()
            return
        self._following = None
        if self._pipelines:
            self._following = self.desk.next(self.conversation, ahead=True)
        content = mail.letter.content
        self._wait(CONTENT_SECONDS)
        if len(content) <= _SMALL:
            self._complete(content)
        else:
            self._tail = _END
            self._write(content)

    def _complete(self, content: bytes) -> None:
        """Write what completes the foremost mail, after what is left of its content."""
        if self._foremost is None:
            return
        self._tail = None
        self._awaited.append(_Step.DOT)
        end = _END
        if self._following is not None:
            end += self._envelope(self._following)
        self._before_the_dot = len(content)
        failpoints.reach("P5", [self._foremost.delivery_id])
        self._write(content + end)
