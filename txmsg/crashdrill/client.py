"""A calling backend: posts events over HTTP, and repeats with its key until answered.

What it was promised stands in `Accepted`; the oracle holds the product to it. It must
not know the database.
"""

from __future__ import annotations

import http.client
import itertools
import json
import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

PATIENCE_SECONDS = 60.0
# What a backend may meet while something is down, and answers by repeating.
PASSING = frozenset({0, 429, 503})
DOMAIN = "sink.example"
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Wish:
    """An event to post. `script` is for the peer: see `peer`."""

    type: str
    channel: str = "email"
    script: str = "plain"
    ctx: dict[str, Any] = field(default_factory=dict)
    expires_at: str | None = None
    scheduled_at: str | None = None


@dataclass(slots=True)
class Accepted:
    """An event that the door has answered for, or refused."""

    wish: Wish
    token: str
    address: str
    key: str
    id: UUID | None = None
    status: int = 0
    answered_at: float = 0.0
    seconds: float = 0.0

    @property
    def delivery(self) -> str:
        """The id of its first delivery."""
        return str(UUID(int=self.id.int | 1)) if self.id else ""


@dataclass
class Client:
    """A backend with an API key; counts every answer it gets."""

    port: int
    key: str
    answers: Counter[int] = field(default_factory=Counter)
    accepted: list[Accepted] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def post(
        self, wishes: Iterable[Wish], *, threads: int = 4, batch: int = 1
    ) -> list[Accepted]:
        """Post one event for each wish, again until answered; return them all.

        In requests of `batch` events; `threads` of them at once.
        """
        made = [prepare(wish) for wish in wishes]
        waiting = [made[n : n + batch] for n in range(0, len(made), batch)][::-1]

        def work() -> None:
            while waiting:
                try:
                    group = waiting.pop()
                except IndexError:
                    return
                self._post(group)

        crew = [threading.Thread(target=work, daemon=True) for _ in range(threads)]
        for thread in crew:
            thread.start()
        for thread in crew:
            thread.join()
        self.accepted += made
        return made

    def request(
        self, method: str, path: str, body: Any = None, *, key: str = ""
    ) -> tuple[int, Any]:
        """Send one request; return status and JSON, status 0 if nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
        headers = {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {self.key}",
        }
        if key:
            headers["Idempotency-Key"] = key
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, headers)
            answer = connection.getresponse()
            content = answer.read()
            is_json = "json" in answer.getheader("Content-Type", "")
            return answer.status, json.loads(content) if is_json else content
        except (OSError, http.client.HTTPException, ValueError):
            return 0, None
        finally:
            connection.close()

    def _post(self, group: list[Accepted]) -> None:
        """Post events in one request until it is answered; note the answer."""
        first = group[0]
        body: Any = body_of(first)
        path = "/api/v1/events"
        if len(group) > 1:
            body, path = (
                {"events": [body_of(event) for event in group]},
                f"{path}/batch",
            )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            began = time.monotonic()
            status, answer = self.request("POST", path, body, key=first.key)
            self.answers[status] += 1
            if status in (200, 202):
                results = answer["results"] if len(group) > 1 else [{"event": answer}]
                for event, result in zip(group, results, strict=True):
                    event.id, event.status = UUID(result["event"]["id"]), status
                    event.seconds = time.monotonic() - began
                    event.answered_at = time.time()
                return
            if status not in PASSING:
                self.refused.append(f"{status} {answer}"[:500])
                return
            time.sleep(0.05)
        self.refused.append(f"{first.key}: no answer in {PATIENCE_SECONDS:.0f} s")


def ids(events: Sequence[Accepted]) -> list[str]:
    """Return the ids of the events' first deliveries."""
    return [event.delivery for event in events]


def prepare(wish: Wish) -> Accepted:
    """Return an event to post: with a token, an address and a key of its own."""
    token = f"tok{next(_numbers)}x{secrets.token_hex(4)}"
    if wish.channel == "sms":
        # Numbers that can exist; the last digits tell them apart.
        address = f"+336{next(_numbers) % 10**8:08d}"
    elif wish.channel == "push":
        address = f"fcm:{wish.script}.{token}"
    else:
        address = f"{wish.script}.{token}@{DOMAIN}"
    return Accepted(wish, token, address, key=f"key-{token}")


def body_of(event: Accepted) -> dict[str, Any]:
    """Return the request body of an event."""
    wish = event.wish
    recipient: dict[str, Any] = {"name": "Ada"}
    if wish.channel == "sms":
        recipient["phone"] = event.address
    elif wish.channel == "push":
        platform, _, token = event.address.partition(":")
        recipient["push"] = [{"platform": platform, "token": token}]
    else:
        recipient["email"] = event.address
    body = {
        "type": wish.type,
        "channel": wish.channel,
        "recipient": recipient,
        "ctx": {"token": event.token, "divisor": 1, **wish.ctx},
    }
    for name in ("expires_at", "scheduled_at"):
        if value := getattr(wish, name):
            body[name] = value
    return body
