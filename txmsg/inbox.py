"""The built-in SMTP server, and what it and the capture channels keep.

It takes mail on loopback, stores it and answers when it is stored. It must not know
deliveries, messages or events: what it is sent is all it has.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import signal
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser
from typing import Any
from uuid import UUID

from aiosmtpd.smtp import SMTP, Envelope, Session
from django.db import close_old_connections, connection

from events.models import Channel
from templates_app.rendering.message import RenderedMessage
from txmsg.models import InboxMessage

logger = logging.getLogger(__name__)

KEPT = 5000
"""Rows of `InboxMessage` that stay; the oldest go first."""
_PRUNE_EVERY = 500
_BATCH = 200
_SIZE_LIMIT = 25 * 1024 * 1024
_ENCODED_WORD = r"=\?[^?\s]+\?[bq]\?[^?\s]*\?="
_ENCODED_WORDS = re.compile(rf"{_ENCODED_WORD}(\s+{_ENCODED_WORD})*", re.IGNORECASE)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail as it came: its envelope and its bytes."""

    sender: str
    recipient: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class ParsedMail:
    """A stored mail, read for people."""

    subject: str
    from_: str
    to: str
    html: str
    text: str
    headers: tuple[tuple[str, str], ...]
    """Names and decoded values in the order of the mail."""


Store = Callable[[Sequence[Mail]], Sequence[str]]
"""Stores mails, all or none, and returns a name for each; raises when it could not."""

_Waiting = tuple[Mail, "asyncio.Future[str]"]


def serve(sock: socket.socket, store: Store) -> None:
    """Take mail on a listening socket until SIGTERM or SIGINT."""

    async def until_told() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await run(sock, store, stop=stop)

    asyncio.run(until_told())


async def run(sock: socket.socket, store: Store, *, stop: asyncio.Event) -> None:
    """Take mail on a listening socket until `stop` is set; finish what came in.

    `store` runs in one thread of its own, so it may keep one database connection.
    """
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[_Waiting] = asyncio.Queue()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="inbox-store") as thread:
        writer = loop.create_task(_write(waiting, store, thread))
        server = await loop.create_server(lambda: _session(waiting, loop), sock=sock)
        try:
            await stop.wait()
            server.close()
            await waiting.join()
            # The sessions' last answers are written in the loop's next rounds.
            await asyncio.sleep(0.05)
        finally:
            writer.cancel()
            thread.submit(_close_connection)


def keep_mails(mails: Sequence[Mail]) -> Sequence[str]:
    """Store mails as rows of the inbox, in one statement; return the rows' ids."""
    return _keep([_row(mail) for mail in mails])


def store_mails(mails: Sequence[Mail]) -> Sequence[str]:
    """Store mails as `keep_mails` does, over a connection that outlives PostgreSQL's.

    Outside a request nobody else gives up a connection that the server has ended.
    """
    close_old_connections()
    return keep_mails(mails)


def keep_captured(messages: Sequence[RenderedMessage]) -> None:
    """Store messages of a channel without a provider, their parts as JSON."""
    _keep(
        [
            InboxMessage(
                channel=message.channel,
                sender=_one_line(message.headers.get("sender", ""), 320),
                recipient=_one_line(message.address, 512),
                subject=_one_line(message.parts.get("title", ""), 998),
                raw=json.dumps(message.parts, ensure_ascii=False).encode(),
                delivery_id=message.delivery_id,
            )
            for message in messages
        ]
    )


def prune() -> None:
    """Delete all but the newest rows of the inbox."""
    ids = InboxMessage.objects.order_by("-id").values_list("id", flat=True)
    for oldest_but_kept in ids[KEPT - 1 : KEPT]:
        InboxMessage.objects.filter(id__lt=oldest_but_kept).delete()


def parse_mail(raw: bytes) -> ParsedMail:
    """Read a mail leniently: what cannot be decoded is shown with replacement signs."""
    mail = message_from_bytes(raw)
    headers = _headers(mail)
    first = {name.lower(): value for name, value in reversed(headers)}
    return ParsedMail(
        subject=first.get("subject", ""),
        from_=first.get("from", ""),
        to=first.get("to", ""),
        html=_part(mail, "html"),
        text=_part(mail, "plain"),
        headers=headers,
    )


