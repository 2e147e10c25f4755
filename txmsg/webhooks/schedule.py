"""When to try again, and what an answer says about its endpoint: numbers, no I/O."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from events.models import EndpointStatus

DELAYS = (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds before each try, about 75 hours in all: the schedule of the standard."""
JITTER = 0.1
LONGEST_RETRY_AFTER = 86_400.0
THROTTLED = frozenset({429, 502, 503, 504})
GONE = 410
# So many messages in a row, and the endpoint itself is held to be down.
FAILURES_ALLOWED = 5
LONGEST_HOLD = 300.0
DISABLED_AFTER = timedelta(days=5)


@dataclass(frozen=True, slots=True)
class Health:
    """How an endpoint has been doing."""

    status: str = EndpointStatus.ACTIVE
    failures: int = 0
    failing_since: datetime | None = None
    held_until: datetime | None = None


def next_delay(step: int, *, retry_after: float | None = None) -> float | None:
    """Return the seconds until the next try, after the one of a step failed.

    None when it was the last. Never sooner than the receiver asked for.
    """
    if step + 1 >= len(DELAYS):
        return None
    jitter = 1 + random.uniform(0, JITTER)  # noqa: S311  no secret hangs on it
    return max(DELAYS[step + 1] * jitter, retry_after or 0.0)


def retry_after(header: str, *, now: datetime) -> float | None:
    """Return the seconds that a Retry-After asks for, a day at most; None if none."""
    text = header.strip()
    if text.isascii() and text.isdigit():
        seconds = float(text[:9])
    else:
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = (moment - now).total_seconds()
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


def after_success(health: Health) -> Health:
    """Return the health of an endpoint that has taken a message."""
    return replace(health, failures=0, failing_since=None, held_until=None)


def after_failure(
    health: Health,
    *,
    now: datetime,
    step: int,
    code: int | None,
    wait: float | None = None,
) -> Health:
    """Return the health of an endpoint that has not taken a message.

    Only a message's first try counts, so that one that always fails says nothing about
    the endpoint, until enough of them do: then it is held back as a whole, longer each
    time, and tried with one message at a time. `wait` is what it asked for itself,
    and what holds then.
    """
    if code == GONE:
        return replace(health, status=EndpointStatus.GONE)
    is_down = health.failures >= FAILURES_ALLOWED
    if is_down and health.held_until is not None and health.held_until > now:
        # It was on its way with the one that had it held: that says nothing more.
        return health
    failures = health.failures + (step == 0 or is_down)
    since = health.failing_since or now
    seconds = wait if wait and code in THROTTLED else 0.0
    if failures >= FAILURES_ALLOWED:
        doubled = min(failures - FAILURES_ALLOWED, 10)
        seconds = seconds or min(5.0 * 2**doubled, LONGEST_HOLD)
        if now - since >= DISABLED_AFTER:
            return replace(
                health,
                status=EndpointStatus.DISABLED,
                failures=failures,
                failing_since=since,
            )
    held = now + timedelta(seconds=seconds) if seconds else health.held_until
    return replace(health, failures=failures, failing_since=since, held_until=held)
