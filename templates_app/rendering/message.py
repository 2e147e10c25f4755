"""What rendering makes and channels send; knows neither database nor channel."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from uuid import UUID


@dataclass(frozen=True, slots=True)
class RenderedMessage:
    """One message to one recipient on one channel, ready to hand over.

    `parts` are the rendered texts by name, in the order of the channel:
    email ``{"subject": …, "html": …, "text": …}``; SMS ``{"text": …}``;
    push ``{"title": …, "body": …, "image": …, "data": "<JSON object>"}``.
    `headers` say who it is from, for email ``{"from_name", "from_address",
    "reply_to"}``; values are rendered and hold no control characters.
    """

    delivery_id: UUID
    channel: str
    address: str
    recipient_name: str
    parts: dict[str, str]
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> bytes:
        """The first 16 bytes of SHA-256 over headers and parts."""
        canonical = json.dumps(
            [self.channel, self.headers, self.parts],
            ensure_ascii=False,
            sort_keys=True,
            separators=(",", ":"),
        )
        return hashlib.sha256(canonical.encode()).digest()[:16]
