"""The drill's own tools: a peer that counts copies, and a gate that breaks networks."""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import smtplib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from txmsg.crashdrill import gate, peer
from txmsg.crashdrill.installation import free_ports

MAIL = "X-Txmsg-Delivery: d1\r\nSubject: s\r\n\r\nhello\r\n"
COMMITTED = b"C\x00\x00\x00\x0bCOMMIT\x00Z\x00\x00\x00\x05I"


@dataclass
class Outside:
    """A running peer: its ports and what it has taken."""

    folder: Path
    smtp: int
    http: int

    def copies(self) -> list[dict[str, Any]]:
        lines = (self.folder / peer.LOG).read_text().splitlines()
        return [json.loads(line) for line in lines]

    def mail(self, to: str) -> None:
        with smtplib.SMTP("127.0.0.1", self.smtp, timeout=5) as client:
            client.sendmail("a@sink.example", [to], MAIL)

    def post(self, key: str = "") -> int:
        body = {"delivery": "d1", "to": "fcm:x", "parts": {}, "headers": {}}
        client = http.client.HTTPConnection("127.0.0.1", self.http, timeout=5)
        client.request(
            "POST", "/", json.dumps(body), {"Idempotency-Key": key} if key else {}
        )
        status = client.getresponse().status
        client.close()
        return status


def eventually(connect: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            connect()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    folder = tmp_path_factory.mktemp("peer")
    smtp, web = free_ports(2)
    process = subprocess.Popen(
        [sys.executable, "-m", peer.__name__, str(folder), str(smtp), str(web)]
    )
    eventually(lambda: socket.create_connection(("127.0.0.1", smtp), 1).close())
    yield Outside(folder, smtp, web)
    process.kill()
    process.wait()


def counted(outside: Outside, to: str) -> int:
    return sum(copy["to"] == to for copy in outside.copies())


def test_a_mail_is_a_copy_with_its_delivery_and_content(outside: Outside) -> None:
    outside.mail("plain.1@sink.example")
    (copy,) = [c for c in outside.copies() if c["to"] == "plain.1@sink.example"]
    assert (copy["delivery"], copy["via"]) == ("d1", "smtp")
    assert copy["content"] == MAIL


def test_a_mail_without_its_final_dot_is_none(outside: Outside) -> None:
    client = smtplib.SMTP("127.0.0.1", outside.smtp, timeout=5)
    client.ehlo()
    client.mail("a@sink.example")
    client.rcpt("plain.2@sink.example")
    client.docmd("DATA")
    client.send(MAIL)
    client.close()
    # The next mail is served after the end of that connection was seen.
    outside.mail("plain.3@sink.example")
    assert counted(outside, "plain.2@sink.example") == 0


def test_a_script_refuses_the_first_tries(outside: Outside) -> None:
    to = "tempfail.450+2.4@sink.example"
    for _ in range(2):
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            outside.mail(to)
    outside.mail(to)
    assert counted(outside, to) == 1


def test_a_script_takes_the_copy_and_loses_the_answer(outside: Outside) -> None:
    to = "lost.0+1.5@sink.example"
    with pytest.raises(smtplib.SMTPServerDisconnected):
        outside.mail(to)
    assert counted(outside, to) == 1
    outside.mail(to)
    assert counted(outside, to) == 2


def test_a_repeated_key_makes_no_second_copy(outside: Outside) -> None:
    before = counted(outside, "fcm:x")
    assert [outside.post("k"), outside.post("k"), outside.post()] == [200] * 3
    assert counted(outside, "fcm:x") - before == 2


@dataclass
class Gated:
    """A server that answers everything with a commit's answer, behind a gate."""

    port: int
    control: socket.socket

    def tell(self, **door: Any) -> dict[str, int]:
        self.control.sendall(json.dumps({"postgres": door}).encode() + b"\n")
        answered: dict[str, int] = json.loads(self.control.recv(1000))
        return answered

    def ask(self) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), timeout=0.5) as client:
            client.sendall(b"COMMIT")
            return client.recv(1000)


@pytest.fixture
def gated(tmp_path: Path) -> Iterator[Gated]:
    target = tmp_path / "server.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(target))
    listener.listen()

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client, contextlib.suppress(OSError):
                while client.recv(1000):
                    client.sendall(COMMITTED)

    threading.Thread(target=serve, daemon=True).start()
    (port,) = free_ports(1)
    doors = json.dumps({"postgres": [port, str(target)]})
    process = subprocess.Popen(
        [sys.executable, "-m", gate.__name__, str(tmp_path), doors, "1"]
    )
    control = socket.socket(socket.AF_UNIX)
    eventually(lambda: control.connect(str(tmp_path / gate.CONTROL)))
    yield Gated(port, control)
    control.close()
    process.kill()
    process.wait()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def test_a_gate_passes_holds_and_resets(gated: Gated) -> None:
    assert gated.ask() == COMMITTED
    gated.tell(mode="hold")
    with pytest.raises(TimeoutError):
        gated.ask()
    gated.tell(mode="reset")
    with pytest.raises(ConnectionError):
        gated.ask()
    gated.tell(mode="pass")
    assert gated.ask() == COMMITTED


def test_a_gate_loses_the_answer_to_a_commit(gated: Gated) -> None:
    gated.tell(cut=1.0)
    with pytest.raises(ConnectionError):
        gated.ask()
    assert gated.tell() == {"postgres": 1}
    assert gated.ask() == COMMITTED


@pytest.mark.parametrize(
    ("answer", "is_write"),
    [
        (b"C\0\0\0\x0bCOMMIT\0", True),
        (b"T\0\0\0\x1c\0\x01now\0\0\0D\0\0\0\x04C\0\0\0\x0dSELECT 1\0", True),
        (b"T\0\0\0\x1c\0\x02marked\0\0live\0D\0C\0\0\0\x0dSELECT 50\0", True),
        (b"T\0\0\0\x1c\0\x01now\0\0\0C\0\0\0\x0dSELECT 0\0", False),
        (b"T\0\0\0\x1c\0\x01id\0\0\0D\0\0\0\x04C\0\0\0\x0dSELECT 1\0", False),
    ],
)
def test_the_answer_to_a_write_is_told_from_others(
    answer: bytes, is_write: bool
) -> None:
    door = gate.Door("nowhere", random.Random(1), cut=1.0)
    assert door._is_cut(answer + b"Z\0\0\0\x05I") == is_write
    assert not door._is_cut(answer + b"Z\0\0\0\x05T"), "nothing is committed yet"
