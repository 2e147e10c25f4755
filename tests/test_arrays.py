"""Packed arrays: what goes in comes out of the database as it was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from events import arrays, statements

pytestmark = pytest.mark.django_db

_IDS = [UUID(int=number) for number in (2**127 + 1, 0, 2**128 - 1)]
_MOMENTS = [
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2026, 11, 23, 12, tzinfo=UTC) + timedelta(microseconds=1),
]


@pytest.mark.parametrize(
    ("packed", "values"),
    [
        (arrays.uuids(_IDS), _IDS),
        (arrays.uuids([None, _IDS[0]]), [None, _IDS[0]]),
        (arrays.uuids_of_bytes([i.bytes for i in _IDS]), _IDS),
        (arrays.texts(["", "ä 😀", "x" * 70_000]), ["", "ä 😀", "x" * 70_000]),
        (arrays.bigints([None, 2**62, -1]), [None, 2**62, -1]),
        (arrays.ints([1, -(2**31)]), [1, -(2**31)]),
        (arrays.floats([0.1, -1e300]), [0.1, -1e300]),
        (arrays.bools([True, False]), [True, False]),
        (arrays.moments([None, *_MOMENTS]), [None, *_MOMENTS]),
        (arrays.blobs([b"", None, b"\x00\xff"]), [b"", None, b"\x00\xff"]),
        (arrays.uuids([]), []),
        (arrays.texts([]), []),
    ],
)
def test_a_packed_array_is_read_back_as_it_was(packed: bytes, values: Any) -> None:
    assert statements.rows("SELECT %(packed)b", {"packed": packed}) == [(values,)]


def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        arrays.texts(["\ud800"])
