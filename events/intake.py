"""The door: takes an event in, once and for good, or refuses it with every reason.

202 is answered after the commit. What an event must fulfil: `events.admission`; whether
a request was made before: `events.identities`; how it is stored: `events.storing`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from events import (
    admission,
    failpoints,
    identities,
    ids,
    rates,
    ringing,
    storing,
)
from events.admission import Checked
from events.api_keys import Caller
from events.identities import Earlier
from events.models import IdentityKind, Stage
from events.problems import Refused

# A key can be freed between our insert, which it stopped, and our look at its event.
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Accepted:
    """An event that was taken in, now or by an earlier request."""

    id: UUID
    type: str
    external_id: str
    received_at: datetime
    status: str = "pending"
    warnings: list[dict[str, str]] = field(default_factory=list)
    is_replay: bool = False
    is_duplicate: bool = False


def accept(
    body: dict[str, Any], *, caller: Caller, idempotency_key: str = ""
) -> Accepted:
    """Take in one event; raise Refused with every fault.

    The same idempotency key, or the same type and external id, with the same data
    answer with the event of the first time; with other data they are refused (409). A
    parallel twin waits for the first. Commits, then rings for the lane.
    """
    (judged,) = rates.throttled(admission.judge([body], caller))
    if judged.event is None or judged.type is None:
        raise judged.refused or AssertionError
    request = identities.request_of(
        body,
        source_id=caller.source_id,
        type_id=judged.type.pk,
        external_id=judged.event.external_id or "",
        idempotency_key=idempotency_key,
    )
    if judged.checked is None:
        # A repeated request may come when its event has expired, or its message was
        # unpublished: it is answered all the same.
        earlier = identities.earlier(request)
        if earlier is None:
            raise judged.refused or AssertionError
        return replayed(earlier)
    for _ in range(_TRIES):
        accepted = _store(judged.checked, request, caller)
        if accepted is not None:
            return accepted
        earlier = identities.earlier(request)
        if earlier is not None:
            return replayed(earlier)
    raise freed()


def freed() -> Refused:
    """Return the answer when a key stops inserts and has no event, time and again."""
    sentence = "The event with this key was removed just now: send the request again."
    headers = {"Retry-After": "1"}
    return Refused(503, "unavailable", sentence, retryable=True, headers=headers)


def _store(
    checked: Checked, request: identities.Request, caller: Caller
) -> Accepted | None:
    """Write an event, commit and ring; None when another event has one of its keys."""
    event_id = ids.new_event_id()
    received_at = storing.store(checked, event_id, request, caller)
    if received_at is None:
        return None
    failpoints.reach("P0", [event_id])
    if is_due(checked, received_at):
        ringing.ring_on_commit(checked.lane)
    return taken_in(checked, event_id, received_at)


def is_due(checked: Checked, received_at: datetime) -> bool:
    """Say whether an event wants a worker now."""
    scheduled_at = checked.event.scheduled_at
    return checked.stage == Stage.PENDING and not (
        scheduled_at and scheduled_at > received_at
    )


def taken_in(checked: Checked, event_id: UUID, received_at: datetime) -> Accepted:
    """Return the answer for an event that was stored."""
    return Accepted(
        id=event_id,
        type=checked.type.name,
        external_id=checked.event.external_id or "",
        received_at=received_at,
        status=str(checked.stage),
        warnings=checked.warnings,
    )


def replayed(earlier: Earlier) -> Accepted:
    """Return the first answer to a request; what it was is read from its warnings."""
    waits = any(w["code"] == Stage.NOT_COVERED for w in earlier.warnings)
    return Accepted(
        id=earlier.id,
        type=earlier.type,
        external_id=earlier.external_id,
        received_at=earlier.received_at,
        status=str(Stage.NOT_COVERED if waits else Stage.PENDING),
        warnings=earlier.warnings,
        is_replay=earlier.kind == IdentityKind.IDEMPOTENCY_KEY,
        is_duplicate=earlier.kind == IdentityKind.EXTERNAL_ID,
    )
