"""Dropping: what waits for a message that was withdrawn ends, each with its reason.

One short transaction a row, in lock order, so that no worker waits for it.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterable
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.db import connection, transaction

from events import ids, work
from events.models import EventOutcome, Stage, Work
from history import recording
from history.models import DeliveryStatus, Reason
from history.recording import Ending
from history.retrying import executions_of

logger = logging.getLogger(__name__)

_DROPPED = [stage.value for stage in Stage if stage not in (Stage.SENDING, Stage.HELD)]


def drop(
    row_ids: Iterable[UUID],
    *,
    channel: str,
    reason: Reason,
    actor: AbstractBaseUser | None = None,
    seconds: float = math.inf,
) -> int:
    """End rows of work as cancelled, for a reason; return how many were ended.

    A row that has begun to be sent goes its way, one that was routed to another channel
    meanwhile stays. What may have left before ends as uncertain. After so many
    `seconds` the rest is left as it is.
    """
    until = time.monotonic() + seconds
    dropped = 0
    for row_id in row_ids:
        if time.monotonic() > until:
            break
        dropped += _drop_row(row_id, channel, reason)
    logger.info("%d waiting %s dropped by %s", dropped, channel, actor or "nobody")
    return dropped


def _drop_row(row_id: UUID, channel: str, reason: Reason) -> bool:
    with transaction.atomic(), connection.cursor() as cursor:
        recording.lock_events([ids.event_id_of(row_id)])
        stands = Work.objects.select_for_update().filter(
            pk=row_id, channel__in=["", channel], stage__in=_DROPPED
        )
        if stands.first() is None:
            return False
        # A range of one id: the siblings on other channels are left alone.
        lease_no, taken = work.take_over(cursor, row_id, row_id, stages=_DROPPED)
        executions = executions_of(taken)
        endings = [
            Ending(
                id=row.id,
                status=DeliveryStatus.CANCELLED,
                reason=reason,
                execution_id=executions.get(row.version_id or 0),
                event_outcome=EventOutcome.CANCELLED,
            )
            for row in taken
        ]
        return bool(recording.end_taken(endings, lease_no=lease_no))
