"""What tests of the API share: a way to post as a source does, and to see a refusal."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.test import Client

from events.models import (
    ApiKey,
    Event,
    EventContext,
    EventIdentity,
    EventType,
    Source,
    Work,
)
from tests import factories

PATH = "/api/v1/events"
PROBLEM = {
    "type",
    "title",
    "status",
    "detail",
    "code",
    "retryable",
    "request_id",
    "errors",
}


@dataclass
class Door:
    """An event type that takes everything, a key for it, and a way to post."""

    client: Client
    event_type: EventType
    key: str

    @property
    def source(self) -> Source:
        return self.api_key.source

    @property
    def api_key(self) -> ApiKey:
        return ApiKey.objects.select_related("source").get(
            prefix=self.key.split("_")[1]
        )

    def body(self, **fields: Any) -> dict[str, Any]:
        return factories.body_for(self.event_type, **fields)

    def post(
        self,
        body: Any = None,
        *,
        path: str = PATH,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
        **extra: Any,
    ) -> Any:
        data = self.body() if body is None else body
        raw = data if isinstance(data, bytes) else json.dumps(data).encode()
        own = {"Authorization": f"Bearer {self.key}", **(headers or {})}
        return self.client.post(
            path, raw, content_type=content_type, headers=own, **extra
        )

    def get(self, event_id: Any) -> Any:
        return self.client.get(
            f"{PATH}/{event_id}", headers={"Authorization": f"Bearer {self.key}"}
        )


def open_door(client: Client) -> Door:
    """Make an event type with a message on every channel, and a key."""
    event_type = factories.make_event_type(live_channels=["email", "sms", "push"])
    return Door(client, event_type, factories.make_key())


def nothing_stored() -> bool:
    return not any(
        model.objects.exists() for model in (Event, EventContext, EventIdentity, Work)
    )


def assert_refused(
    answer: HttpResponse, status: int, code: str, pointer: str | None = None
) -> dict[str, Any]:
    problem: dict[str, Any] = json.loads(answer.content)
    assert (answer.status_code, problem["code"]) == (status, code), problem
    assert answer["Content-Type"] == "application/problem+json"
    assert problem.keys() >= PROBLEM
    assert problem["status"] == status
    assert problem["request_id"] == answer["X-Request-Id"]
    assert not answer.cookies
    if pointer is not None:
        assert (pointer, code) in [
            (fault["pointer"], fault["code"]) for fault in problem["errors"]
        ], problem
    assert nothing_stored()
    return problem