class _Handler:
    """What aiosmtpd calls for a mail: waits until it is stored, then answers."""

    def __init__(self, waiting: asyncio.Queue[_Waiting]) -> None:
        self.waiting = waiting

    async def handle_DATA(  # noqa: N802 (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        mail = Mail(
            sender=envelope.mail_from or "",
            recipient=", ".join(envelope.rcpt_tos),
            raw=bytes(envelope.original_content or b""),
        )
        stored: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.waiting.put_nowait((mail, stored))
        try:
            return f"250 2.0.0 Ok: queued as {await stored}"
        except Exception as error:
            logger.warning("a mail was not stored: %s", error)
            return "451 4.3.0 The mail could not be stored; try again later"


def _session(waiting: asyncio.Queue[_Waiting], loop: asyncio.AbstractEventLoop) -> Any:
    return SMTP(
        _Handler(waiting),
        loop=loop,
        hostname="txmsg-inbox",
        ident="txmsg inbox",
        data_size_limit=_SIZE_LIMIT,
        enable_SMTPUTF8=True,
    )


async def _write(
    waiting: asyncio.Queue[_Waiting], store: Store, thread: ThreadPoolExecutor
) -> None:
    """Store what waits, all of it at once, for ever."""
    loop = asyncio.get_running_loop()
    while True:
        batch = [await waiting.get()]
        while len(batch) < _BATCH and not waiting.empty():
            batch.append(waiting.get_nowait())
        mails = [mail for mail, _ in batch]
        try:
            names = await loop.run_in_executor(thread, store, mails)
        except Exception as error:
            for _, stored in batch:
                if not stored.done():
                    stored.set_exception(error)
        else:
            for (_, stored), name in zip(batch, names, strict=True):
                # A client that hung up has cancelled its wait.
                if not stored.done():
                    stored.set_result(name)
        for _ in batch:
            waiting.task_done()


def _close_connection() -> None:
    # Looked up here, in the thread that has it: connections belong to threads.
    connection.close()


def _keep(rows: list[InboxMessage]) -> list[str]:
    if not rows:
        return []
    InboxMessage.objects.bulk_create(rows)
    if rows[0].pk // _PRUNE_EVERY != (rows[-1].pk + 1) // _PRUNE_EVERY:
        prune()
    return [str(row.pk) for row in rows]


def _row(mail: Mail) -> InboxMessage:
    head = BytesHeaderParser().parsebytes(mail.raw.partition(b"\r\n\r\n")[0])
    headers = {name.lower(): value for name, value in reversed(_headers(head))}
    return InboxMessage(
        channel=Channel.EMAIL,
        sender=_one_line(mail.sender, 320),
        recipient=_one_line(mail.recipient, 512),
        subject=_one_line(headers.get("subject", ""), 998),
        raw=mail.raw,
        delivery_id=_uuid(headers.get("x-txmsg-delivery", "")),
    )


def _headers(mail: Message) -> tuple[tuple[str, str], ...]:
    """Return names and decoded values; strangers' mails are often not well-formed."""
    return tuple((name, _decoded(value)) for name, value in mail.raw_items())


def _decoded(value: str) -> str:
    whole = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return _ENCODED_WORDS.sub(_decoded_words, "".join(whole.splitlines()))


def _decoded_words(found: re.Match[str]) -> str:
    try:
        return str(make_header(decode_header(found[0])))
    except (LookupError, ValueError, HeaderParseError):
        return found[0]


def _one_line(text: str, longest: int) -> str:
    """Make a stranger's text storable: no controls, no surrogates, not too long."""
    whole = text.encode("utf-8", "replace").decode()
    return _CONTROLS.sub(" ", whole).strip()[:longest]


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text.strip())
    except ValueError:
        return None


def _part(mail: Message, subtype: str) -> str:
    """Return the decoded part of that subtype of text, "" when there is none."""
    for part in mail.walk():
        wanted = part.get_content_type() == f"text/{subtype}"
        if not wanted or part.get_content_disposition() == "attachment":
            continue
        content = part.get_payload(decode=True)
        if isinstance(content, bytes):
            try:
                return content.decode(str(part.get_content_charset("utf-8")), "replace")
            except LookupError:
                return content.decode("utf-8", "replace")
    return ""
