"""A fast SMTP server that takes everything and keeps nothing; a process of its own.

It knows PIPELINING, counts, and on request writes down when which delivery arrived:
one line each, the header X-Txmsg-Delivery and the wall clock. Standard library only.
"""

from __future__ import annotations

import argparse
import selectors
import signal
import socket
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

_HEADER = b"\nX-Txmsg-Delivery:"
_GREETING = b"250-sink\r\n250-PIPELINING\r\n250-SIZE 104857600\r\n250-8BITMIME\r\n"
_GREETING += b"250 SMTPUTF8\r\n"
_OK = b"250 2.0.0 Ok\r\n"
_FLUSH_SECONDS = 0.2


@dataclass(slots=True)
class Session:
    """One client: what it has sent and was not handled, and whether it is in DATA."""

    sock: socket.socket
    buffer: bytearray = field(default_factory=bytearray)
    in_data: bool = False
    searched: int = 0
    """How much of the buffer certainly holds no end of a mail."""


@dataclass(slots=True)
class Record:
    """What has arrived: the number, and where it is written down."""

    log: IO[str] | None = None
    keep: Path | None = None
    count: int = 0

    def take(self, mail: bytes) -> None:
        """Count a mail, and write down when it came."""
        arrived = time.time()
        self.count += 1
        if self.log is not None:
            at = mail.find(_HEADER)
            name = (
                mail[at + len(_HEADER) : mail.find(b"\n", at + 2)] if at >= 0 else b""
            )
            self.log.write(f"{name.decode('ascii', 'replace').strip()} {arrived:.6f}\n")
        if self.keep is not None:
            self.keep.write_bytes(mail)
            self.keep = None


def answer(session: Session, record: Record) -> tuple[bytes, bool]:
    """Handle what a client has sent; return the replies, and whether it leaves."""
    replies: list[bytes] = []
    buffer = session.buffer
    while True:
        if session.in_data:
            end = buffer.find(b"\r\n.\r\n", session.searched)
            if end < 0:
                session.searched = max(0, len(buffer) - 4)
                break
            record.take(bytes(buffer[: end + 2]))
            del buffer[: end + 5]
            session.in_data, session.searched = False, 0
            replies.append(_OK)
            continue
        end = buffer.find(b"\n")
        if end < 0:
            break
        verb = bytes(buffer[:4]).upper()
        del buffer[: end + 1]
        if verb == b"DATA":
            session.in_data = True
            replies.append(b"354 Go on\r\n")
        elif verb == b"QUIT":
            replies.append(b"221 2.0.0 Bye\r\n")
            return b"".join(replies), True
        else:
            replies.append(_GREETING if verb == b"EHLO" else _OK)
    return b"".join(replies), False


def serve(listener: socket.socket, record: Record) -> None:
    """Serve clients until SystemExit."""
    selector = selectors.DefaultSelector()
    listener.setblocking(False)
    selector.register(listener, selectors.EVENT_READ)
    flushed = time.monotonic()
    while True:
        for key, _ in selector.select(_FLUSH_SECONDS):
            if key.data is None:
                client, _ = listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                client.sendall(b"220 sink ESMTP\r\n")
                selector.register(client, selectors.EVENT_READ, Session(client))
            elif not _served(key.data, record):
                selector.unregister(key.data.sock)
                key.data.sock.close()
        if record.log is not None and time.monotonic() - flushed > _FLUSH_SECONDS:
            record.log.flush()
            flushed = time.monotonic()


def _served(session: Session, record: Record) -> bool:
    """Read once and reply; return whether the client stays."""
    try:
        data = session.sock.recv(262_144)
        session.buffer += data
        replies, leaves = answer(session, record)
        if replies:
            # Replies are tiny: a loopback socket takes them at once.
            session.sock.sendall(replies)
    except OSError:
        return False
    return bool(data) and not leaves


def main() -> None:
    """Listen on a port, print it, and serve until SIGTERM; then print the count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    record = Record(keep=options.keep)
    if options.log is not None:
        record.log = options.log.open("w", encoding="ascii")
    listener = socket.create_server(("127.0.0.1", options.port), backlog=128)
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    try:
        serve(listener, record)
    finally:
        if record.log is not None:
            record.log.close()
        sys.stdout.write(f"{record.count}\n")


if __name__ == "__main__":
    main()
