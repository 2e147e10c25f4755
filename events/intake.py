"""The door: takes an event in, once and for good, or refuses it with every reason.

Writes events and their first row of work, in one transaction; 202 is answered after
its commit. It asks nobody but the database: which channels have a message stands in
`EventType.live_channels`.
"""

from __future__ import annotations

import difflib
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from events import contract, doorbell, ids, strict_json
from events.api_keys import Caller
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

MAX_SCHEDULE = timedelta(days=365)
_RETENTION_MARGIN = timedelta(days=30)


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


@dataclass(frozen=True, slots=True)
class _Key:
    """A key of the caller, in its scope: a type for external ids, else a source."""

    kind: IdentityKind
    scope_id: int
    text: str


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
    keys = _keys(event, event_type, caller, idempotency_key)
    fingerprint = _fingerprint(body)
    try:
        checked = _check(event, event_type, caller)
    except Refused:
        # A repeated request may come when its event has expired, or its message was
        # unpublished: it is answered all the same.
        for key in keys:
            if (earlier := _find(key, fingerprint, caller)) is not None:
                return earlier
        raise
    event_id = ids.new_event_id()
    with transaction.atomic():
        taken = _take_keys(keys, event_id, fingerprint, caller)
        if taken is not None:
            # What this transaction inserted so far belongs to no event.
            transaction.set_rollback(True)
            earlier = _find(taken, fingerprint, caller)
            if earlier is None:
                raise _conflict(taken, None)
            return earlier
        received_at = _insert(checked, event_id, caller)
        doorbell.ring_on_commit(checked.lane)
    return Accepted(
        id=event_id,
        type=event_type.name,
        external_id=checked.event.external_id or "",
        received_at=received_at,
        status=str(checked.stage),
        warnings=checked.warnings,
    )


def _event_type(name: Any, caller: Caller) -> EventType:
    event_type = (
        EventType.objects.filter(name=name).first()
        if isinstance(name, str) and len(name) <= 64
        else None
    )
    if event_type is None:
        names = EventType.objects.values_list("name", flat=True)
        if caller.allowed_types:
            names = names.filter(name__in=caller.allowed_types)
        near = difflib.get_close_matches(str(name)[:64], list(names[:1000]), n=3)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        detail = f"There is no event type of this name.{hint}"
        raise Refused(
            404,
            "unknown_event_type",
            detail,
            errors=[Fault("/type", "unknown_event_type", detail)],
            extra={"near": near},
        )
    caller.require_type(event_type.name)
    return event_type


def _check(event: EventIn, event_type: EventType, caller: Caller) -> _Checked:
    if event.lane == "critical":
        caller.require(Scope.EVENTS_CRITICAL)
    faults, warnings = _check_times(event, event_type)
    context_faults: list[Fault] = []
    if event_type.contract_mode != ContractMode.OPEN:
        context_faults = contract.faults_of(event.ctx, event_type.contract)
    if event_type.contract_mode == ContractMode.STRICT:
        faults += context_faults
    else:
        warnings += [
            {"code": f.code, "pointer": f.pointer, "message": f.message}
            for f in context_faults
        ]
    routes = _reachable(event, event_type)
    if not routes:
        faults.append(_no_address(event, event_type))
    if faults:
        detail = faults[0].message
        if len(faults) > 1:
            detail += f" {len(faults) - 1} more: see errors."
        raise Refused(422, faults[0].code, detail, errors=faults)
    covered = [r for r in routes if r.channel in event_type.live_channels]
    if not covered and event_type.when_uncovered == WhenUncovered.REJECT:
        raise Refused(
            409,
            "not_published",
            f"No message is published for {event_type.name} on a channel that this "
            "event can take. Publish one, or let the event type store such events.",
            retryable=True,
        )
    return _Checked(
        event=event,
        type=event_type,
        lane=event.lane or event_type.lane,
        route=(covered or routes)[0],
        stage=Stage.PENDING if covered else Stage.NOT_COVERED,
        warnings=warnings,
    )


def _check_times(
    event: EventIn, event_type: EventType
) -> tuple[list[Fault], list[dict[str, str]]]:
    faults: list[Fault] = []
    warnings: list[dict[str, str]] = []
    now = datetime.now(UTC)
    longest = min(
        MAX_SCHEDULE,
        max(
            timedelta(days=event_type.retention_days) - _RETENTION_MARGIN,
            timedelta(days=1),
        ),
    )

    def fault(pointer: str, code: str, sentence: str) -> None:
        faults.append(Fault(pointer, code, f"{pointer} {sentence}."))

    if event.expires_at is not None:
        if event.expires_at <= now:
            fault("/expires_at", "already_expired", "is in the past")
        elif event.expires_at > now + longest:
            fault(
                "/expires_at", "expires_too_far", f"is over {longest.days} days ahead"
            )
    if event.scheduled_at is not None:
        if event.scheduled_at > now + longest:
            fault(
                "/scheduled_at",
                "schedule_too_far",
                f"is over {longest.days} days ahead",
            )
        elif event.expires_at is not None and event.scheduled_at >= event.expires_at:
            fault("/scheduled_at", "expires_before_schedule", "is after expires_at")
        elif event.scheduled_at <= now:
            warnings.append(
                {
                    "code": "scheduled_in_past",
                    "pointer": "/scheduled_at",
                    "message": "/scheduled_at is in the past; it is sent now.",
                }
            )
    return faults, warnings


def _reachable(event: EventIn, event_type: EventType) -> list[Route]:
    rules = TypeRules(tuple(event_type.channel_order), event_type.fan_out)
    return reachable(
        rules,
        wished=event.channel or "",
        recipient=event.recipient.model_dump(exclude_none=True),
    )


