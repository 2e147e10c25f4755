"""The channel that keeps what it is given, for channels with no provider yet and tests.

It must not know what is done with what it keeps.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Self

from templates_app.rendering.message import RenderedMessage
from txmsg.channels.base import Outcome, OutcomeKind, now
from txmsg.inbox import keep_captured

logger = logging.getLogger(__name__)

Keep = Callable[[Sequence[RenderedMessage]], None]
Answers = Callable[[RenderedMessage], Outcome]
_KEPT_IN_MEMORY = 1000


class CaptureChannel:
    """Keeps messages where operators, or tests, can see them."""

    is_remote = False
    repeats_are_safe = False

    def __init__(
        self, keep: Keep | None = None, *, answers: Answers | None = None
    ) -> None:
        """Keep by `keep`, else the newest thousand in `messages`.

        `answers` gives the outcome of each message, in place of "sent"; only those it
        calls sent are kept.
        """
        self.messages: deque[RenderedMessage] = deque(maxlen=_KEPT_IN_MEMORY)
        self._keep: Keep = keep or self.messages.extend
        self._answers: Answers = answers or sent

    @classmethod
    def from_settings(cls) -> Self:
        """Build the channel that shows what it keeps on the admin's Inbox page."""
        return cls(keep_captured)

    def send(
        self, wave: Sequence[RenderedMessage], *, deadline: float
    ) -> Sequence[Outcome]:
        """Keep the wave; return one outcome each, in order."""
        if time.monotonic() >= deadline:
            late = Outcome(
                OutcomeKind.NOT_STARTED,
                provider="capture",
                answer="The wave ran out of time.",
            )
            return [late] * len(wave)
        outcomes = [self._answers(message) for message in wave]
        kept = [
            message
            for message, outcome in zip(wave, outcomes, strict=True)
            if outcome.kind is OutcomeKind.SENT
        ]
        try:
            self._keep(kept)
        except Exception as error:
            logger.exception("captured messages were not kept")
            down = Outcome(
                OutcomeKind.ROUTE,
                provider="capture",
                answer=f"Not kept: {error}"[:500],
                reason="route_down",
                started_at=now(),
                ended_at=now(),
            )
            return [down] * len(wave)
        return outcomes

    def close(self) -> None:
        """Do nothing: there is no connection."""


def sent(message: RenderedMessage) -> Outcome:
    """Answer as a provider would that takes everything."""
    at = now()
    return Outcome(
        OutcomeKind.SENT,
        provider="capture",
        provider_id=str(message.delivery_id),
        answer="Kept, not sent: this channel has no provider.",
        started_at=at,
        ended_at=at,
    )
