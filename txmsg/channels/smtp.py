"""One SMTP connection: opened, secured, logged in, asked whether it is still there.

No step outlives its deadline. It knows sockets, TLS and RFC 5321; it must not know
mails: carrying takes them through the connection it has opened.
"""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
import time
from typing import Any

from txmsg.channels.answers import words
from txmsg.channels.replies import Replies, lost
from txmsg.channels.server import Security, Server, dial
from txmsg.channels.wire import Wire

OPENING_SECONDS = 10.0
"""For name look-up, connection, TLS from the start and the banner together."""
COMMAND_SECONDS = 30.0


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
        self.is_fresh = True
        """Whether it was just opened: no mail answered, not kept from before."""
        self._tls = tls
        self.replies = Replies()
        self.last_heard_at = 0.0

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

    def is_alive(self, *, must_answer: bool, deadline: float) -> bool:
        """Say whether the connection can be used further; close it if not.

        With `must_answer` the server is asked.
        """
        self.deadline = deadline
        try:
            if self._has_spoken():
                # Between mails a server speaks unasked only to say that it leaves.
                self.close()
            elif must_answer:
                self._expect(250, self.noop())
        except OSError:
            self.close()
        return self.sock is not None

    def leave(self, *, deadline: float) -> None:
        """Say QUIT and close, by the deadline."""
        self.deadline = deadline
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
                raise lost(f"the connection was lost ({error})") from error

    def getreply(self) -> tuple[int, bytes]:
        """Read one reply; raise OSError unless it is whole, well-formed and in time."""
        until = self._until()
        while (reply := self.replies.take()) is None:
            try:
                data = self._timed_socket(until).recv(4096)
            except TimeoutError as error:
                raise lost("the server did not answer in time") from error
            except smtplib.SMTPServerDisconnected:
                raise
            except OSError as error:
                raise lost(f"the connection was lost ({error})") from error
            if not data:
                raise lost("the server closed the connection")
            self.replies.feed(data)
        self.last_heard_at = time.monotonic()
        return reply

    @property
    def opened(self) -> socket.socket:
        """The connection's socket; raise OSError when there is none."""
        if self.sock is None:
            raise lost("the connection is closed")
        return self.sock

    def close(self) -> None:
        """Close the connection without a word."""
        super().close()
        self.replies.clear()

    def _start_tls(self) -> None:
        if not self.has_extn("starttls"):
            raise smtplib.SMTPNotSupportedError(
                "smtp+tls:// requires STARTTLS, which the server does not offer; "
                "nothing was sent in the clear"
            )
        self._expect(220, self.docmd("STARTTLS"))
        if self.replies:
            raise lost("the server spoke on between STARTTLS and TLS")
        self._secure()
        self._expect(250, self.ehlo())

    def _secure(self) -> None:
        if self._tls is None:
            raise smtplib.SMTPNotSupportedError("no TLS context")
        sock = self._timed_socket(self._until())
        self.sock = self._tls.wrap_socket(sock, server_hostname=self.server.host)

    def _expect(self, code: int, reply: tuple[int, bytes]) -> None:
        if reply[0] != code:
            raise smtplib.SMTPResponseException(*reply)

    def _until(self) -> float:
        return min(self.deadline, time.monotonic() + COMMAND_SECONDS)

    def _timed_socket(self, until: float) -> socket.socket:
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("the connection is closed")
        left = until - time.monotonic()
        if left <= 0:
            raise lost("the server did not answer in time")
        self.sock.settimeout(left)
        return self.sock

    def _has_spoken(self) -> bool:
        """Say whether the server said something unasked; raise OSError if it went."""
        if self.sock is None:
            raise lost("the connection is closed")
        data = Wire(self.sock).receive()
        if data == b"":
            raise lost("the server closed the connection")
        return bool(data or self.replies)


def described(error: Exception) -> str:
    """Say what the server said, or what happened instead."""
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        text = words(said) if isinstance(said, bytes) else said
        return f"{error.smtp_code} {text}".strip()
    return str(error) or type(error).__name__
