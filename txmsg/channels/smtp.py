"""One SMTP conversation that cannot outlive its deadline.

It knows sockets, TLS and RFC 5321; it must not know our messages, nor what an answer
means for them: it says how far a mail got and what the server said.
"""

from __future__ import annotations

import contextlib
import enum
import re
import smtplib
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from txmsg.channels.mime import Letter
from txmsg.channels.server import Security, Server, dial

OPENING_SECONDS = 10.0
"""For name look-up, connection, TLS from the start and the banner together."""
COMMAND_SECONDS = 30.0
CONTENT_SECONDS = 120.0
"""For the content to go out, and again for the answer to it."""
IDLE_SECONDS = 5.0
"""A connection quiet for longer is asked whether it is still there."""
NOOP_SECONDS = 5.0
_MAX_REPLY_LINE = 2048
_MAX_REPLY_LINES = 128

_LINE_END = re.compile(rb"\r\n|\r|\n")
_LEADING_DOT = re.compile(rb"^\.", re.MULTILINE)


class Stage(enum.Enum):
    """How far one mail got."""

    MAIL = "MAIL FROM"
    RCPT = "RCPT TO"
    DATA = "DATA"
    CONTENT = "the content"
    DOT = "the end of the content"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said to the last step taken, and which step that was."""

    stage: Stage
    code: int | None
    """None when the connection was lost instead."""
    text: str

    @property
    def gone(self) -> bool:
        """Whether the server has ended, or is ending, the connection."""
        return self.code is None or self.code == 421


class Conversation(smtplib.SMTP):
    """A connection to one server; every step ends by `deadline` (`time.monotonic()`).

    The standard library's reads have a time limit for each byte only, so reading and
    writing are done here. All failures are OSError: smtplib's errors are.
    """

    def __init__(
        self, server: Server, *, tls: ssl.SSLContext | None, our_name: str
    ) -> None:
        """Prepare; `our_name` is said in EHLO (looking it up could take a minute)."""
        super().__init__(local_hostname=our_name)
        self.server = server
        self.deadline = 0.0
        self.carried = 0
        """Mails this connection has brought to an answer."""
        self._tls = tls
        self._step_seconds = COMMAND_SECONDS
        self._heard = bytearray()
        self._last_heard_at = 0.0

    def open(self, *, deadline: float) -> None:
        """Connect, secure, greet, log in.

        Raise OSError when that fails, ValueError when the server's challenge for the
        login cannot be read.
        """
        self.deadline = min(deadline, time.monotonic() + OPENING_SECONDS)
        self.sock = dial(self.server.host, self.server.port, deadline=self.deadline)
        try:
            if self.server.security is Security.TLS:
                self._secure()
            self._expect(220, self.getreply())
            self.deadline = deadline
            self._expect(250, self.ehlo())
            if self.server.security is Security.STARTTLS:
                self._start_tls()
            if self.server.user:
                self.login(self.server.user, self.server.password)
        except (OSError, ValueError):
            self.close()
            raise

    def is_alive(self, *, deadline: float) -> bool:
        """Say whether the connection can be used further, until the new deadline."""
        self.deadline = deadline
        try:
            if self._has_spoken():
                # Between mails a server speaks unasked only to say that it leaves.
                self.close()
            elif time.monotonic() - self._last_heard_at > IDLE_SECONDS:
                self._step_seconds = NOOP_SECONDS
                self._expect(250, self.noop())
        except OSError:
            self.close()
        self._step_seconds = COMMAND_SECONDS
        return self.sock is not None

    def hand_over(self, letter: Letter) -> Answer:
        """Take one mail through its transaction, as far as the server lets it.

        The final dot is not sent when the server has spoken or gone before it. The
        connection is closed where it cannot be used for another mail.
        """
        stage = Stage.MAIL
        try:
            if self._has_spoken():
                raise _lost("the server spoke unasked")
            for stage, command, expected in _commands(letter):
                self.command_encoding = "utf-8" if letter.utf8 else "ascii"
                code, text = self.docmd(command)
                if code // 100 != expected:
                    self._end_transaction(stage, code)
                    return Answer(stage, code, _words(text))
            stage = Stage.CONTENT
            self._step_seconds = CONTENT_SECONDS
            self._send_content(letter.content)
            if self._has_spoken():
                return self._early_answer()
            stage = Stage.DOT
            self.send(b".\r\n")
            code, text = self.getreply()
            if code == 421:
                self.close()
            return Answer(stage, code, _words(text))
        except OSError as error:
            self.close()
            return Answer(stage, None, str(error))
        finally:
            self._step_seconds = COMMAND_SECONDS
            self.carried += 1

    def leave(self) -> None:
        """Say QUIT, briefly, and close."""
        self.deadline = time.monotonic() + 1
        # A server that does not answer a QUIT has nothing of ours to lose.
        with contextlib.suppress(OSError):
            if self.sock is not None:
                self.docmd("QUIT")
        self.close()

    def send(self, s: Any) -> None:
        """Write all of `s`; raise OSError when that takes longer than there is time."""
        data = memoryview(s.encode(self.command_encoding) if isinstance(s, str) else s)
        until = self._until()
        while data:
            sock = self._timed_socket(until)
            try:
                data = data[sock.send(data[:65536]) :]
            except OSError as error:
                raise _lost(f"the connection was lost ({error})") from error

    def getreply(self) -> tuple[int, bytes]:
        """Read one reply; raise OSError unless it is whole, well-formed and in time."""
        until = self._until()
        texts: list[bytes] = []
        while len(texts) < _MAX_REPLY_LINES:
            line = self._read_line(until)
            if not re.fullmatch(rb"[2-5]\d\d([ -].*)?", line, re.DOTALL):
                raise _lost(f"the server's answer is not SMTP: {_words(line)!r}")
            texts.append(line[4:].strip())
            if line[3:4] != b"-":
                self._last_heard_at = time.monotonic()
                return int(line[:3]), b"\n".join(texts)
        raise _lost("the server's answer has no end")

    def close(self) -> None:
        """Close the connection without a word."""
        super().close()
        self._heard.clear()

    def _start_tls(self) -> None:
        if not self.has_extn("starttls"):
            raise smtplib.SMTPNotSupportedError(
                "smtp+tls:// requires STARTTLS, which the server does not offer; "
                "nothing was sent in the clear"
            )
        self._expect(220, self.docmd("STARTTLS"))
        if self._heard:
            raise _lost("the server spoke on between STARTTLS and TLS")
        self._secure()
        self._expect(250, self.ehlo())

    def _secure(self) -> None:
        if self._tls is None:
            raise smtplib.SMTPNotSupportedError("no TLS context")
        sock = self._timed_socket(self._until())
        self.sock = self._tls.wrap_socket(sock, server_hostname=self.server.host)

    def _end_transaction(self, stage: Stage, code: int) -> None:
        """Make ready for the next mail, or close where there can be none."""
        if code == 421:
            self.close()
        elif stage is not Stage.MAIL:
            try:
                self._expect(250, self.rset())
            except OSError:
                self.close()

    def _send_content(self, content: bytes) -> None:
        try:
            self.send(on_the_wire(content))
        except OSError:
            # A server that refuses in mid-mail answers, then closes or stops reading.
            if not self._has_spoken():
                raise

    def _early_answer(self) -> Answer:
        # The server is not reading a dialogue any more, so this connection is spent.
        code, text = self.getreply()
        self.close()
        return Answer(Stage.CONTENT, code, _words(text))

    def _expect(self, code: int, reply: tuple[int, bytes]) -> None:
        if reply[0] != code:
            raise smtplib.SMTPResponseException(*reply)

    def _until(self) -> float:
        return min(self.deadline, time.monotonic() + self._step_seconds)

    def _timed_socket(self, until: float) -> socket.socket:
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("the connection is closed")
        left = until - time.monotonic()
        if left <= 0:
            raise _lost("the server did not answer in time")
        self.sock.settimeout(left)
        return self.sock

    def _read_line(self, until: float) -> bytes:
        while (end := self._heard.find(b"\n")) < 0:
            if len(self._heard) > _MAX_REPLY_LINE:
                raise _lost("the server's answer has no end")
            try:
                data = self._timed_socket(until).recv(4096)
            except TimeoutError as error:
                raise _lost("the server did not answer in time") from error
            except smtplib.SMTPServerDisconnected:
                raise
            except OSError as error:
                raise _lost(f"the connection was lost ({error})") from error
            if not data:
                raise _lost("the server closed the connection")
            self._heard += data
        line = bytes(self._heard[:end]).removesuffix(b"\r")
        del self._heard[: end + 1]
        return line

    def _has_spoken(self) -> bool:
        """Take in what the server said unasked; raise OSError when it has gone."""
        if self._heard or self.sock is None:
            return bool(self._heard)
        self.sock.settimeout(0)
        try:
            data = self.sock.recv(4096)
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        except OSError as error:
            raise _lost(f"the connection was lost ({error})") from error
        if not data:
            raise _lost("the server closed the connection")
        self._heard += data
        return True


def _lost(why: str) -> smtplib.SMTPServerDisconnected:
    """Make the error that gives a connection up; whoever began the step closes it."""
    return smtplib.SMTPServerDisconnected(why)


def _commands(letter: Letter) -> Iterator[tuple[Stage, str, int]]:
    """Yield what comes before the content, with the first digit that lets us go on."""
    option = " SMTPUTF8" if letter.utf8 else ""
    yield Stage.MAIL, f"MAIL FROM:<{letter.sender}>{option}", 2
    yield Stage.RCPT, f"RCPT TO:<{letter.recipient}>", 2
    yield Stage.DATA, "DATA", 3


def on_the_wire(content: bytes) -> bytes:
    """Return the content with CRLF line ends alone, dots doubled (RFC 5321 4.5.2)."""
    lines = _LINE_END.sub(b"\r\n", content)
    if not lines.endswith(b"\r\n"):
        lines += b"\r\n"
    return _LEADING_DOT.sub(b"..", lines)


def described(error: Exception) -> str:
    """Say what the server said, or what happened instead."""
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        text = _words(said) if isinstance(said, bytes) else said
        return f"{error.smtp_code} {text}".strip()
    return str(error) or type(error).__name__


def _words(said: bytes) -> str:
    """Return an answer on one line, for people; controls become spaces."""
    text = said.decode("utf-8", "replace")
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
