"""Prepared statements on Django's connection: types, transactions, errors."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.db import DataError, connection, transaction

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
            " WHERE statement LIKE '%events_source%'"
        )
        assert cursor.fetchone() == (0,)
