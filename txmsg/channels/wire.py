"""A socket that never waits: what is to be written, and how much of it is out.

It knows sockets and TLS; it must not know SMTP.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass, field

_AT_ONCE = 65536
# One record of TLS. Of several in one call the system may have taken some when the
# call says that it has written nothing.
_RECORD = 16384
_FULL = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


@dataclass(slots=True)
class Wire:
    """Both directions of a connection. All failures are OSError."""

    sock: socket.socket
    written: int = 0
    """Octets handed to the system since the beginning: no other one can be read."""
    _left: memoryview = field(default_factory=lambda: memoryview(b""))
    _at_once: int = _AT_ONCE
    # What there was no room for is offered again as it was: OpenSSL asks for that,
    # and would make a second record of what has come behind it.
    _offered: int = 0

    def __post_init__(self) -> None:
        """Take the socket over: it no longer waits."""
        self.sock.settimeout(0)
        if isinstance(self.sock, ssl.SSLSocket):
            self._at_once = _RECORD

    @property
    def end(self) -> int:
        """Where, counted as `written` is, the next octet will stand."""
        return self.written + len(self._left)

    @property
    def is_full(self) -> bool:
        """Whether something is still to be written."""
        return bool(self._left)

    def write(self, data: bytes) -> None:
        """Put octets behind what is to be written; `flush` writes."""
        self._left = memoryview(bytes(self._left) + data if self._left else data)

    def flush(self) -> None:
        """Write as much as there is room for."""
        while self._left:
            offer = self._left[: self._offered or self._at_once]
            try:
                count = self.sock.send(offer)
            except _FULL:
                self._offered = len(offer)
                return
            self._offered = 0
            self.written += count
            self._left = self._left[count:]

    def receive(self) -> bytes | None:
        """Return what has come: None for nothing yet, nothing for the end."""
        try:
            data = self.sock.recv(_AT_ONCE)
        except _FULL:
            return None
        # What TLS has unpacked already wakes nobody who waits for the socket.
        while data and isinstance(self.sock, ssl.SSLSocket) and self.sock.pending():
            data += self.sock.recv(_AT_ONCE)
        return data
