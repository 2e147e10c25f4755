"""Mails through one SMTP connection, without waiting: RFC 5321 with RFC 2920.

Where the server offers PIPELINING, an envelope is one write, and the content of a mail
goes out in one write with the envelope of the next: a round trip a mail. Else every
command waits for its answer. It must not know what an answer means for a mail, nor of
other connections: whoever gives it mails is told how far each got.
"""

from __future__ import annotations

import contextlib
import enum
import time
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from events import failpoints
from txmsg.channels.answers import Answer, Stage, words
from txmsg.channels.mime import Letter
from txmsg.channels.replies import lost
from txmsg.channels.smtp import COMMAND_SECONDS, Conversation
from txmsg.channels.wire import Wire

CONTENT_SECONDS = 120.0
"""For the content to go out, and again for the answer to it."""
TRIAL_SECONDS = 10.0
"""For the first word to the first mail of a further connection, while others serve."""
_SMALL = 65536
"""A content up to here goes out in one write with its end."""
_END = b".\r\n"
_ENVELOPE = (Stage.MAIL, Stage.RCPT, Stage.DATA)
_MIDDLE = (Stage.MAIL, Stage.RCPT)


class _Aside(enum.Enum):
    """What is answered beside the stages of a mail."""

    EMPTY = "the end of an empty mail"
    RESET = "RSET"


@dataclass(slots=True, eq=False)
class Mail:
    """A mail on its way: its place in the wave, and since when it is under way."""

    place: int
    delivery_id: UUID
    letter: Letter
    started_at: datetime
    foremost_at: float = 0.0
    """Since when its connection has had no other mail before it (monotonic)."""


class Desk(Protocol):
    """Gives mails out and takes their answers."""

    def next(self, conversation: Conversation, *, is_ahead: bool) -> Mail | None:
        """Return the next mail; `is_ahead`: another is still to end before it."""
        ...

    def is_too_late(self) -> bool:
        """Say whether no mail's content is to be begun any more."""
        ...

    def done(self, mail: Mail, answer: Answer, *, is_fresh: bool) -> None:
        """Take the answer to a mail; `is_fresh`: the first of a new connection."""
        ...

    def again(self, mail: Mail) -> None:
        """Take back a mail that was certainly not sent, for another connection."""
        ...


