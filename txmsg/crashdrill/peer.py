"""The world outside: an SMTP and HTTP server that counts what really arrives.

A process of its own, so that nothing the drill does to the product touches it. It must
not know the product. Each copy it takes is written to ``accepted.jsonl`` before it is
answered. The name part of an email address, or a push token, may hold a script:

- ``reject.550``: always that answer to RCPT TO
- ``tempfail.450+2``: that answer to the first two tries (``+0``: to every one)
- ``slow.20``: the answer to the content comes 20 ms late
- ``lost.0+1``: the first copy is taken, and the connection cut instead of an answer

followed by anything that makes the address unique (``slow.20.a17@sink.example``).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LOG = "accepted.jsonl"
_SCRIPT = re.compile(r"(reject|tempfail|slow|lost)\.(\d+)(?:\+(\d+))?")
_ADDRESS = re.compile(r"<(.*?)>")
_DELIVERY = re.compile(rb"^X-Txmsg-Delivery:\s*(\S+)", re.MULTILINE | re.IGNORECASE)


class Cut(Exception):
    """The script wants the connection to end here."""


@dataclass
class Peer:
    """What both servers share: the log, the keys seen, and how often who tried."""

    log: int
    tries: Counter[tuple[str, str]] = field(default_factory=Counter)
    keys: set[str] = field(default_factory=set)

    def script(self, address: str) -> tuple[str, int, int]:
        """Return what an address wants: a name, an argument, a number of times."""
        found = _SCRIPT.match(address.partition(":")[2] or address)
        return (found[1], int(found[2]), int(found[3] or 0)) if found else ("", 0, 0)

    def refusal(self, address: str) -> int:
        """Return the code that RCPT TO is refused with; 0 when it is not."""
        name, code, times = self.script(address)
        if name == "reject":
            return code
        if name != "tempfail":
            return 0
        self.tries[name, address] += 1
        return code if not times or self.tries[name, address] <= times else 0

    async def answer_late(self, address: str) -> None:
        """Wait, or raise Cut, as the script says, once a copy is taken."""
        name, number, times = self.script(address)
        if name == "slow":
            await asyncio.sleep(number / 1000)
        self.tries["copy", address] += 1
        if name == "lost" and self.tries["copy", address] <= times:
            raise Cut

    def take(self, **copy: Any) -> None:
        """Write down a copy, in one write: readers see whole lines."""
        line = json.dumps({"at": time.time(), **copy}, separators=(",", ":"))
        os.write(self.log, line.encode() + b"\n")

    # SMTP.

    async def smtp(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Serve one SMTP client until it leaves."""
        with contextlib.suppress(
            ConnectionError, asyncio.IncompleteReadError, ValueError, Cut
        ):
            writer.write(b"220 sink ready\r\n")
            recipient = ""
            while line := await reader.readline():
                verb = line[:4].upper()
                if verb == b"RCPT":
                    recipient = _ADDRESS.findall(line.decode())[0]
                    code = self.refusal(recipient)
                    writer.write(
                        f"{code} 4.7.1 as the script says\r\n".encode()
                        if code
                        else b"250 2.1.5 ok\r\n"
                    )
                    recipient = "" if code else recipient
                elif verb == b"DATA":
                    await self._data(reader, writer, recipient)
                    recipient = ""
                elif verb == b"QUIT":
                    writer.write(b"221 bye\r\n")
                    break
                else:
                    writer.write(_ANSWERS.get(verb, b"250 2.0.0 ok\r\n"))
                await writer.drain()
        writer.close()

    async def _data(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        recipient: str,
    ) -> None:
        if not recipient:
            writer.write(b"554 5.5.1 no valid recipients\r\n")
            return
        writer.write(b"354 go on\r\n")
        # Only with the final dot is it a mail: what was cut before is none.
        content = await reader.readuntil(b"\r\n.\r\n")
        found = _DELIVERY.search(content)
        self.take(
            via="smtp",
            to=recipient,
            delivery=found[1].decode() if found else "",
            content=content[:-3].decode("latin-1"),
        )
        await self.answer_late(recipient)
        writer.write(b"250 2.0.0 Ok: queued as S1\r\n")

    # HTTP.

    async def http(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Serve one HTTP client; the same Idempotency-Key makes no second copy."""
        with contextlib.suppress(
            ConnectionError, asyncio.IncompleteReadError, ValueError, Cut
        ):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                headers = dict(
                    line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:-2]
                )
                length = int(headers.get(b"content-length", b"0"))
                told = json.loads(await reader.readexactly(length))
                key = headers.get(b"idempotency-key", b"").strip().decode()
                is_new = not key or key not in self.keys
                if is_new:
                    self.keys.add(key)
                    self.take(via="http", key=key, **told)
                await self.answer_late(told["to"])
                body = json.dumps({"id": told["delivery"]}).encode()
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
                )
                await writer.drain()
        writer.close()


_EXTENSIONS = ("sink", "PIPELINING", "8BITMIME", "SMTPUTF8")
_ANSWERS = {
    b"EHLO": "".join(f"250-{name}\r\n" for name in _EXTENSIONS).encode()
    + b"250 SIZE\r\n",
    b"MAIL": b"250 2.1.0 ok\r\n",
}


async def serve(folder: Path, smtp_port: int, http_port: int) -> None:
    """Serve until killed."""
    log = os.open(folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    peer = Peer(log)
    http = await asyncio.start_server(peer.http, "127.0.0.1", http_port, limit=2**24)
    smtp = await asyncio.start_server(peer.smtp, "127.0.0.1", smtp_port, limit=2**24)
    await asyncio.gather(smtp.serve_forever(), http.serve_forever())


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
