"""Event types as the door knows them: loaded, their contracts compiled, kept a second.

What is kept may only say yes: whoever is about to refuse, or to let an event wait,
looks again with ``fresh=True``. So whoever publishes can post at once, and a change
that forbids something is seen within `TXMSG_INTAKE_CACHE_SECONDS`.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from events import contract
from events.models import EventType
from events.routing import TypeRules

_MOST = 5_000


@dataclass(frozen=True)
class KnownType:
    """An event type, with what the door derives of it."""

    type: EventType
    until: float

    @functools.cached_property
    def rules(self) -> TypeRules:
        """What it says of its channels."""
        return TypeRules(tuple(self.type.channel_order), self.type.fan_out)

    @functools.cached_property
    def contract(self) -> Any:
        """The contract for `contract.faults_by`; raises BrokenContract."""
        return contract.compiled(self.type.contract)


_kept: dict[str, KnownType] = {}


def find(names: Iterable[str], *, fresh: bool = False) -> dict[str, KnownType]:
    """Return the event types of these names that there are."""
    now = time.monotonic()
    found: dict[str, KnownType] = {}
    missing: list[str] = []
    for name in names:
        known = None if fresh else _kept.get(name)
        if known is not None and known.until > now:
            found[name] = known
        else:
            missing.append(name)
    if missing:
        found |= _load(missing, until=now + settings.TXMSG_INTAKE_CACHE_SECONDS)
    return found


def _load(names: list[str], *, until: float) -> dict[str, KnownType]:
    loaded = {
        event_type.name: KnownType(event_type, until)
        for event_type in EventType.objects.filter(name__in=names).order_by()
    }
    for name in names:
        _kept.pop(name, None)
    if len(_kept) + len(loaded) > _MOST:
        _kept.clear()
    _kept.update(loaded)
    return loaded


def forget() -> None:
    """Forget every event type: one of them turned out to be gone."""
    _kept.clear()
