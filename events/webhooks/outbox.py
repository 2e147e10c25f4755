"""The outbox: what endpoints are told is written in the transaction of the fact.

So nothing is lost and nothing is invented. Who writes facts asks first whether anybody
listens: a yes or no that is kept for a second, and that is all it costs when nobody
does. An endpoint is told of what happens from a second after it was made.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from events import arrays, statements

KEPT_SECONDS = 1.0
_is_wanted = False
_until = 0.0

_ASK = "SELECT EXISTS (SELECT FROM events_webhookendpoint WHERE status <> 'gone')"
_COLUMNS = "endpoint_id, name, event_id, delivery_id, data, occurred_at, due_at"
_LISTENS = """
    o.status <> 'gone' AND (o.events = '{}' OR fact.name = ANY(o.events))
    AND (o.event_types = '{}' OR t.name = ANY(o.event_types))
"""
# Behind the statement that stores events: what it stores stands in `times`.
_TELL_ACCEPTED = f"""
    , fact AS (
        SELECT 'event.accepted' AS name, times.* FROM times
    ), told AS (
        INSERT INTO events_webhookmessage ({_COLUMNS})
        SELECT o.id, fact.name, fact.id, NULL, jsonb_build_object(
                   'event_id', fact.id, 'event_type', t.name,
                   'external_id', nullif(fact.external_id, ''),
                   'correlation_id', nullif(fact.correlation_id, ''),
                   'metadata', fact.metadata::jsonb,
                   'status', fact.stage, 'reason', NULL),
               now, now
        FROM fact
        JOIN events_eventtype t ON t.id = fact.type
        JOIN events_webhookendpoint o
          ON o.source_id = %(source)b::bigint AND {_LISTENS}
        ORDER BY fact.id
    )
"""
_LAST = "\n    SELECT now FROM times"
_WRITE = f"""
    WITH {{facts}}
    INSERT INTO events_webhookmessage ({_COLUMNS})
    SELECT o.id, fact.name, fact.event_id, fact.delivery_id, jsonb_build_object(
               'event_id', e.id, 'event_type', t.name,
               'external_id', nullif(e.external_id, ''),
               'correlation_id', nullif(e.correlation_id, ''),
               'metadata', coalesce(c.metadata, '{{{{}}}}')) || fact.data,
           fact.occurred_at, clock_timestamp()
    FROM fact
    JOIN events_event e ON e.id = fact.event_id
     AND e.id = ANY(%(events)b) AND e.id BETWEEN %(first)b AND %(final)b
    JOIN events_eventtype t ON t.id = e.type_id
    JOIN events_webhookendpoint o
      ON o.source_id = e.source_id AND {_LISTENS.replace("{}", "{{}}")}
    LEFT JOIN events_eventcontext c ON c.event_id = fact.event_id
     AND c.event_id = ANY(%(events)b) AND c.event_id BETWEEN %(first)b AND %(final)b
    ORDER BY fact.event_id, fact.delivery_id NULLS LAST
"""


def is_wanted() -> bool:
    """Say whether any endpoint listens, as of the last second."""
    global _is_wanted, _until
    now = time.monotonic()
    if now >= _until:
        _is_wanted = bool(statements.rows(_ASK, {})[0][0])
        _until = now + KEPT_SECONDS
    return _is_wanted


def forget() -> None:
    """Ask again at the next fact: an endpoint was made or removed by this process."""
    global _until
    _until = 0.0


def telling(statement: str) -> str:
    """Return a statement of `events.storing` that also tells who listens."""
    return _telling(statement) if is_wanted() else statement


@functools.lru_cache(maxsize=8)
def _telling(statement: str) -> str:
    head, found, rest = statement.rpartition(_LAST)
    if not found:
        raise AssertionError(statement)
    return f"{head}{_TELL_ACCEPTED}{found}{rest}"


def write(facts: str, event_ids: Iterable[UUID], values: Mapping[str, Any]) -> None:
    """Tell who listens of facts about some events, inside the caller's transaction.

    `facts` are common table expressions, the last of them ``fact (name, event_id,
    delivery_id, occurred_at, data)``; they may use the parameters events, first, final
    (the last id of an event's range) and those of `values`.
    """
    events = sorted(event_ids)
    own = {
        "events": arrays.uuids(events),
        "first": events[0],
        "final": UUID(int=events[-1].int | 0xFF),
    }
    statements.rows(_WRITE.format(facts=facts), {**own, **values})
