"""Bad requests over a real socket: what the web server makes of them, and then we.

The numbers are those of the list of bad inputs that the API promises to answer. What
is no HTTP at all is answered by the web server, with a status and nothing else.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pytest

from tests import drill
from tests.api_door import PATH, PROBLEM

pytestmark = pytest.mark.installation

_LINE = f"POST {PATH} HTTP/1.1"
_JSON = "Content-Type: application/json"


@dataclass(frozen=True)
class Wire:
    """A way to send bytes to the installation, as they are."""

    installation: drill.Installation

    @property
    def body(self) -> bytes:
        """A body that is taken in."""
        event = {
            "type": "drill",
            "recipient": {"email": "wire@example.com"},
            "ctx": {"number": "1"},
        }
        return json.dumps(event).encode()

    def stored(self) -> int:
        """Return how many events there are."""
        ((count,),) = self.installation.query("SELECT count(*) FROM events_event")
        return int(count)

    def request(
        self,
        *lines: str,
        line: str = _LINE,
        host: str = "127.0.0.1",
        length: str | None = "",
        body: bytes | None = None,
    ) -> bytes:
        """Return a request; `length` is what Content-Length says, None for none."""
        content = self.body if body is None else body
        head = [line, f"Host: {host}", "Connection: close"]
        head += [f"Authorization: Bearer {self.installation.key}", *lines]
        if not any(each.startswith("Content-Type") for each in lines):
            head.append(_JSON)
        if length is not None:
            head.append(f"Content-Length: {length or len(content)}")
        return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + content

    def ask(self, raw: bytes, more: Iterable[bytes] = ()) -> tuple[int, Any]:
        """Send bytes; return status and problem, None if there is no body."""
        address = ("127.0.0.1", self.installation.port)
        with socket.create_connection(address, timeout=20) as link:
            try:
                link.sendall(raw)
                for piece in more:
                    link.sendall(piece)
            except ConnectionError:
                pass  # Answered before all was sent.
            got = b""
            try:
                while piece := link.recv(65_536):
                    got += piece
            except ConnectionResetError:
                pass  # It did not read all that was sent.
        head, _, content = got.partition(b"\r\n\r\n")
        status = int(head.split()[1])
        if not content:
            return status, None
        text = content[content.index(b"{") : content.rindex(b"}") + 1]
        return status, json.loads(text)


@pytest.fixture
def wire(running: drill.Installation) -> Wire:
    return Wire(running)


CASES: list[Any] = [
    # Idempotency-Key: the server joins two, and gives us one that is not ASCII empty.
    pytest.param(
        lambda w: w.request("Idempotency-Key: a1", "Idempotency-Key: a2"),
        (400, "invalid_idempotency_key"),
        id="20-two-keys",
    ),
    pytest.param(
        lambda w: w.request("Idempotency-Key:"),
        (400, "invalid_idempotency_key"),
        id="19-empty",
    ),
    pytest.param(
        lambda w: w.request("Idempotency-Key: \xe9"),
        (400, "invalid_idempotency_key"),
        id="19-not-ascii",
    ),
    pytest.param(
        lambda w: w.request("Idempotency-Key: " + "k" * 300),
        (400, "invalid_idempotency_key"),
        id="19-long",
    ),
    pytest.param(
        lambda w: w.request("Idempotency-Key: a\x01b"), (400, None), id="19-control"
    ),
    pytest.param(
        lambda w: w.request("Authorization: Bearer x"),
        (401, "malformed_api_key"),
        id="3-two-keys",
    ),
    pytest.param(
        lambda w: w.request(line=f"POST {PATH}?key=txk_abc HTTP/1.1"),
        (400, "key_in_url"),
        id="8",
    ),
    pytest.param(
        lambda w: w.request(line=f"PUT {PATH} HTTP/1.1"),
        (405, "method_not_allowed"),
        id="11",
    ),
    pytest.param(
        lambda w: w.request("Content-Type: text/plain"),
        (415, "json_required"),
        id="12",
    ),
    pytest.param(
        lambda w: w.request("Content-Encoding: gzip"),
        (415, "encoding_not_supported"),
        id="14",
    ),
    # The rest of the body is never sent: it is refused by what the header says.
    pytest.param(
        lambda w: w.request(length="300000", body=b""),
        (413, "body_too_large"),
        id="15",
    ),
    pytest.param(
        lambda w: w.request(length="9" * 30, body=b""), (400, None), id="15-absurd"
    ),
    pytest.param(lambda w: w.request(length="-1"), (400, None), id="15-negative"),
    pytest.param(lambda w: w.request("Content-Length: 3"), (400, None), id="15-two"),
    pytest.param(
        lambda w: w.request("Transfer-Encoding: gzip", length=None),
        (400, None),
        id="16-coding",
    ),
    pytest.param(
        lambda w: w.request("Transfer-Encoding: chunked", length=None, body=b"zz\r\n"),
        (400, "empty_body"),
        id="16-no-chunk",
    ),
    pytest.param(lambda w: w.request(body=b""), (400, "empty_body"), id="18"),
    *(
        pytest.param(
            lambda w, h=host: w.request(host=h), (400, "bad_host"), id=f"24-{n}"
        )
        for n, host in enumerate(("evil.example", "a b", "", "127.0.0.1,evil"))
    ),
    pytest.param(
        lambda w: w.request("Host: evil.example"), (400, "bad_host"), id="24-two"
    ),
    pytest.param(
        lambda w: w.request(line=f"GET {PATH}/%00 HTTP/1.1"),
        (400, "bad_request"),
        id="25-nul",
    ),
    pytest.param(
        lambda w: w.request(line=f"POST {PATH}\x00 HTTP/1.1"), (400, None), id="25-raw"
    ),
    pytest.param(
        lambda w: w.request(line=f"GET {PATH}/{'a' * 20_000} HTTP/1.1"),
        (404, "not_found"),
        id="25-long",
    ),
    pytest.param(
        lambda w: w.request(line=f"GET {PATH}/{'a' * 200_000} HTTP/1.1"),
        (414, None),
        id="25-longer",
    ),
    pytest.param(
        lambda w: w.request("X-Big: " + "b" * 700_000), (431, None), id="header-big"
    ),
    pytest.param(
        lambda w: w.request(*(f"X-{n}: 1" for n in range(200))),
        (431, None),
        id="header-many",
    ),
    pytest.param(lambda w: w.request("X-A: 1\r\n 2"), (400, None), id="header-fold"),
    pytest.param(lambda _: b"\x16\x03\x01\x02\x00\r\n\r\n", (400, None), id="tls"),
]


@pytest.mark.parametrize(("raw", "expected"), CASES)
def test_rows_3_to_25_over_a_socket(
    wire: Wire, raw: Callable[[Wire], bytes], expected: tuple[int, str | None]
) -> None:
    before = wire.stored()
    status, problem = wire.ask(raw(wire))
    assert (status, problem and problem["code"]) == expected
    if problem:
        assert problem.keys() >= PROBLEM
    assert wire.stored() == before


def test_row_16_an_endless_body_is_refused_at_the_limit(wire: Wire) -> None:
    before = wire.stored()
    raw = wire.request("Transfer-Encoding: chunked", length=None, body=b"")
    # 64 MB, if somebody would listen that long.
    endless = (b"2000\r\n" + b"[" * 0x2000 + b"\r\n" for _ in range(8_192))
    status, problem = wire.ask(raw, endless)
    assert (status, problem["code"]) == (413, "body_too_large")
    assert wire.stored() == before


def test_the_same_request_without_a_fault_is_taken_in(wire: Wire) -> None:
    before = wire.stored()
    body = wire.body
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    for raw in (
        wire.request(),
        wire.request("Transfer-Encoding: chunked", length=None, body=chunks),
        wire.request("Expect: 100-continue").replace(
            b"HTTP/1.1\r\n", b"HTTP/1.0\r\n", 1
        ),
        wire.request("X-Big: " + "b" * 60_000),
    ):
        status, event = wire.ask(raw)
        assert (status, event["type"]) == (202, "drill")
    assert wire.stored() == before + 4
