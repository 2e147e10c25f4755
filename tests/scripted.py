"""An HTTP server that answers as it is told to, and keeps what it was asked."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Said:
    """An answer to give: a dict goes out as JSON; `drop` ends the connection.

    `hang` keeps the caller waiting; `close` ends the connection after the answer.
    """

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    drop: bool = False
    hang: bool = False
    close: bool = False


@dataclass
class Asked:
    """A request that came."""

    method: str
    path: str
    headers: Mapping[str, str]
    raw: bytes
    connection: int

    @property
    def body(self) -> Any:
        """Its JSON."""
        return json.loads(self.raw)


class Scripted:
    """The server: gives its answers in order, the last one again and again."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answers: deque[Said] = deque()
        self.released = threading.Event()
        self._lock = threading.Lock()
        self._server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), self._handler()
        )
        self._server.daemon_threads = True
        threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        ).start()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def keys(self) -> list[str | None]:
        """The Idempotency-Keys of all requests."""
        return [asked.headers.get("Idempotency-Key") for asked in self.asked]

    def say(self, *answers: Said) -> None:
        """Give these answers, from now on."""
        self.answers.extend(answers)

    def close(self) -> None:
        """End it."""
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        script = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def do_GET(self) -> None:
                script._answer(self)

            do_POST = do_GET  # noqa: N815

        return Handler

    def _answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        raw = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        with self._lock:
            port = handler.client_address[1]
            self.asked.append(
                Asked(handler.command, handler.path, handler.headers, raw, port)
            )
            more = len(self.answers) > 1
            said = self.answers.popleft() if more else self.answers[0]
        if said.hang:
            self.released.wait(5)
        if said.drop or said.hang:
            handler.close_connection = True
            return
        is_text = isinstance(said.body, str)
        content = said.body.encode() if is_text else json.dumps(said.body).encode()
        kind = "text/html" if is_text else "application/json"
        handler.send_response(said.status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(content)))
        for name, value in said.headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)
        # Without a word, as a server does that has waited long enough.
        handler.close_connection = said.close


@contextlib.contextmanager
def scripted() -> Iterator[Scripted]:
    """Have such a server."""
    made = Scripted()
    try:
        yield made
    finally:
        made.close()
