"""The client: a method for each thing that a calling system does."""

from __future__ import annotations

import os
import ssl
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote
from uuid import UUID

from txmsg_client.results import (
    Accepted,
    BatchResult,
    Event,
    NewEvent,
    Preview,
    Recipient,
    Validation,
    body_of,
    set_fields,
)
from txmsg_client.transport import Answer, Patience, Transport

_EVENTS = "/api/v1/events"

AnEvent = NewEvent | Mapping[str, Any]


class Client:
    """A source that posts events to txmsg, and asks what became of them.

    Keep one for the life of a process: it keeps connections, and threads may share it.
    A request that got no answer, or 429, 502, 503 or 504, is sent again, as `patience`
    says. Requests that change something carry an Idempotency-Key, made here unless
    given, so that nothing is done twice. `timeout` is that of connecting and of each
    wait for bytes, in seconds. Raises `Problem` for a refusal, `NoAnswer` for none.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        *,
        timeout: float = 10.0,
        patience: Patience | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Remember where txmsg is; nothing is sent yet."""
        self._transport = Transport(
            base_url, key, timeout, patience or Patience(), ssl_context
        )

    @classmethod
    def from_environment(cls, **options: Any) -> Self:
        """Return a client for ``TXMSG_URL`` with the key in ``TXMSG_KEY``."""
        return cls(os.environ["TXMSG_URL"], os.environ["TXMSG_KEY"], **options)

    def __enter__(self) -> Self:
        """Return the client itself, to be closed at the end of the block."""
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close the connections; using the client again opens new ones."""
        self._transport.close()

    def send(self, event: AnEvent, *, idempotency_key: str | None = None) -> Accepted:
        """Send one event; when this returns, it is stored for good.

        Give a key of your own, such as the id of the job that sends, when the job
        itself may run twice; or an `external_id` in the event.
        """
        answer = self._post(_EVENTS, body_of(event), idempotency_key)
        return Accepted.of(answer.data, is_replay=_is_replay(answer))

    def send_batch(
        self,
        events: Iterable[AnEvent],
        *,
        mode: Literal["strict", "permissive"] = "strict",
        idempotency_key: str | None = None,
    ) -> BatchResult:
        """Send up to 500 events in one request: all of them, or none.

        In the mode ``permissive`` each is taken or refused by itself; look at
        `BatchResult.refused` then, of which those that are `retryable` may be sent
        later, in another batch.
        """
        body = {"mode": mode, "events": [body_of(event) for event in events]}
        answer = self._post(f"{_EVENTS}/batch", body, idempotency_key)
        return BatchResult.of(answer.data, is_replay=_is_replay(answer))

    def validate(self, event: AnEvent) -> Validation:
        """Return what would become of an event; stores nothing."""
        path = f"{_EVENTS}/validate"
        return Validation.of(
            self._transport.ask("POST", path, body=body_of(event)).data
        )

    def get(self, event_id: UUID | str) -> Event:
        """Return where an event stands; raise `NotFound`."""
        return Event.of(self._transport.ask("GET", f"{_EVENTS}/{_id(event_id)}").data)

    def search(
        self,
        *,
        type: str | None = None,  # noqa: A002  # the API's own name
        status: str | None = None,
        external_id: str | None = None,
        recipient: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        page_size: int | None = None,
    ) -> Iterator[Event]:
        """Yield the events that match all that is given, newest first, page by page."""
        query: dict[str, Any] = {
            "type": type,
            "status": status,
            "external_id": external_id,
            "recipient": recipient,
            "since": since,
            "until": until,
            "limit": page_size,
        }
        while True:
            page = self._transport.ask("GET", _EVENTS, query=query).data
            yield from map(Event.of, page["data"])
            if not page.get("next_cursor"):
                return
            query["cursor"] = page["next_cursor"]

    def cancel(
        self, event_id: UUID | str, *, idempotency_key: str | None = None
    ) -> Event:
        """Stop what has not left; raise `Conflict` (``too_late``) if all of it has."""
        path = f"{_EVENTS}/{_id(event_id)}/cancel"
        return Event.of(self._post(path, None, idempotency_key).data)

    def replay(
        self, event_id: UUID | str, *, idempotency_key: str | None = None
    ) -> Accepted:
        """Send the data of an event once more, as a new event."""
        path = f"{_EVENTS}/{_id(event_id)}/replay"
        answer = self._post(path, None, idempotency_key)
        return Accepted.of(answer.data, is_replay=_is_replay(answer))

    def preview(
        self,
        message: str,
        *,
        ctx: Mapping[str, Any] | None = None,
        recipient: Recipient | None = None,
        language: str | None = None,
        version: Literal["published", "draft"] | int = "published",
    ) -> Preview:
        """Render a message, by its internal name, with given data; nothing is sent.

        Without a context it is that of its sample. The key needs the scope
        ``messages:preview``.
        """
        body: dict[str, Any] = {"version": version}
        if ctx is not None:
            body["ctx"] = ctx
        if recipient is not None:
            body["recipient"] = set_fields(recipient)
        if language is not None:
            body["language"] = language
        path = f"/api/v1/messages/{quote(message, safe='')}/preview"
        return Preview.of(self._transport.ask("POST", path, body=body).data)

    def _post(self, path: str, body: Any, key: str | None) -> Answer:
        made = uuid.uuid4().hex if key is None else key
        return self._transport.ask("POST", path, body=body, idempotency_key=made)


def _id(given: UUID | str) -> UUID:
    """Return an id; raise ValueError for what is none, before it is in an address."""
    return given if isinstance(given, UUID) else UUID(given)


def _is_replay(answer: Answer) -> bool:
    return answer.headers.get("Idempotent-Replayed") == "true"
