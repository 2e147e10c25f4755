"""Header fields of a mail: names, texts and lines that hold nothing but themselves.

It knows what RFC 5322 and 2047 ask of a field; it must not know which fields a mail
has. The standard library's writer is the tests' oracle and not used here: it takes an
encoded word inside a name as if we had meant it, lets a line break through before
3.11.15, 3.12.13 and 3.13.12, and costs a tenth of a millisecond.
"""

from __future__ import annotations

import binascii
import re
import unicodedata
from collections.abc import Sequence
from email.utils import quote

from txmsg.channels.addresses import shown

LONGEST_PLAIN = 60
"""Above this, ASCII too is written in encoded words, which can be folded anywhere."""
_HEADER_NAME = re.compile(r"[!-9;-~]+")
_PLAIN_PHRASE = re.compile(r"[A-Za-z0-9 ]*")
# Line ends in Unicode's eyes only: ordinary text here, where CR and LF are refused.
_SEPARATORS = {0x2028: " ", 0x2029: " "}
_LINE_BREAKS = re.compile("[\r\n\u2028\u2029]+")
# Embeddings, overrides and isolates reorder what stands beside them on the screen.
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")

# An encoded word has 75 characters at most, twelve of them around the text. The first
# stands behind the field's name, of which ours have ten characters at most.
_WORD, _FIRST_WORD = 63, 53
# What may stand for itself in an encoded word wherever the word stands (RFC 2047 5).
_AS_IT_IS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/"
_Q = [
    chr(octet) if octet in _AS_IT_IS else "_" if octet == 0x20 else f"={octet:02X}"
    for octet in range(256)
]


def cleaned_name(name: str) -> str:
    """Return the name on one line, without controls and reordering characters."""
    if not name.isprintable():
        name = _BIDI.sub("", _LINE_BREAKS.sub(" ", name.replace("\t", " ")))
        name = "".join(c for c in name if unicodedata.category(c) not in {"Cc", "Cs"})
    return " ".join(name.split())


def mailbox(name: str, address: str) -> str:
    """Write `name <address>`, the name quoted or encoded where it must be."""
    if not name:
        return address
    if _PLAIN_PHRASE.fullmatch(name) or not _is_plain(name):
        return f"{encoded(name)}\r\n <{address}>"
    quoted = f'"{quote(encoded(name))}"'
    fold = "\r\n" if len(quoted) + len(address) > LONGEST_PLAIN else ""
    return f"{quoted}{fold} <{address}>"


def encoded(text: str) -> str:
    """Write text for a header: as it is when short and plain, else as encoded words.

    Raise ValueError for control characters.
    """
    # No control character is printable, in Unicode's terms as in Python's.
    if not text.isprintable():
        text = text.translate(_SEPARATORS)
        if any(unicodedata.category(c) in {"Cc", "Cs"} for c in text.strip(" ")):
            raise ValueError(f"control characters in {shown(text)}")
    text = text.strip(" ")
    return text if _is_plain(text) else "\r\n ".join(_encoded_words(text.encode()))


def header_line(name: str, value: str) -> str:
    """Write `name: value` and its line end.

    `value` may be folded (CRLF and a space). Raise ValueError for a name that is not
    an RFC 5322 field name, and for controls or unfolded line breaks in the value.
    """
    if not _HEADER_NAME.fullmatch(name):
        raise ValueError(f"{shown(name)} is not a header name")
    unfolded = value.replace("\r\n ", " ")
    if not unfolded.isprintable() and any(
        unicodedata.category(c) == "Cc" for c in unfolded
    ):
        raise ValueError(f"control characters in header {name}")
    return f"{name}: {value}\r\n"


def _is_plain(text: str) -> bool:
    # "=?" would be read as an encoded word; long text must be foldable anywhere.
    return text.isascii() and len(text) <= LONGEST_PLAIN and "=?" not in text


def _encoded_words(text: bytes) -> Sequence[str]:
    """Write UTF-8 as encoded words, in the shorter of the two ways there are."""
    quoted = len(text) + 2 * len(text.translate(None, _AS_IT_IS + b" "))
    if quoted > (len(text) + 2) // 3 * 4:
        return _base64_words(text)
    return _quoted_words(text)


def _base64_words(text: bytes) -> Sequence[str]:
    words: list[str] = []
    start, room = 0, _FIRST_WORD // 4 * 3
    while start < len(text):
        end = start + room
        while end < len(text) and _is_inside(text[end]):
            end -= 1
        written = binascii.b2a_base64(text[start:end], newline=False).decode("ascii")
        words.append(f"=?utf-8?b?{written}?=")
        start, room = end, _WORD // 4 * 3
    return words


def _quoted_words(text: bytes) -> Sequence[str]:
    words: list[str] = []
    start, room = 0, _FIRST_WORD
    if len(whole := "".join([_Q[octet] for octet in text])) <= room:
        return [f"=?utf-8?q?{whole}?="]
    while start < len(text):
        end = start
        while end < len(text) and room >= len(_Q[text[end]]):
            room -= len(_Q[text[end]])
            end += 1
        while end < len(text) and _is_inside(text[end]):
            end -= 1
        written = "".join(_Q[octet] for octet in text[start:end])
        words.append(f"=?utf-8?q?{written}?=")
        start, room = end, _WORD
    return words


def _is_inside(octet: int) -> bool:
    # A word is cut between characters: each must be readable by itself.
    return octet & 0xC0 == 0x80
