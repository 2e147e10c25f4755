"""What the pipeline asks: which versions are live, and what to take up again.

Rows that wait are re-dated in small batches that pass over what a worker holds, after
the status was committed; the sweeper finds what a worker parked in between.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from django.db import connection, transaction

from events import arrays, doorbell, statements, work
from events.models import Stage
from events.routing import LiveVersion, RouteKey
from templates_app.models import Message, MessageStatus, Version

WAKE_BATCH = 1000
PASS_SECONDS = 10.0
# Longer than any claim takes from reading what is live to its commit.
SETTLED_SECONDS = 60
_WAITING = (Stage.PAUSED, Stage.NOT_COVERED)
_passes: dict[int, float] = {}


_LIVE = """
    SELECT event_type_id, channel, live_version_id, status FROM templates_app_message
    WHERE status <> 'draft'
      AND event_type_id IS NOT NULL AND live_version_id IS NOT NULL
"""
# What is published cannot be paused or unpublished until the mark has committed; and
# whoever did so before is seen: a row that was waited for is looked at anew.
_MARK_LIVE = f"""
    WITH live AS MATERIALIZED (
        SELECT v.id FROM templates_app_version v
        JOIN templates_app_message m ON m.id = v.message_id
        WHERE v.id = ANY(%(versions)b) AND m.status = 'published'
        ORDER BY m.id FOR SHARE OF m
    ), marked AS ({work.MARK.format(only="AND version_id IN (SELECT id FROM live)")})
    SELECT NULL::uuid AS marked, id AS live FROM live
    UNION ALL SELECT id, NULL FROM marked
"""


def live_versions() -> dict[RouteKey, LiveVersion]:
    """Return the live version of each event type and channel; one small query."""
    return {
        (type_id, channel): LiveVersion(version, status == MessageStatus.PAUSED)
        for type_id, channel, version, status in statements.rows(_LIVE, {})
    }


def versions_of_live_messages(version_ids: Iterable[int]) -> set[int]:
    """Return which of these versions belong to a message that is live, or paused."""
    return set(
        Version.objects.filter(pk__in=set(version_ids))
        .exclude(message__status=MessageStatus.DRAFT)
        .values_list("pk", flat=True)
    )


def mark(
    versions: Mapping[UUID, int],
    *,
    lease_no: int,
    send_timeout: float,
    lease_seconds: float,
) -> tuple[set[UUID], set[UUID]]:
    """Mark rows as about to be sent, by their versions; return which were, which wait.

    Those wait whose message is not published any more: a pause that has returned is
    seen here, a later one waits for this statement. For the rest see `work.MARK`.
    """
    values = work.mark_values(
        list(versions),
        lease_no=lease_no,
        send_timeout=send_timeout,
        lease_seconds=lease_seconds,
    )
    values["versions"] = arrays.bigints(sorted(set(versions.values())))
    found = statements.rows(_MARK_LIVE, values)
    live = {version_id for _, version_id in found}
    marked = {row_id for row_id, _ in found if row_id is not None}
    return marked, {row_id for row_id in versions if versions[row_id] not in live}


def wake_parked() -> int:
    """Wake what waits for messages that were opened of late; return how many rows.

    Opening a message wakes what waits, but whoever does it may die before, and a claim
    that read the state just before parks rows just after. So each opened message is
    gone through again, every ten seconds for a minute, and only then left alone.
    """
    woken = 0
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id, event_type_id, channel, opened_at,
                   clock_timestamp() - opened_at > make_interval(secs => %s)
            FROM templates_app_message
            WHERE opened_at IS NOT NULL AND status = 'published'
            """,
            [SETTLED_SECONDS],
        )
        opened = cursor.fetchall()
    for message_id, type_id, channel, opened_at, is_settled in opened:
        if time.monotonic() < _passes.get(message_id, 0.0) and not is_settled:
            continue
        _passes[message_id] = time.monotonic() + PASS_SECONDS
        woken += work.wake(type_id, channel=channel, stages=_WAITING, limit=WAKE_BATCH)
        if is_settled:
            _passes.pop(message_id, None)
            Message.objects.filter(pk=message_id, opened_at=opened_at).update(
                opened_at=None
            )
    return woken


def wake(message: Message, stages: Sequence[Stage]) -> None:
    """Re-date what waits for a message, once the status is committed, and ring."""
    if message.event_type_id is None:
        return
    type_id, channel = message.event_type_id, message.channel

    def wake_all() -> None:
        work.wake(type_id, channel=channel, stages=stages, limit=WAKE_BATCH)
        doorbell.ring_all()

    # Robust: the state is committed, and the sweeper wakes what this could not.
    transaction.on_commit(wake_all, robust=True)


def forget_passes() -> None:
    """Let the next `wake_parked` go through every opened message at once."""
    _passes.clear()
