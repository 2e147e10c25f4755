"""The contract of a channel: a wave of rendered messages in, one outcome each out.

A channel knows providers and their answers; it must not know the database,
the queue, versions or events.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from templates_app.rendering.message import RenderedMessage


class OutcomeKind(enum.Enum):
    """What became of handing one message over."""

    SENT = "sent"
    """The provider has accepted it."""
    TRANSIENT = "transient"
    """Refused for now (SMTP 4xx for this recipient): try again later."""
    PERMANENT = "permanent"
    """Refused for good (SMTP 5xx for this recipient)."""
    ROUTE = "route"
    """The way to the provider is broken (connection, TLS, login, 421): certainly
    not sent, and not this message's fault, so nothing is counted against it."""
    SENDER = "sender"
    """The provider answered, and takes nothing from this sender: certainly not sent,
    and not this message's fault; what others send may go."""
    UNKNOWN = "unknown"
    """The connection was lost after the content went out and before the answer."""
    NOT_STARTED = "not_started"
    """Not a byte of it was sent; the wave ran out of time."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one message of a wave."""

    kind: OutcomeKind
    provider: str = ""
    provider_id: str = ""
    answer: str = ""
    """The provider's last words, for an operator; at most 500 characters."""
    reason: str = ""
    """One of `history.models.Reason`, for an outcome that is not SENT."""
    started_at: datetime | None = None
    ended_at: datetime | None = None


class Channel(Protocol):
    """Hands waves of messages to one provider, keeping its connection open."""

    is_remote: bool
    """Whether sending waits for a network and leaves our database alone: it may then
    be done in another thread, never in two at once."""

    repeats_are_safe: bool
    """Whether a message that is handed over again makes no second copy, since the
    provider takes the delivery's id as its key."""

    def send(
        self, wave: Sequence[RenderedMessage], *, deadline: float
    ) -> Sequence[Outcome]:
        """Hand each message over; return one outcome each, in order.

        `deadline` is a `time.monotonic()` value: no message is begun after it, and
        what is under way ends by it. Never raises for a message.
        """
        ...

    def close(self) -> None:
        """Give back connections; sending again opens them anew."""
        ...


def now() -> datetime:
    """The wall clock in UTC, for times of attempts (decisions take the database's)."""
    return datetime.now(UTC)
