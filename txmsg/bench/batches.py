"""Posts events in batches of 100 over a few connections; a process of its own.

The requests are made before the clock starts.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time

from txmsg.bench.load import body, request
from txmsg.bench.steady import exchange

BATCH, CONNECTIONS = 100, 2


def main() -> None:
    """Read the options as JSON, post everything, print when it began."""
    options = json.loads(sys.argv[1])
    count = max(1, options["rows"] // BATCH)
    waiting = [
        request(
            "POST",
            "/api/v1/events/batch",
            key=options["key"],
            content={"events": [body(BATCH * turn + n) for n in range(BATCH)]},
        )
        for turn in range(count)
    ]
    began = time.time()
    crew = [
        threading.Thread(target=_post, args=(options["port"], waiting))
        for _ in range(CONNECTIONS)
    ]
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join()
    took = time.time() - began
    result = {"rows": count * BATCH, "began": began, "seconds": took}
    sys.stdout.write(json.dumps(result) + "\n")


def _post(port: int, waiting: list[bytes]) -> None:
    sock = socket.create_connection(("127.0.0.1", port))
    while waiting:
        try:
            content = waiting.pop()
        except IndexError:
            break
        exchange(sock, content)
    sock.close()


if __name__ == "__main__":
    main()
