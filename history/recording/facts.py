"""What changes about something that has ended: reopened, or resolved by an operator."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from history.models import Resolution


def reopen(cursor: Any, event_id: UUID) -> None:
    """Make an event unfinished again, as it has work once more."""
    cursor.execute(
        """
        UPDATE events_event SET outcome = '', reason = '', finished_at = NULL
        WHERE id = %s
        """,
        [event_id],
    )


def resolve(cursor: Any, delivery_id: UUID, resolution: Resolution) -> bool:
    """Note what became of an uncertain delivery; return whether it was open."""
    cursor.execute(
        """
        UPDATE history_delivery SET resolved_as = %s, resolved_at = clock_timestamp()
        WHERE id = %s AND status = 'uncertain' AND resolved_as = ''
        """,
        [resolution.value, delivery_id],
    )
    return bool(cursor.rowcount)
