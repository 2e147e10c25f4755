"""What an endpoint was told, for the API and the admin: newest first, by pages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from events.models import (
    WebhookAttempt,
    WebhookEndpoint,
    WebhookMessage,
    WebhookStatus,
)
from events.problems import rfc3339

MAX_PAGE = 200


@dataclass(frozen=True, slots=True)
class Told:
    """A message with its tries, the first one first."""

    message: WebhookMessage
    tries: Sequence[WebhookAttempt]


def page_of(
    endpoint: WebhookEndpoint,
    *,
    status: str = "",
    before: int | None = None,
    limit: int = 50,
) -> tuple[list[Told], int | None]:
    """Return messages of an endpoint, and where the next page begins, if there is one.

    `before` is what an earlier call returned.
    """
    rows = WebhookMessage.objects.filter(endpoint=endpoint).order_by("-id")
    if status:
        rows = rows.filter(status=status)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows[: limit + 1])
    shown = found[:limit]
    return with_tries(shown), shown[-1].pk if len(found) > limit else None


def one_of(endpoint: WebhookEndpoint, webhook_id: UUID) -> Told | None:
    """Return one message of an endpoint; None if there is none of this id."""
    rows = WebhookMessage.objects.filter(endpoint=endpoint, webhook_id=webhook_id)
    found = with_tries(rows)
    return found[0] if found else None


def with_tries(messages: Any) -> list[Told]:
    """Return messages with what was tried, in one query more."""
    rows = list(messages)
    tries: dict[int, list[WebhookAttempt]] = defaultdict(list)
    ids = [row.pk for row in rows]
    for each in WebhookAttempt.objects.filter(message_id__in=ids).order_by("number"):
        tries[each.message_id].append(each)
    return [Told(row, tries[row.pk]) for row in rows]


def shown_endpoint(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """Return an endpoint as the API shows it; its secret is not there to be shown."""
    moments = {
        name: rfc3339(moment) if (moment := getattr(endpoint, name)) else None
        for name in (
            "created_at",
            "failing_since",
            "last_success_at",
            "last_failure_at",
            "disabled_at",
        )
    }
    return {
        "id": str(endpoint.pk),
        "url": endpoint.url,
        "description": endpoint.description,
        "events": endpoint.events,
        "event_types": endpoint.event_types,
        "status": endpoint.status,
        "last_problem": endpoint.last_problem or None,
        **moments,
    }


def shown(told: Told) -> dict[str, Any]:
    """Return a message as the API shows it."""
    message = told.message
    is_pending = message.status == WebhookStatus.PENDING
    return {
        "webhook_id": str(message.webhook_id),
        "type": message.name,
        "timestamp": rfc3339(message.occurred_at),
        "data": {**message.data, "sequence": message.pk},
        "status": message.status,
        "next_try_at": rfc3339(message.due_at) if is_pending else None,
        "attempts": [
            {
                "number": each.number,
                "started_at": rfc3339(each.started_at),
                "seconds": round(each.seconds, 3),
                "status_code": each.status_code,
                "answer": each.answer or None,
                "problem": each.problem or None,
            }
            for each in told.tries
        ],
    }
