"""Where an event stands: its status, states, deliveries and attempts, as plain data.

Reads all floors, writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from events import ids
from events.models import Event, EventContext, Stage, Work
from events.problems import rfc3339
from history.models import Attempt, Delivery
from templates_app.models import Version

# Something may end while it is read: the event and its rows are two statements.
_READS = 3

# What is known of a delivery when it has ended, or later.
_AFTERWARDS = (
    "sent_at",
    "provider_id",
    "resolved_as",
    "resolved_at",
    "delivered_at",
    "bounced_at",
    "complained_at",
)

# How the stages of a row of work read as the status of its event.
EVENT_STATUS = {
    Stage.PENDING: "pending",
    Stage.PAUSED: "paused",
    Stage.NOT_COVERED: "not_covered",
    Stage.QUEUED: "processing",
    Stage.SENDING: "processing",
    Stage.RETRY: "processing",
    Stage.HELD: "processing",
}


def trace(event_id: UUID, *, source_id: int | None = None) -> dict[str, Any] | None:
    """Return an event as the API shows it; None if unknown, or another source's."""
    found = _read(event_id)
    if found is None or source_id not in (None, found[0].source_id):
        return None
    event, rows = found
    context = EventContext.objects.filter(pk=event_id).first()
    status = event.outcome or (
        EVENT_STATUS[Stage(rows.work[0].stage)] if rows.work else "pending"
    )
    attempts = _attempts(event_id)
    return {
        **line(event, status),
        "recipient": context.recipient if context else None,
        "metadata": context.metadata if context else None,
        "warnings": context.warnings if context else [],
        "states": _states(event, status, rows),
        "deliveries": [
            *(_done(delivery, attempts) for delivery in rows.done),
            *_open(rows.work, attempts),
        ],
    }


def line(event: Event, status: str) -> dict[str, Any]:
    """Return an event as lists of the API show it."""
    return {
        "id": str(event.pk),
        "status": status,
        "reason": event.reason or None,
        "type": event.type.name,
        "external_id": event.external_id or None,
        "correlation_id": event.correlation_id or None,
        "origin": event.origin or None,
        "channel": event.channel or None,
        "lane": event.lane,
        "replay_of": str(event.replay_of) if event.replay_of else None,
        "received_at": rfc3339(event.received_at),
        "scheduled_at": _when(event.scheduled_at),
        "expires_at": rfc3339(event.expires_at),
        "finished_at": _when(event.finished_at),
        "links": {"self": f"/api/v1/events/{event.pk}"},
    }


def trace_delivery(
    delivery_id: UUID, *, source_id: int | None = None
) -> dict[str, Any] | None:
    """Return a delivery as the API shows it; None if unknown, or another source's."""
    event = trace(ids.event_id_of(delivery_id), source_id=source_id)
    found = [
        d for d in (event or {}).get("deliveries", []) if d["id"] == str(delivery_id)
    ]
    if event is None or not found:
        return None
    own = f"/api/v1/deliveries/{delivery_id}"
    links = {"self": own, "content": f"{own}/content", "event": event["links"]["self"]}
    return {
        **found[0],
        "event_id": event["id"],
        "type": event["type"],
        "external_id": event["external_id"],
        "links": links,
    }


@dataclass(frozen=True, slots=True)
class _Rows:
    """What is still to be done of an event, and what was done."""

    work: list[Work]
    done: list[Delivery]

    @classmethod
    def of(cls, event_id: UUID) -> _Rows:
        """Read them; a row of work that ended meanwhile is among those done alone."""
        own = (event_id, ids.last_id_of(event_id))
        work = list(Work.objects.filter(pk__range=own).order_by("pk"))
        deliveries = Delivery.objects.select_related(
            "execution__message", "execution__version"
        )
        done = list(deliveries.filter(pk__range=own).order_by("pk"))
        ended = {delivery.pk for delivery in done}
        return cls([row for row in work if row.pk not in ended], done)

    def agree_with(self, event: Event) -> bool:
        """Return whether nothing ended between reading the event and these rows."""
        return bool(self.work) == (not event.outcome)


