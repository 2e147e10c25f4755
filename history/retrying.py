"""What an operator does about an end: retry, resolve, re-route, decide what is held.

A final delivery never changes its state: a retry is a new delivery of the same event.
Every function here takes the locks in the order event, work, and is one transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.db import connection, transaction

from events import doorbell, ids, work
from events.models import EventContext, EventOutcome, Stage, Work
from events.routing import LiveVersion
from events.work import NewRow
from history import recording
from history.models import Delivery, DeliveryStatus, Reason, Resolution
from history.recording import Ending
from templates_app import publishing
from templates_app.models import Version

logger = logging.getLogger(__name__)

_REROUTABLE = (EventOutcome.NOT_COVERED, EventOutcome.EXPIRED, EventOutcome.FAILED)
NOTHING_PUBLISHED = (
    "No message is published for this event type on this channel, so nothing can be "
    "sent. Publish one, then send it again."
)


class NotPossible(Exception):
    """What an operator asked for cannot be done; the text says why, to be shown."""


@dataclass(frozen=True, slots=True)
class _Row:
    """An unfinished delivery, with an empty status, or one that has ended."""

    id: UUID
    status: str
    channel: str
    address: str
    retry_of: UUID | None
    resolved_as: str


def retry(delivery_id: UUID, *, actor: AbstractBaseUser | None = None) -> UUID:
    """Send a message once more, as a new delivery; return its id; raise NotPossible.

    It goes the same way, with the version that is live when it is claimed, and its
    time to live begins anew. The copy of one whose outcome is unknown is flagged. It
    waits while its message is paused; with no message published it is refused.
    """
    event_id = ids.event_id_of(delivery_id)
    with transaction.atomic(), connection.cursor() as cursor:
        _lock(cursor, event_id)
        rows = _rows(cursor, event_id)
        old = next((r for r in rows if r.id == delivery_id and r.status), None)
        if old is None:
            raise NotPossible("This delivery has not ended, or is not known any more.")
        if any(row.retry_of == delivery_id for row in rows):
            raise NotPossible("This delivery was retried already: see the newer one.")
        if live_for(old.id) is None:
            raise NotPossible(NOTHING_PUBLISHED)
        new = NewRow(
            id=_next_id(event_id, rows),
            channel=old.channel,
            address=old.address,
            retry_of=old.id,
            possible_duplicate=old.status == DeliveryStatus.UNCERTAIN
            and old.resolved_as != Resolution.NOT_SENT,
        )
        _begin_anew(cursor, event_id, new)
        if old.status == DeliveryStatus.UNCERTAIN:
            recording.resolve(cursor, old.id, Resolution.SENT_AGAIN)
    logger.info("%s is retried as %s by %s", old.id, new.id, actor or "nobody")
    return new.id


def live_for(delivery_id: UUID) -> LiveVersion | None:
    """Return what a delivery would now be sent with; None if nothing is published."""
    ended = Delivery.objects.filter(pk=delivery_id)
    held = Work.objects.filter(pk=delivery_id)
    key = (
        ended.values_list("event__type_id", "channel").first()
        or held.values_list("type_id", "channel").first()
    )
    return publishing.live_versions().get(key) if key else None


def reroute(event_id: UUID, *, actor: AbstractBaseUser | None = None) -> UUID:
    """Route an event anew that ended without any delivery; raise NotPossible.

    Returns the id of its new row of work.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        outcome = _lock(cursor, event_id)
        rows = _rows(cursor, event_id)
        if not outcome:
            raise NotPossible("This event has not ended: it is routed by itself.")
        if rows:
            raise NotPossible("This event has deliveries: retry one of them instead.")
        if outcome not in _REROUTABLE:
            raise NotPossible(f"An event that was {outcome} is not routed again.")
        new = NewRow(id=_next_id(event_id, rows))
        _begin_anew(cursor, event_id, new)
    logger.info("%s is re-routed by %s", event_id, actor or "nobody")
    return new.id


