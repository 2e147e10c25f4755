"""What an event must fulfil to be taken in: judged against its type, nothing stored.

Asks the database for event types alone, and only when memory does not say yes. How
events are stored and what they repeat is not known here.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from events import contract, known_types, pressure
from events.api_keys import Caller
from events.known_types import KnownType
from events.models import ContractMode, EventType, Scope, Stage, WhenUncovered
from events.problems import Fault, Refused
from events.routing import Route, reachable
from events.schemas import EventIn, parse_event

logger = logging.getLogger(__name__)

MAX_SCHEDULE = timedelta(days=365)
_RETENTION_MARGIN = timedelta(days=30)
_LONGEST_NAME = 64
_MOST_HINTS = 5
_FIELD_OF = {"email": "email", "sms": "phone", "push": "push"}


@dataclass(frozen=True, slots=True)
class Checked:
    """An event that fits: what is to be stored of it."""

    event: EventIn
    type: EventType
    lane: str
    route: Route
    stage: Stage
    recipient: dict[str, Any]
    warnings: list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of one body: `checked`, or why it is refused.

    `event` and `type` are there as soon as the body is an event of a type.
    """

    event: EventIn | None = None
    type: EventType | None = None
    checked: Checked | None = None
    refused: Refused | None = None

    @property
    def is_doubtful(self) -> bool:
        """Whether a newer event type could say better."""
        if self.checked is not None:
            return self.checked.stage == Stage.NOT_COVERED
        return self.type is not None


def judge(bodies: Sequence[dict[str, Any]], caller: Caller) -> list[Judged]:
    """Return what becomes of each body, in their order; nothing is stored yet."""
    names = [_name_in(body) for body in bodies]
    known = known_types.find({name for name in names if name})
    near = _near({name for name in names if name not in known}, caller)
    judged = [_judge(body, caller, known, near) for body in bodies]
    doubtful = [number for number, one in enumerate(judged) if one.is_doubtful]
    if doubtful:
        again = {names[number] for number in doubtful}
        known = known_types.find(again, fresh=True)
        for number in doubtful:
            judged[number] = _judge(bodies[number], caller, known, near)
    return judged


def _name_in(body: Mapping[str, Any]) -> str:
    """Return the name of a type in a body; empty if it can be none."""
    name = body.get("type")
    return name if isinstance(name, str) and len(name) <= _LONGEST_NAME else ""


def _judge(
    body: dict[str, Any],
    caller: Caller,
    known: Mapping[str, KnownType],
    near: Mapping[str, list[str]],
) -> Judged:
    name = _name_in(body)
    known_type = known.get(name)
    event: EventIn | None = None
    try:
        if known_type is None:
            raise _unknown_type(near.get(name, []))
        caller.require_type(name)
        event = parse_event(body)
        checked = _check(event, known_type, caller, body)
    except Refused as refused:
        event_type = known_type.type if known_type and event else None
        return Judged(event=event, type=event_type, refused=refused)
    return Judged(event=event, type=known_type.type, checked=checked)


def _near(unknown: Collection[str], caller: Caller) -> dict[str, list[str]]:
    """Return the names of types that resemble unknown ones; of a few only."""
    if not unknown:
        return {}
    names = EventType.objects.values_list("name", flat=True)
    if caller.allowed_types:
        names = names.filter(name__in=caller.allowed_types)
    by_lower = {name.lower(): name for name in names[:1000]}
    return {
        name: [
            by_lower[lower]
            for lower in difflib.get_close_matches(name.lower(), by_lower, n=3)
        ]
        for name in sorted(unknown)[:_MOST_HINTS]
    }


def _unknown_type(near: list[str]) -> Refused:
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    detail = f"There is no event type of this name.{hint}"
    return Refused(
        404,
        "unknown_event_type",
        detail,
        errors=[Fault("/type", "unknown_event_type", detail)],
        extra={"near": near},
    )


def _check(
    event: EventIn, known: KnownType, caller: Caller, body: Mapping[str, Any]
) -> Checked:
    """Return what is to be stored of an event; raise Refused with every fault."""
    event_type = known.type
    if event.lane == "critical":
        caller.require(Scope.EVENTS_CRITICAL)
    faults, warnings = _check_times(event, event_type)
    context_faults, context_warnings = _check_context(event, known)
    faults += context_faults
    warnings += context_warnings + _trimmed(event, body)
    recipient = event.recipient.given()
    routes = reachable(known.rules, wished=event.channel or "", recipient=recipient)
    covered = [r for r in routes if r.channel in event_type.live_channels]
    if not covered and (fault := _no_address(event, event_type, routes)):
        faults.append(fault)
    if faults:
        detail = faults[0].message
        if len(faults) > 1:
            detail += f" {len(faults) - 1} more: see errors."
        raise Refused(422, faults[0].code, detail, errors=faults)
    if not covered:
        warnings.append(_not_covered(event_type))
    lane = event.lane or event_type.lane
    pressure.require_room(lane)
    return Checked(
        event=event,
        type=event_type,
        lane=lane,
        route=(covered or routes)[0],
        stage=Stage.PENDING if covered or _is_later(event) else Stage.NOT_COVERED,
        recipient=recipient,
        warnings=[asdict(warning) for warning in warnings],
    )


