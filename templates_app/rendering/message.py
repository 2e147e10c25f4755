"""What rendering makes and channels send; knows neither database nor channel."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that travels with an email, fetched from its address when it is sent.

    `name` is what the recipient sees: one line, no path. `when_missing` says what
    happens when it cannot be fetched: ``fail`` (nothing is sent) or ``skip``.
    """

    url: str
    name: str
    when_missing: str = "fail"


@dataclass(frozen=True, slots=True)
class RenderedMessage:
    """One message to one recipient on one channel, ready to hand over.

    `parts` are the rendered texts by name, in the order of the channel:
    email ``{"subject": …, "html": …, "text": …}``; SMS ``{"text": …}``;
    push ``{"title": …, "body": …, "image": …, "data": "<JSON object>"}``,
    with ``options`` (a JSON object by platform) only where there are any.
    `headers` say who it is from, for email ``{"from_name", "from_address",
    "reply_to"}``; values are rendered and hold no control characters.
    """

    delivery_id: UUID
    channel: str
    address: str
    recipient_name: str
    parts: dict[str, str]
    headers: dict[str, str] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()

    @property
    def digest(self) -> bytes:
        """The first 16 bytes of SHA-256 over headers, parts and attachments.

        A message without attachments has the digest it had before there were any.
        """
        facts: list[Any] = [self.channel, self.headers, self.parts]
        if self.attachments:
            facts.append([[a.url, a.name, a.when_missing] for a in self.attachments])
        canonical = json.dumps(
            facts,
            ensure_ascii=False,
            sort_keys=True,
            separators=(",", ":"),
        )
        return hashlib.sha256(canonical.encode()).digest()[:16]
