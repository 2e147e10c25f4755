"""How many messages may leave by a channel now: its breaker and its pace in one answer.

It must not know rows, waves or the database; it never waits.
"""

from __future__ import annotations

import math
import sys
import time
from dataclasses import dataclass

from django.conf import settings

from txmsg import breaker, pace

UNLIMITED = sys.maxsize
# A claim takes no more of a paced channel than goes out in so many seconds.
PACED_SECONDS = 5.0

_rests_until: dict[str, float] = {}
"""Until when this process knows a channel to be left alone, by the monotonic clock."""


@dataclass(frozen=True, slots=True)
class Admission:
    """How many may leave now; if none, after how many seconds to ask again.

    `is_probing`: the provider is only just being tried again, so each wave is waited
    for before the next is asked for.
    """

    count: int
    wait_seconds: float = 0.0
    is_probing: bool = False


def ask(channel: str, wanted: int) -> Admission:
    """Take leave for up to `wanted` messages; every answer above 0 must be settled.

    By `reached` or `not_reached`, or by `unused` for what was not tried after all.
    """
    leave = breaker.ask(channel)
    if not leave.may_try:
        _rests_until[channel] = time.monotonic() + leave.wait_seconds
        return Admission(0, leave.wait_seconds)
    _rests_until.pop(channel, None)
    grant = pace.take(channel, min(wanted, leave.limit))
    if not grant.count:
        breaker.let_go(channel)
    is_probing = leave.limit < breaker.UNLIMITED
    return Admission(grant.count, grant.wait_seconds, is_probing)


def unused(channel: str, count: int, *, was_all: bool = False) -> None:
    """Return leave for messages that were not tried; `was_all` when none was."""
    pace.give_back(channel, count)
    if was_all:
        breaker.let_go(channel)


def reached(channel: str) -> None:
    """Say that the provider answered."""
    breaker.succeeded(channel)


def not_reached(channel: str, why: str, *, unsent: int) -> None:
    """Say that the way to the provider is broken, with so many not sent."""
    pace.give_back(channel, unsent)
    breaker.failed(channel, why)


def unanswered(channel: str, why: str) -> None:
    """Say that the provider took messages, and none was answered.

    One message may be to blame for that; but who is only just being tried again is not
    given another at once.
    """
    if breaker.is_recovering(channel):
        breaker.failed(channel, why)


def room(channel: str) -> int:
    """Return how many messages of a channel are worth claiming now; asks nobody."""
    if time.monotonic() < _rests_until.get(channel, 0):
        return 0
    rate = settings.TXMSG_PACE.get(channel)
    return UNLIMITED if rate is None else max(1, math.ceil(rate * PACED_SECONDS))


def forget() -> None:
    """Forget every provider that was not reached."""
    _rests_until.clear()
    breaker.forget()
