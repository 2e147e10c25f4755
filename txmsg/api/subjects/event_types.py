"""Event types: what may be posted, its contract, and a request that fits it."""

from __future__ import annotations

from typing import Any

from ninja import Query, Router

from events import catalogue
from events.models import EventType, Scope
from txmsg.api.listing import Paged, cursor_of, page_of, read_cursor
from txmsg.api.reading import KeyedRequest, KeyWith, not_found

router = Router(tags=["Event types"])


@router.get("/event-types", auth=KeyWith(Scope.EVENTS_READ))
def list_event_types(request: KeyedRequest, asked: Query[Paged]) -> dict[str, Any]:
    """The event types that this key's source may post, by name."""
    found = catalogue.listed(
        request.auth, after=read_cursor(asked.cursor), limit=asked.limit + 1
    )
    return page_of(
        [catalogue.summary(each) for each in found],
        limit=asked.limit,
        cursor=lambda: cursor_of(found[asked.limit - 1].name),
    )


@router.get("/event-types/{name}", auth=KeyWith(Scope.EVENTS_READ))
def get_event_type(request: KeyedRequest, name: str) -> dict[str, Any]:
    """One event type with its samples and the request that posts it."""
    return catalogue.details(_found(request, name))


@router.get("/event-types/{name}/schema", auth=KeyWith(Scope.EVENTS_READ))
def get_event_type_schema(request: KeyedRequest, name: str) -> dict[str, Any]:
    """The contract of an event type, a JSON Schema, and a request that fits it."""
    return catalogue.schema(_found(request, name))


def _found(request: KeyedRequest, name: str) -> EventType:
    found = catalogue.find(name, request.auth)
    if found is None:
        raise not_found("event type of this name")
    return found