def _check_context(event: EventIn, known: KnownType) -> tuple[list[Fault], list[Fault]]:
    """Hold a context against the contract; return faults if strict, and warnings."""
    event_type = known.type
    if event_type.contract_mode == ContractMode.OPEN:
        return [], []
    try:
        faults = contract.faults_by(known.contract, event.ctx)
    except contract.BrokenContract as error:
        logger.error("the contract of %s is broken: %s", event_type.name, error)
        raise Refused(
            409,
            "broken_contract",
            f"The contract of {event_type.name} is not a valid JSON Schema; it has to "
            "be mended in the admin.",
            retryable=True,
        ) from None
    is_strict = event_type.contract_mode == ContractMode.STRICT
    return (faults, []) if is_strict else ([], faults)


def _not_covered(event_type: EventType) -> Fault:
    """Return the warning of an event that waits; raise Refused if it may not."""
    missing = (
        f"No message is published for {event_type.name} on a channel that this event "
        "can take"
    )
    if event_type.when_uncovered == WhenUncovered.REJECT:
        raise Refused(
            409,
            "not_published",
            f"{missing}. Publish one, or let the event type store such events.",
            retryable=True,
        )
    return Fault("/type", "not_covered", f"{missing}: it waits for one.")


def _trimmed(event: EventIn, body: Mapping[str, Any]) -> list[Fault]:
    """Return a warning of each address around which blanks were taken off."""
    given, kept = body["recipient"], event.recipient
    pairs = (("email", kept.email), ("phone", kept.phone))
    return [
        Fault(f"/recipient/{name}", "address_trimmed", "Blanks were taken off.")
        for name, address in pairs
        if address and given[name] != address and given[name] != given[name].strip(" ")
    ]


def _is_later(event: EventIn) -> bool:
    """Say whether an event waits for its time: what covers it then is seen then."""
    return event.scheduled_at is not None and event.scheduled_at > datetime.now(UTC)


def _check_times(
    event: EventIn, event_type: EventType
) -> tuple[list[Fault], list[Fault]]:
    faults: list[Fault] = []
    warnings: list[Fault] = []
    if event.expires_at is None and event.scheduled_at is None:
        return faults, warnings
    now = datetime.now(UTC)
    kept = timedelta(days=event_type.retention_days) - _RETENTION_MARGIN
    longest = min(MAX_SCHEDULE, max(kept, timedelta(days=1)))
    expires_at, scheduled_at = event.expires_at, event.scheduled_at

    def fault(pointer: str, code: str, sentence: str) -> None:
        faults.append(Fault(pointer, code, f"{pointer} {sentence}."))

    if expires_at is not None and expires_at <= now:
        fault("/expires_at", "already_expired", "is in the past")
    elif expires_at is not None and expires_at > now + longest:
        fault("/expires_at", "expires_too_far", f"is over {longest.days} days ahead")
    if scheduled_at is None:
        return faults, warnings
    if scheduled_at > now + longest:
        fault("/scheduled_at", "schedule_too_far", f"is over {longest.days} days ahead")
    elif expires_at is not None and scheduled_at >= expires_at:
        fault("/scheduled_at", "expires_before_schedule", "is not before expires_at")
    elif scheduled_at <= now:
        sentence = "/scheduled_at is in the past; it is sent now."
        warnings.append(Fault("/scheduled_at", "scheduled_in_past", sentence))
    return faults, warnings


def _no_address(
    event: EventIn, event_type: EventType, routes: Sequence[Route]
) -> Fault | None:
    """Return the fault of an event without an address where a message is published.

    None when nothing is published where it wishes to go, or anywhere: that is not the
    caller's to mend.
    """
    order = [event.channel] if event.channel else event_type.channel_order
    live = [channel for channel in order if channel in event_type.live_channels]
    if routes and not live:
        return None
    places = [f"/recipient/{_FIELD_OF[channel]}" for channel in live or order]
    why = "; no message is published on the channels of its addresses" if routes else ""
    return Fault(
        places[0] if places else "/recipient",
        "recipient_required",
        f"{' or '.join(places) or 'A channel'} is needed to send this event{why}.",
    )
