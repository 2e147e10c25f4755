"""The suppression list: who gets nothing."""

from __future__ import annotations

from collections.abc import Iterable

from events import arrays, statements


def normalized(address: str) -> str:
    """Return an address as the list keeps it."""
    return address.strip().lower()


def suppressed(addresses: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return which (channel, address) pairs get nothing; one query."""
    wanted = {(channel, normalized(address)) for channel, address in addresses}
    if not wanted:
        return set()
    found = statements.rows(
        """
        SELECT w.channel, w.address
        FROM unnest(%(channels)b, %(addresses)b) AS w(channel, address)
        CROSS JOIN LATERAL (
            SELECT FROM history_suppression s
            WHERE s.channel = w.channel AND s.address = w.address OFFSET 0
        ) AS listed
        """,
        {
            "channels": arrays.texts(channel for channel, _ in wanted),
            "addresses": arrays.texts(address for _, address in wanted),
        },
    )
    return set(found)
