"""Cancelling: what has not left yet never leaves. One transaction, in lock order."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.db import connection, transaction

from events import ids, work
from events.models import EventOutcome, Stage
from history import recording
from history.models import DeliveryStatus, Reason
from history.recording import Ending
from history.retrying import executions_of

logger = logging.getLogger(__name__)

_UNMARKED = [stage.value for stage in Stage if stage != Stage.SENDING]


@dataclass(frozen=True, slots=True)
class Cancelled:
    """How many messages were stopped, and the ids of those already on their way."""

    cancelled: int
    too_late: list[UUID] = field(default_factory=list)


def cancel(event_id: UUID, *, actor: AbstractBaseUser | str | None = None) -> Cancelled:
    """End what an event has still to send; what is being handed over goes its way.

    `actor` stands in the log: a user, or the name of a source.
    One that may have left before ends as uncertain. An event that has ended, or is
    not known, has nothing to cancel.
    """
    first, last = event_id, ids.last_id_of(event_id)
    with transaction.atomic(), connection.cursor() as cursor:
        recording.lock_events([event_id])
        lease_no, taken = work.take_over(cursor, first, last, stages=_UNMARKED)
        executions = executions_of(taken)
        endings = [
            Ending(
                id=row.id,
                status=DeliveryStatus.CANCELLED,
                reason=Reason.CANCELLED,
                execution_id=executions.get(row.version_id or 0),
                event_outcome=EventOutcome.CANCELLED,
            )
            for row in taken
        ]
        recording.end_taken(endings, lease_no=lease_no)
        cursor.execute(
            "SELECT id FROM events_work WHERE id BETWEEN %s AND %s ORDER BY id",
            [first, last],
        )
        too_late = [row[0] for row in cursor.fetchall()]
    if taken:
        logger.info("%s: %d cancelled by %s", event_id, len(taken), actor or "nobody")
    return Cancelled(len(taken), too_late)
