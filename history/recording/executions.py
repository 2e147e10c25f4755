"""Executions: a version's deliveries of one month."""

from __future__ import annotations

from datetime import UTC, date, datetime

from django.db import connection

from history.models import Execution

# An execution stays for as long as its version, under the same id.
_KEPT = 1024
_known: dict[tuple[int, date], int] = {}


def execution_for(version_id: int, message_id: int, *, at: datetime) -> int:
    """Return the id of a version's execution of a month, made when missing."""
    month = at.astimezone(UTC).date().replace(day=1)
    known = _known.get((version_id, month))
    if known is not None:
        return known
    execution, _ = Execution.objects.get_or_create(
        version_id=version_id, month=month, defaults={"message_id": message_id}
    )
    if not connection.in_atomic_block:
        # Else it may yet be rolled back.
        if len(_known) >= _KEPT:
            _known.clear()
        _known[version_id, month] = int(execution.pk)
    return int(execution.pk)


def forget() -> None:
    """Forget which executions there are, as when the database is another."""
    _known.clear()
