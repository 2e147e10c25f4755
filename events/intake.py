"""The door: takes an event in, once and for good, or refuses it with every reason.

Writes events and their first row of work, in one transaction; 202 is answered after
its commit. It asks nobody but the database: which channels have a message stands in
`EventType.live_channels`. Whether a request was made before: `events.identities`.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from events import contract, doorbell, identities, ids, strict_json
from events.api_keys import Caller
from events.identities import Earlier
from events.models import (
    ContractMode,
    EventType,
    IdentityKind,
    Scope,
    Stage,
    WhenUncovered,
)
from events.problems import Fault, Refused
from events.routing import Route, TypeRules, reachable
from events.schemas import EventIn, parse_event

logger = logging.getLogger(__name__)

MAX_SCHEDULE = timedelta(days=365)
_RETENTION_MARGIN = timedelta(days=30)
# A key can be freed between our insert, which it stopped, and our look at its event.
_TRIES = 3
_FIELD_OF = {"email": "email", "sms": "phone", "push": "push"}
_INSERT = """
    WITH clock AS (SELECT clock_timestamp() AS now), times AS (
        SELECT now, coalesce(
            %(expires)s,
            greatest(now, coalesce(%(scheduled)s, now))
                + make_interval(secs => %(ttl)s)) AS expires_at
        FROM clock
    ), event AS (
        INSERT INTO events_event (
            id, type_id, source_id, lane, channel, outcome, reason, external_id,
            correlation_id, origin, address, scheduled_at, expires_at, received_at)
        SELECT %(id)s, %(type)s, %(source)s, %(lane)s, %(channel)s, '', '',
               %(external_id)s, %(correlation_id)s, %(origin)s, %(address)s,
               %(scheduled)s, expires_at, now
        FROM times
    ), context AS (
        INSERT INTO events_eventcontext (event_id, ctx, recipient, metadata, warnings)
        VALUES (%(id)s, %(ctx)s, %(recipient)s, %(metadata)s, %(warnings)s)
    )
    INSERT INTO events_work (
        id, event_id, type_id, lane, stage, channel, address, due_at, expires_at,
        attempts, lease_no, lease_owner, lease_size, begun, deaths, possible_duplicate)
    SELECT %(work)s, %(id)s, %(type)s, %(lane)s, %(stage)s, '', '',
           CASE WHEN %(stage)s = 'not_covered' THEN expires_at
                ELSE greatest(now, coalesce(%(scheduled)s, now)) END,
           expires_at, 0, 0, '', 0, 0, 0, false
    FROM times
    RETURNING (SELECT now FROM clock)
