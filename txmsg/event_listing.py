"""Which events of a source match a question, newest first, a page at a time.

Served by indexes alone: what matches best is asked first, the rest is held against it.
A page ends where the next begins, so that its cost does not grow with its number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from events import addresses, ids
from events.bounded import bounded_read
from events.models import Event, EventOutcome, EventType, Stage
from txmsg.tracing import EVENT_STATUS

STATUSES = tuple(
    dict.fromkeys([*EVENT_STATUS.values(), *map(str, EventOutcome.values)])
)
"""Every status that an event can be searched by."""
# An id is made by the web server's clock, `received_at` by the database's.
_CLOCKS = timedelta(minutes=5)
_DIGITS = re.compile(" ?[1-9][0-9]{6,14}")
_STAGE_OF_EVENT = """
    (SELECT w.stage FROM events_work w
     WHERE w.id >= e.id AND w.id <= (substr(e.id::text, 1, 34) || 'ff')::uuid
     ORDER BY w.id LIMIT 1)
"""
_ONE_EVENT = (
    "SELECT e.id FROM events_event e WHERE e.id = {id} AND {conditions} OFFSET 0"
)
_FROM = {
    "events": """
        SELECT e.id FROM events_event e WHERE {conditions}
        ORDER BY e.id DESC LIMIT %(limit)s
    """,
    # Few have one external id; read first, whatever the planner makes of the order.
    "external_id": """
        SELECT e.id FROM (
            SELECT * FROM events_event
            WHERE external_id = %(external_id)s AND external_id <> '' OFFSET 0
        ) AS e WHERE {conditions} ORDER BY e.id DESC LIMIT %(limit)s
    """,
    "address": """
        SELECT e.id FROM events_event e
        WHERE e.address = %(address)s AND e.address <> '' AND {conditions}
        ORDER BY e.id DESC LIMIT %(limit)s
    """,
    # The first delivery of an event to this address stands for all of them.
    "deliveries": """
        SELECT e.id FROM history_delivery d
        CROSS JOIN LATERAL ("""
    + _ONE_EVENT.format(id="d.event_id", conditions="{conditions}")
    + """) AS e
        WHERE d.address = %(address)s AND d.id BETWEEN %(lowest)s AND %(highest)s
          AND d.id = (
            SELECT f.id FROM history_delivery f
            WHERE f.id > d.event_id AND f.id <= d.id AND f.address = d.address
            ORDER BY f.id LIMIT 1)
        ORDER BY d.id DESC LIMIT %(limit)s
    """,
    # The first row of an event's work says where it stands.
    "work": """
        SELECT e.id FROM events_work w
        CROSS JOIN LATERAL ("""
    + _ONE_EVENT.format(id="w.event_id", conditions="{conditions}")
    + """) AS e
        WHERE w.stage = ANY(%(stages)s) AND w.id BETWEEN %(lowest)s AND %(highest)s
          AND w.id = (
            SELECT f.id FROM events_work f
            WHERE f.id > w.event_id AND f.id <= w.id ORDER BY f.id LIMIT 1)
        ORDER BY w.id DESC LIMIT %(limit)s
    """,
}


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked for; an empty field asks for nothing. `until` is exclusive."""

    source_id: int
    type: str = ""
    status: str = ""
    external_id: str = ""
    recipient: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """An event of a page, and where it stands."""

    event: Event
    status: str


@dataclass(frozen=True, slots=True)
class Page:
    """Events, newest first; `next_before` is the id that the next page ends before."""

    events: list[Listed] = field(default_factory=list)
    next_before: UUID | None = None


def page(question: Question, *, limit: int, before: UUID | None = None) -> Page:
    """Return the newest events that match, of those before an id.

    Raises `events.bounded.TookTooLong` after a few seconds.
    """
    with bounded_read():
        found = _ids(question, limit=limit + 1, before=before)
        shown = found[:limit]
        events = Event.objects.select_related("type").in_bulk(shown)
        statuses = _statuses([events[one] for one in shown if one in events])
    return Page(
        [Listed(events[one], statuses[one]) for one in shown if one in events],
        shown[-1] if len(found) > limit else None,
    )


def _ids(question: Question, *, limit: int, before: UUID | None) -> list[UUID]:
    values = _values(question, before)
    if values is None:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_statement(question, values), {**values, "limit": limit})
        return [row[0] for row in cursor.fetchall()]


