"""The deliveries of one event, open or ended, as lines for its page.

Knows no admin: it returns values in plain words.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from events import ids
from events.models import Stage, Work
from history import explain
from history.models import (
    Attempt,
    AttemptOutcome,
    Delivery,
    DeliveryStatus,
    Resolution,
)
from templates_app.models import Version
from txmsg.models import InboxMessage

_ATTEMPT_TONES = {
    AttemptOutcome.SENT: "success",
    AttemptOutcome.TRANSIENT: "warning",
    AttemptOutcome.ROUTE: "warning",
}
_LAST_TRY = {
    DeliveryStatus.SENT: AttemptOutcome.SENT,
    DeliveryStatus.UNCERTAIN: AttemptOutcome.UNKNOWN,
    DeliveryStatus.FAILED: AttemptOutcome.PERMANENT,
}


@dataclass(frozen=True, slots=True)
class TryLine:
    """One try to hand a message over."""

    number: int
    started_at: datetime | None
    took: str
    label: str
    tone: str
    provider: str
    answer: str


@dataclass(slots=True)
class DeliveryLine:
    """A delivery, ended or not, as the page shows it."""

    id: UUID
    ordinal: int
    channel: str
    address: str
    label: str
    tone: str
    sentence: str = ""
    next_step: str = ""
    detail: str = ""
    is_flagged: bool = False
    retry_of: int | None = None
    retried_as: int | None = None
    version: Version | None = None
    execution_id: int | None = None
    attempts: list[TryLine] = field(default_factory=list)
    provider: str = ""
    provider_id: str = ""
    claimed_at: datetime | None = None
    finished_at: datetime | None = None
    next_try_at: datetime | None = None
    expires_at: datetime | None = None
    resolution: str = ""
    resolved_at: datetime | None = None
    inbox_id: int | None = None
    can_preview: bool = False
    can_retry: bool = False
    can_resolve: bool = False
    is_held: bool = False
    is_sent: bool = False


def delivery_lines(
    event_id: UUID, rows: Sequence[Work], ended: Sequence[Delivery], *, now: datetime
) -> list[DeliveryLine]:
    """Return the deliveries of an event, given its rows of work and what has ended."""
    last = ids.last_id_of(event_id)
    earlier: dict[UUID, list[Attempt]] = defaultdict(list)
    attempts = Attempt.objects.filter(delivery_id__range=(event_id, last))
    for attempt in attempts.order_by("delivery_id", "number"):
        earlier[attempt.delivery_id].append(attempt)
    in_inbox = {
        delivery_id: pk
        for pk, delivery_id in InboxMessage.objects.filter(
            delivery_id__range=(event_id, last)
        ).values_list("pk", "delivery_id")
    }
    pinned = Version.objects.in_bulk([row.version_id for row in rows if row.version_id])
    lines = [_ended_line(d, earlier[d.pk]) for d in ended]
    lines += [
        _open_line(row, earlier[row.pk], pinned.get(row.version_id or 0), now=now)
        for row in rows
        if row.channel
    ]
    retries = {d.retry_of: ids.ordinal_of(d.pk) for d in ended if d.retry_of}
    retries |= {row.retry_of: ids.ordinal_of(row.pk) for row in rows if row.retry_of}
    for line in lines:
        line.inbox_id = in_inbox.get(line.id)
        line.retried_as = retries.get(line.id)
        line.can_retry = line.finished_at is not None and line.retried_as is None
    return sorted(lines, key=lambda line: line.id)


def _ended_line(delivery: Delivery, earlier: Sequence[Attempt]) -> DeliveryLine:
    execution = delivery.execution
    return DeliveryLine(
        id=delivery.pk,
        ordinal=ids.ordinal_of(delivery.pk),
        channel=delivery.get_channel_display(),
        address=delivery.address,
        label=delivery.get_status_display(),
        tone=explain.tone(delivery.status),
        sentence=kept(delivery) or explain.reason(delivery.reason),
        next_step=explain.next_step(delivery.reason),
        detail=delivery.detail,
        is_flagged=delivery.possible_duplicate,
        retry_of=ids.ordinal_of(delivery.retry_of) if delivery.retry_of else None,
        version=execution.version if execution else None,
        execution_id=delivery.execution_id,
        attempts=[*map(_try_line, earlier), *_last_try(delivery, len(earlier))],
        provider=delivery.provider,
        provider_id=delivery.provider_id,
        claimed_at=delivery.claimed_at,
        finished_at=delivery.finished_at,
        resolution=str(Resolution(delivery.resolved_as).label)
        if delivery.resolved_as
        else "",
        resolved_at=delivery.resolved_at,
        can_preview=execution is not None,
        can_resolve=delivery.status == DeliveryStatus.UNCERTAIN
        and not delivery.resolved_as,
        is_sent=delivery.status == DeliveryStatus.SENT,
    )


def _open_line(
    row: Work, earlier: Sequence[Attempt], version: Version | None, *, now: datetime
) -> DeliveryLine:
    return DeliveryLine(
        id=row.pk,
        ordinal=ids.ordinal_of(row.pk),
        channel=row.get_channel_display(),
        address=row.address,
        label=row.get_stage_display(),
        tone=explain.tone(row.stage),
        sentence=explain.open_event(row.stage, next_at=next_at(row, now), now=now),
        is_flagged=row.possible_duplicate,
        retry_of=ids.ordinal_of(row.retry_of) if row.retry_of else None,
        version=version,
        attempts=[_try_line(attempt) for attempt in earlier],
        claimed_at=row.pinned_at,
        next_try_at=next_at(row, now),
        expires_at=row.expires_at,
        is_held=row.stage == Stage.HELD,
    )


def _try_line(attempt: Attempt) -> TryLine:
    return TryLine(
        number=attempt.number,
        started_at=attempt.started_at,
        took=explain.duration(attempt.ended_at - attempt.started_at),
        label=attempt.get_outcome_display(),
        tone=_ATTEMPT_TONES.get(AttemptOutcome(attempt.outcome), "danger"),
        provider=attempt.provider,
        answer=attempt.answer,
    )


def _last_try(delivery: Delivery, earlier: int) -> list[TryLine]:
    """Return the try that stands in the delivery itself, if it was tried at all."""
    outcome = _LAST_TRY.get(DeliveryStatus(delivery.status))
    if delivery.attempts <= earlier or outcome is None:
        return []
    began = delivery.marked_at
    return [
        TryLine(
            number=delivery.attempts,
            started_at=began,
            took=explain.duration(delivery.finished_at - began) if began else "",
            label=str(outcome.label),
            tone=_ATTEMPT_TONES.get(outcome, "danger"),
            provider=delivery.provider,
            answer=delivery.answer,
        )
    ]


def waits(row: Work, now: datetime) -> bool:
    """Return whether a row waits for its time; else that is the end of a lease."""
    waiting = row.stage in (Stage.PENDING, Stage.QUEUED, Stage.RETRY)
    return waiting and not row.lease_owner and row.due_at > now


def next_at(row: Work, now: datetime) -> datetime | None:
    """Return when a row is next tried, if it waits for its time."""
    return row.due_at if waits(row, now) else None


def kept(delivery: Delivery) -> str:
    """Return the sentence of a message that was kept in the inbox instead of sent."""
    if delivery.status != DeliveryStatus.SENT:
        return ""
    return explain.kept(delivery.provider, delivery.channel)
