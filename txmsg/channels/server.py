"""Which SMTP server, how protected, and the way to it: URL, TLS context, connection.

It knows URLs, names and sockets; it must not know SMTP.
"""

from __future__ import annotations

import enum
import queue
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit


class Security(enum.Enum):
    """How the connection is protected, and the port that is usual for it."""

    PLAIN = 25
    STARTTLS = 587
    TLS = 465


SCHEMES = {
    "smtp": Security.PLAIN,
    "smtp+tls": Security.STARTTLS,
    "smtp+ssl": Security.TLS,
}
_FORM = (
    "EMAIL_URL must be smtp://HOST:PORT (plain), smtp+tls://USER:PASSWORD@HOST:PORT "
    "(STARTTLS required) or smtp+ssl://USER:PASSWORD@HOST:PORT (TLS from the start), "
    "user and password percent-encoded, with ?ca=FILE for a CA of your own and "
    "?connections=NUMBER for how many a worker keeps"
)
_OPTIONS = {"ca", "connections"}
_MOST_CONNECTIONS = 100


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail is handed over, and how."""

    host: str
    port: int
    security: Security
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: str = ""
    connections: int = 0
    """How many a worker may keep; 0 leaves that to the settings."""

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Read an `EMAIL_URL`; raise ValueError with its forms, never a password."""
        parts = urlsplit(url)
        if parts.scheme not in SCHEMES:
            raise ValueError(f"{_FORM}; not the scheme {parts.scheme[:20]!r}.")
        security = SCHEMES[parts.scheme]
        try:
            host, port = parts.hostname or "", parts.port or security.value
        except ValueError:
            host, port = "", 0
        query = parse_qs(parts.query, keep_blank_values=True)
        if (
            not host
            or parts.path.strip("/")
            or parts.fragment
            or query.keys() - _OPTIONS
        ):
            raise ValueError(f"{_FORM}; this one has another shape.")
        connections = query.get("connections", ["1"])[-1]
        if (
            not connections.isdecimal()
            or not 1 <= int(connections) <= _MOST_CONNECTIONS
        ):
            raise ValueError(f"EMAIL_URL: connections is 1 to {_MOST_CONNECTIONS}.")
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        if not (user + password).isascii():
            raise ValueError("EMAIL_URL: user and password must be ASCII.")
        return cls(
            host=host,
            port=port,
            security=security,
            user=user,
            password=password,
            ca_file=query.get("ca", [""])[-1],
            connections=int(connections) if "connections" in query else 0,
        )

    def tls_context(self) -> ssl.SSLContext | None:
        """Return what verifies the server's certificate, None for plain connections.

        Raise ValueError when the CA file cannot be used.
        """
        if self.security is Security.PLAIN:
            return None
        try:
            return ssl.create_default_context(cafile=self.ca_file or None)
        except OSError as error:
            raise ValueError(
                f"EMAIL_URL names the CA file {self.ca_file}, which cannot be used: "
                f"{error}."
            ) from error


def dial(host: str, port: int, *, deadline: float) -> socket.socket:
    """Connect to the first address of the host that answers, or raise OSError.

    Small writes go out at once: the last one of a mail, its final dot, would else
    wait for the acknowledgement of the content.
    """
    addresses = resolve(host, port, deadline=deadline)
    failure: OSError = OSError(f"{host} has no address")
    for index, (family, kind, protocol, _, address) in enumerate(addresses):
        share = (deadline - time.monotonic()) / (len(addresses) - index)
        try:
            # A system without IPv6 may have no such socket, and the next address may.
            sock = socket.socket(family, kind, protocol)
        except OSError as error:
            failure = error
            continue
        try:
            sock.settimeout(max(share, 0.001))
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            sock.close()
            failure = error
        else:
            return sock
    raise failure


def resolve(host: str, port: int, *, deadline: float) -> Sequence[tuple[Any, ...]]:
    """Return the addresses as `socket.getaddrinfo` does, or raise OSError in time.

    The system's look-up has no time limit of ours, so it runs beside; one that hangs
    is left behind.
    """
    found: queue.SimpleQueue[Sequence[tuple[Any, ...]] | OSError] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            found.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            found.put(OSError(f"{host} was not found: {error}"))

    try:
        threading.Thread(target=look_up, name="resolve", daemon=True).start()
    except RuntimeError as error:
        raise OSError(f"{host} was not looked up: {error}") from error
    try:
        result = found.get(timeout=max(deadline - time.monotonic(), 0.001))
    except queue.Empty:
        raise TimeoutError(f"looking up {host} took too long") from None
    if isinstance(result, OSError):
        raise result
    return result
