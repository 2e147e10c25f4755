"""Files attached to mails: fetched from afar, with mistrust."""

from __future__ import annotations

import contextlib
import email
import email.policy
import http.server
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
import trustme

from templates_app.rendering.message import Attachment, RenderedMessage
from txmsg import outside
from txmsg.channels import attachments, bodies, mime
from txmsg.channels.attachments import Fetcher, File, NotFetched

PDF = b"%PDF-1.4 a small file\n"
HOST = "files.example"


class _Files(http.server.BaseHTTPRequestHandler):
    """A server of files, good and bad."""

    asked: list[tuple[str, str]] = []

    def do_GET(self) -> None:
        """Answer by the path."""
        self.asked.append((self.path, self.headers["Host"]))
        if self.path.startswith("/status/"):
            self.send_response(int(self.path.rpartition("/")[2]))
            self.send_header("Location", "/a.pdf")
            self.end_headers()
            return
        if self.path == "/drip":
            self.drip(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_000)
            return
        self.send_response(200)
        if self.path == "/drip-body":
            self.end_headers()
            self.drip(b"x" * 1_000)
            return
        if self.path == "/packed":
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Type", "application/pdf; charset=binary")
        self.end_headers()
        if self.path == "/slow":
            time.sleep(0.5)
        size = attachments.MAX_BYTES + 1 if self.path == "/large" else 0
        with contextlib.suppress(OSError):  # the reader has had enough
            self.wfile.write(b"x" * size if size else PDF)

    def drip(self, data: bytes) -> None:
        """Send a byte now and then: never so late that a read would time out."""
        with contextlib.suppress(OSError):
            for byte in data:
                self.wfile.write(bytes([byte]))
                time.sleep(0.02)

    def log_message(self, *_args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Return a certificate authority of our own."""
    return trustme.CA()


@pytest.fixture(scope="module")
def port(authority: trustme.CA) -> Iterator[int]:
    """Return the port of an https server that is known as files.example."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Files)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(tls)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.fixture
def fetcher(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> Fetcher:
    """Return a fetcher that knows our authority; every name leads to this machine."""
    monkeypatch.setattr(socket, "getaddrinfo", _here)
    tls = ssl.create_default_context()
    authority.configure_trust(tls)
    return Fetcher(allowed_hosts=[HOST, "other.example"], tls=tls)


def _here(_host: str, port: int, *_args: Any, **_kwargs: Any) -> list[Any]:
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]


def _fetched(fetcher: Fetcher, url: str, **kwargs: Any) -> list[File]:
    wanted = [Attachment(url=url, name=kwargs.pop("name", ""), **kwargs)]
    return fetcher.fetch(wanted, deadline=time.monotonic() + 30)


def test_a_file_is_fetched_by_its_name_over_tls(fetcher: Fetcher, port: int) -> None:
    """The certificate is that of the name, though the number is what is called."""
    [file] = _fetched(fetcher, f"https://{HOST}:{port}/a.pdf", when_missing="fail")
    assert file == File("a.pdf", "application/pdf", PDF)
    assert _Files.asked[-1] == ("/a.pdf", f"{HOST}:{port}")


def test_the_certificate_of_another_name_is_refused(
    fetcher: Fetcher, port: int
) -> None:
    """Else whoever answers at the number could give any file."""
    with pytest.raises(NotFetched, match="certificate") as caught:
        _fetched(fetcher, f"https://other.example:{port}/a.pdf", when_missing="fail")
    assert caught.value.is_passing


def test_two_mails_of_a_wave_share_one_fetch(fetcher: Fetcher, port: int) -> None:
    """Terms and conditions are the same for all."""
    before = len(_Files.asked)
    for _ in range(3):
        _fetched(fetcher, f"https://{HOST}:{port}/b.pdf", when_missing="fail")
    assert len(_Files.asked) == before + 1
    fetcher.forget()
    _fetched(fetcher, f"https://{HOST}:{port}/b.pdf", when_missing="fail")
    assert len(_Files.asked) == before + 2


@pytest.mark.parametrize(
    ("status", "is_passing", "is_missing"),
    [
        (404, False, True),
        (410, False, True),
        (403, False, False),
        (302, False, False),
        (429, True, False),
        (503, True, False),
    ],
)
def test_what_a_server_answers_is_passing_missing_or_final(
    fetcher: Fetcher, port: int, status: int, is_passing: bool, is_missing: bool
) -> None:
    """A redirect is not followed: it could lead into the private network."""
    with pytest.raises(NotFetched) as caught:
        _fetched(fetcher, f"https://{HOST}:{port}/status/{status}", when_missing="fail")
    assert (caught.value.is_passing, caught.value.is_missing) == (
        is_passing,
        is_missing,
    )


def test_a_missing_file_may_be_left_out(fetcher: Fetcher, port: int) -> None:
    """But a server that is down is no missing file."""
    url = f"https://{HOST}:{port}/status"
    assert _fetched(fetcher, f"{url}/404", when_missing="skip") == []
    with pytest.raises(NotFetched):
        _fetched(fetcher, f"{url}/503", when_missing="skip")


def test_what_is_too_large_or_too_slow_is_given_up(
    fetcher: Fetcher, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mail waits for no file."""
    with pytest.raises(NotFetched, match="larger than 5 MB"):
        _fetched(fetcher, f"https://{HOST}:{port}/large", when_missing="fail")
    monkeypatch.setattr(attachments, "SECONDS", 0.1)
    with pytest.raises(NotFetched) as caught:
        _fetched(fetcher, f"https://{HOST}:{port}/slow", when_missing="fail")
    assert caught.value.is_passing


@pytest.mark.parametrize(
    "url",
    [
        "http://public.example/a.pdf",
        "ftp://files.example/a.pdf",
        "file:///etc/passwd",
        "https://user:secret@files.example/a.pdf",
        "https:///a.pdf",
        "https://[::1/a.pdf",
        "https://public.example:22/a.pdf",
        "not an address",
    ],
)
def test_an_address_that_is_not_plain_https_is_refused(
    fetcher: Fetcher, url: str
) -> None:
    """Each is a way into something that was never meant."""
    with pytest.raises(NotFetched) as caught:
        _fetched(fetcher, url, when_missing="skip")
    assert not caught.value.is_passing


@pytest.mark.parametrize(
    "number",
    [
        "127.0.0.1",
        "10.0.0.8",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "fe80::1",
        "fd00::1",
        "::ffff:10.0.0.1",
    ],
)
def test_private_networks_are_not_reached(
    number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a name says, the number is judged, and no other number is called."""

    def there(_host: str, port: int, *_args: Any, **_kwargs: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (number, port))]

    monkeypatch.setattr(socket, "getaddrinfo", there)
    with pytest.raises(NotFetched, match="private network"):
        _fetched(Fetcher(), "https://public.example/a.pdf", when_missing="fail")


@pytest.mark.parametrize("name", ["invoice.exe", "run.JS", "a.pdf.scr"])
def test_what_mail_servers_refuse_is_not_attached(
    fetcher: Fetcher, port: int, name: str
) -> None:
    """The mail would bounce, or be thrown away in silence."""
    with pytest.raises(NotFetched, match="Mail servers refuse"):
        _fetched(
            fetcher, f"https://{HOST}:{port}/a.pdf", name=name, when_missing="fail"
        )


def test_too_many_files_are_refused(fetcher: Fetcher) -> None:
    """A loop in a template is no reason to fetch a thousand files."""
    many = [
        Attachment(url=f"https://{HOST}/{n}", name="", when_missing="fail")
        for n in range(6)
    ]
    with pytest.raises(NotFetched, match="a mail takes 5"):
        fetcher.fetch(many, deadline=time.monotonic() + 1)


@pytest.mark.parametrize(
    "name", ["invoice.pdf", 'a "b" c.pdf', "Rechnung für März.pdf", "x" * 200 + ".pdf"]
)
def test_a_mail_with_files_reads_as_the_standard_library_reads_it(name: str) -> None:
    """Its text parts stay an alternative of each other; the file stands beside them."""
    message = RenderedMessage(
        delivery_id=UUID(int=7),
        channel="email",
        address="ada@customer.example",
        recipient_name="",
        parts={"subject": "Hello", "html": "<p>Hello</p>", "text": "Hello"},
    )
    letter = mime.compose(
        message,
        default_from="shop@shop.example",
        files=[File(name, "application/pdf", PDF)],
    )
    parsed = email.message_from_bytes(letter.content, policy=email.policy.default)
    assert parsed.get_content_type() == "multipart/mixed"
    body, file = parsed.iter_parts()
    kinds = [part.get_content_type() for part in body.iter_parts()]
    assert kinds == ["text/plain", "text/html"]
    assert file.get_content() == PDF
    assert file.get_filename() == name
    assert file.get_content_disposition() == "attachment"


def test_a_files_name_adds_no_header() -> None:
    """A name is somebody else's word."""
    message = RenderedMessage(
        delivery_id=UUID(int=7),
        channel="email",
        address="ada@customer.example",
        recipient_name="",
        parts={"subject": "Hello", "text": "Hello"},
    )
    name = 'a.pdf"\r\nBcc: eve@evil.example\r\nX-Evil: "/../b'
    letter = mime.compose(
        message,
        default_from="shop@shop.example",
        files=[File(name, "application/pdf", PDF)],
    )
    parsed = email.message_from_bytes(letter.content, policy=email.policy.default)
    assert parsed["Bcc"] is None
    file = next(iter(parsed.iter_attachments()))
    assert file["Bcc"] is None
    assert file["X-Evil"] is None
    assert "/" not in str(file.get_filename())


@pytest.mark.parametrize("path", ["drip", "drip-body"])
def test_a_server_that_drips_is_given_up_in_time(
    fetcher: Fetcher, port: int, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte is in time; all of them together are not."""
    monkeypatch.setattr(attachments, "SECONDS", 0.3)
    started = time.monotonic()
    with pytest.raises(NotFetched, match="too long") as caught:
        _fetched(fetcher, f"https://{HOST}:{port}/{path}")
    assert caught.value.is_passing
    # All bytes together take 20 s.
    assert time.monotonic() - started < 10


def test_what_comes_compressed_is_refused(fetcher: Fetcher, port: int) -> None:
    """A few bytes could become gigabytes."""
    with pytest.raises(NotFetched, match="compressed"):
        _fetched(fetcher, f"https://{HOST}:{port}/packed")


@pytest.mark.parametrize(
    "number",
    [
        *("::ffff:10.0.0.1", "::10.0.0.1", "::ffff:0:10.0.0.1", "64:ff9b::a00:1"),
        *("64:ff9b:1::a00:1", "2002:a00:1::1", "fec0::1", "fe80::1%lo", "3fff::1"),
        *("192.0.0.8", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255"),
    ],
)
def test_no_way_of_writing_it_makes_an_address_public(number: str) -> None:
    """IPv6 has many ways to name an IPv4 address."""
    assert not outside.is_public(number)


@pytest.mark.parametrize("number", ["8.8.8.8", "2606:4700::1", "64:ff9b::808:808"])
def test_public_addresses_are(number: str) -> None:
    """Those that DNS64 makes of one included."""
    assert outside.is_public(number)


@pytest.mark.parametrize("path", ["x" * 100_000, "\x00", "\ud800"])
def test_an_address_that_cannot_be_asked_for_is_refused(
    fetcher: Fetcher, port: int, path: str
) -> None:
    """As a fault of the mail, not of the worker."""
    with pytest.raises(NotFetched, match="cannot be read"):
        _fetched(fetcher, f"https://{HOST}:{port}/{path}")


def test_a_name_from_the_address_is_read_and_fits_a_line(
    fetcher: Fetcher, port: int
) -> None:
    """What is percent-encoded there is not shown so, and a line has its limit."""
    faces = "%F0%9F%98%80" * 99
    [file] = _fetched(fetcher, f"https://{HOST}:{port}/M%C3%A4rz%20{faces}")
    assert file.name.startswith("März 😀")
    line = bodies.file_part(File("😀" * 119 + ".pdf", "application/pdf", b"x"))
    assert max(map(len, line.split(b"\r\n"))) < 998
    assert b".pdf" in line
    with pytest.raises(NotFetched, match="Mail servers refuse"):
        _fetched(fetcher, f"https://{HOST}:{port}/a%2Eexe.")
