"""Events, as their source sees them."""

from __future__ import annotations

from typing import Any

from ninja import Router

from events import schemas
from events.models import Scope
from txmsg import tracing
from txmsg.api.reading import KeyedRequest, KeyWith, not_found

router = Router(tags=["Events"])


@router.get("/events/{event_id}", auth=KeyWith(Scope.EVENTS_READ))
def get_event(request: KeyedRequest, event_id: str) -> dict[str, Any]:
    """Where an event stands, with its deliveries and their attempts."""
    wanted = schemas.event_id(event_id)
    found: dict[str, Any] | None = None
    if wanted is not None:
        found = tracing.trace(wanted, source_id=request.auth.source_id)
    if found is None:
        raise not_found("event of this id")
    return found
