"""A broken network: a server behind it hears every request, some answers are lost."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator


class Lossy:
    """Passes bytes on to a server; resets the client before the first `lose` answers.

    The server has answered by then: what it was asked for is done.
    """

    def __init__(self, port: int, *, lose: int) -> None:
        self._target = ("127.0.0.1", port)
        self._left = lose
        self.lost = 0
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(
                    target=self._serve, args=(client,), daemon=True
                ).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._target) as server:
            back = threading.Thread(
                target=self._answers, args=(server, client), daemon=True
            )
            back.start()
            with contextlib.suppress(OSError):
                while piece := client.recv(65_536):
                    server.sendall(piece)
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            back.join(5)

    def _answers(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := server.recv(65_536):
                if self._is_lost():
                    # RST instead of FIN, as a crashed middle box does it.
                    linger = struct.pack("ii", 1, 0)
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    client.shutdown(socket.SHUT_RD)
                    client.close()
                    return
                client.sendall(piece)

    def _is_lost(self) -> bool:
        with self._lock:
            self._left -= 1
            is_lost = self._left >= 0
            self.lost += is_lost
            return is_lost


@contextlib.contextmanager
def lossy(port: int, *, lose: int) -> Iterator[Lossy]:
    """Have a broken network before a server on this machine."""
    made = Lossy(port, lose=lose)
    try:
        yield made
    finally:
        made.close()
