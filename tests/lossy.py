"""A broken network: a server behind it hears every request, some answers are lost."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator


def of_port(port: int) -> Callable[[], socket.socket]:
    """Return what connects to a server on a port of this machine."""
    return lambda: socket.create_connection(("127.0.0.1", port))


def of_socket(path: str) -> Callable[[], socket.socket]:
    """Return what connects to a server on a Unix socket."""

    def connect() -> socket.socket:
        made = socket.socket(socket.AF_UNIX)
        made.connect(path)
        return made

    return connect


class Lossy:
    """Passes bytes on; resets the client before the next answers that are to be lost.

    The server has answered by then: what it was asked for is done. `lose` counts down;
    an answer is what `is_answer` says of a piece that the server sent.
    """

    def __init__(
        self, connect: Callable[[], socket.socket], is_answer: Callable[[bytes], bool]
    ) -> None:
        self._connect = connect
        self._is_answer = is_answer
        self.lose = 0
        self.lost = 0
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        # Closing alone does not wake who waits in accept().
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(
                    target=self._serve, args=(client,), daemon=True
                ).start()

    def _serve(self, client: socket.socket) -> None:
        with client, self._connect() as server:
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
                if self._is_lost(piece):
                    # RST instead of FIN, as a crashed middle box does it.
                    linger = struct.pack("ii", 1, 0)
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    client.shutdown(socket.SHUT_RD)
                    client.close()
                    return
                client.sendall(piece)

    def _is_lost(self, piece: bytes) -> bool:
        if not self._is_answer(piece):
            return False
        with self._lock:
            is_lost = self.lose > 0
            self.lose -= is_lost
            self.lost += is_lost
            return is_lost


@contextlib.contextmanager
def lossy(
    connect: Callable[[], socket.socket],
    *,
    lose: int = 0,
    is_answer: Callable[[bytes], bool] = bool,
) -> Iterator[Lossy]:
    """Have a broken network before a server on this machine."""
    made = Lossy(connect, is_answer)
    made.lose = lose
    try:
        yield made
    finally:
        made.close()
