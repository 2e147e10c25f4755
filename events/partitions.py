"""Month partitions: migration operations that make them, and their upkeep.

It finds partitioned tables in the database's catalogue and knows none by name. Every
partitioned table here has a UUIDv7 as its partition key (`events.ids`). There is no
default partition: it would block readers whenever a month is attached.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import OperationalError, connections, migrations, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import ProjectState
from django.db.models import Model

from events import ids

logger = logging.getLogger(__name__)

MONTHS_AHEAD = 3
_LOCK_KEY = 7_401_001
_STORAGE = re.compile(r"[a-z_.]+\Z")


@dataclass(frozen=True, slots=True)
class Partition:
    """A month of a partitioned table; `until` is exclusive."""

    parent: str
    name: str
    until: datetime


class CreatePartitionedModel(migrations.CreateModel):
    """Create a model's table as one partitioned by range of its key's UUID column.

    `partition_storage` are storage parameters for every partition to come (a
    partitioned table itself can have none); they are kept as the table's comment.
    """

    def __init__(
        self,
        *args: Any,
        partition_by: str,
        partition_storage: dict[str, int | float] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.partition_by = partition_by
        self.partition_storage = partition_storage or {}

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Create the table with its PARTITION BY clause and keep the parameters."""
        model: type[Model] = to_state.apps.get_model(app_label, self.name)
        quote = schema_editor.quote_name
        plain = schema_editor.sql_create_table
        schema_editor.sql_create_table = (
            f"{plain} PARTITION BY RANGE ({quote(self.partition_by)})"
        )
        try:
            schema_editor.create_model(model)
        finally:
            schema_editor.sql_create_table = plain
        comment = json.dumps({"partition_storage": self.partition_storage})
        schema_editor.execute(
            f"COMMENT ON TABLE {quote(model._meta.db_table)} IS '{comment}'"
        )


class AddPartitionedIndex(migrations.AddIndex):
    """Add an index to a partitioned table without blocking its writers.

    Concurrently on each partition, then on the parent alone, then attached. For a
    migration with `atomic = False`; started again after a failure it goes on.
    """

    atomic = False

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Build the index partition by partition."""
        model = to_state.apps.get_model(app_label, self.model_name)
        table = model._meta.db_table
        quote = schema_editor.quote_name
        statement = str(self.index.create_sql(model, schema_editor))
        head = f"CREATE INDEX {quote(self.index.name)} ON {quote(table)} "
        if not statement.startswith(head):
            message = f"cannot rewrite for partitions: {statement}"
            raise ValueError(message)
        body = statement.removeprefix(head)
        with schema_editor.connection.cursor() as cursor:
            months = [partition.name for partition in _partitions(cursor, table)]
        parts = {month: f"{self.index.name}_{month[-7:]}" for month in months}
        for month, index in parts.items():
            schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {quote(index)}")
            schema_editor.execute(
                f"CREATE INDEX CONCURRENTLY {quote(index)} ON {quote(month)} {body}"
            )
        schema_editor.execute(
            f"CREATE INDEX IF NOT EXISTS {quote(self.index.name)}"
            f" ON ONLY {quote(table)} {body}"
        )
        for index in parts.values():
            schema_editor.execute(
                f"ALTER INDEX {quote(self.index.name)} ATTACH PARTITION {quote(index)}"
            )


def ensure(
    *, now: datetime | None = None, months: int = MONTHS_AHEAD, using: str = "default"
) -> list[str]:
    """Make missing partitions from this month to `months` ahead; return their names.

    Safe to run at any time, also twice at once. Each month is attached in its own
    short transaction that gives up on a lock after two seconds and tries again.
    """
    made: list[str] = []
    for parent, storage in _parents(using):
        for start, end in _months(now or datetime.now(UTC), months + 1):
            name = f"{parent}_{start:%Y_%m}"
            if _attach(parent, name, start, end, storage, using):
                made.append(name)
    if made:
        logger.info("%d partitions made, the last is %s", len(made), made[-1])
    return made


def days_ahead(*, now: datetime | None = None, using: str = "default") -> float:
    """Return for how many days from now every partitioned table has partitions."""
    moment = now or datetime.now(UTC)
    with connections[using].cursor() as cursor:
        until: dict[str, datetime] = {}
        for partition in _partitions(cursor):
            until[partition.parent] = max(
                until.get(partition.parent, partition.until), partition.until
            )
    if len(until) < len(_parents(using)) or not until:
        return 0.0
    return (min(until.values()) - moment) / timedelta(days=1)


def listing(*, using: str = "default") -> list[Partition]:
    """Return every partition, by table and month."""
    with connections[using].cursor() as cursor:
        return list(_partitions(cursor))


def _months(now: datetime, count: int) -> Iterator[tuple[datetime, datetime]]:
    start = now.astimezone(UTC).replace(
        day=1, hour=0, minute=0, second=0, microsecond=0
    )
    for _ in range(count):
        end = (start + timedelta(days=32)).replace(day=1)
        yield start, end
        start = end


def _parents(using: str) -> list[tuple[str, dict[str, int | float]]]:
    with connections[using].cursor() as cursor:
        cursor.execute(
            """
            SELECT c.relname, obj_description(c.oid, 'pg_class')
            FROM pg_partitioned_table p JOIN pg_class c ON c.oid = p.partrelid
            WHERE c.relnamespace = current_schema()::regnamespace
            ORDER BY c.relname
            """
        )
        rows = cursor.fetchall()
    return [
        (name, json.loads(comment or "{}").get("partition_storage", {}))
        for name, comment in rows
    ]


def _partitions(cursor: Any, parent: str | None = None) -> Iterator[Partition]:
    cursor.execute(
        """
        SELECT p.relname, c.relname, pg_get_expr(c.relpartbound, c.oid)
        FROM pg_inherits i
        JOIN pg_class p ON p.oid = i.inhparent AND p.relkind = 'p'
        JOIN pg_class c ON c.oid = i.inhrelid
        WHERE p.relnamespace = current_schema()::regnamespace
          AND (%s::text IS NULL OR p.relname = %s)
        ORDER BY p.relname, c.relname
        """,
        [parent, parent],
    )
    for parent_name, name, bound in cursor.fetchall():
        until = UUID(bound.rsplit("'", 2)[1])
        yield Partition(parent_name, name, ids.moment_of(until))


def _attach(
    parent: str,
    name: str,
    start: datetime,
    end: datetime,
    storage: dict[str, int | float],
    using: str,
) -> bool:
    quote = connections[using].ops.quote_name
    options = ", ".join(
        f"{key} = {float(value):g}"
        for key, value in storage.items()
        if _STORAGE.match(key)
    )
    for attempt in range(1, 11):
        try:
            with (
                transaction.atomic(using=using),
                connections[using].cursor() as cursor,
            ):
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK_KEY])
                cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [quote(name)])
                if cursor.fetchone()[0]:
                    return False
                cursor.execute("SET LOCAL lock_timeout = '2s'")
                cursor.execute(
                    f"CREATE TABLE {quote(name)} (LIKE {quote(parent)} INCLUDING ALL)"
                    + (f" WITH ({options})" if options else "")
                )
                cursor.execute(
                    f"ALTER TABLE {quote(parent)} ATTACH PARTITION {quote(name)}"
                    " FOR VALUES FROM (%s) TO (%s)",
                    [ids.first_id_at(start), ids.first_id_at(end)],
                )
                return True
        except OperationalError:
            if attempt == 10:
                raise
            logger.warning("partition %s: no lock yet, trying again", name)
            time.sleep(0.2 * attempt)
    return False
