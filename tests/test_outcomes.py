"""What follows from an outcome: pure rules, no database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from events.work import Item
from history.models import Reason
from templates_app.models import UnknownOutcome
from txmsg import outcomes
from txmsg.channels.base import Outcome, OutcomeKind
from txmsg.outcomes import Sent, Verdict

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def make_item(**fields: Any) -> Item:
    """Return a row of work as a claim gives it."""
    return Item(
        **{
            "id": uuid4(),
            "event_id": uuid4(),
            "type_id": 1,
            "stage": "queued",
            "channel": "email",
            "address": "ada@example.com",
            "version_id": 1,
            "pinned_at": NOW,
            "expires_at": NOW + timedelta(days=1),
            "attempts": 0,
            "possible_duplicate": False,
            "retry_of": None,
            "marked_at": None,
            "expired": False,
            "crashed": False,
            **fields,
        }
    )


def judge(
    kind: OutcomeKind,
    policy: str = UnknownOutcome.MUST_ARRIVE,
    reason: str = "",
    **fields: Any,
) -> Verdict:
    sent = Sent(
        make_item(**fields),
        Outcome(kind, reason=reason, answer="250 fine"),
        digest=b"d" * 16,
        execution_id=7,
        policy=policy,
    )
    return outcomes.judge([sent], lane="normal", now=NOW)


def test_sent_ends_sent_with_its_digest_and_the_servers_words() -> None:
    (ending,) = judge(OutcomeKind.SENT).endings
    assert (ending.status, ending.reason, ending.digest) == ("sent", None, b"d" * 16)
    assert (ending.answer, ending.execution_id, ending.was_tried) == (
        "250 fine",
        7,
        True,
    )


def test_refused_for_good_ends_failed_with_the_channels_reason() -> None:
    (ending,) = judge(OutcomeKind.PERMANENT, reason="hard_bounce").endings
    assert (ending.status, ending.reason) == ("failed", Reason.HARD_BOUNCE)


def test_refused_for_now_is_postponed_and_at_last_exhausted() -> None:
    assert judge(OutcomeKind.TRANSIENT).postponed
    last = judge(OutcomeKind.TRANSIENT, attempts=outcomes.MAX_ATTEMPTS - 1)
    assert not last.postponed
    assert last.endings[0].reason == Reason.EXHAUSTED


@pytest.mark.parametrize(
    ("policy", "fate"),
    [
        (UnknownOutcome.MUST_ARRIVE, "unknown"),
        (UnknownOutcome.NEVER_TWICE, "endings"),
        (UnknownOutcome.ASK, "held"),
    ],
)
def test_an_unknown_outcome_follows_the_policy(policy: str, fate: str) -> None:
    verdict = judge(OutcomeKind.UNKNOWN, policy)
    assert len(getattr(verdict, fate)) == 1


@pytest.mark.parametrize("policy", UnknownOutcome.values)
def test_expiry_beats_every_policy(policy: str) -> None:
    (ending,) = judge(OutcomeKind.UNKNOWN, policy, expired=True).endings
    assert (ending.status, ending.reason) == ("uncertain", Reason.UNKNOWN_OUTCOME)


@pytest.mark.parametrize(
    ("kind", "fate"),
    [(OutcomeKind.ROUTE, "route_down"), (OutcomeKind.NOT_STARTED, "unsent")],
)
def test_what_was_certainly_not_sent_counts_nothing(
    kind: OutcomeKind, fate: str
) -> None:
    verdict = judge(kind)
    assert len(getattr(verdict, fate)) == 1
    assert not (verdict.endings)
    assert not (verdict.postponed)
    assert not (verdict.unknown)


@pytest.mark.parametrize("lane", ["critical", "normal", "bulk"])
def test_retries_wait_longer_each_time_with_jitter(lane: str) -> None:
    steps = outcomes.RETRY_SECONDS[lane]  # type: ignore[index]
    assert list(steps) == sorted(steps)
    for attempts, seconds in enumerate(steps, start=1):
        delays = {outcomes.retry_delay(lane, attempts) for _ in range(20)}
        assert len(delays) > 1
        assert all(0.75 * seconds <= delay <= 1.25 * seconds for delay in delays)
    assert outcomes.retry_delay(lane, 99) <= 1.25 * steps[-1]
