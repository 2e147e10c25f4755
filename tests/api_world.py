"""What the examples of the API's document speak of, made: types, messages, entries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone

from events import ids
from events.models import EventType
from history.models import Suppression
from templates_app.models import Message
from tests import factories
from tests.api_door import Door
from txmsg.api.document.operations import Example
from txmsg.channels.capture import CaptureChannel

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
        if operation == "cancel_event":
            names["event_id"] = self.later_event()
        if operation == "get_proof":
            path = f"/api/v1/messages/{self.message.internal_name}/proofs"
            body = {"recipients": [{"address": "ada@example.com", "name": "Ada"}]}
            names["number"] = str(
                self.request("POST", path, body=body).json()["number"]
            )
        return names

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
        if body is not None:
            return self.door.post(body, path=path, headers=own)
        return self.door.client.generic(
            method, path, headers=own, query_params=query or None
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


def _entry(address: str) -> Suppression:
    return Suppression.objects.get_or_create(
        channel="email",
        address=address,
        defaults={"reason": "unsubscribe", "note": "Asked for it by phone"},
    )[0]
