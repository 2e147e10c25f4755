"""Events through the real door, many at once, without HTTP."""

from __future__ import annotations

import json
from typing import Any

from events import batch
from events.api_keys import Caller
from events.models import Scope, Source
from txmsg.bench.inside.preparing import SOURCE
from txmsg.bench.load import body

AT_ONCE = 500


def fill(
    rows: int,
    first: int = 0,
    lane: str = "normal",
    postgres_pid: int = 0,
    *,
    has_ids: bool = False,
) -> dict[str, Any]:
    """Take in so many events; rings as the door does, once they are committed.

    `has_ids`: each with an external id of its own, as callers send who repeat safely.
    """
    source = Source.objects.get(name=SOURCE)
    caller = Caller(source.pk, source.name, frozenset(Scope.values), frozenset())
    for begin in range(first, first + rows, AT_ONCE):
        numbers = range(begin, min(begin + AT_ONCE, first + rows))
        events = [
            body(number, lane=lane)
            | ({"external_id": f"order-{number:08}"} if has_ids else {})
            for number in numbers
        ]
        batch.accept(json.dumps({"events": events}).encode(), caller=caller)
    return {"rows": rows}
