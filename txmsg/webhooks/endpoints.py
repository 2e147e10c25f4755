"""Endpoints: made, changed, paused, given new secrets; for the API and the admin.

What an endpoint may be is checked here, once for both. The door and the workers see a
change within a second.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, wait
from datetime import datetime, timedelta
from threading import Thread
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from events.models import (
    EndpointStatus,
    EventType,
    Source,
    WebhookEndpoint,
    WebhookName,
)
from events.webhooks import outbox, queue
from txmsg import outside
from txmsg.webhooks import posting, signing

logger = logging.getLogger(__name__)

MAX_PER_SOURCE = 20
MAX_URL = 2000
MAX_DESCRIPTION = 200
OLD_SECRET_LIVES = timedelta(hours=24)
LOOK_UP_SECONDS = 2.0
SUBSCRIBABLE = [name for name in WebhookName.values if name != WebhookName.TEST]
_NOT_ACTIVE = "This endpoint is not active, so it is sent nothing: resume it first."


class Unfit(Exception):
    """What an endpoint cannot be: a field's fault, in words for who gave it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class TooMany(Exception):
    """A source has all the endpoints that it may have."""


class NotActive(Exception):
    """An endpoint that is paused or disabled is sent nothing."""


def create(
    source: Source,
    *,
    url: str,
    description: str = "",
    events: Sequence[str] = (),
    event_types: Sequence[str] = (),
) -> tuple[WebhookEndpoint, str]:
    """Make an endpoint; return it with its secret, which is shown this once only.

    Raises Unfit for a field, TooMany when the source has its share.
    """
    fields = check(
        {
            "url": url,
            "description": description,
            "events": events,
            "event_types": event_types,
        }
    )
    seed = signing.new_seed()
    with transaction.atomic():
        Source.objects.select_for_update(no_key=True).get(pk=source.pk)
        if source.webhook_endpoints.count() >= MAX_PER_SOURCE:
            raise TooMany(f"A source has {MAX_PER_SOURCE} endpoints at most.")
        endpoint = WebhookEndpoint.objects.create(
            source=source, secret_seed=seed, **fields
        )
    outbox.forget()
    logger.info("webhook %s of %s was made", endpoint.pk, source)
    return endpoint, signing.secret_of(seed)


def change(endpoint: WebhookEndpoint, fields: Mapping[str, Any]) -> None:
    """Change some of url, description, events and event_types; raise Unfit."""
    checked = check(fields)
    if "url" in checked and checked["url"] != endpoint.url:
        # What the old address did says nothing about the new one.
        checked |= {"failures": 0, "failing_since": None, "held_until": None}
        checked |= {"last_problem": ""}
    for name, value in checked.items():
        setattr(endpoint, name, value)
    endpoint.save(update_fields=list(checked))


def pause(endpoint: WebhookEndpoint) -> None:
    """Send it nothing for now; what happens is kept for it."""
    endpoint.status = EndpointStatus.PAUSED
    endpoint.save(update_fields=["status"])
    logger.info("webhook %s was paused", endpoint.pk)


def resume(endpoint: WebhookEndpoint) -> None:
    """Send it what waits and what comes, also after it was disabled."""
    endpoint.status = EndpointStatus.ACTIVE
    endpoint.failures = 0
    endpoint.failing_since = endpoint.held_until = endpoint.disabled_at = None
    endpoint.save(
        update_fields=[
            "status",
            "failures",
            "failing_since",
            "held_until",
            "disabled_at",
        ]
    )
    outbox.forget()
    logger.info("webhook %s was resumed", endpoint.pk)


def rotate(endpoint: WebhookEndpoint) -> str:
    """Give an endpoint a new secret and return it; it is shown this once only.

    For a day requests are signed with both; the one before the last ends to count.
    """
    endpoint.old_secret_seed = endpoint.secret_seed
    endpoint.old_secret_until = timezone.now() + OLD_SECRET_LIVES
    endpoint.secret_seed = signing.new_seed()
    endpoint.save(update_fields=["secret_seed", "old_secret_seed", "old_secret_until"])
    logger.info("webhook %s has a new secret", endpoint.pk)
    return signing.secret_of(endpoint.secret_seed)


