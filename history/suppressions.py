"""The suppression list: who gets nothing."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection


def normalized(address: str) -> str:
    """Return an address as the list keeps it."""
    return address.strip().lower()


def suppressed(addresses: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return which (channel, address) pairs get nothing; one query."""
    wanted = {(channel, normalized(address)) for channel, address in addresses}
    if not wanted:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT s.channel, s.address
            FROM unnest(%s::text[], %s::text[]) AS w(channel, address)
            JOIN history_suppression s USING (channel, address)
            """,
            [[pair[0] for pair in wanted], [pair[1] for pair in wanted]],
        )
        return set(cursor.fetchall())