def _statement(question: Question, values: Mapping[str, Any]) -> str:
    """Return the query of a question; it holds none of the caller's words."""
    conditions = list(_conditions(question, values))
    found = " UNION ".join(
        f"({_FROM[way].format(conditions=' AND '.join([*conditions, *more]))})"
        for way, more in _ways(question)
    )
    return f"SELECT id FROM ({found}) AS found ORDER BY id DESC LIMIT %(limit)s"


def _values(question: Question, before: UUID | None) -> dict[str, Any] | None:
    """Return the parameters of the query; None when nothing can match."""
    type_id = None
    if question.type:
        types = EventType.objects.filter(name=question.type)
        type_id = types.values_list("pk", flat=True).first()
        if type_id is None:
            return None
    first = ids.first_id_at(question.since - _CLOCKS) if question.since else None
    last = ids.first_id_at(question.until + _CLOCKS) if question.until else None
    bounds = [bound for bound in (before, last) if bound is not None]
    below = min(bounds) if bounds else None
    return {
        "source": question.source_id,
        "type": type_id,
        "status": question.status,
        "stages": _stages(question.status),
        "external_id": question.external_id,
        "address": _as_kept(question.recipient),
        "first": first,
        "below": below,
        "lowest": first or UUID(int=0),
        "highest": below or UUID(int=2**128 - 1),
        "since": question.since,
        "until": question.until,
    }


def _conditions(question: Question, values: Mapping[str, Any]) -> Iterator[str]:
    """Yield what every event of the answer fulfils, but for its status and address."""
    yield "e.source_id = %(source)s"
    if values["type"] is not None:
        yield "e.type_id = %(type)s"
    if values["below"] is not None:
        yield "e.id < %(below)s"
    if question.since is not None:
        yield "e.id >= %(first)s AND e.received_at >= %(since)s"
    if question.until is not None:
        yield "e.received_at < %(until)s"
    if question.external_id:
        yield "e.external_id = %(external_id)s"


def _ways(question: Question) -> list[tuple[str, list[str]]]:
    """Return the ways to the events that together find all, with what each holds true.

    An event has its status from its work while there is any, else from its end; one
    name, not covered, stands for both.
    """
    is_open = bool(_stages(question.status))
    ended = ["e.outcome = %(status)s"]
    unfinished = ["e.outcome = ''", f"{_STAGE_OF_EVENT} = ANY(%(stages)s)"]
    states = [ended] if question.status in EventOutcome.values else []
    states += [unfinished] if is_open else []
    if question.external_id:
        address = ["e.address = %(address)s"] if question.recipient else []
        by_id = [("external_id", [*more, *address]) for more in states or [[]]]
        if not question.recipient:
            return by_id
        return [*by_id, *(("deliveries", more) for more in states or [[]])]
    if question.recipient:
        return [
            (way, more) for way in ("address", "deliveries") for more in states or [[]]
        ]
    ways = [("events", ended)] if ended in states else []
    ways += [("work", ["e.outcome = ''"])] if is_open else []
    return ways or [("events", [])]


def _stages(status: str) -> list[str]:
    return [str(stage) for stage, shown in EVENT_STATUS.items() if shown == status]


def _as_kept(recipient: str) -> str:
    """Return an address as the door keeps it; a text that is none as it is.

    In an address of the web, a plus that is not escaped reads as a blank.
    """
    if _DIGITS.fullmatch(recipient):
        recipient = f"+{recipient.strip()}"
    for read in (addresses.email, addresses.phone):
        try:
            return read(recipient)
        except addresses.BadAddress:
            continue
    return recipient.strip()


def _statuses(events: Sequence[Event]) -> dict[UUID, str]:
    """Return where events stand: their outcome, else the stage of their first row."""
    found = {event.pk: event.outcome for event in events}
    unfinished = sorted(event.pk for event in events if not event.outcome)
    if not unfinished:
        return found
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT ON (event_id) event_id, stage FROM events_work
            WHERE id BETWEEN %(first)s AND %(last)s AND event_id = ANY(%(ids)s)
            ORDER BY event_id, id
            """,
            {
                "first": unfinished[0],
                "last": ids.last_id_of(unfinished[-1]),
                "ids": unfinished,
            },
        )
        stages = dict(cursor.fetchall())
    for event_id in unfinished:
        stage = stages.get(event_id)
        found[event_id] = EVENT_STATUS[Stage(stage)] if stage else "pending"
    return found
