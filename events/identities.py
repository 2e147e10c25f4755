"""The caller's keys: what makes a repeated request answer with the event of the first.

An idempotency key belongs to a source, an external id to an event type. Both are kept
with a fingerprint of the whole body, for as long as their event.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from events import ids, statements, strict_json
from events.models import IdentityKind
from events.problems import Fault, Refused

_TAKE = """
    INSERT INTO events_eventidentity
        (kind, scope_id, key, event_id, source_id, fingerprint)
    SELECT * FROM unnest(
        %(kinds)b::text[], %(scopes)b::bigint[], %(keys)b::text[], %(events)b::uuid[],
        %(sources)b::bigint[], %(fingerprints)b::bytea[])
    ON CONFLICT (kind, scope_id, key) DO NOTHING
    RETURNING kind, scope_id, key
"""

_LOOK_UP = """
    SELECT i.kind, i.scope_id, i.key, i.event_id, i.source_id, i.fingerprint,
           t.name, e.external_id, e.received_at, c.warnings::text
    FROM unnest(%(kinds)b::text[], %(scopes)b::bigint[], %(keys)b::text[])
         AS asked(kind, scope_id, key)
    JOIN events_eventidentity i USING (kind, scope_id, key)
    LEFT JOIN events_event e ON e.id = i.event_id
    LEFT JOIN events_eventtype t ON t.id = e.type_id
    LEFT JOIN events_eventcontext c ON c.event_id = i.event_id
"""

_OF_BATCH = """
    SELECT e.id, t.name, e.external_id, e.received_at, c.warnings::text
    FROM events_event e
    JOIN events_eventtype t ON t.id = e.type_id
    LEFT JOIN events_eventcontext c
        ON c.event_id = e.id AND c.event_id BETWEEN %(first)b AND %(last)b
    WHERE e.id BETWEEN %(first)b AND %(last)b
"""


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the caller, in its scope: a type for external ids, else a source."""

    kind: IdentityKind
    scope_id: int
    text: str

    @property
    def order(self) -> tuple[bool, int, str]:
        """Its place in the order in which every request takes keys."""
        return self.kind != IdentityKind.IDEMPOTENCY_KEY, self.scope_id, self.text


@dataclass(frozen=True, slots=True)
class Request:
    """What tells whether two requests are the same: who sent it, its keys, its data.

    The keys stand in the order in which every request takes them.
    """

    source_id: int
    keys: tuple[Key, ...]
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """A key of a request, to be taken for an event."""

    request: Request
    key: Key
    event_id: UUID


@dataclass(frozen=True, slots=True)
class Earlier:
    """The event that an earlier request with the same key and data made."""

    id: UUID
    type: str
    external_id: str
    received_at: datetime
    warnings: list[dict[str, str]]
    kind: IdentityKind


def request_of(
    body: dict[str, Any],
    *,
    source_id: int,
    type_id: int,
    external_id: str,
    idempotency_key: str,
) -> Request:
    """Return what tells this request from others."""
    if not (idempotency_key or external_id):
        return _without_keys(source_id)
    keys = []
    if idempotency_key:
        keys.append(Key(IdentityKind.IDEMPOTENCY_KEY, source_id, idempotency_key))
    if external_id:
        keys.append(Key(IdentityKind.EXTERNAL_ID, type_id, external_id))
    fingerprint = hashlib.sha256(strict_json.canonical(body)).digest()
    return Request(source_id=source_id, keys=tuple(keys), fingerprint=fingerprint)


@functools.lru_cache(maxsize=128)
def _without_keys(source_id: int) -> Request:
    """Return what every request without a key is: it repeats none."""
    return Request(source_id=source_id, keys=(), fingerprint=b"")


def take(claims: Sequence[Claim]) -> set[Key]:
    """Take keys for events; return those that no other event had.

    An insert of a key that another transaction holds waits for its end. The keys are
    taken in one order by all, else two batches could wait for each other.
    """
    claims = sorted(claims, key=lambda claim: claim.key.order)
    taken = statements.rows(
        _TAKE,
        {
            "kinds": [claim.key.kind.value for claim in claims],
            "scopes": [claim.key.scope_id for claim in claims],
            "keys": [claim.key.text for claim in claims],
            "events": [claim.event_id for claim in claims],
            "sources": [claim.request.source_id for claim in claims],
            "fingerprints": [claim.request.fingerprint for claim in claims],
        },
    )
    return {Key(IdentityKind(kind), scope_id, text) for kind, scope_id, text in taken}


def earlier(request: Request) -> Earlier | None:
    """Return the event that has one of a request's keys.

    Raises Refused (409) when that event's data are others, or another source's.
    """
    found = look_up([(request, key) for key in request.keys])
    for key in request.keys:
        one = found.get(key)
        if isinstance(one, Refused):
            raise one
        if one is not None:
            return one
    return None


def look_up(asked: Sequence[tuple[Request, Key]]) -> dict[Key, Earlier | Refused]:
    """Return the events that have these keys; or why a request may not repeat one.

    A key whose event was purged is freed, and is not in the answer.
    """
    if not asked:
        return {}
    rows = statements.rows(
        _LOOK_UP,
        {
            "kinds": [key.kind.value for _, key in asked],
            "scopes": [key.scope_id for _, key in asked],
            "keys": [key.text for _, key in asked],
        },
    )
    requests = {key: request for request, key in asked}
    found: dict[Key, Earlier | Refused] = {}
    for kind, scope_id, text, event_id, source_id, fingerprint, *event in rows:
        key = Key(IdentityKind(kind), scope_id, text)
        name, external_id, received_at, warnings = event
        if received_at is None:
            _forget(key, event_id)
            continue
        is_own = source_id == requests[key].source_id
        if not is_own or bytes(fingerprint) != requests[key].fingerprint:
            found[key] = conflict(key, event_id if is_own else None)
            continue
        found[key] = Earlier(
            id=event_id,
            type=name,
            external_id=external_id,
            received_at=received_at,
            warnings=strict_json.read(warnings) or [],
            kind=key.kind,
        )
    return found


def of_batch(event_id: UUID) -> dict[int, Earlier]:
    """Return the events that one batch made, by their number in it."""
    first, last = ids.batch_range_of(event_id)
    rows = statements.rows(_OF_BATCH, {"first": first, "last": last})
    return {
        ids.batch_number_of(found): Earlier(
            id=found,
            type=name,
            external_id=external_id,
            received_at=received_at,
            warnings=strict_json.read(warnings) or [],
            kind=IdentityKind.IDEMPOTENCY_KEY,
        )
        for found, name, external_id, received_at, warnings in rows
    }


def _forget(key: Key, event_id: UUID) -> None:
    """Free a key whose event was purged.

    An event and its keys are committed at once: a key that is seen without its event
    is an old one, never one on its way in.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM events_eventidentity
            WHERE kind = %s AND scope_id = %s AND key = %s AND event_id = %s
            """,
            [key.kind.value, key.scope_id, key.text, event_id],
        )


def conflict(key: Key, first: UUID | None) -> Refused:
    """Return why a request with other data may not have a key; `first` may be shown."""
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
