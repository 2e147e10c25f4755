"""Where the events of a page stand: its row of work if there is one, else its outcome.

One query for a page, whatever its length. Knows no admin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from events import ids
from events.models import Channel, Event, EventOutcome, Stage, Work

_LABELS = {
    **{str(stage.value): str(stage.label) for stage in Stage},
    **{str(outcome.value): str(outcome.label) for outcome in EventOutcome},
}
_ENDED = "ended:"


@dataclass(slots=True)
class EventStatus:
    """How an event reads in a list; `channels` are those of its deliveries."""

    code: str
    label: str
    channels: list[str] = field(default_factory=list)


def statuses_of(events: Sequence[Event]) -> dict[UUID, EventStatus]:
    """Return where each event stands, with the channels it took."""
    if not events:
        return {}
    found = {event.pk: _ended(event) for event in events}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT p.id, x.stage, x.channel
            FROM unnest(%(ids)s::uuid[], %(lasts)s::uuid[]) AS p(id, last)
            CROSS JOIN LATERAL (
                SELECT id, stage, channel FROM events_work
                WHERE id BETWEEN p.id AND p.last
                UNION ALL
                SELECT id, '', channel FROM history_delivery
                WHERE id BETWEEN p.id AND p.last AND id BETWEEN %(first)s AND %(final)s
            ) AS x
            ORDER BY x.id
            """,
            {
                "ids": list(found),
                "lasts": [ids.last_id_of(event_id) for event_id in found],
                "first": min(found),
                "final": ids.last_id_of(max(found)),
            },
        )
        for event_id, stage, channel in cursor.fetchall():
            status = found[event_id]
            if channel and channel not in status.channels:
                status.channels.append(channel)
            if stage:
                status.code, status.label = stage, _LABELS[stage]
    return found


def choices() -> list[tuple[str, str]]:
    """Return what events can be filtered by: what they wait for, or how they ended."""
    ended = {str(o.value): str(o.label) for o in EventOutcome}
    waiting = {str(s.value): str(s.label) for s in Stage}
    # The one name that both have.
    ended[EventOutcome.NOT_COVERED.value] += ", ended"
    waiting[Stage.NOT_COVERED.value] += ", waiting"
    return [*((f"{_ENDED}{o}", label) for o, label in ended.items()), *waiting.items()]


def with_status(events: QuerySet[Event], wanted: str) -> QuerySet[Event]:
    """Return the events of a status, one of `choices`."""
    if wanted.startswith(_ENDED):
        return events.filter(outcome=wanted.removeprefix(_ENDED))
    rows = Work.objects.filter(stage=wanted).values("event_id")
    return events.filter(pk__in=rows, outcome="")


def with_channel(events: QuerySet[Event], channel: str) -> QuerySet[Event]:
    """Return the events whose first address is of a channel's kind, or that wish it.

    An event itself keeps no channel unless its caller chose one; its address tells.
    """
    by_address = {
        Channel.EMAIL: events.filter(channel="", address__contains="@"),
        Channel.SMS: events.filter(channel="", address__startswith="+"),
        Channel.PUSH: events.filter(channel="", address__contains=":").exclude(
            address__contains="@"
        ),
    }
    return by_address[Channel(channel)] | events.filter(channel=channel)


def _ended(event: Event) -> EventStatus:
    code = event.outcome or Stage.PENDING.value
    channels = [event.channel] if event.channel else []
    return EventStatus(code, _LABELS[code] if code else "", channels)
