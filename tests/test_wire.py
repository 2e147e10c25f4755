"""A socket that never waits: what the other side can have read, and what it reads."""

from __future__ import annotations

import random
import socket
import ssl
import threading
from collections.abc import Iterator

import pytest

from tests.smtp_peer import certificate
from txmsg.channels.wire import Wire

SECONDS = 20.0


@pytest.fixture(params=["plain", "TLS"])
def ends(request: pytest.FixtureRequest) -> Iterator[tuple[Wire, socket.socket]]:
    """Give a wire with little room, and the other end of it."""
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 20_000)
    if request.param == "TLS":
        ours, theirs = _secured(ours, theirs)
    theirs.settimeout(SECONDS)
    with ours, theirs:
        yield Wire(ours), theirs


def _secured(
    ours: socket.socket, theirs: socket.socket
) -> tuple[ssl.SSLSocket, ssl.SSLSocket]:
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate())
    trusting = ssl.create_default_context(cafile=str(certificate()))
    made: list[ssl.SSLSocket] = []
    thread = threading.Thread(
        target=lambda: made.append(serving.wrap_socket(theirs, server_side=True))
    )
    thread.start()
    secured = trusting.wrap_socket(ours, server_hostname="localhost")
    thread.join(SECONDS)
    return secured, made[0]


def _read_all(sock: socket.socket) -> bytes:
    """Return what can be read at once."""
    sock.settimeout(0)
    found = bytearray()
    try:
        while data := sock.recv(65536):
            found += data
    except (BlockingIOError, ssl.SSLWantReadError):
        return bytes(found)
    return bytes(found)


def test_the_other_side_can_read_nothing_that_is_not_counted_as_written(
    ends: tuple[Wire, socket.socket],
) -> None:
    wire, other = ends
    wire.write(b"x" * 65_000)
    wire.flush()
    assert wire.is_full
    # Whoever is told that the end of a mail was not written may send it once more.
    assert len(_read_all(other)) <= wire.written < 65_000


def test_what_is_written_while_there_is_no_room_arrives_in_order(
    ends: tuple[Wire, socket.socket],
) -> None:
    wire, other = ends
    chance = random.Random(20261124)
    sent, read = bytearray(), bytearray()
    for _ in range(200):
        data = chance.randbytes(chance.choice([1, 100, 16_383, 16_385, 70_000]))
        sent += data
        wire.write(data)
        wire.flush()
        assert wire.end == len(sent)
        if chance.random() < 0.5:
            read += _read_all(other)
            assert len(read) <= wire.written
    while wire.is_full:
        read += _read_all(other)
        wire.flush()
    read += _read_all(other)
    assert read == sent
    assert wire.written == len(sent)
