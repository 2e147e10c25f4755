"""Prepared statements with binary parameters, for the few hot paths that need them.

It runs on Django's own connection, inside whatever transaction stands there, and must
not know any table. Django's cursor binds on the client's side, as text: for lists of
hundreds of rows that costs several times what the statement itself does.
"""

from __future__ import annotations

import select
from collections.abc import Mapping
from typing import Any, cast

import psycopg
from django.db import connection

# Django switches preparing off altogether; so switched on, only what asks for it is
# prepared.
_NEVER_BY_ITSELF = 2**31
# What a statement that was prepared earlier fails with when a migration has changed
# what it returns, or when somebody else has dropped it. Nothing was run then.
_STALE = (psycopg.errors.FeatureNotSupported, psycopg.errors.InvalidSqlStatementName)


def rows(statement: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Run a statement and return its rows; an empty list when it returns none.

    Parameters are written ``%(name)b`` and bound by the server: a list is an array,
    and a cast (``::bigint[]``) or ``= ANY(…)`` tells its type. ``%(name)s`` would bind
    a list as text, at three times the cost. Errors are Django's. Read jsonb as
    ``::text``: here it would become floats.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors:
        raw = cast("psycopg.Connection[Any]", connection.connection)
        if raw.prepare_threshold is None:
            raw.prepare_threshold = _NEVER_BY_ITSELF
        try:
            return _run(raw, statement, values)
        except _STALE:
            # A rollback forgets what was prepared, so only outside of a transaction
            # the same failure would come again and again.
            if raw.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                raise
            raw.execute("DEALLOCATE ALL")
            return _run(raw, statement, values)


def _run(
    raw: psycopg.Connection[Any], statement: str, values: Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    with psycopg.Cursor(raw) as cursor:
        cursor.execute(statement, values, prepare=True, binary=True)
        return cursor.fetchall() if cursor.description else []


def leave_dead_connection() -> None:
    """Let go of a connection that the server has ended: the next use makes a new one.

    Django would ask ``SELECT 1`` at each request, and not at all before `rows`. Here
    nothing is asked: a connection on which nothing runs has something to read only
    when it was told of its end.
    """
    raw = connection.connection
    if raw is None or connection.in_atomic_block:
        return
    if not raw.closed:
        poll = select.poll()
        poll.register(raw.fileno(), select.POLLIN)
        if not poll.poll(0):
            return
    connection.close()
