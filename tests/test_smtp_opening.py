"""Ways to a server that fail: addresses, threads, surprises in further connections."""

from __future__ import annotations

import errno
import socket
import threading
import time
from typing import Any

import pytest

from tests.smtp_peer import SmtpPeer
from txmsg.channels import server
from txmsg.channels.pool import Pool
from txmsg.channels.server import Server, dial
from txmsg.channels.smtp import Conversation

SECONDS = 20.0


def pool_of(peer: SmtpPeer) -> Pool:
    return Pool(Server.from_url(peer.url), tls=None, our_name="shop.example", size=4)


def test_an_address_of_a_kind_that_the_system_lacks_is_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class WithoutIPv6(socket.socket):
        def __init__(self, family: int = -1, *rest: Any, **named: Any) -> None:
            if family == socket.AF_INET6:
                raise OSError(errno.EAFNOSUPPORT, "Address family not supported")
            super().__init__(family, *rest, **named)

    with SmtpPeer() as peer:
        found = [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", peer.port, 0, 0)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", peer.port)),
        ]
        monkeypatch.setattr(server, "resolve", lambda *_, **__: found)
        monkeypatch.setattr(server.socket, "socket", WithoutIPv6)
        dial("mail.example", peer.port, deadline=time.monotonic() + SECONDS).close()


def test_a_surprise_in_a_further_connection_keeps_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: Conversation, *, deadline: float) -> None:
        raise LookupError("a greeting that nobody has foreseen")

    with SmtpPeer() as peer:
        pool = pool_of(peer)
        with monkeypatch.context() as patched:
            patched.setattr(Conversation, "open", fail)
            pool.open_beside()
            begun = time.monotonic()
            with pytest.raises(LookupError):
                pool.open(deadline=begun + SECONDS)
            assert time.monotonic() - begun < SECONDS / 2
        assert not pool.is_opening
        assert pool.open(deadline=time.monotonic() + SECONDS).sock
        pool.close()


def test_without_a_thread_to_spare_there_is_no_further_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with SmtpPeer() as peer:
        pool = pool_of(peer)
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", refuse)
            pool.open_beside()
            assert not pool.is_opening
            with pytest.raises(OSError, match="can't start new thread"):
                pool.open(deadline=time.monotonic() + SECONDS)
        assert pool.open(deadline=time.monotonic() + SECONDS).sock
        pool.close()
