"""The inbox: what comes in over SMTP is stored, then answered; and it can be read."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from templates_app.rendering.message import RenderedMessage
from txmsg import inbox
from txmsg.channels.base import OutcomeKind
from txmsg.channels.capture import CaptureChannel
from txmsg.channels.email import EmailChannel
from txmsg.inbox import Mail, keep_captured, keep_mails, parse_mail
from txmsg.models import InboxMessage

# Seconds for what does come to pass, on a machine however loaded.
PATIENCE = 60.0
FROM = "Shop <no-reply@shop.example>"
MESSAGE = RenderedMessage(
    delivery_id=uuid4(),
    channel="email",
    address="zoë@customer.example",
    recipient_name="Zoë",
    parts={"subject": "Grüße 🎉", "html": "<p>Hé</p>\n.\n", "text": ".dots\n.\n日本"},
)


@contextmanager
def running(
    store: inbox.Store,
) -> Iterator[tuple[EmailChannel, Callable[[], object]]]:
    """Run the inbox in a thread; give a channel that sends to it, and its end."""
    sock = socket.create_server(("127.0.0.1", 0))
    channel = EmailChannel(
        f"smtp://127.0.0.1:{sock.getsockname()[1]}", default_from=FROM
    )
    told: list[Callable[[], object]] = []
    ready = threading.Event()

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        told.append(lambda: loop.call_soon_threadsafe(stop.set))
        ready.set()
        await inbox.run(sock, store, stop=stop)

    thread = threading.Thread(target=asyncio.run, args=[main()])
    thread.start()
    ready.wait(PATIENCE)
    try:
        yield channel, told[0]
    finally:
        told[0]()
        channel.close()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def send(channel: EmailChannel, *wave: RenderedMessage) -> list[OutcomeKind]:
    found = channel.send(wave, deadline=time.monotonic() + PATIENCE)
    return [outcome.kind for outcome in found]


def test_a_mail_is_answered_when_it_is_stored() -> None:
    stored: list[Mail] = []

    def store(mails: Sequence[Mail]) -> list[str]:
        stored.extend(mails)
        return [f"row-{len(stored)}" for _ in mails]

    with running(store) as (channel, _):
        (outcome,) = channel.send([MESSAGE], deadline=time.monotonic() + PATIENCE)
    assert (outcome.kind, outcome.provider_id) == (OutcomeKind.SENT, "row-1")
    (mail,) = stored
    assert (mail.sender, mail.recipient) == ("no-reply@shop.example", MESSAGE.address)
    found = parse_mail(mail.raw)
    assert found.subject == "Grüße 🎉"
    assert found.from_ == "Shop <no-reply@shop.example>"
    assert found.to == "Zoë <zoë@customer.example>"
    assert found.text == ".dots\r\n.\r\n日本\r\n"
    assert found.html == "<p>Hé</p>\r\n.\r\n"
    assert ("X-Txmsg-Delivery", str(MESSAGE.delivery_id)) in found.headers


def test_a_mail_that_cannot_be_stored_is_refused_for_now() -> None:
    answers = iter([False, True])

    def store(mails: Sequence[Mail]) -> list[str]:
        if not next(answers):
            raise ConnectionError("no database")
        return ["1" for _ in mails]

    with running(store) as (channel, _):
        kinds = send(channel, MESSAGE, replace(MESSAGE, delivery_id=uuid4()))
    assert kinds == [OutcomeKind.TRANSIENT, OutcomeKind.SENT]


def test_what_came_in_before_the_end_is_stored_and_answered() -> None:
    begun, free = threading.Event(), threading.Event()

    def store(mails: Sequence[Mail]) -> list[str]:
        begun.set()
        free.wait(PATIENCE)
        return ["1" for _ in mails]

    with running(store) as (channel, stop):
        kinds: list[OutcomeKind] = []
        thread = threading.Thread(target=lambda: kinds.extend(send(channel, MESSAGE)))
        thread.start()
        assert begun.wait(PATIENCE)
        stop()
        free.set()
        thread.join(PATIENCE)
        assert kinds == [OutcomeKind.SENT]


def test_mails_that_wait_together_are_stored_together() -> None:
    batches: list[list[str]] = []

    def store(mails: Sequence[Mail]) -> list[str]:
        batches.append([mail.recipient for mail in mails])
        return [f"row of {mail.recipient}" for mail in mails]

    async def main() -> list[str]:
        waiting: asyncio.Queue[tuple[Mail, asyncio.Future[str]]] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        futures = [loop.create_future() for _ in range(3)]
        for number, future in enumerate(futures):
            waiting.put_nowait((Mail("a@x.example", str(number), b""), future))
        with ThreadPoolExecutor(1) as thread:
            writer = loop.create_task(inbox._write(waiting, store, thread))
            await waiting.join()
            writer.cancel()
        return [await future for future in futures]

    assert asyncio.run(main()) == ["row of 0", "row of 1", "row of 2"]
    assert batches == [["0", "1", "2"]]


@pytest.mark.django_db
def test_a_stored_mail_can_be_found_by_its_delivery() -> None:
    sent: list[Mail] = []
    with running(lambda mails: [str(sent.append(mail)) for mail in mails]) as (
        channel,
        _,
    ):
        send(channel, MESSAGE)
    (row_id,) = keep_mails(sent)
    row = InboxMessage.objects.get(delivery_id=MESSAGE.delivery_id)
    assert row_id == str(row.pk)
    assert (row.channel, row.subject) == ("email", "Grüße 🎉")
    assert (row.sender, row.recipient) == ("no-reply@shop.example", MESSAGE.address)
    assert bytes(row.raw) == sent[0].raw


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("raw", "subject"),
    [
        (b"", ""),
        (b"no header at all", ""),
        (b"Subject: \xff\xfe\r\n\r\n", "\ufffd\ufffd"),
        (b"Subject: =?utf-9?q?x?=\r\n\r\n", "=?utf-9?q?x?="),
        (b"Subject: =?utf-8?b?!!!?=\r\n\r\n", None),
        (b"Subject: a\0b\r\nX-Txmsg-Delivery: nonsense\r\n\r\n", "a b"),
        (b"Subject: " + b"x" * 2000 + b"\r\n\r\n", "x" * 998),
        (b"Content-Type: multipart/mixed\r\n\r\n--", ""),
        (b'Content-Type: text/html; charset="x-none"\r\n\r\n\xe9', ""),
    ],
)
def test_a_mail_of_a_stranger_is_stored_and_read_whatever_it_is(
    raw: bytes, subject: str | None
) -> None:
    keep_mails([Mail("a" * 400, "b\0@x.example", raw)])
    row = InboxMessage.objects.get()
    assert subject is None or row.subject == subject
    assert row.recipient == "b @x.example"
    assert row.delivery_id is None
    parse_mail(raw)


@pytest.mark.django_db
def test_the_newest_rows_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "KEPT", 3)
    keep_mails([Mail("a@x.example", f"{n}@x.example", b"") for n in range(5)])
    inbox.prune()
    kept = InboxMessage.objects.order_by("id").values_list("recipient", flat=True)
    assert list(kept) == ["2@x.example", "3@x.example", "4@x.example"]
    inbox.prune()
    assert InboxMessage.objects.count() == 3


@pytest.mark.django_db
def test_rows_are_pruned_while_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "KEPT", 10)
    for _ in range(11):
        keep_mails([Mail("a@x.example", "b@x.example", b"")] * 50)
    assert InboxMessage.objects.count() < 550


@pytest.mark.django_db
def test_captured_messages_keep_their_parts() -> None:
    parts = {"title": "Hallo", "body": "Zoë", "data": "{}"}
    push = replace(MESSAGE, channel="push", address="token", parts=parts)
    sms = replace(MESSAGE, channel="sms", address="+31612345678", parts={"text": "hé"})
    sms = replace(sms, headers={"sender": "Shop"})
    channel = CaptureChannel.from_settings()
    found = channel.send([push, sms], deadline=time.monotonic() + PATIENCE)
    assert {outcome.kind for outcome in found} == {OutcomeKind.SENT}
    rows = InboxMessage.objects.order_by("id")
    assert [(row.channel, row.recipient, row.subject) for row in rows] == [
        ("push", "token", "Hallo"),
        ("sms", "+31612345678", ""),
    ]
    assert json.loads(bytes(rows[0].raw)) == parts
    assert rows[1].sender == "Shop"
    assert rows[1].delivery_id == MESSAGE.delivery_id


def test_nothing_captured_is_nothing_stored() -> None:
    keep_captured([])


def test_the_command_takes_a_socket_over_and_ends_on_sigterm() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        command = [sys.executable, "manage.py", "inbox", "--fd", str(sock.fileno())]
        process = subprocess.Popen(
            command, pass_fds=[sock.fileno()], cwd=Path(__file__).parent.parent
        )
        with socket.create_connection(sock.getsockname(), timeout=PATIENCE) as client:
            assert client.recv(100).startswith(b"220 txmsg-inbox")
            os.kill(process.pid, signal.SIGTERM)
            assert process.wait(PATIENCE) == 0
