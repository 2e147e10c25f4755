"""The drill's own channel: a provider over HTTP, with or without an idempotency key.

Named by the settings only while the drill runs. It knows the drill's peer and must not
know anything else of the drill.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Sequence
from typing import Self
from urllib.parse import urlsplit

from django.conf import settings

from events import failpoints
from templates_app.rendering.message import RenderedMessage
from txmsg.channels.base import Outcome, OutcomeKind, now


class PlainChannel:
    """Posts each message to the peer, which takes every request for a new message."""

    is_remote = True
    repeats_are_safe = False

    def __init__(self, address: str) -> None:
        """Take the peer's host and port."""
        self._address = address
        self._connection: http.client.HTTPConnection | None = None

    @classmethod
    def from_settings(cls) -> Self:
        """Build the channel to the peer that TXMSG_DRILL_URL names."""
        return cls(urlsplit(settings.TXMSG_DRILL_URL).netloc)

    def send(
        self, wave: Sequence[RenderedMessage], *, deadline: float
    ) -> Sequence[Outcome]:
        """Post each message; return one outcome each, in order."""
        return [self._outcome(message, deadline) for message in wave]

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _outcome(self, message: RenderedMessage, deadline: float) -> Outcome:
        if time.monotonic() >= deadline:
            return Outcome(OutcomeKind.NOT_STARTED, provider="drill")
        begun = now()
        try:
            connection = self._connect(deadline - time.monotonic())
        except OSError as error:
            return Outcome(OutcomeKind.ROUTE, answer=str(error), reason="route_down")
        body = json.dumps(
            {
                "delivery": str(message.delivery_id),
                "to": message.address,
                "parts": dict(message.parts),
                "headers": dict(message.headers),
            }
        )
        failpoints.reach("P5", [message.delivery_id])
        try:
            connection.request("POST", "/", body, self._headers(message))
            failpoints.reach("P6", [message.delivery_id])
            answer = connection.getresponse()
            told = json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            return Outcome(
                OutcomeKind.UNKNOWN,
                provider="drill",
                answer=f"{type(error).__name__}: {error}"[:500],
                reason="unknown_outcome",
                started_at=begun,
                ended_at=now(),
            )
        return Outcome(
            OutcomeKind.SENT,
            provider="drill",
            provider_id=told["id"],
            answer=str(answer.status),
            started_at=begun,
            ended_at=now(),
        )

    def _connect(self, seconds: float) -> http.client.HTTPConnection:
        """Return the connection, opened if need be, before a byte of a message."""
        if self._connection is None:
            made = http.client.HTTPConnection(self._address, timeout=seconds)
            made.connect()
            self._connection = made
        if self._connection.sock is not None:
            self._connection.sock.settimeout(seconds)
        return self._connection

    def _headers(self, _message: RenderedMessage) -> dict[str, str]:
        return {"Content-Type": "application/json"}


class KeyedChannel(PlainChannel):
    """Gives the delivery's id as Idempotency-Key: a repeat makes no second copy."""

    repeats_are_safe = True

    def _headers(self, message: RenderedMessage) -> dict[str, str]:
        return {
            **super()._headers(message),
            "Idempotency-Key": str(message.delivery_id),
        }
