"""A history of many rows, made in the database by copying what a drain has left.

All of it lies in this month, beside what is measured: the harder case, since a year's
history would lie in other partitions.
"""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.db.models import Model

from events.models import Event, EventContext
from history.models import Delivery

_AT_ONCE = 100_000
# From the beginning of the month to now, in the order of time.
_IDS = """
    CREATE TEMPORARY TABLE made AS
    SELECT number, left(uuidv7(
        (date_trunc('month', now()) - now()) * (1 - number::float8 / %(rows)s)
        )::text, 34) AS head
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS number
"""


def age(rows: int, postgres_pid: int = 0) -> dict[str, Any]:
    """Add so many events with context and delivery, as if they had been sent."""
    event = Event.objects.exclude(outcome="").latest("pk")
    for first in range(0, rows, _AT_ONCE):
        last = min(first + _AT_ONCE, rows) - 1
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS made")
            cursor.execute(_IDS, {"rows": rows, "first": first, "last": last})
            _copy(cursor, Event, event.pk, id="(head || '00')::uuid")
            _copy(cursor, EventContext, event.pk, event_id="(head || '00')::uuid")
            _copy(
                cursor,
                Delivery,
                event.deliveries.latest("pk").pk,
                id="(head || '01')::uuid",
                event_id="(head || '00')::uuid",
                address="'customer' || number || '@example.com'",
            )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
        cursor.execute("CHECKPOINT")
    return {"rows": rows}


def _copy(cursor: Any, model: type[Model], key: Any, **changes: str) -> None:
    """Copy a row for every id that was made."""
    names = [field.column for field in model._meta.concrete_fields]
    primary = names[0]
    columns = ", ".join(names)
    values = ", ".join(changes.get(name, f"one.{name}") for name in names)
    table = model._meta.db_table
    cursor.execute(
        f"""
        INSERT INTO {table} ({columns}) SELECT {values}
        FROM made, (SELECT * FROM {table} WHERE {primary} = %s) AS one
        """,
        [key],
    )
