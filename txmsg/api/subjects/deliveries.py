"""Deliveries: one message to one recipient, and what it said."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ninja import Router

from events import schemas
from events.models import Scope
from events.problems import Refused
from history.models import Delivery
from txmsg import previews, tracing
from txmsg.api import shapes
from txmsg.api.reading import KeyedRequest, KeyWith, not_found
from txmsg.previews import Preview

router = Router(tags=["Deliveries"])


@router.get(
    "/deliveries/{delivery_id}",
    auth=KeyWith(Scope.DELIVERIES_READ),
    response=shapes.DeliveryOfEvent,
)
def get_delivery(request: KeyedRequest, delivery_id: str) -> dict[str, Any]:
    """One delivery with its attempts, and what was learnt of it afterwards."""
    return _delivery(request, delivery_id)


@router.get(
    "/deliveries/{delivery_id}/content",
    auth=KeyWith(Scope.CONTENT_READ),
    response=shapes.Content,
)
def get_content(request: KeyedRequest, delivery_id: str) -> dict[str, Any]:
    """The message as it was sent: rendered again, and compared with what was recorded.

    Values at sensitive paths of its type are hidden; the comparison is made before.
    """
    delivery = _delivery(request, delivery_id)
    try:
        preview = previews.of_delivery(UUID(delivery["id"]))
    except Delivery.DoesNotExist:
        raise Refused(
            409,
            "not_ended",
            "This delivery has not ended: it is rendered when it is sent.",
            retryable=True,
        ) from None
    if preview.message is None or preview.match is None:
        raise _not_shown(preview)
    message = preview.message
    return {
        **{name: delivery[name] for name in ("id", "event_id", "channel", "address")},
        "message": delivery["message"],
        "version": delivery["version"],
        "match": preview.match.name.lower(),
        "differs": preview.differs,
        "has_hidden_values": preview.has_hidden_values,
        "headers": message.headers,
        "parts": message.parts,
        "attachments": [{"name": a.name, "url": a.url} for a in message.attachments],
    }


def _delivery(request: KeyedRequest, text: str) -> dict[str, Any]:
    wanted = schemas.event_id(text)
    found = wanted and tracing.trace_delivery(wanted, source_id=request.auth.source_id)
    if not found:
        raise not_found("delivery of this id")
    return found


def _not_shown(preview: Preview) -> Refused:
    """Return why a message cannot be shown."""
    if preview.is_purged:
        return Refused(410, "data_purged", preview.problem)
    if preview.delivery.execution is None:
        return Refused(404, "no_content", preview.problem)
    return Refused(409, "not_renderable", preview.problem)
