"""Counts of executions, from the tallies; and why messages did not go out.

Reads only. What is counted in bulk is counted over a bounded number of rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection
from django.db.models import Max, Sum

from history.models import DeliveryStatus, Tally

CAUSES_OVER = 50_000
"""The causes of an execution are counted over its newest deliveries, so many."""


@dataclass(slots=True)
class Counts:
    """How the deliveries of an execution ended, by status."""

    by_status: dict[str, int] = field(default_factory=dict)
    last_hour: datetime | None = None

    @property
    def processed(self) -> int:
        """How many ended, in whatever way."""
        return sum(self.by_status.values())

    @property
    def success(self) -> str:
        """The share that was sent, in percent; a dash for none at all."""
        if not self.processed:
            return "–"
        share = 100 * self.by_status.get(DeliveryStatus.SENT, 0) / self.processed
        # 99.96 % is not all of them.
        shown = min(share, 99.9) if share < 100 else share
        return f"{shown:.1f} %".replace(".0 %", " %")


@dataclass(frozen=True, slots=True)
class Cause:
    """A reason for which deliveries were not sent, and how many."""

    status: str
    reason: str
    count: int


def counts_of(execution_ids: Sequence[int]) -> dict[int, Counts]:
    """Return the counts of executions by id; one query."""
    found = {execution_id: Counts() for execution_id in execution_ids}
    rows = (
        Tally.objects.filter(execution_id__in=execution_ids)
        .values_list("execution_id", "status")
        .annotate(total=Sum("count"), last=Max("hour"))
        .order_by()
    )
    for execution_id, status, total, last in rows:
        counts = found[execution_id]
        counts.by_status[status] = total
        counts.last_hour = max(filter(None, (counts.last_hour, last)))
    return found


def causes_of(execution_id: int) -> list[Cause]:
    """Return why deliveries of an execution were not sent, the most frequent first."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT status, reason, count(*)
            FROM (SELECT status, reason FROM history_delivery
                  WHERE execution_id = %s ORDER BY id DESC LIMIT %s) AS newest
            WHERE status <> 'sent'
            GROUP BY status, reason ORDER BY count(*) DESC, reason
            """,
            [execution_id, CAUSES_OVER],
        )
        return [Cause(*row) for row in cursor.fetchall()]
