"""Replaying: the data of an event once more, as a new event of its own.

It comes in by the door as any other, and is judged by what holds now: the contract, the
messages, the room. What belonged to its time stays behind: schedule and expiry; and so
does the external id, which is that of the first.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from events import facts, intake, storing
from events.api_keys import Caller
from events.intake import Accepted
from events.models import Event
from events.problems import Refused


@dataclass(frozen=True, slots=True)
class Replay:
    """The new event, and the one that it repeats."""

    accepted: Accepted
    replay_of: UUID


def replay(
    event_id: UUID, *, caller: Caller, idempotency_key: str = ""
) -> Replay | None:
    """Take in the data of an event as a new one; None if the caller has no such event.

    Raises Refused as `intake.accept` does, and (410) when the data are gone. With a key
    there is one replay of this event; others, and new events, may have the same key.
    """
    event = (
        Event.objects.select_related("type")
        .filter(pk=event_id, source_id=caller.source_id)
        .first()
    )
    if event is None:
        return None
    body = _body_of(event)
    with storing.orphans_refused(), transaction.atomic():
        accepted = intake.accept(
            body, caller=caller, idempotency_key=_key_of(event_id, idempotency_key)
        )
        if not accepted.is_replay:
            _note(accepted.id, replay_of=event_id)
    return Replay(accepted, event_id)


def _body_of(event: Event) -> dict[str, Any]:
    """Return the request that would make an event with the same data."""
    found = facts.facts_of([event.pk]).get(event.pk)
    if found is None or found.ctx is None:
        raise Refused(
            410, "data_purged", "The event's data are not kept any more: post it anew."
        )
    body: dict[str, Any] = {
        "type": event.type.name,
        "recipient": found.recipient,
        "ctx": found.ctx,
    }
    given = {
        "metadata": found.metadata,
        "channel": event.channel,
        "correlation_id": event.correlation_id,
        "origin": event.origin,
        # That of its type needs no scope.
        "lane": event.lane if event.lane != event.type.lane else "",
    }
    return body | {name: value for name, value in given.items() if value}


def _key_of(event_id: UUID, idempotency_key: str) -> str:
    """Return a key that no request of another kind can have: it holds a blank."""
    if not idempotency_key:
        return ""
    text = f"{event_id} {idempotency_key}"
    return f"replay {hashlib.sha256(text.encode()).hexdigest()}"


def _note(event_id: UUID, *, replay_of: UUID) -> None:
    """Write which event a new one repeats, in the transaction that made it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE events_event SET replay_of = %s WHERE id = %s",
            [replay_of, event_id],
        )
