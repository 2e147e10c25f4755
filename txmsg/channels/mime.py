"""From a rendered message to the mail on the wire: its head, its parts, its envelope.

What is the same for all mails of one sender is written once, as a skeleton. It knows
which fields a mail has; it must not know servers, queues or templates. The standard
library's message class is the tests' oracle and not used here: it costs a millisecond.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parseaddr

from events.ids import moment_of
from templates_app.rendering.message import RenderedMessage
from txmsg.channels.addresses import AddressError, normalized, shown
from txmsg.channels.attachments import File
from txmsg.channels.base import now
from txmsg.channels.bodies import file_part, multipart, text_part
from txmsg.channels.headers import cleaned_name, encoded, header_line, mailbox

_KNOWN_HEADERS = frozenset({"from_name", "from_address", "reply_to"})
_LONGEST_REPLY_TO = 998  # the parser would follow what is nested in a longer one


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail and its envelope."""

    sender: str
    recipient: str
    content: bytes
    """The mail as the wire has it: CRLF line ends alone, no line begins with a dot."""
    utf8: bool
    """Whether an address is not ASCII, so that only an SMTPUTF8 server can take it."""


@dataclass(frozen=True, slots=True)
class _Skeleton:
    """What the mails of one sender have in common, in the order of the mail."""

    sender: str
    domain: str
    start: str
    """The head up to the recipient."""
    end: str
    """The head after the names of the mail."""


def build(message: RenderedMessage, *, default_from: str) -> bytes:
    """Write the mail; `default_from` serves where the message names no sender.

    Raise ValueError for what must not stand in a mail: see `compose`.
    """
    return compose(message, default_from=default_from).content


def compose(
    message: RenderedMessage, *, default_from: str, files: Sequence[File] = ()
) -> Letter:
    """Write the mail and its envelope; `files` are attached.

    Every try writes the same mail, date included: `message.at`. Raise AddressError for
    an address that no mail can carry, ValueError for control characters in the subject
    or in who it is from, and for a header not known here.
    """
    headers, delivery = message.headers, str(message.delivery_id)
    if not headers.keys() <= _KNOWN_HEADERS:
        unknown = ", ".join(sorted(headers.keys() - _KNOWN_HEADERS))
        raise ValueError(f"unknown headers: {unknown}")
    skeleton = _skeleton(
        headers.get("from_name", ""),
        headers.get("from_address", ""),
        headers.get("reply_to", ""),
        default_from,
    )
    recipient = normalized(message.address)
    to = header_line("To", mailbox(cleaned_name(message.recipient_name), recipient))
    subject = header_line("Subject", encoded(message.parts.get("subject", "")))
    head = (
        f"{skeleton.start}{to}{subject}"
        f"Date: {_date(message)}\r\n"
        f"Message-ID: <{delivery}@{skeleton.domain}>\r\n"
        f"X-Txmsg-Delivery: {delivery}\r\n{skeleton.end}"
    )
    return Letter(
        sender=skeleton.sender,
        recipient=recipient,
        content=head.encode() + _body(message, files),
        utf8=not (recipient.isascii() and skeleton.sender.isascii()),
    )


@functools.lru_cache(maxsize=512)
def _skeleton(
    from_name: str, from_address: str, reply_to: str, default_from: str
) -> _Skeleton:
    default_name, default_address = parseaddr(default_from)
    sender = normalized(from_address or default_address)
    if not from_address:
        from_name = from_name or default_name
    end = "Auto-Submitted: auto-generated\r\n"
    if reply_to:
        if len(reply_to) > _LONGEST_REPLY_TO:
            raise AddressError(f"{shown(reply_to)} is longer than an address may be")
        reply_name, reply_address = parseaddr(reply_to)
        end += header_line("Reply-To", mailbox(reply_name, normalized(reply_address)))
    return _Skeleton(
        sender=sender,
        domain=sender.rpartition("@")[2],
        start=header_line("From", mailbox(from_name, sender)),
        end=f"{end}MIME-Version: 1.0\r\n",
    )


def _date(message: RenderedMessage) -> str:
    """Return when the message was made: the moment that its content calls now.

    Where none is told, it is when its event was accepted, which an id (UUIDv7) holds;
    an id of another kind holds none, and its mail is of now.
    """
    at = message.at
    if at is None:
        id_ = message.delivery_id
        at = moment_of(id_) if id_.version == 7 else now()
    return _written(int(at.timestamp()))


@functools.lru_cache(maxsize=512)
def _written(seconds: int) -> str:
    return format_datetime(datetime.fromtimestamp(seconds, UTC))


def _body(message: RenderedMessage, files: Sequence[File]) -> bytes:
    """Write the MIME headers, the empty line and the parts there are, text first."""
    text, html = message.parts.get("text", ""), message.parts.get("html", "")
    boundary = message.delivery_id.hex
    if text and html:
        # "=_" can stand in neither encoding, so no part can hold the boundary.
        parts = [text_part("plain", text), text_part("html", html)]
        body = multipart("alternative", f"=_{boundary}", parts)
    else:
        body = text_part("html", html) if html else text_part("plain", text)
    if not files:
        return body
    # A boundary that starts with another one would end it.
    return multipart("mixed", f"=_files_{boundary}", [body, *map(file_part, files)])
