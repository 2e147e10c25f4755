"""Lists as PostgreSQL's binary arrays, for `events.statements`; knows no table.

The driver turns a list into an array item by item, asking for each how it is written:
four to six times the cost of packing a list whose type is known. Registered with the
driver at import, which must come before the first connection: `events.apps` sees to it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

_NULL = b"\xff\xff\xff\xff"
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_HEAD = struct.Struct("!iiIii").pack
_EMPTY = struct.Struct("!iiI").pack
_LENGTH = struct.Struct("!i").pack
_BIGINT = struct.Struct("!iq").pack
_INT = struct.Struct("!ii").pack
_FLOAT = struct.Struct("!id").pack
_BOOLS = (b"\0\0\0\x01\0", b"\0\0\0\x01\x01")
_UUID_LENGTH = _LENGTH(16)


class _Array(bytes):
    """A packed array; each subclass is one type of the database."""


class _Uuids(_Array):
    item, array = 2950, 2951


class _Texts(_Array):
    item, array = 25, 1009


class _Bigints(_Array):
    item, array = 20, 1016


class _Ints(_Array):
    item, array = 23, 1007


class _Floats(_Array):
    item, array = 701, 1022


class _Bools(_Array):
    item, array = 16, 1000


class _Moments(_Array):
    item, array = 1184, 1185


class _Blobs(_Array):
    item, array = 17, 1001


def uuids(values: Iterable[UUID | None]) -> bytes:
    """Pack ids as `uuid[]`."""
    return uuids_of_bytes([None if v is None else v.bytes for v in values])


def uuids_of_bytes(values: Sequence[bytes | None]) -> bytes:
    """Pack ids that are given as their 16 bytes, as `uuid[]`."""
    if None in values:
        parts = [_NULL if v is None else _UUID_LENGTH + v for v in values]
        return _Uuids(_head(_Uuids, len(parts)) + b"".join(parts))
    body = _UUID_LENGTH.join([b"", *values]) if values else b""  # type: ignore[list-item]
    return _Uuids(_head(_Uuids, len(values)) + body)


def texts(values: Iterable[str]) -> bytes:
    """Pack strings as `text[]`; raises UnicodeEncodeError for half a surrogate pair."""
    parts: list[bytes] = []
    for value in values:
        encoded = value.encode()
        parts += (_LENGTH(len(encoded)), encoded)
    return _Texts(_head(_Texts, len(parts) // 2) + b"".join(parts))


def bigints(values: Iterable[int | None]) -> bytes:
    """Pack numbers as `bigint[]`."""
    parts = [_NULL if v is None else _BIGINT(8, v) for v in values]
    return _Bigints(_head(_Bigints, len(parts)) + b"".join(parts))


def ints(values: Iterable[int]) -> bytes:
    """Pack numbers as `int[]`."""
    parts = [_INT(4, v) for v in values]
    return _Ints(_head(_Ints, len(parts)) + b"".join(parts))


def floats(values: Iterable[float]) -> bytes:
    """Pack numbers as `float8[]`."""
    parts = [_FLOAT(8, v) for v in values]
    return _Floats(_head(_Floats, len(parts)) + b"".join(parts))


def bools(values: Iterable[bool]) -> bytes:
    """Pack truth values as `bool[]`."""
    parts = [_BOOLS[bool(v)] for v in values]
    return _Bools(_head(_Bools, len(parts)) + b"".join(parts))


def moments(values: Iterable[datetime | None]) -> bytes:
    """Pack aware moments as `timestamptz[]`."""
    parts = [
        _NULL if v is None else _BIGINT(8, (v - _EPOCH) // _MICROSECOND) for v in values
    ]
    return _Moments(_head(_Moments, len(parts)) + b"".join(parts))


def blobs(values: Iterable[bytes | None]) -> bytes:
    """Pack bytes as `bytea[]`."""
    parts = [_NULL if v is None else _LENGTH(len(v)) + v for v in values]
    return _Blobs(_head(_Blobs, len(parts)) + b"".join(parts))


def _head(kind: type[_Array], count: int) -> bytes:
    # Dimensions, whether NULLs may occur (PostgreSQL looks itself), the type of an
    # item; then of the one dimension its length and its first index.
    oid: int = kind.item  # type: ignore[attr-defined]
    return _HEAD(1, 1, oid, count, 1) if count else _EMPTY(0, 0, oid)


class _ArrayDumper(Dumper):
    """Hands a packed array to the driver as it is."""

    format = Format.BINARY

    def dump(self, obj: bytes) -> bytes:
        """Return the bytes themselves."""
        return obj


for _kind in (_Uuids, _Texts, _Bigints, _Ints, _Floats, _Bools, _Moments, _Blobs):
    psycopg.adapters.register_dumper(
        _kind, type(f"{_kind.__name__}Dumper", (_ArrayDumper,), {"oid": _kind.array})
    )
