"""Reads that people ask for, bounded in time: history may be as long as it likes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

READ_SECONDS = 5


class TookTooLong(Exception):
    """A read was ended because it took longer than `READ_SECONDS`."""


@contextmanager
def bounded_read() -> Iterator[None]:
    """Read for at most a few seconds; raise TookTooLong."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = '{READ_SECONDS}s'")
            yield
            cursor.execute("SET LOCAL statement_timeout = DEFAULT")
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise TookTooLong from error
        raise
