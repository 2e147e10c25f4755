"""Posts events at a steady rate from a few threads; writes down when and what.

A process of its own. All requests are made before the first is due. One line an event:
its id, when its POST began and when the 202 had arrived, by the wall clock.
"""

from __future__ import annotations

import json
import math
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

from txmsg.bench.load import body, request, whole_answer

THREADS = 4


def exchange(sock: socket.socket, content: bytes) -> bytes:
    """Send a request; return the body of its answer, which must be 202."""
    sock.sendall(content)
    buffer = b""
    while not (status := whole_answer(buffer)):
        data = sock.recv(65_536)
        if not data:
            raise ConnectionError("the server has closed the connection")
        buffer += data
    if status != "202":
        raise ValueError(f"a request was answered {status}: {buffer[-300:]!r}")
    return buffer.partition(b"\r\n\r\n")[2]


def post(sock: socket.socket, content: bytes) -> tuple[str, float, float]:
    """Post an event; return its id, and when it began and was answered."""
    began = time.time()
    answer = exchange(sock, content)
    answered = time.time()
    return json.loads(answer)["id"], began, answered


def work(
    options: dict[str, Any],
    place: int,
    found: list[tuple[str, float, float]],
    ready: threading.Barrier,
) -> None:
    """Post every fourth event, each when its time has come; all begin together."""
    interval = THREADS / options["rate"]
    lane = options.get("lane", "normal")
    count = math.ceil((options["seconds"] - interval * place / THREADS) / interval)
    waiting = [
        request(
            "POST",
            "/api/v1/events",
            key=options["key"],
            content=body(place + THREADS * turn, lane=lane),
        )
        for turn in range(count)
    ]
    sock = socket.create_connection(("127.0.0.1", options["port"]))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    ready.wait()
    due = time.monotonic() + interval * place / THREADS
    for content in waiting:
        time.sleep(max(0.0, due - time.monotonic()))
        found.append(post(sock, content))
        due += interval
    sock.close()


def main() -> None:
    """Read the options as JSON, post, and write what was posted to a file."""
    options = json.loads(sys.argv[1])
    found: list[tuple[str, float, float]] = []
    ready = threading.Barrier(THREADS)
    crew = [
        threading.Thread(target=work, args=(options, place, found, ready))
        for place in range(THREADS)
    ]
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join()
    Path(options["log"]).write_text(
        "".join(
            f"{name} {began:.6f} {answered:.6f}\n" for name, began, answered in found
        )
    )
    sys.stdout.write(json.dumps({"posted": len(found)}) + "\n")


if __name__ == "__main__":
    main()
