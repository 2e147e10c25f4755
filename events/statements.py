"""Prepared statements with binary parameters, for the few hot paths that need them.

It runs on Django's own connection, inside whatever transaction stands there, and must
not know any table. Django's cursor binds on the client's side, as text: for lists of
hundreds of rows that costs several times what the statement itself does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import psycopg
from django.db import connection

# Django switches preparing off altogether; so switched on, only what asks for it is
# prepared.
_NEVER_BY_ITSELF = 2**31


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
        with psycopg.Cursor(raw) as cursor:
            cursor.execute(statement, values, prepare=True, binary=True)
            return cursor.fetchall() if cursor.description else []
