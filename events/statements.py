"""Prepared statements with binary parameters, for the few hot paths that need them.

It runs on Django's own connection, inside whatever transaction stands there, and must
not know any table. Django's cursor binds on the client's side, as text: for lists of
hundreds of rows that costs several times what the statement itself does. And of
psycopg's own cursor only the conversion of values is used: its machinery of waiting
takes three times as long as libpq's, for a statement that takes no time at all.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import re
import select
from collections.abc import Iterator, Mapping
from typing import Any, cast
from weakref import WeakKeyDictionary

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.transaction import atomic
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.pq import Format as WireFormat
from psycopg.pq.abc import PGresult

# What a statement that was prepared earlier fails with when a migration has changed
# what it returns, or when somebody else has dropped it. Nothing was run then.
_STALE = (psycopg.errors.FeatureNotSupported, psycopg.errors.InvalidSqlStatementName)
_DONE = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)
_PARAMETER = re.compile(r"%(?:\((\w+)\)b|(%))")

_names = itertools.count()
_prepared: WeakKeyDictionary[
    psycopg.Connection[Any], dict[tuple[str, tuple[int, ...]], bytes]
] = WeakKeyDictionary()
"""Names of what a connection has prepared, by statement and types of parameters."""
_turned_off: WeakKeyDictionary[psycopg.Connection[Any], tuple[str, ...]] = (
    WeakKeyDictionary()
)


def rows(statement: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Run a statement and return its rows; an empty list when it returns none.

    Parameters are written ``%(name)b`` and bound by the server: a list is an array,
    and a cast (``::bigint[]``) or ``= ANY(…)`` tells its type. A percent sign is
    written twice. Errors are Django's. Read jsonb as ``::text``: here it would become
    floats.
    """
    here = connections[DEFAULT_DB_ALIAS]
    if here.connection is None:
        here.ensure_connection()
    with here.wrap_database_errors:
        raw = cast("psycopg.Connection[Any]", here.connection)
        try:
            return _run(raw, statement, values)
        except _STALE:
            # Names never come again, so what the server still has of them is no harm.
            _prepared.pop(raw, None)
            if raw.info.transaction_status != TransactionStatus.IDLE:
                raise
            raw.execute("DEALLOCATE ALL")
            return _run(raw, statement, values)


def turn_off(*switches: str) -> None:
    """Have the planner of this session do without something; told once a connection.

    Plans are made anew when a table has changed, so it has to hold for good. Inside a
    transaction, which may be undone, it is told each time.
    """
    here = connections[DEFAULT_DB_ALIAS]
    here.ensure_connection()
    raw = cast("psycopg.Connection[Any]", here.connection)
    if _turned_off.get(raw) == switches:
        return
    calls = ", ".join(f"set_config('{name}', 'off', false)" for name in switches)
    rows(f"SELECT {calls}", {})
    if not here.in_atomic_block:
        _turned_off[raw] = switches


@contextlib.contextmanager
def transaction() -> Iterator[None]:
    """Run statements of this module in one transaction, or in the one that stands.

    What Django's `atomic` does, without what it costs. Django does not know of it: what
    is inside runs `rows`, and at most reads through Django.
    """
    here = connections[DEFAULT_DB_ALIAS]
    if here.in_atomic_block:
        with atomic():
            yield
        return
    here.ensure_connection()
    with here.wrap_database_errors:
        raw = cast("psycopg.Connection[Any]", here.connection)
        _tell(raw, b"BEGIN")
        try:
            yield
        except BaseException:
            if raw.pgconn.status != ConnStatus.BAD:
                raw.pgconn.exec_(b"ROLLBACK")
            raise
        _tell(raw, b"COMMIT")


def _tell(raw: psycopg.Connection[Any], command: bytes) -> None:
    try:
        result = raw.pgconn.exec_(command)
    except MemoryError:
        raise _lost(raw) from None
    _checked(raw, result)


def _run(
    raw: psycopg.Connection[Any], statement: str, values: Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    pgconn = raw.pgconn
    text, names = _translated(statement)
    transformer = Transformer(raw)
    given: Any = transformer.dump_sequence(
        [values[name] for name in names], [PyFormat.BINARY] * len(names)
    )
    types = transformer.types or ()
    if not raw.autocommit and pgconn.transaction_status == TransactionStatus.IDLE:
        _tell(raw, b"BEGIN")
    known = _prepared.setdefault(raw, {})
    name = known.get((statement, types))
    try:
        if name is None:
            name = b"txmsg_%d" % next(_names)
            _checked(raw, pgconn.prepare(name, text, types))
            known[statement, types] = name
        result = pgconn.exec_prepared(
            name, given, transformer.formats, WireFormat.BINARY
        )
    except MemoryError:
        # So it is told that nothing could be sent.
        raise _lost(raw) from None
    _checked(raw, result)
    transformer.set_pgresult(result)
    return transformer.load_rows(0, result.ntuples, tuple)


@functools.lru_cache(maxsize=512)
def _translated(statement: str) -> tuple[bytes, tuple[str, ...]]:
    """Return a statement with numbered parameters, and their names in that order."""
    places: dict[str, int] = {}

    def numbered(found: re.Match[str]) -> str:
        if found[2]:
            return "%"
        return f"${places.setdefault(found[1], len(places) + 1)}"

    return _PARAMETER.sub(numbered, statement).encode(), tuple(places)


def _checked(raw: psycopg.Connection[Any], result: PGresult) -> None:
    """Raise psycopg's error of a result that is one."""
    if result.status in _DONE:
        return
    error = psycopg.errors.error_from_result(result, raw.info.encoding)
    if error.sqlstate is None and raw.pgconn.status == ConnStatus.BAD:
        raise _lost(raw)
    raise error


def _lost(raw: psycopg.Connection[Any]) -> psycopg.OperationalError:
    why = raw.pgconn.get_error_message(raw.info.encoding)
    return psycopg.OperationalError(f"the connection is lost: {why}")


def leave_dead_connection() -> None:
    """Let go of a connection that the server has ended: the next use makes a new one.

    Django would ask ``SELECT 1`` at each request, and not at all before `rows`. Here
    nothing is asked unless there was an error: a connection on which nothing runs has
    something to read only when it was told of its end.
    """
    here = connections[DEFAULT_DB_ALIAS]
    if here.errors_occurred:
        here.close_if_unusable_or_obsolete()
    raw = here.connection
    if raw is None or here.in_atomic_block:
        return
    if not raw.closed:
        poll = select.poll()
        poll.register(raw.fileno(), select.POLLIN)
        if not poll.poll(0):
            return
    here.close()
