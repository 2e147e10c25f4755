"""Telling webhooks how deliveries and events ended, in the transaction that ends them.

It must not know who listens, nor how they are told: `events.webhooks` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from events import arrays, ids
from events.webhooks import outbox
from history.results import Ended

# Looked up, not joined: a wave's transaction hashes what it joins (see events.work),
# and would read every version there is.
_FACTS = """
    ended AS (
        SELECT id, outcome, reason, finished_at FROM events_event
        WHERE id = ANY(%(events)b) AND id BETWEEN %(first)b AND %(final)b
          AND outcome <> ''
    ), fact AS (
        SELECT 'delivery.' || d.status AS name, d.event_id, d.id AS delivery_id,
               d.finished_at AS occurred_at, jsonb_build_object(
                   'delivery_id', d.id, 'channel', d.channel, 'status', d.status,
                   'reason', nullif(d.reason, ''), 'message', (
                       SELECT internal_name FROM templates_app_message WHERE id = (
                           SELECT message_id FROM history_execution
                           WHERE id = d.execution_id)), 'version', (
                       SELECT number FROM templates_app_version WHERE id = (
                           SELECT version_id FROM history_execution
                           WHERE id = d.execution_id)), 'attempts', d.attempts,
                   'possible_duplicate', d.possible_duplicate, 'retry_of', d.retry_of,
                   'provider', nullif(d.provider, ''),
                   'provider_id', nullif(d.provider_id, '')) AS data
        FROM history_delivery d
        WHERE d.id = ANY(%(deliveries)b) AND d.id BETWEEN %(first)b AND %(final)b
        UNION ALL
        SELECT 'event.' || outcome, id, NULL, finished_at, jsonb_build_object(
                   'status', outcome, 'reason', nullif(reason, ''))
        FROM ended
    )
"""


def announce(ended: Sequence[Ended]) -> None:
    """Tell who listens of rows that have left work, and of events that ended so.

    Called once the events are ended: an event of these rows that has an outcome has
    it since this transaction, for it had work before.
    """
    if not ended or not outbox.is_wanted():
        return
    event_ids: set[UUID] = {ids.event_id_of(row.id) for row in ended}
    deliveries = arrays.uuids(row.id for row in ended if row.status is not None)
    outbox.write(_FACTS, event_ids, {"deliveries": deliveries})
