"""Prepared statements on Django's connection: types, transactions, errors."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest
from django.db import (
    DataError,
    NotSupportedError,
    OperationalError,
    connection,
    transaction,
)

from events import statements
from events.models import Source

pytestmark = pytest.mark.django_db


def test_lists_go_in_and_rows_come_out_with_their_types() -> None:
    ids, moment = [uuid4(), uuid4()], datetime.now(UTC)
    rows = statements.rows(
        """
        SELECT * FROM unnest(%(ids)b::uuid[], %(numbers)b::bigint[], %(texts)b::text[],
                             %(times)b::timestamptz[], %(none)b::int[])
        """,
        {
            "ids": ids,
            "numbers": [None, 2**40],
            "texts": ["ä", ""],
            "times": [moment, None],
            "none": [],
        },
    )
    assert rows == [
        (ids[0], None, "ä", moment, None),
        (ids[1], 2**40, "", None, None),
    ]


def test_a_statement_is_part_of_the_transaction_around_it() -> None:
    Source.objects.create(name="shop")
    rename = "UPDATE events_source SET name = %(name)b"
    with transaction.atomic():
        assert statements.rows(rename, {"name": "other"}) == []
        transaction.set_rollback(True)
    assert Source.objects.get().name == "shop"


def test_errors_are_djangos() -> None:
    with pytest.raises(DataError), transaction.atomic():
        statements.rows("SELECT 1 / %(zero)b::int", {"zero": 0})


def test_a_statement_is_prepared_once_and_others_are_not() -> None:
    text = "SELECT %(number)b::bigint + 1"
    for number in range(20):
        assert statements.rows(text, {"number": number}) == [(number + 1,)]
        Source.objects.count()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT generic_plans + custom_plans FROM pg_prepared_statements"
            " WHERE statement LIKE 'SELECT $1::bigint + 1'"
        )
        assert cursor.fetchall() == [(20,)]
        cursor.execute(
            "SELECT count(*) FROM pg_prepared_statements"
            " WHERE statement LIKE 'SELECT %events_source%'"
        )
        assert cursor.fetchone() == (0,)


@pytest.fixture
def table() -> Iterator[str]:
    """A table that a migration is about to change."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE changing (a int)")
        cursor.execute("INSERT INTO changing VALUES (1)")
    yield "changing"
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE changing")


def widen(table: str) -> None:
    """Change a table as another process does: psycopg knows of its own ALTER."""
    with psycopg.connect(connection.connection.info.dsn) as other:
        other.execute(f"ALTER TABLE {table} ADD COLUMN b text DEFAULT 'x'")


@pytest.mark.django_db(transaction=True)
def test_a_migration_while_the_server_runs_breaks_no_statement(table: str) -> None:
    for _ in range(2):
        assert statements.rows(f"SELECT * FROM {table}", {}) == [(1,)]
    widen(table)
    assert statements.rows(f"SELECT * FROM {table}", {}) == [(1, "x")]


@pytest.mark.django_db(transaction=True)
def test_a_migration_breaks_one_transaction_at_most(table: str) -> None:
    assert statements.rows(f"SELECT * FROM {table}", {}) == [(1,)]
    widen(table)
    with pytest.raises(NotSupportedError), transaction.atomic():
        statements.rows(f"SELECT * FROM {table}", {})
    with transaction.atomic():
        assert statements.rows(f"SELECT * FROM {table}", {}) == [(1, "x")]


@pytest.mark.django_db(transaction=True)
def test_statements_that_somebody_dropped_are_prepared_anew() -> None:
    """As a pooler does when it gives a connection to another."""
    assert statements.rows("SELECT 41", {}) == [(41,)]
    connection.connection.pgconn.exec_(b"DEALLOCATE ALL")
    assert statements.rows("SELECT 41", {}) == [(41,)]


@pytest.mark.django_db(transaction=True)
def test_a_dead_connection_is_left_and_a_living_one_kept() -> None:
    statements.leave_dead_connection()
    assert statements.rows("SELECT 1", {}) == [(1,)]
    kept = connection.connection
    statements.leave_dead_connection()
    assert connection.connection is kept
    with psycopg.connect(kept.info.dsn) as other:
        other.execute("SELECT pg_terminate_backend(%s, 10000)", [kept.info.backend_pid])
    statements.leave_dead_connection()
    assert statements.rows("SELECT 1", {}) == [(1,)]
    connection.connection.close()
    statements.leave_dead_connection()
    assert statements.rows("SELECT 1", {}) == [(1,)]


@pytest.mark.django_db(transaction=True)
def test_a_transaction_is_kept_whole_or_not_at_all(table: str) -> None:
    insert = f"INSERT INTO {table} VALUES (%(a)b::int)"
    count = f"SELECT count(*) FROM {table}"
    with statements.transaction():
        statements.rows(insert, {"a": 2})
        with psycopg.connect(connection.connection.info.dsn) as other:
            assert other.execute(count).fetchone() == (1,), "not committed yet"

    def fail() -> None:
        with statements.transaction():
            statements.rows(insert, {"a": 3})
            statements.rows("SELECT 1 / %(zero)b::int", {"zero": 0})

    with pytest.raises(DataError):
        fail()
    assert statements.rows(count, {}) == [(2,)]
    with transaction.atomic():
        with statements.transaction():
            statements.rows(insert, {"a": 4})
        transaction.set_rollback(True)
    assert statements.rows(count, {}) == [(2,)]


@pytest.mark.django_db(transaction=True)
def test_a_server_that_ends_in_a_transaction_is_an_error_of_the_connection() -> None:
    with pytest.raises(OperationalError), statements.transaction():
        statements.rows("SELECT pg_terminate_backend(pg_backend_pid())", {})
    connection.close()
    assert statements.rows("SELECT 1", {}) == [(1,)]
