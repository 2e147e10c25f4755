"""Cursors: where the next page of a list begins, as a text that only we can make.

A cursor belongs to its question: with another one, or changed, it is refused.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import Any
from uuid import UUID

from django.utils.crypto import salted_hmac

from events import strict_json
from events.problems import Fault, Refused

_TAG_BYTES = 8


def make(position: UUID, *, question: Any) -> str:
    """Return the cursor of a page that begins behind a position."""
    return _text(position.bytes + _tag(position.bytes, question))


def read(cursor: str, *, question: Any) -> UUID:
    """Return the position in a cursor; raise Refused (422) if it is none of ours."""
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except (ValueError, binascii.Error):
        raw = b""
    position, tag = raw[:16], raw[16:]
    if _text(raw) != cursor or not hmac.compare_digest(tag, _tag(position, question)):
        detail = (
            "?cursor is none that this address gave for this question: send one as it "
            "came, with the same parameters."
        )
        fault = Fault("?cursor", "invalid_cursor", detail)
        raise Refused(422, "invalid_cursor", detail, errors=[fault])
    return UUID(bytes=position)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _tag(position: bytes, question: Any) -> bytes:
    about = position + strict_json.canonical(question)
    made = salted_hmac("txmsg.api.cursors", about, algorithm="sha256").digest()
    return made[:_TAG_BYTES]
