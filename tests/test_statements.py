"""Prepared statements on Django's connection: types, transactions, errors."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.db import DataError, transaction

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
