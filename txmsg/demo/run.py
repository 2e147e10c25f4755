"""One run of the demonstration: posts forty events through the API and watches them.

Talks HTTP like any caller; reads the outcome from history.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from events import api_keys, ids
from events.models import ApiKey, Source
from history.models import Delivery
from txmsg.demo import events

SOURCE = "demo-shop"
READY_SECONDS = 60.0
FINAL_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Row:
    """One event of the run, as the table shows it."""

    event_id: UUID | None
    type: str
    channel: str
    recipient: str
    status: str
    milliseconds: int | None
    """From accepted to handed over."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of the run's events."""

    rows: Sequence[Row]
    accepted: int
    delivered: int

    @property
    def failed(self) -> int:
        """How many were refused or not delivered."""
        return len(self.rows) - self.delivered


def run(url: str, *, say: Callable[[str], None]) -> Result:
    """Post the stream to the API at `url` and wait until every event is final.

    The first event goes alone, into an idle system. Raises TimeoutError when the
    system does not become ready.
    """
    wait_until_ready(url)
    source, _ = Source.objects.get_or_create(
        name=SOURCE, defaults={"description": "Posts the demonstration's events."}
    )
    key, text = api_keys.create(source)
    try:
        bodies = events.stream(datetime.now(UTC), run=uuid.uuid4().hex[:8])
        say(f"posting {len(bodies)} events")
        accepted = [post(url, text, bodies[0])]
        _wait([event_id for event_id in accepted if event_id])
        accepted += [post(url, text, body) for body in bodies[1:]]
    finally:
        ApiKey.objects.filter(pk=key.pk).delete()
    known = [event_id for event_id in accepted if event_id]
    _wait(known)
    rows = _rows(bodies, accepted)
    return Result(
        rows=rows,
        accepted=len(known),
        delivered=sum(row.status == "sent" for row in rows),
    )


def wait_until_ready(url: str) -> None:
    """Wait for 200 from /readyz; raise TimeoutError with what is missing."""
    deadline = time.monotonic() + READY_SECONDS
    while True:
        status, answer = _request(f"{url}/readyz")
        if status == 200:
            return
        if time.monotonic() > deadline:
            message = f"not ready after {READY_SECONDS:.0f} s: {answer}"
            raise TimeoutError(message)
        time.sleep(0.1)


def post(url: str, key: str, body: dict[str, Any]) -> UUID | None:
    """Post one event; return its id, or None if it was refused."""
    status, answer = _request(f"{url}/api/v1/events", key=key, body=body)
    return UUID(answer["id"]) if status == 202 else None


def _request(
    url: str, *, key: str = "", body: dict[str, Any] | None = None
) -> tuple[int, Any]:
    """Return status and JSON; status 0 if nobody answers."""
    request = urllib.request.Request(url)  # noqa: S310  (our own loopback address)
    request.add_header("Host", _host())
    if settings.TXMSG_HTTPS:
        request.add_header("X-Forwarded-Proto", "https")
    if key:
        request.add_header("Authorization", f"Bearer {key}")
    if body is not None:
        request.add_header("Content-Type", "application/json")
        request.data = json.dumps(body).encode()
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, _json(error)
    except OSError as error:
        return 0, str(error)


def _json(error: urllib.error.HTTPError) -> Any:
    try:
        return json.load(error)
    except ValueError:
        return error.reason


def _host() -> str:
    """Return a host that the settings allow, for a request over loopback."""
    hosts = [str(host) for host in settings.ALLOWED_HOSTS if host not in ("*", "")]
    return (hosts or ["localhost"])[0].removeprefix(".")


def _wait(event_ids: Sequence[UUID]) -> None:
    """Wait until every event has its outcome, or the time is up."""
    deadline = time.monotonic() + FINAL_SECONDS
    while event_ids and time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT count(*) FROM events_event
                WHERE id = ANY(%s) AND id BETWEEN %s AND %s AND outcome = ''
                """,
                [list(event_ids), min(event_ids), max(event_ids)],
            )
            if cursor.fetchone()[0] == 0:
                return
        time.sleep(0.05)


def _rows(
    bodies: Sequence[dict[str, Any]], accepted: Sequence[UUID | None]
) -> list[Row]:
    rows = []
    for body, event_id in zip(bodies, accepted, strict=True):
        recipient = body["recipient"]
        address = recipient.get("email") or recipient.get("phone") or ""
        delivery = (
            Delivery.objects.select_related("event")
            .filter(pk__range=(event_id, ids.last_id_of(event_id)))
            .order_by("-pk")
            .first()
            if event_id
            else None
        )
        milliseconds = None
        if delivery is not None and delivery.status == "sent":
            took = delivery.finished_at - delivery.event.received_at
            milliseconds = round(took.total_seconds() * 1000)
        rows.append(
            Row(
                event_id=event_id,
                type=body["type"],
                channel=delivery.channel if delivery else "",
                recipient=address,
                status=_status(event_id, delivery),
                milliseconds=milliseconds,
            )
        )
    return rows


def _status(event_id: UUID | None, delivery: Delivery | None) -> str:
    if event_id is None:
        return "refused"
    return delivery.status if delivery else "pending"
