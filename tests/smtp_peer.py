"""A scripted SMTP server for tests: real sockets, answers chosen by the addresses.

The name part of a recipient says what happens to its mail:

- ``450``, ``550``, ``421``, any three digits: the answer to RCPT TO
- ``data-451``, ``data-554``: the answer to the content
- ``drop-at-rcpt``, ``drop-before-dot``, ``drop-after-dot``: the connection ends there
- ``early-552``: the answer comes before the content, which is not read
- ``drip``: the answer to the content comes byte by byte and never ends
- ``silent``: no answer to the content
- ``quirk-550``: RCPT TO is refused, and DATA is taken all the same

A sender ``mail-550@…`` is refused with that code. All else is accepted and kept.
"""

from __future__ import annotations

import atexit
import base64
import contextlib
import functools
import re
import shutil
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import trustme

_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_ADDRESS = re.compile(rb"<(.*)>")


@dataclass
class Received:
    """One mail as it came over the wire."""

    sender: str
    recipient: str
    wire: bytes
    """All between 354 and the final dot, still dot-stuffed."""

    @property
    def content(self) -> bytes:
        """The mail itself."""
        return re.sub(rb"(?m)^\.", b"", self.wire)


@functools.cache
def certificate() -> Path:
    """Return a file with a key and a certificate for localhost, made for this run.

    Its authority is in it too: a client trusts it by naming this file.
    """
    authority = trustme.CA()
    made = authority.issue_cert("localhost")
    folder = Path(tempfile.mkdtemp(prefix="txmsg-peer-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "localhost.pem"
    made.private_key_and_cert_chain_pem.write_to_path(path)
    authority.cert_pem.write_to_path(path, append=True)
    return path


class SmtpPeer:
    """The server; as a context manager it listens on a free port of 127.0.0.1."""

    def __init__(
        self,
        *,
        banner: bytes = b"220 peer ready\r\n",
        extensions: Sequence[bytes] = (),
        login: tuple[str, str] | None = None,
        starttls: bool = False,
        tls_from_start: bool = False,
        mails_per_connection: int = 1_000_000,
        farewell: bytes = b"",
        holds_back: int = 0,
        deaf_connections: Collection[int] = (),
        crowded_connections: Collection[int] = (),
        most_connections: int = 1_000_000,
        on_content: Callable[[Received], object] = lambda _: None,
    ) -> None:
        """Prepare.

        After `mails_per_connection` mails `farewell` is said and the connection ends.
        An envelope is answered only when all of it has come, and the first `holds_back`
        contents only when the next envelope has come too. Connections (counted from 1)
        can be deaf to mails, or take a first mail for one too many (421);
        more than `most_connections` are let down by 421.
        `on_content` is called before a content is answered, by the thread that serves.
        """
        self.banner = banner
        self.extensions = [*extensions]
        self.login = login
        self.starttls = starttls
        self.tls_from_start = tls_from_start
        self.mails_per_connection = mails_per_connection
        self.farewell = farewell
        self.holds_back = holds_back
        self.deaf_connections = deaf_connections
        self.crowded_connections = crowded_connections
        self.most_connections = most_connections
        self.on_content = on_content
        self.empty_mails = 0
        self.accepted: list[Received] = []
        self.commands: list[str] = []
        self.clear_commands: list[str] = []
        """Those that came without TLS."""
        self.connections = 0
        self.problems: list[str] = []
        """Breaches of the protocol that a lenient server might not notice."""
        self.stopping = threading.Event()
        self.gone = threading.Semaphore(0)
        """Released each time a connection has ended at our side."""
        self._socket = socket.create_server(("127.0.0.1", 0))
        # Small, so that a large content cannot hide in the kernel's buffers.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._listen, daemon=True)]

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._socket.getsockname()[1])

    @property
    def url(self) -> str:
        """The address as EMAIL_URL has it, for plain connections."""
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def recipients(self) -> list[str]:
        """The recipients of the accepted mails, in order."""
        return [mail.recipient for mail in self.accepted]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        for sock in [self._socket, *self._sockets]:
            # A connection that its own thread has closed already is no matter.
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self._threads:
            thread.join(5)

    def hang_up(self) -> None:
        """End all connections there are, and wait until they have ended."""
        sockets, self._sockets = self._sockets, []
        for sock in sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for _ in sockets:
            self.gone.acquire(timeout=5)

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while not self.stopping.is_set():
                sock, _ = self._socket.accept()
                self.connections += 1
                # An answer in three writes would else wait for acknowledgements.
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._sockets.append(sock)
                thread = threading.Thread(
                    target=self._serve, args=[sock, self.connections], daemon=True
                )
                self._threads.append(thread)
                thread.start()

    def _serve(self, sock: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError):
            _Connection(self, sock, number).run()
        sock.close()
        self.gone.release()


@dataclass
class _Connection:
    """The dialogue with one client; ends by OSError."""

    peer: SmtpPeer
    sock: socket.socket
    number: int
    buffer: bytearray = field(default_factory=bytearray)
    sender: str = ""
    recipient: str = ""
    mails: int = 0
    secure: bool = False
    is_taken: bool = False
    """Whether the recipient was."""

    @property
    def pipelines(self) -> bool:
        """Whether commands may come in groups."""
        return b"PIPELINING" in self.peer.extensions

    def run(self) -> None:
        """Answer commands until the connection ends."""
        if self.peer.tls_from_start:
            self._secure()
        if not self.peer.banner:
            self.peer.stopping.wait()
        if self.number > self.peer.most_connections:
            self._say(b"421 4.7.0 too many connections\r\n")
            return
        self._say(self.peer.banner)
        while self._command(self._read_line()):
            if self.mails >= self.peer.mails_per_connection:
                self._say(self.peer.farewell)
                return

    def _command(self, line: str) -> bool:
        word, space, rest = line.partition(" ")
        verb = word.upper()
        self.peer.commands.append(verb + space + rest)
        if not self.secure:
            self.peer.clear_commands.append(verb + space + rest)
        answers = {
            "EHLO": self._ehlo,
            "STARTTLS": self._starttls,
            "AUTH": self._auth,
            "MAIL": self._mail,
            "RCPT": self._rcpt,
            "DATA": self._data,
            "RSET": self._reset,
            "NOOP": lambda _: self._say(b"250 ok\r\n"),
        }
        if verb == "QUIT":
            self._say(b"221 bye\r\n")
            return False
        if verb in answers:
            answers[verb](line)
        else:
            self._say(b"500 what\r\n")
        return True

    def _ehlo(self, _: str) -> None:
        lines = [b"peer", *self.peer.extensions]
        if self.peer.starttls and not self.secure:
            lines.append(b"STARTTLS")
        if self.peer.login:
            lines.append(b"AUTH PLAIN")
        for line in lines[:-1]:
            self._say(b"250-" + line + b"\r\n")
        self._say(b"250 " + lines[-1] + b"\r\n")

    def _starttls(self, _: str) -> None:
        self._say(b"220 go ahead\r\n")
        self._secure()

    def _secure(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate())
        self.sock = context.wrap_socket(self.sock, server_side=True)
        self.peer._sockets.append(self.sock)
        self.secure = True

    def _auth(self, line: str) -> None:
        expected = "\0".join(("", *(self.peer.login or ()))).encode()
        given = base64.b64decode(line.split(" ")[2])
        self._say(b"235 welcome\r\n" if given == expected else b"535 wrong login\r\n")

    def _mail(self, line: str) -> None:
        if self.sender:
            self.peer.problems.append("MAIL inside a transaction")
        if self.number in self.peer.deaf_connections:
            self.peer.stopping.wait()
        if self.number in self.peer.crowded_connections:
            self._say(b"421 4.7.0 too many connections\r\n")
            while True:
                self._receive()
        if self.peer.holds_back:
            self._wait_for_envelope()
        sender = _address(line)
        if sender.startswith("mail-"):
            self._say(f"{sender[5:8]} sender not wanted\r\n".encode())
            return
        self.sender = sender
        self._say(b"250 2.1.0 ok\r\n")

    def _rcpt(self, line: str) -> None:
        if not self.sender:
            self._say(b"503 5.5.1 MAIL first\r\n")
            return
        self.recipient = _address(line)
        script = self.recipient.partition("@")[0]
        if script == "drop-at-rcpt":
            raise ConnectionAbortedError
        if found := re.fullmatch(r"(quirk-)?(\d{3})", script):
            self._say(f"{found[2]} 5.1.1 as you wish\r\n".encode())
        else:
            self.is_taken = True
            self._say(b"250 2.1.5 ok\r\n")

    def _reset(self, _: str) -> None:
        self.sender = self.recipient = ""
        self.is_taken = False
        self._say(b"250 ok\r\n")

    def _data(self, _: str) -> None:
        script = self.recipient.partition("@")[0]
        if script.startswith("quirk-") and not self.is_taken:
            self._take_empty_mail()
            return
        if not self.is_taken:
            self._say(b"503 5.5.1 RCPT first\r\n")
            return
        if script == "early-552":
            self._say(b"354 go\r\n552 5.3.4 too large\r\n")
            self.peer.stopping.wait()
        self._say(b"354 go\r\n")
        if script == "drop-before-dot":
            self.sock.recv(1000)
            # Closing with data unread resets the connection at once.
            raise ConnectionAbortedError
        mail = Received(self.sender, self.recipient, self._read_content())
        if script == "drop-after-dot":
            raise ConnectionAbortedError
        if script == "silent":
            self.peer.stopping.wait()
        while script == "drip":
            self._say(b"2")
            if self.peer.stopping.wait(0.02):
                raise ConnectionAbortedError
        self.peer.on_content(mail)
        if len(self.peer.accepted) < self.peer.holds_back:
            self._wait_for_envelope()
        self.sender = self.recipient = ""
        self.is_taken = False
        if script.startswith("data-"):
            self._say(f"{script[5:8]} as you wish\r\n".encode())
            return
        self.mails += 1
        self.peer.accepted.append(mail)
        self._say(f"250 2.0.0 Ok: queued as P{len(self.peer.accepted)}\r\n".encode())

    def _take_empty_mail(self) -> None:
        self._say(b"354 go\r\n")
        while b"\n" not in self.buffer:
            self._receive()
        if self.buffer[:3] != b".\r\n":
            self.peer.problems.append("a mail for nobody")
        del self.buffer[:3]
        self.peer.empty_mails += 1
        self.sender = self.recipient = ""
        self._say(b"554 5.5.1 no valid recipients\r\n")

    def _wait_for_envelope(self) -> None:
        while b"DATA\r\n" not in self.buffer:
            self._receive()

    def _read_content(self) -> bytes:
        while b"\r\n.\r\n" not in self.buffer:
            self._receive()
        content, _, rest = bytes(self.buffer).partition(b"\r\n.\r\n")
        if rest and not self.pipelines:
            self.peer.problems.append(f"more after the final dot: {rest[:40]!r}")
        content += b"\r\n"
        if bare := _BARE.search(content):
            self.peer.problems.append(f"bare CR or LF at {bare.start()}")
        if (longest := max(map(len, content.split(b"\r\n")))) > 998:
            self.peer.problems.append(f"a line of {longest}")
        self.buffer = bytearray(rest)
        return content

    def _read_line(self) -> str:
        while b"\n" not in self.buffer:
            self._receive()
        line, _, rest = bytes(self.buffer).partition(b"\n")
        self.buffer = bytearray(rest)
        if rest and not self.pipelines:
            self.peer.problems.append(f"more before the answer: {rest[:40]!r}")
        if not line.endswith(b"\r"):
            self.peer.problems.append(f"a command ended by a bare LF: {line!r}")
        return line.rstrip(b"\r").decode()

    def _receive(self) -> None:
        data = self.sock.recv(65536)
        if not data:
            raise ConnectionAbortedError
        self.buffer += data

    def _say(self, what: bytes) -> None:
        self.sock.sendall(what)


def _address(line: str) -> str:
    found = _ADDRESS.search(line.encode())
    return found[1].decode() if found else ""
