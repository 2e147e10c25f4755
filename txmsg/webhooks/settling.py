"""What an answer means: for its message, and for the endpoint that gave it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction

from events.models import EndpointStatus, WebhookEndpoint
from events.webhooks import outbox, queue
from events.webhooks.queue import Claimed, Noted
from txmsg.webhooks import schedule
from txmsg.webhooks.posting import Answer
from txmsg.webhooks.schedule import Health

logger = logging.getLogger(__name__)

# What fails for longer is said to operators.
FAILING_FOR = timedelta(hours=1)


def settle(answers: Sequence[tuple[Claimed, Answer]]) -> None:
    """Note what became of messages, and how their endpoints do, in one transaction."""
    changed: list[WebhookEndpoint] = []
    with transaction.atomic():
        now = _now()
        ids = {message.endpoint_id for message, _ in answers}
        locked = WebhookEndpoint.objects.select_for_update(no_key=True)
        for endpoint in locked.filter(pk__in=ids).order_by("pk"):
            before = endpoint.status
            own = [(m, a) for m, a in answers if m.endpoint_id == endpoint.pk]
            _judge(endpoint, own, now)
            if endpoint.status != before:
                changed.append(endpoint)
        queue.note(_noted(message, answer) for message, answer in answers)
    for endpoint in changed:
        outbox.forget()
        logger.error(
            "webhook %s of source %d is disabled: %s",
            endpoint.pk,
            endpoint.source_id,
            problem_of(endpoint),
        )


def is_down(endpoint: WebhookEndpoint) -> bool:
    """Say whether so many messages failed in a row that it is the endpoint's fault."""
    return endpoint.failures >= schedule.FAILURES_ALLOWED


def problem_of(endpoint: WebhookEndpoint) -> str:
    """Return what keeps an endpoint from being told, in a sentence; empty if nothing.

    A pause is no problem: somebody wanted it.
    """
    if endpoint.status == EndpointStatus.GONE:
        return "It answered 410 (gone), so it is told nothing any more."
    if endpoint.status == EndpointStatus.DISABLED:
        days = schedule.DISABLED_AFTER.days
        return (
            f"It took nothing for {days} days, so nothing is sent to it any more; what "
            f"happens is kept for it. The last problem: {endpoint.last_problem}"
        )
    if endpoint.failing_since is None:
        return ""
    return f"It is failing. The last problem: {endpoint.last_problem}"


def wait_of(endpoint: WebhookEndpoint, *, now: datetime) -> str:
    """Return why what is due is not sent to an endpoint now; empty if it is."""
    if endpoint.status == EndpointStatus.PAUSED:
        return "It waits, for its endpoint is paused."
    if endpoint.status != EndpointStatus.ACTIVE:
        return f"It waits for its endpoint to be resumed. {problem_of(endpoint)}"
    if endpoint.held_until is not None and endpoint.held_until > now:
        seconds = (endpoint.held_until - now).total_seconds()
        return f"It waits: its endpoint is left alone for {seconds:.0f} s more."
    return ""


def warnings(*, now: datetime) -> list[str]:
    """Return a sentence for each endpoint that an operator should look at."""
    found = WebhookEndpoint.objects.select_related("source").exclude(
        status=EndpointStatus.PAUSED
    )
    return [
        f"{endpoint.source}, {endpoint.url[:80]}: {problem_of(endpoint)}"
        for endpoint in found
        if endpoint.status != EndpointStatus.ACTIVE
        or (endpoint.failing_since and now - endpoint.failing_since > FAILING_FOR)
    ]


def _judge(
    endpoint: WebhookEndpoint,
    answers: Iterable[tuple[Claimed, Answer]],
    now: datetime,
) -> None:
    health = Health(
        endpoint.status,
        endpoint.failures,
        endpoint.failing_since,
        endpoint.held_until,
    )
    for message, answer in answers:
        if answer.is_success:
            health = schedule.after_success(health)
            endpoint.last_success_at = now
            continue
        endpoint.last_failure_at = now
        endpoint.last_problem = answer.problem
        judged = schedule.after_failure(
            health,
            now=now,
            step=message.step,
            code=answer.code,
            wait=answer.retry_after,
        )
        if health.status != EndpointStatus.ACTIVE:
            # Somebody paused it meanwhile, or it is disabled already.
            continue
        health = judged
        if health.status != EndpointStatus.ACTIVE:
            endpoint.disabled_at = now
    endpoint.status = health.status
    endpoint.failures = health.failures
    endpoint.failing_since = health.failing_since
    endpoint.held_until = health.held_until
    endpoint.save(
        update_fields=[
            "status",
            "failures",
            "failing_since",
            "held_until",
            "last_success_at",
            "last_failure_at",
            "last_problem",
            "disabled_at",
        ]
    )


def _noted(message: Claimed, answer: Answer) -> Noted:
    wait = answer.retry_after if answer.code in schedule.THROTTLED else None
    delay = schedule.next_delay(message.step, retry_after=wait)
    if answer.is_success or answer.code == schedule.GONE:
        delay = None
    return Noted(
        message=message,
        is_delivered=answer.is_success,
        started_at=answer.started_at,
        seconds=answer.seconds,
        status_code=answer.code,
        answer=answer.text,
        problem=answer.problem,
        delay_seconds=delay,
    )


def _now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now
