"""Rows of work as a claim meets them, and as it hands them on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from events.facts import StoredFacts
from events.models import Stage
from events.routing import LiveVersion, Route

DEATHS_ALLOWED = 3


@dataclass(slots=True, eq=False)
class Item:
    """A row of work under a lease of this worker; nobody changes it after the claim.

    `crashed`: its worker died over it alone too often. `expired`: it is not worth
    sending any more. Other rows are routed and pinned to a version.
    """

    id: UUID
    event_id: UUID
    type_id: int
    stage: str
    channel: str
    address: str
    version_id: int | None
    pinned_at: datetime | None
    expires_at: datetime
    attempts: int
    possible_duplicate: bool
    retry_of: UUID | None
    marked_at: datetime | None
    expired: bool
    crashed: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """What one claim brought.

    `low_water` is the earliest due time seen: nothing of this lane is due before it,
    but for rows that others held locked. `parked` rows wait for a message. `facts` are
    those of the items' events, by event id, but for items that expired.
    """

    lease_no: int = 0
    items: Sequence[Item] = ()
    low_water: datetime | None = None
    is_full: bool = False
    parked: int = 0
    facts: Mapping[UUID, StoredFacts] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Row(Item):
    """A due row of Work, and what the claim makes of it."""

    due_at: datetime
    lease_no: int
    lease_owner: str
    lease_size: int
    begun: int
    deaths: int
    is_parked: bool = False

    def take(self, route: Route, version: LiveVersion, now: datetime) -> None:
        """Send this row by a route, or let it wait while the message is paused."""
        self.channel, self.address = route.channel, route.address
        if version.is_paused:
            self.stage, self.is_parked = Stage.PAUSED.value, True
            return
        self.stage = (Stage.RETRY if self.attempts else Stage.QUEUED).value
        if self.version_id is None:
            self.version_id, self.pinned_at = version.id, now

    def unpin(self) -> None:
        """Let the next claim that sends this row pin what is live then."""
        self.version_id = self.pinned_at = None

    def wait(self, stage: Stage) -> None:
        """Let the event wait unrouted."""
        self.stage, self.is_parked = stage.value, True
        self.channel, self.address = "", ""

    def count_death(self) -> None:
        """Hold a death against this row."""
        self.deaths += 1
        self.crashed = self.deaths >= DEATHS_ALLOWED
