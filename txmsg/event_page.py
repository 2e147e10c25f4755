"""Everything the page of one event shows, read once and said in plain words.

Knows no admin: it returns values, and sensitive ones are hidden already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from events import ids
from events.facts import EventFacts, facts_of
from events.models import Event, EventOutcome, Stage, Work
from history import explain
from history.models import Delivery, DeliveryStatus
from txmsg import previews
from txmsg.event_deliveries import (
    DeliveryLine,
    delivery_lines,
    kept,
    next_at,
    waits,
)
from txmsg.event_status import EventStatus, statuses_of
from txmsg.event_timeline import Moment, timeline


@dataclass(frozen=True, slots=True)
class EventPage:
    """What the page shows; `facts.ctx` is None when the data was purged."""

    event: Event
    status: EventStatus
    tone: str
    sentence: str
    next_step: str
    facts: EventFacts | None
    deliveries: list[DeliveryLine]
    timeline: list[Moment]
    next_try_at: datetime | None
    expires_at: datetime
    can_cancel: bool
    can_reroute: bool


def load(event_id: UUID) -> EventPage:
    """Return the page of an event; raise Event.DoesNotExist."""
    event = Event.objects.select_related("type", "source").get(pk=event_id)
    last = ids.last_id_of(event_id)
    rows = list(Work.objects.filter(pk__range=(event_id, last)).order_by("pk"))
    ended = list(
        Delivery.objects.select_related("execution__version")
        .filter(pk__range=(event_id, last))
        .order_by("pk")
    )
    facts = facts_of([event_id]).get(event_id)
    if facts is not None:
        facts = previews.masked_facts(facts, event.type.sensitive_paths)
    now = datetime.now(UTC)
    deliveries = delivery_lines(event_id, rows, ended, now=now)
    status = statuses_of([event])[event_id]
    return EventPage(
        event=event,
        status=status,
        tone=explain.tone(status.code),
        sentence=_sentence(event, rows, ended, now=now),
        next_step=explain.next_step(event.reason) if event.outcome else "",
        facts=facts,
        deliveries=deliveries,
        timeline=timeline(event, rows, deliveries, now=now),
        next_try_at=min((row.due_at for row in rows if waits(row, now)), default=None),
        expires_at=max((row.expires_at for row in rows), default=event.expires_at),
        can_cancel=any(row.stage != Stage.SENDING for row in rows),
        can_reroute=not rows
        and not ended
        and event.outcome
        in (EventOutcome.NOT_COVERED, EventOutcome.EXPIRED, EventOutcome.FAILED),
    )


def _sentence(
    event: Event, rows: Sequence[Work], ended: Sequence[Delivery], *, now: datetime
) -> str:
    if rows:
        return explain.open_event(rows[0].stage, next_at=next_at(rows[0], now), now=now)
    if not event.outcome:
        return "It is being recorded."
    sent_at = min(
        (d.finished_at for d in ended if d.status == DeliveryStatus.SENT), default=None
    )
    return explain.ended_event(
        event.outcome,
        event.reason,
        received_at=event.received_at,
        handed_over_at=sent_at,
        kept=next((text for d in ended if (text := kept(d))), ""),
    )
