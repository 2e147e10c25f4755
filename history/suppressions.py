"""The suppression list: who gets nothing.

What bounces is added by `history.recording`, in the transaction of the delivery.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from django.db.models import QuerySet

from events import addresses, arrays, statements
from events.models import Channel
from history.models import Suppression

logger = logging.getLogger(__name__)


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


def checked(channel: str, address: str) -> str:
    """Return an address as the list keeps it; raise BadAddress if it is none.

    A push address is ``platform:token``, as deliveries show it.
    """
    if channel == Channel.EMAIL:
        return normalized(addresses.email(address))
    if channel == Channel.SMS:
        return normalized(addresses.phone(address))
    platform, _, token = address.strip().partition(":")
    addresses.push_token(platform, token)
    return normalized(address)


def listed(
    *,
    channel: str = "",
    reason: str = "",
    address: str = "",
    before: int | None = None,
    limit: int,
) -> list[Suppression]:
    """Return entries, those added last first; `before` is the id of one."""
    rows: QuerySet[Suppression] = Suppression.objects.order_by("-pk")
    if address:
        # With the channel before it, which the index begins with.
        channels = [channel] if channel else Channel.values
        rows = rows.filter(channel__in=channels, address=normalized(address))
    elif channel:
        rows = rows.filter(channel=channel)
    if reason:
        rows = rows.filter(reason=reason)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return list(rows[:limit])


def add(
    *, channel: str, address: str, reason: str, note: str = "", source_id: int
) -> tuple[Suppression, bool]:
    """Put a checked address on the list; return its entry, and whether it is new.

    One that is there already stays as it is: who got nothing, and since when, is on
    record by it.
    """
    entry, is_new = Suppression.objects.get_or_create(
        channel=channel,
        address=address,
        defaults={"reason": reason, "note": note, "source_id": source_id},
    )
    if is_new:
        logger.info("suppression %d added by source %d", entry.pk, source_id)
    return entry, is_new


def remove(entries: QuerySet[Suppression], *, source_id: int) -> bool:
    """Take entries off the list; return whether there were any."""
    removed = list(entries.values_list("pk", flat=True))
    Suppression.objects.filter(pk__in=removed).delete()
    if removed:
        logger.info("suppressions %s removed by source %d", removed, source_id)
    return bool(removed)