def resolve(
    delivery_id: UUID, as_: Resolution, *, actor: AbstractBaseUser | None = None
) -> None:
    """Note whether an uncertain delivery arrived, once; raise NotPossible."""
    with connection.cursor() as cursor:
        if not recording.resolve(cursor, delivery_id, as_):
            raise NotPossible("This delivery is not uncertain, or was resolved before.")
    logger.info("%s is resolved as %s by %s", delivery_id, as_, actor or "nobody")


def send_held(work_id: UUID, *, actor: AbstractBaseUser | None = None) -> None:
    """Send a held message although it may have arrived; raise NotPossible.

    It waits while its message is paused; with no message published it stays held.
    """
    with transaction.atomic():
        lane = work.wake_held(work_id)
        if lane is None:
            raise NotPossible("This delivery is not held any more, or has expired.")
        if live_for(work_id) is None:
            raise NotPossible(NOTHING_PUBLISHED)
        doorbell.ring_on_commit(lane)
    logger.info("held %s is sent by %s", work_id, actor or "nobody")


def end_held(work_id: UUID, *, actor: AbstractBaseUser | None = None) -> None:
    """End a held message unsent, as uncertain; raise NotPossible."""
    with transaction.atomic(), connection.cursor() as cursor:
        _lock(cursor, ids.event_id_of(work_id))
        lease_no, taken = work.take_over(cursor, work_id, work_id, stages=[Stage.HELD])
        if not taken:
            raise NotPossible("This delivery is not held any more.")
        ending = Ending(
            id=work_id,
            status=DeliveryStatus.UNCERTAIN,
            reason=Reason.ENDED_BY_OPERATOR,
            execution_id=executions_of(taken).get(taken[0].version_id or 0),
        )
        recording.end_taken([ending], lease_no=lease_no)
    logger.info("held %s is ended by %s", work_id, actor or "nobody")


def executions_of(taken: Sequence[work.Taken]) -> dict[int, int]:
    """Return this month's execution of each version that rows are pinned to."""
    pinned = {row.version_id for row in taken if row.version_id is not None}
    messages = Version.objects.filter(pk__in=pinned).values_list("pk", "message_id")
    return {
        version_id: recording.execution_for(
            version_id, message_id, at=datetime.now(UTC)
        )
        for version_id, message_id in messages
    }


def _lock(cursor: Any, event_id: UUID) -> str:
    """Lock an event and return its outcome; raise NotPossible if it is unknown."""
    recording.lock_events([event_id])
    cursor.execute("SELECT outcome FROM events_event WHERE id = %s", [event_id])
    row = cursor.fetchone()
    if row is None:
        raise NotPossible("This event is not known any more.")
    return str(row[0])


def _rows(cursor: Any, event_id: UUID) -> list[_Row]:
    """Return what an event has to do and has done, in one statement.

    In two, a row that moves from the one to the other in between would be missed.
    """
    cursor.execute(
        """
        SELECT id, '', channel, address, retry_of, '' FROM events_work
        WHERE id BETWEEN %(first)s AND %(last)s
        UNION ALL
        SELECT id, status, channel, address, retry_of, resolved_as
        FROM history_delivery WHERE id BETWEEN %(first)s AND %(last)s
        """,
        {"first": event_id, "last": ids.last_id_of(event_id)},
    )
    return [_Row(*row) for row in cursor.fetchall()]


def _next_id(event_id: UUID, rows: Sequence[_Row]) -> UUID:
    ordinal = max((ids.ordinal_of(row.id) for row in rows), default=0) + 1
    if ordinal > ids.MAX_ORDINAL:
        raise NotPossible(
            f"This event has had {ids.MAX_ORDINAL} deliveries, the most there can be."
        )
    return ids.delivery_id(event_id, ordinal)


def _begin_anew(cursor: Any, event_id: UUID, new: NewRow) -> None:
    """Add a row of work to an event, reopen it, and ring its lane on commit."""
    if not EventContext.objects.filter(pk=event_id).exists():
        raise NotPossible("The event's data was purged: it cannot be sent any more.")
    lane = work.add(cursor, new)
    recording.reopen(cursor, event_id)
    doorbell.ring_on_commit(lane)
