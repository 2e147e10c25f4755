"""What an installation takes in: its event types as a calling system may see them.

Reads; writes nothing. A source sees the types that it may post, and no others.
"""

from __future__ import annotations

from typing import Any

from events import api_preview
from events.api_keys import Caller
from events.models import EventType
from events.problems import rfc3339
from events.samples import samples_of

PATH = "/api/v1/event-types"


def listed(
    caller: Caller | None, *, after: str = "", limit: int | None = None
) -> list[EventType]:
    """Return event types by name, those after a name; for nobody in particular, all."""
    types = EventType.objects.order_by("name")
    if caller is not None and caller.allowed_types:
        types = types.filter(name__in=caller.allowed_types)
    if after:
        types = types.filter(name__gt=after)
    return list(types if limit is None else types[:limit])


def find(name: str, caller: Caller) -> EventType | None:
    """Return the event type of a name, None if the caller may not post any such."""
    if caller.allowed_types and name not in caller.allowed_types:
        return None
    return EventType.objects.filter(name=name).first()


def summary(event_type: EventType) -> dict[str, Any]:
    """Return what a list says of an event type."""
    address = f"{PATH}/{event_type.name}"
    return {
        "name": event_type.name,
        "label": event_type.label,
        "description": event_type.description or None,
        "kind": event_type.kind,
        "lane": event_type.lane,
        "channels": list(event_type.channel_order),
        "fan_out": event_type.fan_out,
        "live_channels": sorted(event_type.live_channels),
        "when_uncovered": event_type.when_uncovered,
        "contract_mode": event_type.contract_mode,
        "ttl_seconds": event_type.ttl_seconds,
        "retention_days": event_type.retention_days,
        "modified_at": rfc3339(event_type.modified_at),
        "links": {"self": address, "schema": f"{address}/schema"},
    }


def details(event_type: EventType) -> dict[str, Any]:
    """Return all of an event type: its summary, samples and the request to post it."""
    return {
        **summary(event_type),
        "sensitive_paths": list(event_type.sensitive_paths),
        "samples": [
            {"name": each.name, "ctx": each.ctx} for each in samples_of(event_type)
        ],
        "request": sample_request(event_type),
    }


def schema(event_type: EventType) -> dict[str, Any]:
    """Return an event type's contract word for word, and a request that fits it."""
    return {
        "type": event_type.name,
        "contract_mode": event_type.contract_mode,
        "contract": event_type.contract,
        "request": sample_request(event_type),
    }


def sample_request(event_type: EventType) -> dict[str, Any]:
    """Return the body of a request that posts an event of a type."""
    samples = samples_of(event_type)
    return api_preview.body_of(event_type, samples[0].ctx if samples else {})
