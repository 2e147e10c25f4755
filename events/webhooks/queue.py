"""What endpoints are still to be told: claimed, noted, sent once more, removed.

While a message is being sent, `due_at` is the end of its lease. A claim counts its
attempt up, and what became of one is noted only while that is still the last: who was
frozen past its lease changes nothing. Locks are taken in the order endpoint, message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from events import arrays, statements
from events.models import WebhookEndpoint, WebhookName
from events.webhooks import outbox

# A statement that makes a wave wait for a lock must not; so removing goes in pieces.
PURGE_BATCH = 2_000


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that is ours to send; `attempt` is the number of this try."""

    id: int
    webhook_id: UUID
    endpoint_id: UUID
    name: str
    data: str
    occurred_at: datetime
    attempt: int
    step: int


@dataclass(frozen=True, slots=True)
class Noted:
    """What became of a try; without `delay_seconds` nothing is tried any more."""

    message: Claimed
    is_delivered: bool
    started_at: datetime
    seconds: float
    status_code: int | None = None
    answer: str = ""
    problem: str = ""
    delay_seconds: float | None = None


_CLAIM = """
    WITH due AS (
        SELECT m.id FROM unnest(%(endpoints)b, %(shares)b) AS s(endpoint_id, share)
        JOIN events_webhookendpoint o ON o.id = s.endpoint_id AND o.status = 'active'
        CROSS JOIN LATERAL (
            SELECT id FROM events_webhookmessage
            WHERE endpoint_id = s.endpoint_id AND status = 'pending'
              AND due_at <= (SELECT clock_timestamp())
            ORDER BY due_at LIMIT s.share FOR UPDATE SKIP LOCKED
        ) AS m
    )
    UPDATE events_webhookmessage m
    SET attempts = m.attempts + 1,
        due_at = clock_timestamp() + make_interval(secs => %(lease)b)
    FROM due WHERE m.id = due.id
    RETURNING m.id, m.webhook_id, m.endpoint_id, m.name, m.data::text, m.occurred_at,
              m.attempts, m.step
"""
_NOTE = """
    WITH noted AS (
        SELECT * FROM unnest(
            %(ids)b, %(attempts)b, %(delivered)b, %(delays)b, %(starts)b, %(seconds)b,
            %(codes)b, %(answers)b, %(problems)b)
        AS n(id, attempt, is_delivered, delay, started_at, seconds, code, answer,
             problem)
    ), mine AS (
        SELECT m.id FROM events_webhookmessage m
        JOIN noted n ON n.id = m.id AND n.attempt = m.attempts
        WHERE m.id = ANY(%(ids)b) AND m.status = 'pending'
        ORDER BY m.id FOR UPDATE OF m
    ), written AS (
        UPDATE events_webhookmessage m
        SET status = CASE WHEN n.is_delivered THEN 'delivered'
                          WHEN n.delay < 0 THEN 'failed' ELSE 'pending' END,
            finished_at = CASE WHEN n.is_delivered OR n.delay < 0
                               THEN clock_timestamp() END,
            due_at = clock_timestamp() + make_interval(secs => greatest(n.delay, 0)),
            step = m.step + 1
        FROM noted n, mine
        WHERE n.id = m.id AND mine.id = m.id AND m.id = ANY(%(ids)b)
        RETURNING m.id
    ), logged AS (
        INSERT INTO events_webhookattempt
            (message_id, number, started_at, seconds, status_code, answer, problem)
        SELECT id, attempt, started_at, seconds, nullif(code, 0), answer, problem
        FROM noted WHERE EXISTS (
            SELECT FROM events_webhookmessage m WHERE m.id = noted.id
            AND m.id = ANY(%(ids)b))
        ON CONFLICT DO NOTHING
    )
    SELECT id FROM written
"""


_CLAIM_NEWEST = _CLAIM.replace("ORDER BY due_at", "ORDER BY due_at DESC")


