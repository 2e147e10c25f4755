"""Events through the real door, many at once, without HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from events import intake
from events.api_keys import Caller
from events.models import Scope, Source
from txmsg.bench import mail
from txmsg.bench.inside.preparing import SOURCE, TYPE


def body(number: int, **fields: Any) -> dict[str, Any]:
    """Return the event of a number, as a caller posts it."""
    return {
        "type": TYPE,
        "recipient": {"email": f"customer{number}@example.com", "name": "Ada"},
        "ctx": mail.context(number),
        **fields,
    }


def fill(rows: int, *, first: int = 0, lane: str = "normal") -> None:
    """Take in so many events; rings as the door does, once they are committed."""
    source = Source.objects.get(name=SOURCE)
    caller = Caller(source.pk, source.name, frozenset(Scope.values), frozenset())
    for event in _bodies(rows, first, lane):
        intake.accept(event, caller=caller)


def _bodies(rows: int, first: int, lane: str) -> Iterator[dict[str, Any]]:
    return (body(number, lane=lane) for number in range(first, first + rows))
