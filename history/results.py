"""What recording is told and what it answers: values, no behaviour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from events.models import EventOutcome
from history.models import AttemptOutcome, DeliveryStatus, Reason


@dataclass(frozen=True, slots=True)
class Try:
    """One try to hand a message over, for the log of attempts."""

    outcome: AttemptOutcome
    started_at: datetime
    ended_at: datetime
    provider: str = ""
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a delivery ends. Of an event that was never routed, only the event ends."""

    id: UUID
    status: DeliveryStatus
    reason: Reason | None = None
    detail: str = ""
    execution_id: int | None = None
    provider: str = ""
    provider_id: str = ""
    answer: str = ""
    digest: bytes | None = None
    finished_at: datetime | None = None
    was_tried: bool = False
    event_outcome: EventOutcome | None = None
    """For an event that ends without a delivery; else its deliveries decide."""


@dataclass(frozen=True, slots=True)
class Postponement:
    """A delivery that is tried again after a delay, and the try that failed."""

    id: UUID
    delay_seconds: float
    last_try: Try


@dataclass(frozen=True, slots=True)
class Results:
    """What became of rows under one lease."""

    endings: Sequence[Ending] = ()
    postponed: Sequence[Postponement] = ()
    unknown: Sequence[Postponement] = ()
    """Sent again although they may have arrived: flagged from now on."""
    held: Sequence[Postponement] = ()


@dataclass(frozen=True, slots=True)
class Ended:
    """A row that has left work; `status` is None if it was an event not yet routed."""

    id: UUID
    execution_id: int | None
    status: str | None
    hour: datetime | None


@dataclass(slots=True)
class Recorded:
    """Which rows were recorded by us, and which had been lost to another lease."""

    own: set[UUID] = field(default_factory=set)
    fenced: set[UUID] = field(default_factory=set)