def _read(event_id: UUID) -> tuple[Event, _Rows] | None:
    """Return an event and its rows, as they stood at one moment."""
    found = None
    for _ in range(_READS):
        event = Event.objects.select_related("type").filter(pk=event_id).first()
        if event is None:
            return None
        found = event, _Rows.of(event_id)
        if found[1].agree_with(event):
            break
    return found


def _states(event: Event, status: str, rows: _Rows) -> list[dict[str, str]]:
    states = [{"status": "pending", "at": rfc3339(event.received_at)}]
    claimed = [delivery.claimed_at for delivery in rows.done if delivery.claimed_at]
    claimed += [row.pinned_at for row in rows.work if row.pinned_at]
    if claimed:
        states.append({"status": "processing", "at": rfc3339(min(claimed))})
    if event.finished_at:
        states.append({"status": status, "at": rfc3339(event.finished_at)})
    return states


def _attempts(event_id: UUID) -> dict[UUID, list[dict[str, Any]]]:
    found: dict[UUID, list[dict[str, Any]]] = {}
    own = (event_id, ids.last_id_of(event_id))
    rows = Attempt.objects.filter(delivery_id__range=own)
    for row in rows.order_by("delivery_id", "number"):
        found.setdefault(row.delivery_id, []).append(
            {
                "number": row.number,
                "started_at": rfc3339(row.started_at),
                "ended_at": rfc3339(row.ended_at),
                "outcome": row.outcome,
                "answer": row.answer or None,
            }
        )
    return found


def _done(
    delivery: Delivery, attempts: dict[UUID, list[dict[str, Any]]]
) -> dict[str, Any]:
    tries = list(attempts.get(delivery.pk, []))
    if delivery.attempts > len(tries):
        started = delivery.marked_at or delivery.finished_at
        tries.append(
            {
                "number": delivery.attempts,
                "started_at": rfc3339(started),
                "ended_at": rfc3339(delivery.finished_at),
                "outcome": delivery.status,
                "answer": delivery.answer or None,
            }
        )
    execution = delivery.execution
    return {
        "id": str(delivery.pk),
        "channel": delivery.channel,
        "address": delivery.address,
        "status": delivery.status,
        "reason": delivery.reason or None,
        "detail": delivery.detail or None,
        "possible_duplicate": delivery.possible_duplicate,
        "retry_of": str(delivery.retry_of) if delivery.retry_of else None,
        "message": execution.message.internal_name if execution else None,
        "version": execution.version.number if execution else None,
        "sent_at": rfc3339(delivery.finished_at) if delivery.status == "sent" else None,
        "provider_id": delivery.provider_id or None,
        "resolved_as": delivery.resolved_as or None,
        "resolved_at": _when(delivery.resolved_at),
        "delivered_at": _when(delivery.delivered_at),
        "bounced_at": _when(delivery.bounced_at),
        "complained_at": _when(delivery.complained_at),
        "attempts": tries,
    }


def _open(
    work: list[Work], attempts: dict[UUID, list[dict[str, Any]]]
) -> list[dict[str, Any]]:
    """Return what is not finished, as far as it was routed."""
    versions = {
        version.pk: version
        for version in Version.objects.select_related("message").filter(
            pk__in=[row.version_id for row in work if row.version_id]
        )
    }
    found = []
    for row in work:
        if not row.channel:
            continue
        version = versions.get(row.version_id) if row.version_id else None
        found.append(
            {
                "id": str(row.pk),
                "channel": row.channel,
                "address": row.address,
                "status": row.stage,
                "reason": None,
                "detail": None,
                "possible_duplicate": row.possible_duplicate,
                "retry_of": str(row.retry_of) if row.retry_of else None,
                "message": version.message.internal_name if version else None,
                "version": version.number if version else None,
                **dict.fromkeys(_AFTERWARDS),
                "attempts": attempts.get(row.pk, []),
            }
        )
    return found


def _when(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment else None
