"""A gate before PostgreSQL and Valkey: it passes, holds, delays, resets, or cuts.

A process of its own, in place of a broken network: clients connect to it by TCP, it
connects to the servers' sockets. It must not know the product. Told what to do by a
JSON line on ``gate.sock``: ``{"postgres": {"mode": "pass", "cut": 0.1}, "valkey":
{"mode": "hold"}}``.

- ``pass``, ``hold`` (nothing moves, nothing is refused), ``reset`` (all connections
  end, new ones too), ``delay`` (each piece waits ``seconds``)
- ``cut``: the probability with which the answer to a commit is lost: the server has
  committed, and the client's connection is reset instead of being told
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import socket
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CONTROL = "gate.sock"
# PostgreSQL's ReadyForQuery outside of a transaction: what was done is committed.
_IDLE = b"Z\x00\x00\x00\x05I"
_WRITES = (b"COMMIT\x00", b"INSERT ", b"UPDATE ", b"DELETE ")
# Statements that write and answer with rows say SELECT: they are told by their columns.
# The door's brings the moment at which the event was taken in, a mark what it marked.
_WRITING_ROWS = re.compile(rb"(?:\x00.now|marked)\x00.*SELECT [1-9]", re.DOTALL)


@dataclass
class Door:
    """One server behind the gate, and what the gate does before it."""

    target: str
    chance: random.Random
    mode: str = "pass"
    cut: float = 0.0
    seconds: float = 0.0
    cuts: int = 0
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    clients: set[asyncio.StreamWriter] = field(default_factory=set)

    def tell(self, told: dict[str, Any]) -> None:
        """Change what the gate does."""
        self.mode = told.get("mode", "pass")
        self.cut = told.get("cut", 0.0)
        self.seconds = told.get("seconds", 0.0)
        if self.mode == "hold":
            self.opened.clear()
        else:
            self.opened.set()
        if self.mode == "reset":
            for client in list(self.clients):
                _reset(client)

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Carry one client's connection."""
        if self.mode == "reset":
            _reset(writer)
            return
        self.clients.add(writer)
        try:
            with contextlib.suppress(OSError):
                far_reader, far_writer = await asyncio.open_unix_connection(self.target)
                pumps = [
                    asyncio.ensure_future(self._pump(reader, far_writer, None)),
                    asyncio.ensure_future(self._pump(far_reader, writer, writer)),
                ]
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
                for pump in pumps:
                    pump.cancel()
                far_writer.close()
        finally:
            self.clients.discard(writer)
            writer.close()

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        client: asyncio.StreamWriter | None,
    ) -> None:
        """Move pieces one way; `client` is given for the way back to the client."""
        with contextlib.suppress(OSError):
            while piece := await reader.read(65_536):
                await self.opened.wait()
                if self.mode == "delay":
                    await asyncio.sleep(self.seconds)
                if client is not None and self._is_cut(piece):
                    self.cuts += 1
                    _reset(client)
                    return
                writer.write(piece)
                await writer.drain()

    def _is_cut(self, piece: bytes) -> bool:
        if not self.cut or not piece.endswith(_IDLE):
            return False
        is_write = any(w in piece for w in _WRITES) or _WRITING_ROWS.search(piece)
        return bool(is_write) and self.chance.random() < self.cut


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection by RST, as a crashed middle box does."""
    sock = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _control(doors: dict[str, Door]) -> Callable[..., Any]:
    async def obey(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            for name, told in json.loads(line).items():
                doors[name].tell(told)
            cuts = {name: door.cuts for name, door in doors.items()}
            writer.write(json.dumps(cuts).encode() + b"\n")
            await writer.drain()
        writer.close()

    return obey


async def serve(folder: Path, told: dict[str, Any], seed: int) -> None:
    """Serve until killed. `told` maps names to ``[port, path of the socket]``."""
    doors = {}
    for name, (port, target) in told.items():
        door = doors[name] = Door(target, random.Random(f"{seed}{name}"))  # noqa: S311
        door.opened.set()
        await asyncio.start_server(door.serve, "127.0.0.1", port, backlog=256)
    server = await asyncio.start_unix_server(_control(doors), folder / CONTROL)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3])))