def claim(
    shares: Mapping[UUID, int], *, lease_seconds: float, newest_first: bool = False
) -> list[Claimed]:
    """Take due messages, up to so many of each endpoint, for as long as the lease."""
    if not shares:
        return []
    values = {
        "endpoints": arrays.uuids(shares),
        "shares": arrays.bigints(shares.values()),
        "lease": float(lease_seconds),
    }
    statement = _CLAIM_NEWEST if newest_first else _CLAIM
    return [Claimed(*row) for row in statements.rows(statement, values)]


def note(tries: Iterable[Noted]) -> set[int]:
    """Write down what became of tries; return the messages that were still ours.

    A try of a message that was lost to another meanwhile is logged all the same.
    """
    noted = sorted(tries, key=lambda each: each.message.id)
    if not noted:
        return set()
    delays = [-1.0 if n.delay_seconds is None else n.delay_seconds for n in noted]
    values = {
        "ids": arrays.bigints(n.message.id for n in noted),
        "attempts": arrays.ints(n.message.attempt for n in noted),
        "delivered": arrays.bools(n.is_delivered for n in noted),
        "delays": arrays.floats(delays),
        "starts": arrays.moments(n.started_at for n in noted),
        "seconds": arrays.floats(n.seconds for n in noted),
        "codes": arrays.ints(n.status_code or 0 for n in noted),
        "answers": arrays.texts(n.answer for n in noted),
        "problems": arrays.texts(n.problem for n in noted),
    }
    return {row[0] for row in statements.rows(_NOTE, values)}


def add_test(endpoint: WebhookEndpoint) -> UUID:
    """Have a test sent to an endpoint; return its webhook id."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO events_webhookmessage
                (endpoint_id, name, data, occurred_at, due_at)
            VALUES (%s, %s, '{"text": "A test, asked for by a person."}',
                    clock_timestamp(), clock_timestamp())
            RETURNING webhook_id
            """,
            [endpoint.pk, WebhookName.TEST.value],
        )
        return UUID(str(cursor.fetchone()[0]))


def redeliver(endpoint: WebhookEndpoint, webhook_id: UUID) -> bool:
    """Send a message once more, now, under its id; return whether there is one.

    Its schedule begins anew.
    """
    return bool(
        _again(endpoint, "AND webhook_id = %s", [webhook_id], only_failed=False)
    )


def recover(endpoint: WebhookEndpoint, *, since: datetime) -> int:
    """Send what was given up since a moment once more; return how many there are."""
    return _again(endpoint, "AND occurred_at >= %s", [since], only_failed=True)


def _again(
    endpoint: WebhookEndpoint, which: str, values: list[Any], *, only_failed: bool
) -> int:
    failed = "AND status = 'failed'" if only_failed else ""
    with transaction.atomic(), connection.cursor() as cursor:
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(held_until=None)
        cursor.execute(
            f"""
            UPDATE events_webhookmessage
            SET status = 'pending', due_at = clock_timestamp(), step = 0,
                finished_at = NULL
            WHERE id IN (
                SELECT id FROM events_webhookmessage
                WHERE endpoint_id = %s {failed} {which} ORDER BY id FOR UPDATE)
            """,
            [endpoint.pk, *values],
        )
        return int(cursor.rowcount)


def remove(endpoint: WebhookEndpoint) -> None:
    """Remove an endpoint; its messages follow by `purge`."""
    endpoint.delete()
    outbox.forget()


def purge(*, days: int) -> int:
    """Remove one batch of what is old or has no endpoint any more; return how many.

    From the oldest on, so an endpoint that was removed is cleared within its time.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            WITH old AS (
                SELECT id FROM (
                    SELECT id, endpoint_id, occurred_at FROM events_webhookmessage
                    ORDER BY id LIMIT %(batch)s) AS first
                WHERE occurred_at < clock_timestamp() - make_interval(days => %(days)s)
                   OR NOT EXISTS (SELECT FROM events_webhookendpoint o
                                  WHERE o.id = first.endpoint_id)
            ), tries AS (
                DELETE FROM events_webhookattempt a USING old
                WHERE a.message_id = old.id
            )
            DELETE FROM events_webhookmessage m USING old WHERE m.id = old.id
            """,
            {"batch": PURGE_BATCH, "days": days},
        )
        return int(cursor.rowcount)
