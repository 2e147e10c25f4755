"""The parts of a mail: texts and files as short lines of ASCII, ended by CRLF.

No line of what is written here begins with a dot, and no CR or LF stands alone, so
that the wire needs no further work (RFC 5321 4.5.2). It knows RFC 2045 and 2046; it
must not know headers of mails, addresses or servers.
"""

from __future__ import annotations

import binascii
import functools
import struct
from collections.abc import Sequence
from email.utils import quote
from urllib.parse import quote as percent_encoded

from txmsg.channels.attachments import File
from txmsg.channels.headers import LONGEST_PLAIN, cleaned_name

# Percent-encoded: a line of a mail has 998 octets at most.
_LONGEST_NAME = 900
_LONGEST_QUOTED_PRINTABLE = 1000
_LINE = 76
_LINES_AT_ONCE = 100


def text_part(subtype: str, content: str) -> bytes:
    """Write one text with its headers.

    A text of up to 1,000 octets that is mostly ASCII is quoted-printable: it can be
    read as it stands. A longer one is base64, a third longer and four times faster to
    write; so is what is not ASCII, which quoted-printable triples, and what would have
    a line that begins with a dot.
    """
    if "\r" in content:
        content = content.replace("\r\n", "\n").replace("\r", "\n")
    content = content.replace("\n", "\r\n")
    if not content.endswith("\r\n"):
        content += "\r\n"
    data = content.encode()
    # Outside ASCII a character has two to four octets.
    is_ascii_mostly = (len(data) - len(content)) * 5 <= len(content)
    if len(data) <= _LONGEST_QUOTED_PRINTABLE and is_ascii_mostly:
        lines = binascii.b2a_qp(data)
        if not lines.startswith(b".") and b"\r\n." not in lines:
            return _QUOTED_PRINTABLE[subtype] + lines
    return _BASE64[subtype] + base64_lines(data)


def file_part(file: File) -> bytes:
    """Write a file with its headers, in base64; its name by RFC 2231 where it must."""
    name = cleaned_name(file.name).replace("/", "_").replace("\\", "_") or "attachment"
    while len(percent_encoded(name, safe="")) > _LONGEST_NAME:
        stem, dot, ending = name.rpartition(".")
        name = f"{stem[:-1]}{dot}{ending}" if stem else ending[:-1]
    if name.isascii() and len(name) <= LONGEST_PLAIN:
        named = f'filename="{quote(name)}"'
    else:
        named = f"filename*=utf-8''{percent_encoded(name, safe='')}"
    head = (
        f"Content-Type: {file.media_type}\r\n"
        f"Content-Disposition: attachment;\r\n {named}\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\n"
    )
    return head.encode() + base64_lines(file.data)


def multipart(subtype: str, boundary: str, parts: Sequence[bytes]) -> bytes:
    """Write parts under a boundary that none of them holds."""
    head = f'Content-Type: multipart/{subtype};\r\n boundary="{boundary}"\r\n'
    # The line end before a boundary is its own, and no part's.
    line = f"\r\n--{boundary}".encode()
    pieces = [head.encode()]
    for part in parts:
        pieces += line, b"\r\n", part
    return b"".join([*pieces, line, b"--\r\n"])


def base64_lines(data: bytes) -> bytes:
    """Write octets as lines of base64; none for none."""
    text = binascii.b2a_base64(data, newline=False)
    whole = len(text) // _LINE
    lines: list[bytes] = []
    for first in range(0, whole, _LINES_AT_ONCE):
        count = min(_LINES_AT_ONCE, whole - first)
        lines += _cutter(count).unpack_from(text, first * _LINE)
    if rest := text[whole * _LINE :]:
        lines.append(rest)
    return b"\r\n".join(lines) + b"\r\n" if lines else b""


@functools.lru_cache(maxsize=_LINES_AT_ONCE)
def _cutter(count: int) -> struct.Struct:
    # The standard library encodes line by line, which takes twice as long.
    return struct.Struct(f"{_LINE}s" * count)


def _heads(encoding: str) -> dict[str, bytes]:
    return {
        subtype: (
            f"Content-Type: text/{subtype}; charset=utf-8\r\n"
            f"Content-Transfer-Encoding: {encoding}\r\n\r\n"
        ).encode()
        for subtype in ("plain", "html")
    }


_QUOTED_PRINTABLE = _heads("quoted-printable")
_BASE64 = _heads("base64")
