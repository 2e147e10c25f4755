"""Files attached to a mail: fetched from the address that its event named.

An address in an event is somebody else's word. It is loaded over https from a public
network only, or from a host that the settings allow; nothing is followed, and what is
too large or too slow is given up. It must not know the database or the queue.
"""

from __future__ import annotations

import contextlib
import ipaddress
import mimetypes
import socket
import ssl
import threading
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx

from templates_app.rendering.attachments import refused_ending
from templates_app.rendering.fields import MAX_ATTACHMENTS
from templates_app.rendering.message import Attachment

MAX_BYTES = 5_000_000
MAX_BYTES_IN_ALL = 10_000_000
SECONDS = 10.0
_LONGEST_MEDIA_TYPE = 255
# IPv6 addresses that lead to an IPv4 one, and those that anybody's server may have.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_UNICAST = ipaddress.IPv6Network("2000::/3")
_SPECIAL = (
    ipaddress.ip_network("192.0.0.0/24"),
    ipaddress.ip_network("192.88.99.0/24"),
    ipaddress.ip_network("3fff::/20"),
)
_GONE = frozenset({404, 410})


class NotFetched(Exception):
    """A file that cannot be attached; `is_passing` says whether to try again later.

    `is_missing` says that its server answered that there is no such file.
    """

    def __init__(
        self, message: str, *, is_passing: bool = False, is_missing: bool = False
    ) -> None:
        super().__init__(message)
        self.is_passing = is_passing
        self.is_missing = is_missing


@dataclass(frozen=True, slots=True)
class File:
    """A file as it goes into a mail."""

    name: str
    media_type: str
    data: bytes


@dataclass(slots=True)
class Fetcher:
    """Fetches files; what two mails of a wave share is fetched once.

    `allowed_hosts` may be reached over http and on private networks too. Servers are
    known by the certificates of `tls`, or of the usual authorities. Not for several
    threads at once.
    """

    allowed_hosts: Collection[str] = ()
    tls: ssl.SSLContext | None = None
    _kept: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    _client: httpx.Client | None = None

    def forget(self) -> None:
        """Forget what was fetched: a new wave begins."""
        self._kept.clear()

    def close(self) -> None:
        """Give back what fetching has taken."""
        if self._client is not None:
            self._client.close()
        self._client = None

    def fetch(
        self, attachments: Iterable[Attachment], *, deadline: float
    ) -> list[File]:
        """Return the files of one mail; raise NotFetched.

        `deadline` is a `time.monotonic()` value. One that is missing and may be
        (``when_missing`` is ``skip``) is left out.
        """
        wanted = list(attachments)
        if len(wanted) > MAX_ATTACHMENTS:
            most = f"a mail takes {MAX_ATTACHMENTS}"
            raise NotFetched(f"{len(wanted)} attachments; {most}.")
        files: list[File] = []
        for attachment in wanted:
            try:
                media_type, data = self._loaded(attachment.url, deadline)
            except NotFetched as error:
                if error.is_missing and attachment.when_missing == "skip":
                    continue
                raise
            name = attachment.name or _name_in(attachment.url)
            files.append(File(_checked_name(name), media_type, data))
        total = sum(len(file.data) for file in files)
        if total > MAX_BYTES_IN_ALL:
            raise NotFetched(
                f"The attachments have {total / 1_000_000:.1f} MB together; a mail "
                f"takes {MAX_BYTES_IN_ALL // 1_000_000}."
            )
        return files

    def _loaded(self, url: str, deadline: float) -> tuple[str, bytes]:
        if url not in self._kept:
            self._kept[url] = self._load(url, deadline)
        return self._kept[url]

    def _load(self, url: str, deadline: float) -> tuple[str, bytes]:
        target = _target(url, self.allowed_hosts)
        ends_at = min(deadline, time.monotonic() + SECONDS)
        seconds = ends_at - time.monotonic()
        if seconds <= 0:
            raise NotFetched("There was no time to fetch it.", is_passing=True)
        watch = _Watch(seconds)
        try:
            with self._opened().stream(
                "GET",
                target.address,
                headers={"Host": target.host, "Accept-Encoding": "identity"},
                extensions={"sni_hostname": target.name, "trace": watch.trace},
                timeout=seconds,
            ) as response:
                _check_status(response.status_code, target.name)
                data = _read(response, ends_at)
                media_type = response.headers.get("content-type", "")
        except (httpx.InvalidURL, UnicodeError) as error:
            message = "The address of the attachment cannot be read."
            raise NotFetched(message) from error
        except httpx.HTTPError as error:
            if time.monotonic() >= ends_at:
                message = "The attachment took too long to load."
                raise NotFetched(message, is_passing=True) from error
            words = str(error) or type(error).__name__
            raise NotFetched(
                f"{target.name} did not give the attachment: {words}", is_passing=True
            ) from error
        finally:
            watch.end()
        return _media_type(media_type, url), data

    def _opened(self) -> httpx.Client:
        if self._client is None:
            # No connection is kept: it would serve another name of the same number,
            # whose certificate nobody looked at.
            self._client = httpx.Client(
                trust_env=False,
                verify=self.tls or ssl.create_default_context(),
                limits=httpx.Limits(max_keepalive_connections=0),
            )
        return self._client


