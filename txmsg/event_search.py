"""Finding events by what a person has at hand: an id of ours, theirs, an address.

Exact matches on indexes only, newest first, and never more than a few hundred.
"""

from __future__ import annotations

from uuid import UUID

from django.db import connection

from events import ids

_LIMIT = 500


def matching(text: str) -> list[UUID]:
    """Return the ids of events that match a text exactly; none for a text that can't.

    An id may be an event's or a delivery's; an address is that of any delivery; an
    email matches whatever its case, a phone number whatever its blanks.
    """
    text = text.strip()
    if not text or "\x00" in text or len(text) > 512:
        return []
    try:
        return [ids.event_id_of(UUID(text))]
    except ValueError:
        pass  # Not an id of ours: looked for as the others.
    local, _, domain = text.rpartition("@")
    spellings = {
        text,
        text.lower(),
        f"{local}@{domain.lower()}",
        "".join(c for c in text if c not in " ()-/."),
    }
    with connection.cursor() as cursor:
        cursor.execute(
            """
            (SELECT id FROM events_event
             WHERE address = ANY(%(texts)s) AND address <> ''
             ORDER BY id DESC LIMIT %(limit)s)
            UNION
            (SELECT event_id FROM history_delivery WHERE address = ANY(%(texts)s)
             ORDER BY id DESC LIMIT %(limit)s)
            UNION
            (SELECT id FROM events_event
             WHERE external_id = %(text)s AND external_id <> '' LIMIT %(limit)s)
            """,
            {"texts": sorted(spellings), "text": text, "limit": _LIMIT},
        )
        return [row[0] for row in cursor.fetchall()]
