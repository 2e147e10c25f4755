"""From a rendered message to the mail on the wire: addresses, headers, MIME parts.

It knows what RFC 5322, 2047 and 6531 ask of a mail; it must not know servers, queues
or templates. The standard library's message class is the tests' oracle and not used
here: it takes an encoded word inside a name as if we had meant it, lets a line break
in a header through before 3.11.15, 3.12.13 and 3.13.12, and costs a millisecond.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from email.header import Header
from email.utils import format_datetime, parseaddr, quote
from urllib.parse import quote as percent_encoded

import idna

from templates_app.rendering.message import RenderedMessage
from txmsg.channels.attachments import File
from txmsg.channels.base import now

_HEADER_NAME = re.compile(r"[!-9;-~]+")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)
_ATOM = r"[\w!#$%&'*+/=?^`{|}~-]+"
_DOT_ATOM = re.compile(rf"{_ATOM}(\.{_ATOM})*")
_PLAIN_PHRASE = re.compile(r"[A-Za-z0-9 ]*")
# Line ends in Unicode's eyes only: ordinary text here, where CR and LF are refused.
_SEPARATORS = {0x2028: " ", 0x2029: " "}
_TEXT_LINE_END = re.compile(r"\r\n|\r|\n")
_LINE_BREAKS = re.compile("[\r\n\u2028\u2029]+")
# Embeddings, overrides and isolates reorder what stands beside them on the screen.
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
_KNOWN_HEADERS = frozenset({"from_name", "from_address", "reply_to"})
_LONGEST_PLAIN = 60
_LONGEST_REPLY_TO = 998  # the parser would follow what is nested in a longer one
# Percent-encoded: a line of a mail has 998 octets at most.
_LONGEST_NAME = 900


class AddressError(ValueError):
    """An address that cannot be written into a mail, with the reason in words."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail and its envelope."""

    sender: str
    recipient: str
    content: bytes
    """The mail with CRLF line ends, not dot-stuffed."""
    utf8: bool
    """Whether an address is not ASCII, so that only an SMTPUTF8 server can take it."""


def build(message: RenderedMessage, *, default_from: str) -> bytes:
    """Write the mail; `default_from` serves where the message names no sender.

    Raise ValueError for what must not stand in a mail: see `compose`.
    """
    return compose(message, default_from=default_from).content


def compose(
    message: RenderedMessage, *, default_from: str, files: Sequence[File] = ()
) -> Letter:
    """Write the mail and its envelope; `files` are attached.

    Raise AddressError for an address that no mail can carry, ValueError for control
    characters in the subject or in who it is from, and for a header not known here.
    """
    if unknown := message.headers.keys() - _KNOWN_HEADERS:
        raise ValueError(f"unknown headers: {', '.join(sorted(unknown))}")
    default_name, default_address = parseaddr(default_from)
    from_address = message.headers.get("from_address", "")
    from_name = message.headers.get("from_name", "")
    sender = normalized(from_address or default_address)
    recipient = normalized(message.address)
    if not from_address:
        from_name = from_name or default_name
    domain = sender.rpartition("@")[2]
    headers = [
        ("From", mailbox(from_name, sender)),
        ("To", mailbox(cleaned_name(message.recipient_name), recipient)),
        ("Subject", encoded(message.parts.get("subject", ""))),
        ("Date", format_datetime(now())),
        ("Message-ID", f"<{message.delivery_id}@{domain}>"),
        ("X-Txmsg-Delivery", str(message.delivery_id)),
        ("Auto-Submitted", "auto-generated"),
    ]
    if reply_to := message.headers.get("reply_to", ""):
        if len(reply_to) > _LONGEST_REPLY_TO:
            raise AddressError(f"{_shown(reply_to)} is longer than an address may be")
        reply_name, reply_address = parseaddr(reply_to)
        headers.append(("Reply-To", mailbox(reply_name, normalized(reply_address))))
    head = "".join(header_line(name, value) for name, value in headers)
    return Letter(
        sender=sender,
        recipient=recipient,
        content=head.encode() + b"MIME-Version: 1.0\r\n" + _with_files(message, files),
        utf8=not (sender.isascii() and recipient.isascii()),
    )


def normalized(address: str) -> str:
    """Return the address with its domain in ASCII (punycode); its name part stays.

    Raise AddressError unless it is one plain `name@domain`.
    """
    local, at, domain = address.rpartition("@")
    if not at or not _DOT_ATOM.fullmatch(local):
        raise AddressError(f"{_shown(address)} is not one plain email address")
    # IDNA would drop invisible characters, and the mail would go where it does not say.
    if any(unicodedata.category(c) == "Cf" for c in domain):
        raise AddressError(f"{_shown(address)} has invisible characters")
    try:
        # IDNA's rules would refuse some old domains that are plain ASCII.
        ascii_domain = (
            domain.lower()
            if domain.isascii()
            else idna.encode(domain, uts46=True).decode("ascii")
        )
        result = f"{local}@{ascii_domain}"
        octets = len(local.encode()), len(result.encode())
    except UnicodeError as error:
        raise AddressError(f"{_shown(address)}: {error}") from error
    if not all(_LABEL.fullmatch(label) for label in ascii_domain.split(".")):
        raise AddressError(f"{_shown(address)} has no domain that mail can be sent to")
    if octets[0] > 64 or octets[1] > 254:
        raise AddressError(f"{_shown(address)} is longer than an address may be")
    return result


