"""Files attached to a mail: fetched from the address that its event named.

An address in an event is somebody else's word. It is loaded over https from a public
network only, or from a host that the settings allow; nothing is followed, and what is
too large or too slow is given up. It must not know the database or the queue.
"""

from __future__ import annotations

import mimetypes
import ssl
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

import httpx

from templates_app.rendering.attachments import refused_ending
from templates_app.rendering.fields import MAX_ATTACHMENTS
from templates_app.rendering.message import Attachment
from txmsg import outside

MAX_BYTES = 5_000_000
MAX_BYTES_IN_ALL = 10_000_000
SECONDS = 10.0
_LONGEST_MEDIA_TYPE = 255
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
        rules = outside.Rules(
            "attachment", "TXMSG_ATTACHMENT_HOSTS", self.allowed_hosts
        )
        try:
            target = outside.look_up(url, rules)
        except outside.NotCalled as error:
            raise NotFetched(str(error), is_passing=error.is_passing) from None
        ends_at = min(deadline, time.monotonic() + SECONDS)
        seconds = ends_at - time.monotonic()
        if seconds <= 0:
            raise NotFetched("There was no time to fetch it.", is_passing=True)
        watch = outside.Watch(seconds)
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
