"""Calling addresses that somebody else wrote, without being led into our own network.

A name is looked up once, the number is judged and then called: a name could lead
elsewhere a moment later. Plain https to public numbers only, but for hosts that a
setting allows. It must not know what is asked there, nor the database.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

# IPv6 addresses that lead to an IPv4 one, and those that anybody's server may have.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_UNICAST = ipaddress.IPv6Network("2000::/3")
_SPECIAL = (
    ipaddress.ip_network("192.0.0.0/24"),
    ipaddress.ip_network("192.88.99.0/24"),
    ipaddress.ip_network("3fff::/20"),
)


class NotCalled(Exception):
    """An address that is not called; `is_passing` says whether to try again later."""

    def __init__(self, message: str, *, is_passing: bool = False) -> None:
        super().__init__(message)
        self.is_passing = is_passing


class NoHost(NotCalled):
    """A name that leads nowhere, for now or for good."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What may be called: `setting` names what `allowed_hosts` were read from.

    Those may be reached over http, at any port and on private networks too. `what`
    stands in messages: the attachment, the webhook.
    """

    what: str
    setting: str
    allowed_hosts: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Address:
    """An address by its parts; `port` is None when it names none."""

    scheme: str
    name: str
    port: int | None
    rest: str


@dataclass(frozen=True, slots=True)
class Target:
    """What is called: an address of a number, for a host of a name."""

    address: str
    host: str
    name: str


def read(url: str, rules: Rules) -> Address:
    """Return the parts of an address; raise NotCalled for one of a wrong form."""
    try:
        parts = urlsplit(url)
        name, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        message = f"The address of the {rules.what} cannot be read."
        raise NotCalled(message) from None
    is_allowed = name in rules.allowed_hosts
    if not name or "@" in parts.netloc or parts.scheme not in ("http", "https"):
        message = f"The address of the {rules.what} is not a plain https address."
        raise NotCalled(message)
    if parts.scheme == "http" and not is_allowed:
        message = f"The {rules.what} has to be on https; {name} is not."
        raise NotCalled(message)
    if port not in (None, 80, 443) and not is_allowed:
        message = f"The {rules.what} has to be on port 443, not {port}."
        raise NotCalled(message)
    query = f"?{parts.query}" if parts.query else ""
    return Address(parts.scheme, name, port, f"{parts.path or '/'}{query}")


def look_up(url: str, rules: Rules) -> Target:
    """Return what to call for an address; raise NotCalled if it must not be."""
    address = read(url, rules)
    name, port = address.name, address.port
    default = 443 if address.scheme == "https" else 80
    number = _number_of(name, port or default, rules)
    if name not in rules.allowed_hosts and not is_public(number):
        message = f"{name} lies in a private network; {rules.setting} can allow it."
        raise NotCalled(message)
    shown = f"[{number}]" if ":" in number else number
    place = f"{shown}:{port}" if port else shown
    host = f"[{name}]" if ":" in name else name
    return Target(
        f"{address.scheme}://{place}{address.rest}",
        f"{host}:{port}" if port else host,
        name,
    )


def _number_of(name: str, port: int, rules: Rules) -> str:
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        is_passing = error.errno == socket.EAI_AGAIN
        message = f"There is no host {name} for the {rules.what}."
        raise NoHost(message, is_passing=is_passing) from None
    except (UnicodeError, OSError):
        message = f"The address of the {rules.what} names no host."
        raise NoHost(message) from None
    return str(found[0][4][0])


def is_public(number: str) -> bool:
    """Say whether an IP address is anybody's to call, however it is written."""
    address = ipaddress.ip_address(number.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is None and (address not in _UNICAST or address.sixtofour):
            return False
        address = inner or address
    if any(address in network for network in _SPECIAL):
        return False
    return address.is_global and not address.is_multicast


class Watch:
    """Cuts a connection off in time: httpx waits anew for every byte that comes."""

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds
        self._timer: threading.Timer | None = None
        self._socket: socket.socket | None = None

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Take the connection when it is made, before TLS takes it over."""
        if event != "connection.connect_tcp.complete":
            return
        self._socket = info["return_value"].get_extra_info("socket").dup()
        seconds = max(0.0, self._ends_at - time.monotonic())
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._timer.start()

    def end(self) -> None:
        """Let go of the connection."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()
        if self._socket is not None:
            self._socket.close()

    def _cut(self) -> None:
        with contextlib.suppress(OSError):  # its other end was faster
            if self._socket is not None:
                self._socket.shutdown(socket.SHUT_RDWR)