class Carrier:
    """Takes mails over one open connection, as far as it goes without waiting.

    The connection is closed where it cannot be used for another mail. Whoever polls
    calls `time_out` once `until` has passed: no step outlives it, nor the deadline.
    """

    def __init__(
        self,
        conversation: Conversation,
        *,
        desk: Desk,
        deadline: float,
        is_further: bool = False,
    ) -> None:
        """Take the open connection over; `is_further`: it was opened beside others."""
        self.conversation = conversation
        self.wire = Wire(conversation.opened)
        self.until = deadline
        self.is_open = True
        """Whether the connection still is."""
        self.is_further = is_further
        self.is_on_trial = is_further
        """Whether it was opened beside others and has heard nothing since its login."""
        self._desk = desk
        self._deadline = deadline
        self._pipelines = conversation.has_extn("pipelining")
        self._awaited: deque[Stage | _Aside] = deque()
        self._foremost: Mail | None = None
        # Its envelope has gone out with the content of the foremost.
        self._following: Mail | None = None
        # The first refusal of the foremost mail's envelope.
        self._refusal: Answer | None = None
        # Where, counted as by the wire, the end of the foremost mail's content stands;
        # None while the content is not due.
        self._end_at: int | None = None
        # The mail whose end is being written.
        self._ending: Mail | None = None
        # Whether a large content is going out, with its end held back.
        self._is_large = False

    @property
    def is_busy(self) -> bool:
        """Whether it has a mail, or an answer to wait for."""
        return self.is_open and bool(self._awaited or self._foremost)

    def begin(self) -> None:
        """Begin the next mail, if there is one."""
        self._next()
        self._flush()

    def go_on(self) -> None:
        """Read what has come, act upon it, and write what there is room for."""
        try:
            data = self.wire.receive()
        except OSError as error:
            return self._lose(f"the connection was lost ({error})")
        if data == b"":
            return self._lose("the server closed the connection")
        if data is not None:
            self._hear(data)
        if self.is_open and self.wire.is_full and time.monotonic() >= self.until:
            return self.time_out()
        return self._flush()

    def time_out(self) -> None:
        """Give the connection up, because a step has taken too long."""
        self._lose("the server did not answer in time")

    def _next(self) -> None:
        """Write the envelope of the next mail, or its first command."""
        self._foremost = self._desk.next(self.conversation, is_ahead=False)
        if self._foremost is not None:
            self._foremost.foremost_at = time.monotonic()
            self.wire.write(self._envelope(self._foremost.letter))
            self._wait(TRIAL_SECONDS if self.is_on_trial else COMMAND_SECONDS)

    def _envelope(self, letter: Letter) -> bytes:
        mail = f"MAIL FROM:<{letter.sender}>{' SMTPUTF8' if letter.utf8 else ''}\r\n"
        if not self._pipelines:
            self._awaited.append(Stage.MAIL)
            return mail.encode()
        self._awaited.extend(_ENVELOPE)
        return f"{mail}RCPT TO:<{letter.recipient}>\r\nDATA\r\n".encode()

    def _hear(self, data: bytes) -> None:
        """Act upon every whole reply there is."""
        replies = self.conversation.replies
        replies.feed(data)
        self.conversation.last_heard_at = time.monotonic()
        if self.is_on_trial:
            self.is_on_trial = False
            self._wait(COMMAND_SECONDS)
        try:
            while self.is_open and (reply := replies.take()):
                self._answered(*reply)
        except OSError as error:
            self._lose(str(error))

    def _answered(self, code: int, said: bytes) -> None:
        """Act upon one reply."""
        if self._end_at is not None and self.wire.written < self._end_at + len(_END):
            # The server is not reading a dialogue any more: this connection is spent.
            if self._stage is Stage.CONTENT:
                return self._leave(Answer(Stage.CONTENT, code, words(said)))
            return self._lose(f"the server answered too early ({code} {words(said)})")
        if not self._awaited:
            return self._lose("the server spoke unasked")
        step = self._awaited.popleft()
        if step in _MIDDLE and self._pipelines and code // 100 == 2:
            return None
        self._wait(COMMAND_SECONDS)
        if step is _Aside.EMPTY:
            return self._leave(None) if code == 421 else self._refused()
        if isinstance(step, _Aside):
            return self._leave(None) if code != 250 else self._reset()
        if code == 421:
            return self._leave(Answer(step, code, words(said)))
        if step is Stage.DOT:
            return self._ended(Answer(step, code, words(said)))
        if code // 100 != (3 if step is Stage.DATA else 2) and not self._refusal:
            self._refusal = Answer(step, code, words(said))
        return self._answered_envelope(step, code)

    def _answered_envelope(self, step: Stage, code: int) -> None:
        """Go on with the envelope, the content, or the next mail."""
        if step is Stage.DATA and self._refusal is None:
            return self._send_content()
        if step is Stage.DATA and code // 100 == 3:
            # A server that takes the DATA of a refused envelope waits for a mail. A
            # lone dot ends it (RFC 2920 3.1), and there is nobody to deliver it to.
            self._awaited.append(_Aside.EMPTY)
            return self.wire.write(_END)
        if step is Stage.DATA or (self._refusal and not self._pipelines):
            return self._refused()
        if not self._pipelines and self._foremost is not None:
            recipient = self._foremost.letter.recipient
            is_mail = step is Stage.MAIL
            self._awaited.append(Stage.RCPT if is_mail else Stage.DATA)
            self.wire.write(
                f"RCPT TO:<{recipient}>\r\n".encode() if is_mail else b"DATA\r\n"
            )
        return None

    def _refused(self) -> None:
        """Give the answer to a refused mail, and make ready for the next."""
        refusal = self._refusal
        if refusal is None:
            return
        self._give_answer(refusal)
        if refusal.stage is not Stage.MAIL:
            self._awaited.append(_Aside.RESET)
            self.wire.write(b"RSET\r\n")
        if refusal.stage is Stage.MAIL or self._pipelines:
            self._next()

    def _reset(self) -> None:
        """Begin the next mail, unless its envelope went out with the RSET."""
        if self._foremost is None:
            self._next()

    def _ended(self, answer: Answer) -> None:
        """Give the answer to a mail that is out, and care for the next."""
        self._end_at = None
        self._give_answer(answer)
        self._foremost, self._following = self._following, None
        if self._foremost is None:
            self._next()
        else:
            self._foremost.foremost_at = time.monotonic()

    def _give_answer(self, answer: Answer) -> None:
        mail, self._foremost, self._refusal = self._foremost, None, None
        is_fresh = self.conversation.is_fresh
        if not answer.gone or answer.stage is not Stage.MAIL:
            self.conversation.is_fresh = False
        if mail is not None:
            # One that was opened beside others says nothing about the way.
            is_telling = is_fresh and not self.is_further
            self._desk.done(mail, answer, is_fresh=is_telling)

    def _send_content(self) -> None:
        """Write the content of the foremost mail, if the server waits for it."""
        if self._foremost is None:
            return
        content = self._foremost.letter.content
        if self.conversation.replies:
            # The server has spoken on already, where it should listen.
            self._end_at = self.wire.end
        elif self._desk.is_too_late():
            self._leave(None)
        elif len(content) <= _SMALL:
            self._write_end(content)
        else:
            self._wait(CONTENT_SECONDS)
            self._is_large = True
            self._end_at = self.wire.end + len(content)
            self.wire.write(content)

    def _write_end(self, content: bytes) -> None:
        """Write what completes the foremost mail, and with it the next envelope.

        `content` is what is not yet written of the mail.
        """
        mail = self._ending = self._foremost
        if mail is None:
            return
        self._awaited.append(Stage.DOT)
        self._end_at = self.wire.end + len(content)
        following = b""
        if self._pipelines:
            self._following = self._desk.next(self.conversation, is_ahead=True)
            if self._following is not None:
                following = self._envelope(self._following.letter)
        self._wait(CONTENT_SECONDS)
        self.wire.write(content + _END + following)
        failpoints.reach("P5", [mail.delivery_id])
        self._flush()

    def _flush(self) -> None:
        """Write what there is room for; go on where all is written."""
        if not self.is_open:
            return
        try:
            self.wire.flush()
            if self._is_large and not self.wire.is_full:
                self._end_large()
        except OSError as error:
            self._hear_last_words()
            self._lose(f"the connection was lost ({error})")
        mail = self._ending
        if mail and self.wire.written >= (self._end_at or 0) + len(_END):
            self._ending = None
            failpoints.reach("P6", [mail.delivery_id])

    def _end_large(self) -> None:
        """Write the end of a large content, if the server still waits for it."""
        self._is_large = False
        data = self.wire.receive()
        if data == b"":
            raise lost("the server closed the connection")
        if data:
            self._hear(data)
        if self.is_open and time.monotonic() >= self._deadline:
            self.time_out()
        if self.is_open:
            self._write_end(b"")

    def _hear_last_words(self) -> None:
        # A server that refuses in mid-mail answers, then closes or stops reading.
        with contextlib.suppress(OSError):
            while self.is_open and (data := self.wire.receive()):
                self._hear(data)

    @property
    def _stage(self) -> Stage | None:
        """How far the foremost mail has got; None before its first command."""
        if self._end_at is not None:
            is_begun = self.wire.written > self._end_at
            return Stage.DOT if is_begun else Stage.CONTENT
        step = self._awaited[0] if self._awaited else None
        return step if isinstance(step, Stage) else None

    def _lose(self, why: str) -> None:
        """Give the connection up, and say how far the foremost mail got."""
        if self.is_open:
            stage = self._stage
            self._leave(Answer(stage, None, why) if stage else None)

    def _leave(self, answer: Answer | None) -> None:
        """Close, and give the answer to the foremost mail; None: it was not tried."""
        self.is_open = False
        self.conversation.close()
        self._awaited.clear()
        foremost, following = self._foremost, self._following
        self._following = self._ending = self._end_at = None
        if foremost is not None and (final := self._refusal or answer):
            self._give_answer(final)
        elif foremost is not None:
            self._desk.again(foremost)
        if following is not None:
            self._desk.again(following)
        self._foremost = None

    def _wait(self, seconds: float) -> None:
        self.until = time.monotonic() + seconds
        if self.until > self._deadline:
            self.until = self._deadline
