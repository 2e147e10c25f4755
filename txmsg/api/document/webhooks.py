"""Webhooks in the document: what is answered of them, and what endpoints are sent."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from events.models import EndpointStatus, WebhookName, WebhookStatus
from history.models import DeliveryStatus
from txmsg.api.document.answers import (
    Answer,
    ChannelName,
    Id,
    Moment,
    Page,
    one_of,
)
from txmsg.api.document.event_types import SCHEMAS

TellableName = Annotated[str, one_of(list(WebhookName.values))]


class Webhook(Answer):
    """An endpoint: where it is, what it is told, and how it does."""

    id: Id
    url: str
    description: str
    events: list[TellableName] = Field(description="Empty: all of them.")
    event_types: list[str] = Field(description="Empty: those of all.")
    status: Annotated[str, one_of(list(EndpointStatus.values))]
    last_problem: str | None = Field(description="Why the last try failed.")
    created_at: Moment
    failing_since: Moment | None = Field(
        description="The first failure after the last success."
    )
    last_success_at: Moment | None
    last_failure_at: Moment | None
    disabled_at: Moment | None


class MadeWebhook(Webhook):
    """An endpoint that was made, with its secret."""

    secret: str = Field(description="Signs what is sent to it; never shown again.")


class Webhooks(Page):
    """The endpoints of a source, all on one page."""

    data: list[Webhook]


class WebhookSecret(Answer):
    """The new secret of an endpoint."""

    secret: str = Field(description="Signs what is sent to it; never shown again.")
    old_secret_until: Moment | None = Field(
        description="Until then requests are signed with the old one, too."
    )


class EventFacts(Answer):
    """What is told of an event."""

    event_id: Id
    event_type: str
    external_id: str | None
    correlation_id: str | None
    metadata: dict[str, Any]
    status: str = Field(description="A status of an event.")
    reason: str | None
    sequence: int = Field(
        description="Which of two about one event is the newer: the greater."
    )


class DeliveryFacts(EventFacts):
    """What is told of a delivery: of its event, too."""

    status: Annotated[str, one_of(list(DeliveryStatus.values))]
    delivery_id: Id
    channel: ChannelName
    message: str | None = Field(description="The internal name of the message.")
    version: int | None
    attempts: int
    possible_duplicate: bool
    retry_of: Id | None = Field(description="The delivery that it repeats.")
    provider: str | None
    provider_id: str | None


class TestFacts(Answer):
    """What is told by a test."""

    text: str
    sequence: int


class WebhookTry(Answer):
    """One try to send a message to an endpoint."""

    number: int
    started_at: Moment
    seconds: float
    status_code: int | None = Field(description="Null when no answer came.")
    answer: str | None = Field(description="The beginning of the answer.")
    problem: str | None


class WebhookMessage(Answer):
    """A message to an endpoint: what it says, and every try to send it."""

    webhook_id: Id = Field(description="The same at each try.")
    type: TellableName
    timestamp: Moment
    data: EventFacts | DeliveryFacts | TestFacts
    status: Annotated[str, one_of(list(WebhookStatus.values))]
    next_try_at: Moment | None = Field(description="Null unless it is pending.")
    attempts: list[WebhookTry]


class WebhookMessages(Page):
    """Messages to an endpoint, newest first."""

    data: list[WebhookMessage]


class QueuedWebhook(Answer):
    """A message that will be sent at once."""

    webhook_id: Id


class RecoveredWebhooks(Answer):
    """How many messages will be sent once more."""

    recovered: int = Field(ge=0)


class ToldEvent(Answer):
    """The body of a message about an event."""

    type: TellableName
    timestamp: Moment
    data: EventFacts


class ToldDelivery(Answer):
    """The body of a message about a delivery."""

    type: TellableName
    timestamp: Moment
    data: DeliveryFacts


class ToldTest(Answer):
    """The body of a message that somebody asked for as a test."""

    type: Literal["webhook.test"]
    timestamp: Moment
    data: TestFacts


Told = type[ToldEvent] | type[ToldDelivery] | type[ToldTest]
BODIES: dict[str, Told] = {
    "event": ToldEvent,
    "delivery": ToldDelivery,
    "webhook": ToldTest,
}
"""The body of what is sent, by the first word of its name."""

_HEADERS: dict[str, tuple[str, dict[str, Any]]] = {
    "webhook-id": (
        "The id of the message, the same at each try.",
        {"type": "string", "format": "uuid"},
    ),
    "webhook-timestamp": ("The second of this try, since 1970.", {"type": "integer"}),
    "webhook-signature": (
        "`v1,` and the base64 of the HMAC-SHA256 of `id.timestamp.body`; several, "
        "separated by a blank, for a day after a secret was rotated.",
        {"type": "string", "pattern": "^v1,"},
    ),
}
_ANSWERS = {
    "2XX": "It was taken, whatever the body says.",
    "410": "The endpoint is sent nothing any more.",
    "429": "It is tried again, not before what `Retry-After` says.",
    "503": "It is tried again, not before what `Retry-After` says.",
    "default": "It is tried again, for three days.",
}


def section() -> dict[str, Any]:
    """Return what endpoints are sent: a path item for each name."""
    return {str(name): {"post": _sent(name)} for name in WebhookName}


def _sent(name: WebhookName) -> dict[str, Any]:
    body = BODIES[name.partition(".")[0]]
    return {
        "operationId": f"told_{name.replace('.', '_')}",
        "tags": ["Webhooks"],
        "summary": str(name.label),
        "security": [],
        "parameters": [
            {
                "name": header,
                "in": "header",
                "required": True,
                "description": about,
                "schema": schema,
            }
            for header, (about, schema) in _HEADERS.items()
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "$ref": f"{SCHEMAS}{body.__name__}",
                        "properties": {"type": {"const": str(name)}},
                    }
                }
            },
        },
        "responses": {
            status: {"description": about} for status, about in _ANSWERS.items()
        },
    }