def cleaned_name(name: str) -> str:
    """Return the name on one line, without controls and reordering characters."""
    spaced = _BIDI.sub("", _LINE_BREAKS.sub(" ", name.replace("\t", " ")))
    kept = "".join(c for c in spaced if unicodedata.category(c) not in {"Cc", "Cs"})
    return " ".join(kept.split())


def mailbox(name: str, address: str) -> str:
    """Write `name <address>`, the name quoted or encoded where it must be."""
    if not name:
        return address
    if _PLAIN_PHRASE.fullmatch(name) or not _is_plain(name):
        return f"{encoded(name)}\r\n <{address}>"
    return f'"{quote(encoded(name))}" <{address}>'


def encoded(text: str) -> str:
    """Write text for a header: as it is when short and plain, else as encoded words.

    Raise ValueError for control characters.
    """
    text = text.translate(_SEPARATORS).strip(" ")
    if any(unicodedata.category(c) in {"Cc", "Cs"} for c in text):
        raise ValueError(f"control characters in {_shown(text)}")
    if _is_plain(text):
        return text
    words = Header(text, charset="utf-8", maxlinelen=75, header_name="Subject")
    return words.encode(linesep="\r\n")


def header_line(name: str, value: str) -> str:
    """Write `name: value` and its line end.

    `value` may be folded (CRLF and a space). Raise ValueError for a name that is not
    an RFC 5322 field name, and for controls or unfolded line breaks in the value.
    """
    if not _HEADER_NAME.fullmatch(name):
        raise ValueError(f"{_shown(name)} is not a header name")
    unfolded = value.replace("\r\n ", " ")
    if any(unicodedata.category(c) == "Cc" for c in unfolded):
        raise ValueError(f"control characters in header {name}")
    return f"{name}: {value}\r\n"


def _is_plain(text: str) -> bool:
    # "=?" would be read as an encoded word; long text must be foldable anywhere.
    return text.isascii() and len(text) <= _LONGEST_PLAIN and "=?" not in text


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 80 else f"{text[:77]}...")


def _with_files(message: RenderedMessage, files: Sequence[File]) -> bytes:
    """Write the body, and each file as a part beside it."""
    body = _body(message)
    if not files:
        return body
    # A boundary that starts with another one would end it.
    boundary = f"=_files_{message.delivery_id.hex}".encode()
    return _multipart("mixed", boundary, [body, *map(_file, files)])


def _body(message: RenderedMessage) -> bytes:
    """Write the MIME headers, the empty line and the parts there are, text first."""
    named = [("plain", message.parts.get("text")), ("html", message.parts.get("html"))]
    parts = [_part(subtype, content) for subtype, content in named if content]
    if len(parts) < 2:
        return parts[0] if parts else _part("plain", "")
    # "=_" can stand in neither encoding, so no part can hold the boundary.
    boundary = f"=_{message.delivery_id.hex}".encode()
    return _multipart("alternative", boundary, parts)


def _multipart(subtype: str, boundary: bytes, parts: Sequence[bytes]) -> bytes:
    return b"".join(
        [
            b"Content-Type: multipart/%b;\r\n" % subtype.encode(),
            b' boundary="%b"\r\n\r\n' % boundary,
            *(b"--%b\r\n%b" % (boundary, part) for part in parts),
            b"--%b--\r\n" % boundary,
        ]
    )


def _file(file: File) -> bytes:
    """Write a file with its headers, in base64; its name by RFC 2231 where it must."""
    name = cleaned_name(file.name).replace("/", "_").replace("\\", "_") or "attachment"
    while len(percent_encoded(name, safe="")) > _LONGEST_NAME:
        stem, dot, ending = name.rpartition(".")
        name = f"{stem[:-1]}{dot}{ending}" if stem else ending[:-1]
    if name.isascii() and len(name) <= _LONGEST_PLAIN:
        named = f'filename="{quote(name)}"'
    else:
        named = f"filename*=utf-8''{percent_encoded(name, safe='')}"
    head = (
        f"Content-Type: {file.media_type}\r\n"
        f"Content-Disposition: attachment;\r\n {named}\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\n"
    )
    return head.encode() + base64.encodebytes(file.data).replace(b"\n", b"\r\n")


def _part(subtype: str, content: str) -> bytes:
    """Write one text with its headers; either encoding has short lines in ASCII."""
    data = _TEXT_LINE_END.sub("\r\n", content).encode()
    if not data.endswith(b"\r\n"):
        data += b"\r\n"
    # Quoted-printable triples what is not ASCII, base64 adds a third to all.
    if len(data) - len(content) > len(content) / 5:
        encoding, lines = "base64", base64.encodebytes(data).replace(b"\n", b"\r\n")
    else:
        encoding, lines = "quoted-printable", binascii.b2a_qp(data)
    head = (
        f"Content-Type: text/{subtype}; charset=utf-8\r\n"
        f"Content-Transfer-Encoding: {encoding}\r\n\r\n"
    )
    return head.encode() + lines