def _no_address(event: EventIn, event_type: EventType) -> Fault:
    field_of = {"email": "email", "sms": "phone", "push": "push"}
    channels = [event.channel] if event.channel else event_type.channel_order
    wanted = " or ".join(f"/recipient/{field_of[c]}" for c in channels)
    pointer = f"/recipient/{field_of[channels[0]]}" if channels else "/recipient"
    return Fault(
        pointer, "recipient_required", f"{wanted} is needed to send this event."
    )


def _fingerprint(body: dict[str, Any]) -> bytes:
    return hashlib.sha256(strict_json.canonical(body)).digest()


def _keys(
    event: EventIn, event_type: EventType, caller: Caller, idempotency_key: str
) -> list[_Key]:
    keys = []
    if idempotency_key:
        kind = IdentityKind.IDEMPOTENCY_KEY
        keys.append(_Key(kind, caller.source_id, idempotency_key))
    if event.external_id:
        keys.append(_Key(IdentityKind.EXTERNAL_ID, event_type.pk, event.external_id))
    return keys


def _take_keys(
    keys: list[_Key], event_id: UUID, fingerprint: bytes, caller: Caller
) -> _Key | None:
    """Take the caller's keys for this event; return one that another event has.

    An insert into a key that another transaction holds waits for its end.
    """
    with connection.cursor() as cursor:
        for key in keys:
            cursor.execute(
                """
                INSERT INTO events_eventidentity
                    (kind, scope_id, key, event_id, source_id, fingerprint)
                VALUES (%s, %s, %s, %s, %s, %s)
                ON CONFLICT (kind, scope_id, key) DO NOTHING
                """,
                [
                    key.kind.value,
                    key.scope_id,
                    key.text,
                    event_id,
                    caller.source_id,
                    fingerprint,
                ],
            )
            if cursor.rowcount == 0:
                return key
    return None


def _find(key: _Key, fingerprint: bytes, caller: Caller) -> Accepted | None:
    """Return the event that has a key; raise Refused (409) if its data are others."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT i.event_id, i.source_id, i.fingerprint, t.name, e.external_id,
                   e.received_at, c.warnings
            FROM events_eventidentity i
            JOIN events_event e ON e.id = i.event_id
            JOIN events_eventtype t ON t.id = e.type_id
            LEFT JOIN events_eventcontext c ON c.event_id = i.event_id
            WHERE i.kind = %s AND i.scope_id = %s AND i.key = %s
            """,
            [key.kind.value, key.scope_id, key.text],
        )
        row = cursor.fetchone()
    if row is None:
        return None
    is_own = row[1] == caller.source_id
    if not is_own or bytes(row[2]) != fingerprint:
        raise _conflict(key, row[0] if is_own else None)
    return Accepted(
        id=row[0],
        type=row[3],
        external_id=row[4],
        received_at=row[5],
        warnings=strict_json.read(row[6]) or [],
        is_replay=key.kind == IdentityKind.IDEMPOTENCY_KEY,
        is_duplicate=key.kind == IdentityKind.EXTERNAL_ID,
    )


def _conflict(key: _Key, first: UUID | None) -> Refused:
    extra = {"event_id": str(first)} if first else {}
    if key.kind == IdentityKind.IDEMPOTENCY_KEY:
        return Refused(
            409,
            "idempotency_key_reused",
            "This Idempotency-Key was used for another body.",
            extra=extra,
        )
    detail = "An event of this type has this external_id and other data."
    fault = Fault("/external_id", "external_id_conflict", detail)
    return Refused(409, "external_id_conflict", detail, errors=[fault], extra=extra)


def _insert(checked: _Checked, event_id: UUID, caller: Caller) -> datetime:
    """Write the event, its context and its work in one statement; return its time."""
    event = checked.event
    recipient = event.recipient.model_dump(exclude_none=True)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH clock AS (SELECT clock_timestamp() AS now), times AS (
                SELECT now, least(
                    coalesce(%(expires)s,
                        greatest(now, coalesce(%(scheduled)s, now))
                        + make_interval(secs => %(ttl)s)),
                    'infinity') AS expires_at
                FROM clock
            ), event AS (
                INSERT INTO events_event (
                    id, type_id, source_id, lane, channel, outcome, reason,
                    external_id, correlation_id, origin, address, scheduled_at,
                    expires_at, received_at)
                SELECT %(id)s, %(type)s, %(source)s, %(lane)s, %(channel)s, '', '',
                       %(external_id)s, %(correlation_id)s, %(origin)s, %(address)s,
                       %(scheduled)s, expires_at, now
                FROM times
            ), context AS (
                INSERT INTO events_eventcontext (
                    event_id, ctx, recipient, metadata, warnings)
                VALUES (%(id)s, %(ctx)s, %(recipient)s, %(metadata)s, %(warnings)s)
            )
            INSERT INTO events_work (
                id, event_id, type_id, lane, stage, channel, address, due_at,
                expires_at, attempts, lease_no, lease_owner, lease_size, begun,
                deaths, possible_duplicate)
            SELECT %(work)s, %(id)s, %(type)s, %(lane)s, %(stage)s, '', '',
                   CASE WHEN %(stage)s = 'not_covered' THEN expires_at
                        ELSE greatest(now, coalesce(%(scheduled)s, now)) END,
                   expires_at, 0, 0, '', 0, 0, 0, false
            FROM times
            RETURNING (SELECT now FROM clock)
            """,
            {
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
                "recipient": strict_json.dumps(recipient),
                "metadata": strict_json.dumps(event.metadata),
                "warnings": strict_json.dumps(checked.warnings),
            },
        )
        return cursor.fetchone()[0]  # type: ignore[no-any-return]
