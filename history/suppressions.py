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
        SELECT s.channel, s.address
        FROM unnest(%(channels)b, %(addresses)b) AS w(channel, address)
        JOIN history_suppression s USING (channel, address)
        """,
        {
            "channels": arrays.texts(channel for channel, _ in wanted),
            "addresses": arrays.texts(address for _, address in wanted),
        },
    )
    return set(found)
