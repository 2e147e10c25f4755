"""Executions: a version's deliveries of one month."""

from __future__ import annotations

from datetime import UTC, datetime

from history.models import Execution


def execution_for(version_id: int, message_id: int, *, at: datetime) -> int:
    """Return the id of a version's execution of a month, made when missing."""
    month = at.astimezone(UTC).date().replace(day=1)
    execution, _ = Execution.objects.get_or_create(
        version_id=version_id, month=month, defaults={"message_id": message_id}
    )
    return int(execution.pk)
