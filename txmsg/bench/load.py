"""A load generator, a process of its own: one thread, many connections that stay.

Each connection sends its next request when the last was answered. Requests are made
before the clock starts. Standard library only, and cheap: it shares the cores with
what it measures.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

from txmsg.bench import mail

TYPE = "order.confirmed"
_VARIANTS = 2000


@dataclass(slots=True)
class Tally:
    """What was answered: how often which status, and how long each took."""

    statuses: dict[str, int] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Caller:
    """One connection: what it has received of an answer, and since when it waits."""

    sock: socket.socket
    since: float = 0.0
    buffer: bytes = b""


def body(number: int, **fields: Any) -> dict[str, Any]:
    """Return the event of a number, as a caller posts it."""
    return {
        "type": TYPE,
        "recipient": {"email": f"customer{number}@example.com", "name": "Ada"},
        "ctx": mail.context(number),
        **fields,
    }


def request(method: str, path: str, *, key: str = "", content: Any = None) -> bytes:
    """Return a request as bytes."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    text = b""
    if key:
        lines.append(f"Authorization: Bearer {key}")
    if content is not None:
        text = json.dumps(content).encode()
        lines += ["Content-Type: application/json", f"Content-Length: {len(text)}"]
    return "\r\n".join([*lines, "", ""]).encode() + text


def run(port: int, requests: list[bytes], *, connections: int, seconds: float) -> Tally:
    """Send requests in turn for so long; return what was answered."""
    selector = selectors.DefaultSelector()
    following = cycle(requests)
    tally = Tally()
    for _ in range(connections):
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(sock, selectors.EVENT_READ, Caller(sock))
    for key in list(selector.get_map().values()):
        _send(key.data, following)
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline:
        for key, _ in selector.select(1):
            caller: Caller = key.data
            caller.buffer += caller.sock.recv(65_536)
            status = whole_answer(caller.buffer)
            if status:
                tally.statuses[status] = tally.statuses.get(status, 0) + 1
                tally.seconds.append(time.perf_counter() - caller.since)
                _send(caller, following)
    for key in list(selector.get_map().values()):
        key.data.sock.close()
    return tally


def whole_answer(buffer: bytes) -> str:
    """Return the status of an answer that has arrived whole, else nothing.

    Raises ValueError for an answer that does not say how long it is.
    """
    head_end = buffer.find(b"\r\n\r\n")
    if head_end < 0:
        return ""
    head = buffer[:head_end].lower()
    at = head.find(b"content-length:")
    if at < 0:
        raise ValueError(f"an answer without Content-Length: {buffer[:200]!r}")
    length = int(head[at + 15 :].split(b"\r\n", 1)[0])
    if len(buffer) < head_end + 4 + length:
        return ""
    return buffer[9:12].decode()


def _send(caller: Caller, following: Iterator[bytes]) -> None:
    caller.buffer = b""
    caller.since = time.perf_counter()
    caller.sock.sendall(next(following))


def requests_of(kind: str, key: str) -> list[bytes]:
    """Return the requests of a kind: trivial, single, or batch of a hundred."""
    if kind == "trivial":
        return [request("GET", "/ok")]
    if kind == "single":
        path = "/api/v1/events"
        return [
            request("POST", path, key=key, content=body(number))
            for number in range(_VARIANTS)
        ]
    path = "/api/v1/events/batch"
    return [
        request(
            "POST",
            path,
            key=key,
            content={"events": [body(100 * turn + number) for number in range(100)]},
        )
        for turn in range(_VARIANTS // 100)
    ]


def main() -> None:
    """Read the options as JSON, load, and print what came of it."""
    options = json.loads(sys.argv[1])
    requests = requests_of(options["kind"], options.get("key", ""))
    # A moment to warm caches and connections, which does not count.
    run(options["port"], requests, connections=options["connections"], seconds=0.5)
    began = time.perf_counter()
    tally = run(
        options["port"],
        requests,
        connections=options["connections"],
        seconds=options["seconds"],
    )
    took = time.perf_counter() - began
    times = sorted(tally.seconds)
    result = {
        "statuses": tally.statuses,
        "per_second": len(times) / took,
        "p99_ms": times[int(len(times) * 0.99)] * 1000 if times else 0.0,
    }
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
