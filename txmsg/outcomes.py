"""What follows from an outcome: an ending, another try, or a hand-back. Pure rules."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from events.models import Lane
from events.work import Item
from history.models import AttemptOutcome, DeliveryStatus, Reason
from history.recording import Ending, Postponement, Results, Try
from templates_app.models import UnknownOutcome
from txmsg.channels.base import Outcome, OutcomeKind

# Seconds until the next try; the last repeats. The address of the sender stays the
# same, as greylisting demands.
RETRY_SECONDS = {
    Lane.CRITICAL: (15, 60, 180, 300),
    Lane.NORMAL: (60, 180, 600, 1800, 3600, 7200),
    Lane.BULK: (120, 600, 1800, 3600, 7200),
}
MAX_ATTEMPTS = 24
# Somebody has to mend it, here or at the provider.
SENDER_SECONDS = 60
JITTER = 0.25

_ATTEMPTS = {
    OutcomeKind.SENT: AttemptOutcome.SENT,
    OutcomeKind.TRANSIENT: AttemptOutcome.TRANSIENT,
    OutcomeKind.PERMANENT: AttemptOutcome.PERMANENT,
    OutcomeKind.UNKNOWN: AttemptOutcome.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that was given to a channel: its row, what it was, what came back."""

    item: Item
    outcome: Outcome
    digest: bytes
    execution_id: int | None
    policy: str
    repeats_are_safe: bool = False
    """Whether its channel makes no second copy of what it is handed again."""


@dataclass(slots=True)
class Verdict:
    """What is to be recorded of a wave, and what goes back to the queue unsent."""

    endings: list[Ending] = field(default_factory=list)
    postponed: list[Postponement] = field(default_factory=list)
    unknown: list[Postponement] = field(default_factory=list)
    held: list[Postponement] = field(default_factory=list)
    unsent: list[UUID] = field(default_factory=list)
    """Certainly not sent for want of time: handed back at once."""
    route_down: list[UUID] = field(default_factory=list)
    """Certainly not sent for want of a way: handed back with a delay."""
    sender_refused: list[UUID] = field(default_factory=list)
    """Certainly not sent for want of a sender: handed back with a longer delay."""

    def results(self) -> Results:
        """Return the part that recording takes."""
        return Results(
            endings=self.endings,
            postponed=self.postponed,
            unknown=self.unknown,
            held=self.held,
        )


def judge(wave: Iterable[Sent], *, lane: str, now: datetime) -> Verdict:
    """Return what follows from the outcomes of a wave."""
    verdict = Verdict()
    for sent in wave:
        _judge_one(verdict, sent, lane=lane, now=now)
    return verdict


def retry_delay(lane: str, attempts: int) -> float:
    """Return the seconds to wait after so many attempts, with jitter."""
    steps = RETRY_SECONDS[Lane(lane)]
    return _with_jitter(steps[min(attempts, len(steps)) - 1])


def sender_delay() -> float:
    """Return the seconds until a refused sender is tried again, with jitter."""
    return _with_jitter(SENDER_SECONDS)


def unknown(
    verdict: Verdict,
    item: Item,
    ending: Ending,
    a_try: Try,
    *,
    policy: str,
    repeats_are_safe: bool,
    delay_seconds: float = 0,
) -> None:
    """Resolve a row of unknown outcome by its message's policy; expiry always wins.

    Where a repeat makes no second copy there is nothing to decide, and no flag.
    `ending` is how it ends if it is not sent again; also after too many tries, since
    each may have been a copy.
    """
    is_over = item.expired or item.crashed or item.attempts + 1 >= MAX_ATTEMPTS
    if repeats_are_safe and not is_over:
        verdict.postponed.append(Postponement(item.id, delay_seconds, a_try))
    elif is_over or policy == UnknownOutcome.NEVER_TWICE:
        verdict.endings.append(ending)
    elif policy == UnknownOutcome.ASK:
        verdict.held.append(Postponement(item.id, 0, a_try))
    else:
        verdict.unknown.append(Postponement(item.id, delay_seconds, a_try))


def _judge_one(verdict: Verdict, sent: Sent, *, lane: str, now: datetime) -> None:
    item, outcome = sent.item, sent.outcome
    if outcome.kind == OutcomeKind.NOT_STARTED:
        verdict.unsent.append(item.id)
        return
    if outcome.kind == OutcomeKind.ROUTE:
        verdict.route_down.append(item.id)
        return
    if outcome.kind == OutcomeKind.SENDER:
        verdict.sender_refused.append(item.id)
        return
    a_try = Try(
        outcome=_ATTEMPTS[outcome.kind],
        started_at=outcome.started_at or now,
        ended_at=outcome.ended_at or now,
        provider=outcome.provider,
        answer=outcome.answer,
    )
    if outcome.kind == OutcomeKind.TRANSIENT and item.attempts + 1 < MAX_ATTEMPTS:
        delay = retry_delay(lane, item.attempts + 1)
        verdict.postponed.append(Postponement(item.id, delay, a_try))
        return
    ending = Ending(
        id=item.id,
        status=_STATUSES[outcome.kind],
        reason=_reason(outcome),
        execution_id=sent.execution_id,
        provider=outcome.provider,
        provider_id=outcome.provider_id,
        answer=outcome.answer,
        digest=sent.digest,
        finished_at=outcome.ended_at,
        was_tried=True,
    )
    if outcome.kind == OutcomeKind.UNKNOWN:
        # A server that takes mails and never says so must not get one a second.
        delay = retry_delay(lane, item.attempts + 1)
        unknown(
            verdict,
            item,
            ending,
            a_try,
            policy=sent.policy,
            repeats_are_safe=sent.repeats_are_safe,
            delay_seconds=delay,
        )
    else:
        verdict.endings.append(ending)


_STATUSES = {
    OutcomeKind.SENT: DeliveryStatus.SENT,
    OutcomeKind.TRANSIENT: DeliveryStatus.FAILED,
    OutcomeKind.PERMANENT: DeliveryStatus.FAILED,
    OutcomeKind.UNKNOWN: DeliveryStatus.UNCERTAIN,
}


def _reason(outcome: Outcome) -> Reason | None:
    if outcome.kind == OutcomeKind.SENT:
        return None
    if outcome.kind == OutcomeKind.TRANSIENT:
        return Reason.EXHAUSTED
    if outcome.kind == OutcomeKind.UNKNOWN:
        return Reason.UNKNOWN_OUTCOME
    try:
        return Reason(outcome.reason)
    except ValueError:
        return Reason.REJECTED


def _with_jitter(seconds: float) -> float:
    return seconds * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
