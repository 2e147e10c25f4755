"""The timeline of one event: what happened to it, and what it waits for now.

Knows no admin: it returns values in plain words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from events.models import Event, Stage, Work
from history import explain
from templates_app.models import PublicationAction, PublicationLog
from txmsg.event_deliveries import DeliveryLine, waits

_PARKED = (Stage.PAUSED, Stage.NOT_COVERED, Stage.HELD)
_PUBLICATIONS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Moment:
    """A line of the timeline; `after` counts from when the event was accepted.

    Without a time it is what the event waits for now.
    """

    at: datetime | None
    text: str
    after: str = ""
    note: str = ""
    tone: str = ""


def timeline(
    event: Event,
    rows: Sequence[Work],
    deliveries: Sequence[DeliveryLine],
    *,
    now: datetime,
) -> list[Moment]:
    """Return what happened in order of time, then what is still to come."""
    lines = [Moment(event.received_at, "Accepted", tone="info")]
    for line in deliveries:
        which = f" (delivery {line.ordinal})" if len(deliveries) > 1 else ""
        lines += _of_delivery(event, line, which)
    lines += _publications(event, {row.channel for row in rows}, now=now)
    if event.finished_at:
        outcome = f"Event {event.get_outcome_display().lower()}"
        tone = explain.tone(event.outcome)
        lines.append(_moment(event, event.finished_at, outcome, tone=tone))
    lines.sort(key=lambda line: line.at or now)
    return lines + _to_come(event, rows, now=now)


def _moment(event: Event, at: datetime, text: str, **more: str) -> Moment:
    return Moment(at, text, explain.duration(at - event.received_at), **more)


def _of_delivery(event: Event, line: DeliveryLine, which: str) -> list[Moment]:
    lines = []
    if line.claimed_at:
        version = f"version {line.version.number}" if line.version else "a version"
        taken = f"Taken by a worker, {version}{which}"
        lines.append(_moment(event, line.claimed_at, taken))
    lines += [
        _moment(
            event,
            attempt.started_at,
            f"Try {attempt.number}: {attempt.label.lower()}{which}",
            note=attempt.answer,
            tone=attempt.tone,
        )
        for attempt in line.attempts
        if attempt.started_at
    ]
    if line.finished_at:
        text = f"{line.label}{which}"
        lines.append(
            _moment(event, line.finished_at, text, note=line.sentence, tone=line.tone)
        )
    if line.resolved_at:
        lines.append(_moment(event, line.resolved_at, f"{line.resolution}{which}"))
    return lines


def _publications(event: Event, channels: set[str], *, now: datetime) -> list[Moment]:
    """Return what was done meanwhile to the messages that it may have waited for."""
    log = PublicationLog.objects.filter(
        message__event_type=event.type_id,
        at__gte=event.received_at,
        at__lte=event.finished_at or now,
    )
    if channels - {""}:
        log = log.filter(message__channel__in=channels)
    entries = log.select_related("message", "version").order_by("at")
    return [
        _moment(event, entry.at, _publication(entry))
        for entry in entries[:_PUBLICATIONS_SHOWN]
    ]


def _publication(entry: PublicationLog) -> str:
    done = entry.get_action_display().lower()
    if entry.action == PublicationAction.PUBLISHED and entry.version:
        done = f"published as version {entry.version.number}"
    return f"“{entry.message.label}” was {done}"


def _to_come(event: Event, rows: Sequence[Work], *, now: datetime) -> list[Moment]:
    """Return what its rows of work wait for: a person, or a time."""
    parked = [
        Moment(
            None,
            f"Now: {row.get_stage_display().lower()}",
            note=explain.open_event(row.stage, next_at=None, now=now),
            tone=explain.tone(row.stage),
        )
        for row in rows
        if row.stage in _PARKED
    ]
    waiting = [row for row in rows if waits(row, now)]
    return parked + [
        _moment(
            event, row.due_at, "Next try" if row.attempts else "Due", tone="warning"
        )
        for row in waiting[:1]
    ]
