"""Which of a message's languages a recipient gets: one rule for every rendering."""

from __future__ import annotations

from collections.abc import Iterable


def nearest_language(
    offered: Iterable[str], wanted: str, *, default: str
) -> tuple[str, bool]:
    """Return the content's language for a recipient's, and whether it is of that one.

    The recipient's own, pt-BR, then pt, then the default, then whatever there is.
    """
    by_name = {name.lower(): name for name in offered}
    asked = wanted.replace("_", "-").lower()
    for name in (asked, asked.partition("-")[0]):
        if name in by_name:
            return by_name[name], True
    return by_name.get(default.lower(), next(iter(by_name.values()), default)), False
