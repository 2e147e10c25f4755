"""What the examples of the API's document speak of, made: types, messages, entries."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from events import ids
from events.models import (
    EventType,
    WebhookAttempt,
    WebhookEndpoint,
    WebhookMessage,
    WebhookName,
)
from history.models import Suppression
from templates_app.models import Message
from tests import factories
from tests.api_door import Door
from txmsg.api.document.operations import Example
from txmsg.channels.capture import CaptureChannel
from txmsg.webhooks import endpoints

ORDER = {"order": {"number": "10293", "total": "49.90", "currency": "EUR"}}
CONTRACT: dict[str, Any] = {
    "type": "object",
    "required": ["order"],
    "additionalProperties": False,
    "properties": {
        "order": {
            "type": "object",
            "required": ["number"],
            "properties": {
                "number": {"type": "string", "maxLength": 20},
                "total": {"type": "string"},
                "currency": {"type": "string"},
            },
        }
    },
}


HOOK_HOST = "shop.example.com"
# One that an example pauses or removes is no other example's.
_SPOILS_WEBHOOK = ("change_webhook", "remove_webhook")
_OF_SENT = ("get_content", "get_delivery", "get_event", "list_events", "replay_event")


@dataclass
class World:
    """An installation in which every example of the document can be tried."""

    door: Door
    event_type: EventType
    message: Message

    def names(self, operation: str) -> dict[str, str]:
        """Return what stands for the names in the path of an operation's examples."""
        names = {
            "name": self.event_type.name,
            "internal_name": self.message.internal_name,
            "suppression_id": str(_entry(factories.unique("ada") + "@example.com").pk),
        }
        _entry("ada@example.com")
        if operation in _OF_SENT:
            names["event_id"] = event_id = self.sent_event()
            names["delivery_id"] = str(ids.delivery_id(UUID(event_id), 1))
        if "webhook" in operation:
            endpoint = self.webhook(anew=operation in _SPOILS_WEBHOOK)
            names["webhook_id"] = str(endpoint.pk)
            names["message_id"] = _told(endpoint)
        if operation == "cancel_event":
            names["event_id"] = self.later_event()
        if operation == "get_proof":
            path = f"/api/v1/messages/{self.message.internal_name}/proofs"
            body = {"recipients": [{"address": "ada@example.com", "name": "Ada"}]}
            names["number"] = str(
                self.request("POST", path, body=body).json()["number"]
            )
        return names

    def webhook(self, *, anew: bool) -> WebhookEndpoint:
        found = WebhookEndpoint.objects.filter(description="The shop", status="active")
        if not anew and (one := found.order_by("created_at").first()):
            return one
        made, _ = endpoints.create(
            self.door.source,
            url=f"https://{HOOK_HOST}/hooks/txmsg",
            description="Another" if anew else "The shop",
            events=[WebhookName.EVENT_PROCESSED, WebhookName.DELIVERY_FAILED],
        )
        return made

    def later_event(self) -> str:
        later = (timezone.now() + timedelta(days=1)).isoformat()
        caller = factories.make_caller(source_id=self.door.source.pk)
        accepted = factories.accept(
            self.event_type, caller, ctx=ORDER, scheduled_at=later
        )
        return str(accepted.id)

    def sent_event(self) -> str:
        accepted = factories.accept(
            self.event_type,
            factories.make_caller(source_id=self.door.source.pk),
            recipient={"email": "grace@example.com", "name": "Grace"},
            ctx=ORDER,
            external_id=factories.unique("ord"),
        )
        factories.drain()
        return str(accepted.id)

    def request(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Any = None,
        headers: Any = None,
    ) -> Any:
        own = {"Authorization": f"Bearer {self.door.key}", **(headers or {})}
        if body is not None and method == "POST":
            return self.door.post(body, path=path, headers=own)
        return self.door.client.generic(
            method,
            path,
            "" if body is None else json.dumps(body),
            content_type="application/json",
            headers=own,
            query_params=query or None,
        )

    def try_out(self, operation: str, method: str, path: str, example: Example) -> Any:
        """Send an example, with the names that are here in place of those in it."""
        for name, value in self.names(operation).items():
            path = path.replace(f"{{{name}}}", quote(value, safe=""))
        return self.request(
            method,
            path,
            body=example.body,
            query=example.query,
            headers=example.headers,
        )


def make_world(client: Client, monkeypatch: pytest.MonkeyPatch) -> World:
    """Make what the examples speak of, and a key that may do everything."""
    monkeypatch.setattr(settings, "TXMSG_WEBHOOK_HOSTS", [HOOK_HOST])
    capture = CaptureChannel()
    monkeypatch.setattr("txmsg.pipeline.get_channel", lambda _name: capture)
    event_type = factories.make_event_type(
        name="order.confirmed", label="Order confirmed", contract=CONTRACT, sample=ORDER
    )
    message = factories.make_message(
        event_type, internal_name="order-confirmation", context_sample=ORDER
    )
    factories.publish(message)
    key = factories.make_key()
    door = Door(client, event_type, key)
    return World(door, event_type, message)


def _told(endpoint: WebhookEndpoint) -> str:
    """Return the webhook id of a message that was tried once, and waits."""
    event_id = ids.new_event_id()
    now = timezone.now()
    message = WebhookMessage.objects.create(
        endpoint=endpoint,
        name=WebhookName.DELIVERY_FAILED,
        event_id=event_id,
        delivery_id=ids.delivery_id(event_id, 1),
        data={
            "event_id": str(event_id),
            "event_type": "order.confirmed",
            "external_id": "ord-10293",
            "correlation_id": "req-77",
            "metadata": {"shop": "paris"},
            "status": "failed",
            "reason": "rejected",
            "delivery_id": str(ids.delivery_id(event_id, 1)),
            "channel": "email",
            "message": "order-confirmation",
            "version": 7,
            "attempts": 1,
            "possible_duplicate": False,
            "retry_of": None,
            "provider": "mail.example.com",
            "provider_id": None,
        },
        occurred_at=now,
        due_at=now + timedelta(seconds=5),
        attempts=1,
    )
    WebhookAttempt.objects.create(
        message_id=message.pk,
        number=1,
        started_at=now,
        seconds=0.031,
        status_code=500,
        answer="Oops",
        problem="It answered 500.",
    )
    message.refresh_from_db(fields=["webhook_id"])
    return str(message.webhook_id)


def _entry(address: str) -> Suppression:
    return Suppression.objects.get_or_create(
        channel="email",
        address=address,
        defaults={"reason": "unsubscribe", "note": "Asked for it by phone"},
    )[0]