class _Watch:
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


@dataclass(frozen=True, slots=True)
class _Target:
    """Where a file is loaded from: an address of a number, for a host of a name.

    The number is looked up once and judged: a name could lead elsewhere a moment later.
    """

    address: str
    host: str
    name: str


def _target(url: str, allowed_hosts: Collection[str]) -> _Target:
    """Return where to load an address from; raise NotFetched if it must not be."""
    try:
        parts = urlsplit(url)
        name, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise NotFetched("The address of the attachment cannot be read.") from None
    is_allowed = name in allowed_hosts
    if not name or "@" in parts.netloc or parts.scheme not in ("http", "https"):
        raise NotFetched("The address of the attachment is not a plain https address.")
    if parts.scheme == "http" and not is_allowed:
        raise NotFetched(f"Attachments are fetched over https; {name} is not.")
    if port not in (None, 80, 443) and not is_allowed:
        raise NotFetched(f"Attachments are fetched from port 443, not {port}.")
    number = _number_of(name, port or (443 if parts.scheme == "https" else 80))
    if not is_allowed and not _is_public(number):
        raise NotFetched(
            f"{name} lies in a private network; TXMSG_ATTACHMENT_HOSTS can allow it."
        )
    shown = f"[{number}]" if ":" in number else number
    place = f"{shown}:{port}" if port else shown
    rest = parts.path or "/"
    query = f"?{parts.query}" if parts.query else ""
    host = f"{name}:{port}" if port else name
    return _Target(f"{parts.scheme}://{place}{rest}{query}", host, name)


def _number_of(name: str, port: int) -> str:
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        is_passing = error.errno == socket.EAI_AGAIN
        raise NotFetched(
            f"There is no host {name} to fetch the attachment from.",
            is_passing=is_passing,
        ) from None
    except (UnicodeError, OSError):
        raise NotFetched("The address of the attachment names no host.") from None
    return str(found[0][4][0])


def _is_public(number: str) -> bool:
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


def _check_status(status: int, name: str) -> None:
    if status == 200:
        return
    if status in _GONE:
        raise NotFetched(f"{name} has no such attachment ({status}).", is_missing=True)
    is_passing = status in (408, 425, 429) or status >= 500
    words = "a redirect, which is not followed" if 300 <= status < 400 else status
    raise NotFetched(f"{name} answered {words}.", is_passing=is_passing)


def _read(response: httpx.Response, ends_at: float) -> bytes:
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise NotFetched("The attachment came compressed, which was not asked for.")
    data = bytearray()
    # As it comes: what is gathered first could be waited for without an end.
    for chunk in response.iter_raw():
        data += chunk
        if len(data) > MAX_BYTES:
            raise NotFetched(
                f"The attachment is larger than {MAX_BYTES // 1_000_000} MB."
            )
        if time.monotonic() > ends_at:
            break
    # A connection that was cut off looks like the end of a file.
    if time.monotonic() > ends_at:
        raise NotFetched("The attachment took too long to load.", is_passing=True)
    return bytes(data)


def _media_type(given: str, url: str) -> str:
    """Return a media type that may stand in a header, from the answer or the name."""
    named = given.partition(";")[0].strip().lower()
    main, _, sub = named.partition("/")
    # A line of a mail has 998 octets at most; RFC 6838 has 127 for each half.
    is_plain = len(named) <= _LONGEST_MEDIA_TYPE and all(
        part
        and part.replace("-", "").replace(".", "").replace("+", "").isalnum()
        and part.isascii()
        for part in (main, sub)
    )
    if is_plain and main not in ("multipart", "message"):
        return named
    return mimetypes.guess_type(urlsplit(url).path)[0] or "application/octet-stream"


def _name_in(url: str) -> str:
    return unquote(urlsplit(url).path.rpartition("/")[2])[:120] or "attachment"


def _checked_name(name: str) -> str:
    ending = refused_ending(name)
    if ending:
        raise NotFetched(f"Mail servers refuse attachments that end in .{ending}.")
    return name
