"""How events are stored: each with its context, its first work and its keys.

One prepared statement for one event, one for all events of a batch. It judges nothing:
what comes here fits. A key of the caller that is taken already stops the insert.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import psycopg
from django.db import IntegrityError, transaction

from events import (
    api_keys,
    arrays,
    identities,
    ids,
    known_types,
    statements,
    strict_json,
)
from events.admission import Checked
from events.api_keys import Caller
from events.problems import Refused
from events.webhooks import outbox

_COLUMNS = {
    "id": "uuid",
    "work": "uuid",
    "type": "bigint",
    "lane": "text",
    "channel": "text",
    "external_id": "text",
    "correlation_id": "text",
    "origin": "text",
    "address": "text",
    "scheduled": "timestamptz",
    "expires": "timestamptz",
    "ttl": "float8",
    "stage": "text",
    "ctx": "text",
    "recipient": "text",
    "metadata": "text",
    "warnings": "text",
}
"""What is stored of an event, by the name of its parameter, and the SQL type."""

_PACKED: dict[str, Callable[[Iterable[Any]], bytes]] = {
    "bigint": arrays.bigints,
    "float8": arrays.floats,
    "text": arrays.texts,
    "timestamptz": arrays.moments,
    "uuid": arrays.uuids,
}
_TAKEN = """
    taken AS (
        INSERT INTO events_eventidentity
            (kind, scope_id, key, event_id, source_id, fingerprint)
        VALUES (%(kind)b::text, %(scope)b::bigint, %(key)b::text, %(id)b::uuid,
                %(source)b::bigint, %(fingerprint)b::bytea)
        ON CONFLICT (kind, scope_id, key) DO NOTHING
        RETURNING 1
    ),
"""
_INSERT = """
    WITH given AS (SELECT {given}),
    clock AS (SELECT clock_timestamp() AS now),
    {taken}
    times AS MATERIALIZED (
        SELECT given.*, now, greatest(now, coalesce(scheduled, now)) AS due_at,
               coalesce(
                   expires,
                   greatest(now, coalesce(scheduled, now))
                       + make_interval(secs => ttl)) AS expires_at
        FROM given, clock {where}
    ), event AS (
        INSERT INTO events_event (
            id, type_id, source_id, lane, channel, outcome, reason, external_id,
            correlation_id, origin, address, scheduled_at, expires_at, received_at)
        SELECT id, type, %(source)b::bigint, lane, channel, '', '', external_id,
               correlation_id, origin, address, scheduled, expires_at, now
        FROM times
    ), context AS (
        INSERT INTO events_eventcontext (event_id, ctx, recipient, metadata, warnings)
        SELECT id, ctx::jsonb, recipient::jsonb, metadata::jsonb, warnings::jsonb
        FROM times
    ), work AS (
        INSERT INTO events_work (
            id, event_id, type_id, lane, stage, channel, address, due_at, expires_at,
            attempts, lease_no, lease_owner, lease_size, begun, deaths,
            possible_duplicate)
        SELECT work, id, type, lane, stage, '', '',
               CASE WHEN stage = 'not_covered' THEN expires_at ELSE due_at END,
               expires_at, 0, 0, '', 0, 0, 0, false
        FROM times
    )
    SELECT now FROM times LIMIT 1
"""
_ONE = ", ".join(f"%({name})b::{kind} AS {name}" for name, kind in _COLUMNS.items())
_MANY = ", ".join(
    f"unnest(%({name})b::{kind}[]) AS {name}" for name, kind in _COLUMNS.items()
)
_INSERT_ONE = _INSERT.format(given=_ONE, taken="", where="")
_INSERT_ONE_WITH_KEY = _INSERT.format(given=_ONE, taken=_TAKEN, where=", taken")
_INSERT_MANY = _INSERT.format(given=_MANY, taken="", where="")


def store(
    checked: Checked, event_id: UUID, request: identities.Request, caller: Caller
) -> datetime | None:
    """Write an event and commit; return when, or None if one of its keys is taken."""
    values = dict(zip(_COLUMNS, _values(checked, event_id), strict=True))
    values["source"] = caller.source_id
    with orphans_refused():
        if not request.keys:
            return _moment(statements.rows(outbox.telling(_INSERT_ONE), values))
        if len(request.keys) == 1:
            (key,) = request.keys
            values |= {"kind": key.kind.value, "scope": key.scope_id, "key": key.text}
            values["fingerprint"] = request.fingerprint
            return _moment(
                statements.rows(outbox.telling(_INSERT_ONE_WITH_KEY), values)
            )
        with transaction.atomic():
            claims = [identities.Claim(request, key, event_id) for key in request.keys]
            if len(identities.take(claims)) < len(claims):
                # What this transaction inserted so far belongs to no event.
                transaction.set_rollback(True)
                return None
            return _moment(statements.rows(outbox.telling(_INSERT_ONE), values))


def store_all(events: Mapping[UUID, Checked], caller: Caller) -> datetime:
    """Write events, in the caller's transaction if there is one; return when.

    `orphans_refused` belongs around it.
    """
    rows = [_values(checked, event_id) for event_id, checked in events.items()]
    values: dict[str, Any] = {
        name: _PACKED[kind](column)
        for (name, kind), column in zip(
            _COLUMNS.items(), zip(*rows, strict=True), strict=True
        )
    }
    values["source"] = caller.source_id
    found = statements.rows(outbox.telling(_INSERT_MANY), values)
    return cast("datetime", _moment(found))


def _values(checked: Checked, event_id: UUID) -> tuple[Any, ...]:
    """Return what is stored of an event, in the order of `_COLUMNS`."""
    event = checked.event
    return (
        event_id,
        ids.delivery_id(event_id, 1),
        checked.type.pk,
        checked.lane,
        event.channel or "",
        event.external_id or "",
        event.correlation_id or "",
        event.origin or "",
        checked.route.address[:320],
        event.scheduled_at,
        event.expires_at,
        float(checked.type.ttl_seconds),
        str(checked.stage),
        strict_json.dumps(event.ctx),
        strict_json.dumps(checked.recipient),
        strict_json.dumps(event.metadata) if event.metadata else "{}",
        strict_json.dumps(checked.warnings) if checked.warnings else "[]",
    )


def _moment(found: list[tuple[Any, ...]]) -> datetime | None:
    return found[0][0] if found else None


@contextlib.contextmanager
def orphans_refused() -> Iterator[None]:
    """Raise Refused when the type or the source of an event is gone.

    It has to stand around the transaction: keys to other tables are checked at its
    end. Memory said that it is there; it is asked anew when the request comes again.
    """
    try:
        yield
    except IntegrityError as error:
        if not isinstance(error.__cause__, psycopg.errors.ForeignKeyViolation):
            raise
        known_types.forget()
        api_keys.forget()
        raise Refused(
            503,
            "unavailable",
            "The event type or the source was removed just now: send it again.",
            retryable=True,
            headers={"Retry-After": "1"},
        ) from None