def secrets_of(endpoint: WebhookEndpoint, *, now: datetime) -> list[str]:
    """Return the secrets to sign with, the newest first; raise signing.SecretLost."""
    secrets = [signing.secret_of(endpoint.secret_seed)]
    until = endpoint.old_secret_until
    if endpoint.old_secret_seed and until is not None and until > now:
        try:
            secrets.append(signing.secret_of(endpoint.old_secret_seed))
        except signing.SecretLost as error:
            logger.warning("the old secret of webhook %s: %s", endpoint.pk, error)
    return secrets


def send_test(endpoint: WebhookEndpoint) -> UUID:
    """Have a test message sent; return its webhook id; raise NotActive."""
    _require_active(endpoint)
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(held_until=None)
    return queue.add_test(endpoint)


def redeliver(endpoint: WebhookEndpoint, webhook_id: UUID) -> bool:
    """Send a message once more; return whether there is one; raise NotActive."""
    _require_active(endpoint)
    return queue.redeliver(endpoint, webhook_id)


def recover(endpoint: WebhookEndpoint, *, since: datetime) -> int:
    """Send what was given up since a moment once more; return how many.

    Raises NotActive.
    """
    _require_active(endpoint)
    return queue.recover(endpoint, since=since)


def _require_active(endpoint: WebhookEndpoint) -> None:
    if endpoint.status != EndpointStatus.ACTIVE:
        raise NotActive(_NOT_ACTIVE)


def check(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields of an endpoint as they are stored; raise Unfit for the first."""
    checked = dict(fields)
    if "url" in checked:
        check_url(checked["url"])
    if len(checked.get("description", "")) > MAX_DESCRIPTION:
        message = f"A description has {MAX_DESCRIPTION} characters at most."
        raise Unfit("description", message)
    if "events" in checked:
        checked["events"] = sorted(set(checked["events"]), key=str)
        unknown = set(checked["events"]) - set(SUBSCRIBABLE)
        if unknown:
            message = f"These can be subscribed to: {', '.join(SUBSCRIBABLE)}."
            raise Unfit("events", message)
    if "event_types" in checked:
        checked["event_types"] = sorted(set(checked["event_types"]))
        known = EventType.objects.filter(name__in=checked["event_types"])
        if known.count() < len(checked["event_types"]):
            message = "One of these event types does not exist."
            raise Unfit("event_types", message)
    return checked


def check_url(url: str) -> None:
    """Raise Unfit for an address that would not be called.

    A name that leads nowhere yet is let pass: it is looked up again at each request.
    """
    if len(url) > MAX_URL:
        message = f"An address has {MAX_URL} characters at most."
        raise Unfit("url", message)
    if not url.isascii() or not url.isprintable() or " " in url:
        message = "An address has visible ASCII characters only."
        raise Unfit("url", message)
    rules = posting.rules()
    try:
        address = outside.read(url, rules)
        if address.name not in rules.allowed_hosts:
            _look_up(url, rules)
    except outside.NoHost:
        pass
    except outside.NotCalled as error:
        raise Unfit("url", str(error)) from None


def _look_up(url: str, rules: outside.Rules) -> None:
    """Look up a name, but do not keep a request waiting for a silent server."""
    found: Future[outside.Target] = Future()

    def look() -> None:
        try:
            found.set_result(outside.look_up(url, rules))
        except outside.NotCalled as error:
            found.set_exception(error)

    Thread(target=look, daemon=True).start()
    wait([found], timeout=LOOK_UP_SECONDS)
    try:
        found.result(timeout=0)
    except TimeoutError:
        logger.warning("a webhook's host was not found in time")