"""


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


@dataclass(frozen=True, slots=True)
class _Checked:
    """An event that fits: what is to be stored of it."""

    event: EventIn
    type: EventType
    lane: str
    route: Route
    stage: Stage
    warnings: list[dict[str, str]]


def accept(
    body: dict[str, Any], *, caller: Caller, idempotency_key: str = ""
) -> Accepted:
    """Take in one event; raise Refused with every fault.

    The same idempotency key, or the same type and external id, with the same data
    answer with the event of the first time; with other data they are refused (409). A
    parallel twin waits for the first. Commits, then rings for the lane.
    """
    event_type = _event_type(body.get("type"), caller)
    event = parse_event(body)
    request = identities.request_of(
        body,
        source_id=caller.source_id,
        type_id=event_type.pk,
        external_id=event.external_id or "",
        idempotency_key=idempotency_key,
    )
    try:
        checked = _check(event, event_type, caller, body)
    except Refused:
        # A repeated request may come when its event has expired, or its message was
        # unpublished: it is answered all the same.
        earlier = identities.earlier(request)
        if earlier is None:
            raise
        return _replayed(earlier)
    for _ in range(_TRIES):
        taken = _store(checked, request, caller)
        if isinstance(taken, Accepted):
            return taken
        earlier = identities.earlier(request, [taken])
        if earlier is not None:
            return _replayed(earlier)
    sentence = "The event with this key was removed just now: send the request again."
    headers = {"Retry-After": "1"}
    raise Refused(503, "unavailable", sentence, retryable=True, headers=headers)


def _store(
    checked: _Checked, request: identities.Request, caller: Caller
) -> Accepted | identities.Key:
    """Write an event, commit and ring; or return the key that another event has."""
    event_id = ids.new_event_id()
    with transaction.atomic():
        taken = identities.take(request, event_id)
        if taken is not None:
            # What this transaction inserted so far belongs to no event.
            transaction.set_rollback(True)
            return taken
        received_at = _insert(checked, event_id, caller)
        scheduled_at = checked.event.scheduled_at
        if checked.stage == Stage.PENDING and not (
            scheduled_at and scheduled_at > received_at
        ):
            doorbell.ring_on_commit(checked.lane)
    return Accepted(
        id=event_id,
        type=checked.type.name,
        external_id=checked.event.external_id or "",
        received_at=received_at,
        status=str(checked.stage),
        warnings=checked.warnings,
    )


def _replayed(earlier: Earlier) -> Accepted:
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


def _event_type(name: Any, caller: Caller) -> EventType:
    event_type = (
        EventType.objects.filter(name=name).first()
        if isinstance(name, str) and len(name) <= 64
        else None
    )
    if event_type is None:
        raise _unknown_type(name if isinstance(name, str) else "", caller)
    caller.require_type(event_type.name)
    return event_type


def _unknown_type(name: str, caller: Caller) -> Refused:
    names = EventType.objects.values_list("name", flat=True)
    if caller.allowed_types:
        names = names.filter(name__in=caller.allowed_types)
    by_lower = {known.lower(): known for known in names[:1000]}
    found = difflib.get_close_matches(name[:64].lower(), list(by_lower), n=3)
    near = [by_lower[lower] for lower in found]
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
    event: EventIn, event_type: EventType, caller: Caller, body: Mapping[str, Any]
) -> _Checked:
    """Return what is to be stored of an event; raise Refused with every fault."""
    if event.lane == "critical":
        caller.require(Scope.EVENTS_CRITICAL)
    faults, warnings = _check_times(event, event_type)
    context_faults, context_warnings = _check_context(event, event_type)
    faults += context_faults
    warnings += context_warnings + _trimmed(event, body)
    routes = reachable(
        TypeRules(tuple(event_type.channel_order), event_type.fan_out),
        wished=event.channel or "",
        recipient=event.recipient.model_dump(exclude_none=True),
    )
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
    return _Checked(
        event=event,
        type=event_type,
        lane=event.lane or event_type.lane,
        route=(covered or routes)[0],
        stage=Stage.PENDING if covered or _is_later(event) else Stage.NOT_COVERED,
        warnings=[asdict(warning) for warning in warnings],
    )


def _check_context(
    event: EventIn, event_type: EventType
) -> tuple[list[Fault], list[Fault]]:
    """Hold a context against the contract; return faults if strict, and warnings."""
    if event_type.contract_mode == ContractMode.OPEN:
        return [], []
    try:
        faults = contract.faults_of(event.ctx, event_type.contract)
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
    given = body["recipient"]
    return [
        Fault(f"/recipient/{name}", "address_trimmed", "Blanks were taken off.")
        for name in ("email", "phone")
        if getattr(event.recipient, name) and given[name] != given[name].strip(" ")
    ]


def _is_later(event: EventIn) -> bool:
    """Say whether an event waits for its time: what covers it then is seen then."""
    return event.scheduled_at is not None and event.scheduled_at > datetime.now(UTC)


def _check_times(
    event: EventIn, event_type: EventType
) -> tuple[list[Fault], list[Fault]]:
    faults: list[Fault] = []
    warnings: list[Fault] = []
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


def _insert(checked: _Checked, event_id: UUID, caller: Caller) -> datetime:
    """Write the event, its context and its work in one statement; return its time."""
    event = checked.event
    values: dict[str, Any] = {
        "id": event_id,
        "work": ids.delivery_id(event_id, 1),
        "type": checked.type.pk,
        "source": caller.source_id,
        "lane": checked.lane,
        "channel": event.channel or "",
        "external_id": event.external_id or "",
        "correlation_id": event.correlation_id or "",
        "origin": event.origin or "",
        "address": checked.route.address[:320],
        "scheduled": event.scheduled_at,
        "expires": event.expires_at,
        "ttl": checked.type.ttl_seconds,
        "stage": str(checked.stage),
        "ctx": strict_json.dumps(event.ctx),
        "recipient": strict_json.dumps(event.recipient.model_dump(exclude_none=True)),
        "metadata": strict_json.dumps(event.metadata),
        "warnings": strict_json.dumps(checked.warnings),
    }
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, values)
        return cursor.fetchone()[0]  # type: ignore[no-any-return]
