"""The pages of a list: as many as asked for, and a cursor to those behind them.

A cursor names the last one that was shown, so that a page neither repeats nor leaves
out what stays, whatever comes and goes meanwhile. Callers hand it back as it is.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import BaseModel, Field

from events.problems import Fault
from txmsg.api.reading import refused

DEFAULT_LIMIT = 50
MAX_LIMIT = 200


class Paged(BaseModel):
    """Which page of a list is asked for."""

    cursor: str = Field(
        default="",
        description="`next_cursor` of the page before; without it, the first.",
    )
    limit: int = Field(
        default=DEFAULT_LIMIT,
        ge=1,
        le=MAX_LIMIT,
        description=f"How many on a page; {DEFAULT_LIMIT} unless given.",
    )


def never_null(schema: dict[str, Any]) -> None:
    """Have the document say that a parameter is left out, not null."""
    schema.update(schema.pop("anyOf")[0])
    schema.pop("default", None)


def page_of(
    rows: Sequence[dict[str, Any]], *, limit: int, cursor: Callable[[], str]
) -> dict[str, Any]:
    """Return rows, of which one more than the limit was read, as a page."""
    has_more = len(rows) > limit
    return {
        "data": list(rows[:limit]),
        "next_cursor": cursor() if has_more else None,
    }


def cursor_of(place: str) -> str:
    """Return the cursor that stands for a place in a list."""
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> str:
    """Return the place that a cursor stands for, empty for none; raise Refused."""
    padded = cursor + "=" * (-len(cursor) % 4)
    try:
        place = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise invalid_cursor() from None
    if cursor_of(place) != cursor or "\x00" in place:
        raise invalid_cursor()
    return place


def invalid_cursor() -> Exception:
    """Return the refusal of a cursor that no answer of this list has given."""
    sentence = "?cursor is not one that this list has given; begin without it."
    return refused([Fault("?cursor", "invalid_cursor", sentence)])
