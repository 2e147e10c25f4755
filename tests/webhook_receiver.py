"""A receiver of webhooks on this machine, which answers as a test wants."""

from __future__ import annotations

import contextlib
import http.server
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Received:
    """One request, as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """What came, and what is answered: a status, headers, a body, a pause before."""

    port: int = 0
    received: list[Received] = field(default_factory=list)
    codes: dict[str, int] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    answer: bytes = b"thank you"
    seconds: float = 0.0
    judge: Callable[[Received], int] | None = None

    @property
    def url(self) -> str:
        return f"http://receiver.test:{self.port}/hook"

    def ids(self) -> list[str]:
        return [one.headers["webhook-id"] for one in self.received]

    def code_for(self, one: Received) -> int:
        return self.judge(one) if self.judge else self.codes.get(one.path, 200)


@contextlib.contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a receiver."""
    receiver = Receiver()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers["Content-Length"])
            headers = {name.lower(): value for name, value in self.headers.items()}
            one = Received(self.path, headers, self.rfile.read(size))
            receiver.received.append(one)
            time.sleep(receiver.seconds)
            with contextlib.suppress(OSError):  # the sender has had enough
                self.send_response(receiver.code_for(one))
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(receiver.answer)

        def do_GET(self) -> None:
            receiver.received.append(Received(self.path, {}, b""))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield receiver
    server.shutdown()
    server.server_close()
