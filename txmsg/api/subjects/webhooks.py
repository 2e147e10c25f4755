"""Webhook endpoints of a source, and what they were told."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpResponse
from ninja import Query, Router, Status
from pydantic import Field

from events import schemas
from events.models import EndpointStatus, Scope, Source, WebhookEndpoint
from events.problems import Fault, Refused, rfc3339
from events.schemas import OneLine, When
from events.webhooks import queue
from txmsg.api.listing import Paged, never_null
from txmsg.api.reading import KeyedRequest, KeyWith, Strict, not_found, refused
from txmsg.webhooks import endpoints, reading

router = Router(tags=["Webhooks"])
READ, WRITE = KeyWith(Scope.WEBHOOKS_READ), KeyWith(Scope.WEBHOOKS_WRITE)

_CODES = {
    "url": "invalid_webhook_url",
    "description": "too_long",
    "events": "invalid_choice",
    "event_types": "invalid_choice",
}
_CURSOR = re.compile(r"[1-9][0-9]{0,17}\Z", re.ASCII)
_URL = (
    "Where it is: https on port 443, a public address; hosts that the operator has "
    "named are taken over http and at any port, too."
)
_DESCRIPTION = "For people."
_EVENTS = (
    f"What it is told, of {', '.join(f'`{name}`' for name in endpoints.SUBSCRIBABLE)}; "
    "empty: everything."
)
_EVENT_TYPES = "Of which event types it is told; empty: of all."
Names = Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=100)]
_NAME = Field(max_length=64, json_schema_extra={"enum": [*endpoints.SUBSCRIBABLE]})
Events = Annotated[list[Annotated[str, _NAME]], Field(max_length=100)]


def _left_out(about: str) -> Any:
    """Return a field of a change: it may be left out, but is never null."""
    return Field(default=None, description=about, json_schema_extra=never_null)


class NewWebhook(Strict):
    """An endpoint to be made: where it is, and what it is told."""

    url: str = Field(description=_URL)
    description: OneLine = Field(default="", description=_DESCRIPTION)
    events: Events = Field(default_factory=list, description=_EVENTS)
    event_types: Names = Field(default_factory=list, description=_EVENT_TYPES)


class WebhookChange(Strict):
    """What is to be different about an endpoint; the rest stays."""

    url: str | None = _left_out(_URL)
    description: OneLine | None = _left_out(_DESCRIPTION)
    events: Events | None = _left_out(_EVENTS)
    event_types: Names | None = _left_out(_EVENT_TYPES)
    status: Literal["active", "paused"] | None = _left_out(
        "`paused`: it is sent nothing for now. `active`: what waits and what comes."
    )


class Since(Strict):
    """From when on what was given up is sent once more."""

    since: When = Field(description="When it happened, at the earliest.")


class Which(Paged):
    """Which messages are listed."""

    status: Literal["", "pending", "delivered", "failed"] = Field(
        default="", description="Those with a status; `failed` are given up."
    )


@router.get("/webhooks", auth=READ)
def list_webhooks(request: KeyedRequest) -> dict[str, Any]:
    """The endpoints of the source."""
    found = WebhookEndpoint.objects.filter(source_id=request.auth.source_id)
    ordered = found.order_by("created_at", "pk")
    return {"data": [reading.shown_endpoint(e) for e in ordered], "next_cursor": None}


@router.post("/webhooks", auth=WRITE, response={201: dict[str, Any]})
def add_webhook(
    request: KeyedRequest, response: HttpResponse, given: NewWebhook
) -> Status[dict[str, Any]]:
    """Make an endpoint; its secret is shown in this answer only."""
    source = Source.objects.get(pk=request.auth.source_id)
    try:
        endpoint, secret = endpoints.create(source, **given.model_dump())
    except endpoints.Unfit as error:
        raise _unfit(error) from None
    except endpoints.TooMany as error:
        raise Refused(409, "too_many_webhooks", str(error)) from None
    response["Location"] = f"/api/v1/webhooks/{endpoint.pk}"
    response["Cache-Control"] = "no-store"
    return Status(201, {**_fresh(endpoint), "secret": secret})


@router.get("/webhooks/{webhook_id}", auth=READ)
def get_webhook(request: KeyedRequest, webhook_id: str) -> dict[str, Any]:
    """One endpoint, and how it does."""
    return reading.shown_endpoint(_own(request, webhook_id))


@router.patch("/webhooks/{webhook_id}", auth=WRITE)
def change_webhook(
    request: KeyedRequest, webhook_id: str, given: WebhookChange
) -> dict[str, Any]:
    """Change an endpoint; `status` pauses it, or resumes it whatever stopped it."""
    endpoint = _own(request, webhook_id)
    fields = given.model_dump(exclude_unset=True)
    nothing = [name for name, value in fields.items() if value is None]
    if nothing:
        message = f"/{nothing[0]} cannot be null; leave it out to keep it."
        raise refused([Fault(f"/{nothing[0]}", "wrong_type", message)])
    status = fields.pop("status", None)
    try:
        endpoints.change(endpoint, fields)
    except endpoints.Unfit as error:
        raise _unfit(error) from None
    if status == EndpointStatus.PAUSED:
        endpoints.pause(endpoint)
    elif status == EndpointStatus.ACTIVE:
        endpoints.resume(endpoint)
    return _fresh(endpoint)


@router.delete("/webhooks/{webhook_id}", auth=WRITE, response={204: None})
def remove_webhook(request: KeyedRequest, webhook_id: str) -> Status[None]:
    """Remove an endpoint, with all that it was to be told."""
    queue.remove(_own(request, webhook_id))
    return Status(204, None)


@router.post("/webhooks/{webhook_id}/rotate-secret", auth=WRITE)
def rotate_webhook_secret(
    request: KeyedRequest, response: HttpResponse, webhook_id: str
) -> dict[str, Any]:
    """Give an endpoint a new secret, shown in this answer only."""
    endpoint = _own(request, webhook_id)
    secret = endpoints.rotate(endpoint)
    response["Cache-Control"] = "no-store"
    until = endpoint.old_secret_until
    return {"secret": secret, "old_secret_until": rfc3339(until) if until else None}


@router.post("/webhooks/{webhook_id}/test", auth=WRITE, response={202: dict[str, Any]})
def test_webhook(request: KeyedRequest, webhook_id: str) -> Status[dict[str, Any]]:
    """Have a message of the type webhook.test sent."""
    endpoint = _own(request, webhook_id)
    try:
        message_id = endpoints.send_test(endpoint)
    except endpoints.NotActive as error:
        raise _not_active(error) from None
    return Status(202, {"webhook_id": str(message_id)})


@router.get("/webhooks/{webhook_id}/messages", auth=READ)
def list_webhook_messages(
    request: KeyedRequest, webhook_id: str, which: Query[Which]
) -> dict[str, Any]:
    """What an endpoint was told, newest first, with every attempt."""
    endpoint = _own(request, webhook_id)
    if which.cursor and not _CURSOR.match(which.cursor):
        message = "?cursor is none that a list has answered with."
        raise refused([Fault("?cursor", "invalid_cursor", message)])
    before = int(which.cursor) if which.cursor else None
    found, rest = reading.page_of(
        endpoint, status=which.status, before=before, limit=which.limit
    )
    return {
        "data": [reading.shown(told) for told in found],
        "next_cursor": str(rest) if rest else None,
    }


@router.get("/webhooks/{webhook_id}/messages/{message_id}", auth=READ)
def get_webhook_message(
    request: KeyedRequest, webhook_id: str, message_id: str
) -> dict[str, Any]:
    """One message, with every attempt."""
    wanted = _uuid(message_id)
    found = reading.one_of(_own(request, webhook_id), wanted) if wanted else None
    if found is None:
        raise not_found("message of this id")
    return reading.shown(found)


@router.post(
    "/webhooks/{webhook_id}/messages/{message_id}/redeliver",
    auth=WRITE,
    response={202: dict[str, Any]},
)
def redeliver_webhook_message(
    request: KeyedRequest, webhook_id: str, message_id: str
) -> Status[dict[str, Any]]:
    """Send a message once more, under its id; its schedule begins anew."""
    endpoint, wanted = _own(request, webhook_id), _uuid(message_id)
    try:
        if wanted is None or not endpoints.redeliver(endpoint, wanted):
            raise not_found("message of this id")
    except endpoints.NotActive as error:
        raise _not_active(error) from None
    return Status(202, {"webhook_id": str(wanted)})


@router.post(
    "/webhooks/{webhook_id}/recover", auth=WRITE, response={202: dict[str, Any]}
)
def recover_webhook_messages(
    request: KeyedRequest, webhook_id: str, given: Since
) -> Status[dict[str, Any]]:
    """Send everything once more that was given up since a moment."""
    endpoint = _own(request, webhook_id)
    try:
        count = endpoints.recover(endpoint, since=given.since)
    except endpoints.NotActive as error:
        raise _not_active(error) from None
    return Status(202, {"recovered": count})


def _own(request: KeyedRequest, webhook_id: str) -> WebhookEndpoint:
    """Return an endpoint of the caller; raise Refused (404)."""
    wanted = _uuid(webhook_id)
    if wanted is None:
        raise not_found("webhook of this id")
    own = WebhookEndpoint.objects.filter(source_id=request.auth.source_id, pk=wanted)
    endpoint = own.first()
    if endpoint is None:
        raise not_found("webhook of this id")
    return endpoint


def _uuid(text: str) -> UUID | None:
    return schemas.event_id(text)


def _fresh(endpoint: WebhookEndpoint) -> dict[str, Any]:
    endpoint.refresh_from_db()
    return reading.shown_endpoint(endpoint)


def _unfit(error: endpoints.Unfit) -> Refused:
    return refused([Fault(f"/{error.field}", _CODES[error.field], str(error))])


def _not_active(error: Exception) -> Refused:
    return Refused(409, "webhook_not_active", str(error))
