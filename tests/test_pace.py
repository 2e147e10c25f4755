"""Pace: so many a second, all workers together, and never without a limit."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from events import valkey
from tests.valkeys import own_valkey
from txmsg import pace

CHANNEL = "sms"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start with a bucket that nobody remembers, and a Valkey that is asked."""
    monkeypatch.setattr(valkey, "_resting_until", 0.0)
    valkey.client().delete(pace._key(CHANNEL))
    pace._buckets.clear()
    yield
    valkey.client().delete(pace._key(CHANNEL))
    pace._buckets.clear()


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Valkey is away."""

    def ask(*_args: Any) -> None:
        raise valkey.Away

    monkeypatch.setattr(valkey, "ask", ask)


def fill(tokens: float) -> None:
    """Let the shared bucket hold so many tokens, now."""
    seconds, micros = valkey.client().time()
    valkey.client().hset(
        pace._key(CHANNEL), mapping={"tokens": tokens, "at": seconds + micros / 1e6}
    )


def test_without_a_limit_all_are_granted_and_nobody_is_asked(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.TXMSG_PACE = {"email": 5}
    monkeypatch.setattr(valkey, "ask", None)
    assert pace.take(CHANNEL, 500) == pace.Grant(500)
    pace.give_back(CHANNEL, 500)


def test_a_bucket_holds_a_second_and_fills_by_the_pace(settings: Any) -> None:
    settings.TXMSG_PACE = {CHANNEL: 0.001}
    fill(3)
    assert pace.take(CHANNEL, 0) == pace.Grant(0)
    first = pace.take(CHANNEL, 5)
    assert first.count == 1, "a bucket holds one at least, and here no more"
    assert 900 < first.wait_seconds <= 1000
    settings.TXMSG_PACE = {CHANNEL: 40}
    fill(1000)
    assert pace.take(CHANNEL, 1000).count == 40


def test_who_gets_less_than_wanted_is_told_when_a_slice_is_there(settings: Any) -> None:
    settings.TXMSG_PACE = {CHANNEL: 20}
    fill(0)
    grant = pace.take(CHANNEL, 500)
    assert grant.count <= 1
    assert 0 < grant.wait_seconds <= 0.1
    settings.TXMSG_PACE = {CHANNEL: 0.5}
    fill(0.5)
    assert 0.9 < pace.take(CHANNEL, 1).wait_seconds <= 1.0


def test_a_bucket_that_nobody_remembers_begins_with_one(settings: Any) -> None:
    """What was sent before Valkey lost it is not known."""
    settings.TXMSG_PACE = {CHANNEL: 1000}
    assert pace.take(CHANNEL, 500).count <= 1


def test_a_clock_that_was_set_back_adds_nothing(settings: Any) -> None:
    settings.TXMSG_PACE = {CHANNEL: 100}
    fill(2)
    valkey.client().hset(pace._key(CHANNEL), "at", time.time() + 3600)
    assert pace.take(CHANNEL, 50).count == 2
    assert pace.take(CHANNEL, 50).count <= 50


def test_what_was_not_used_is_given_back_up_to_the_brim(settings: Any) -> None:
    settings.TXMSG_PACE = {CHANNEL: 0.001}
    fill(1)
    assert pace.take(CHANNEL, 1).count == 1
    pace.give_back(CHANNEL, 7)
    assert pace.take(CHANNEL, 7).count == 1
    pace.give_back(CHANNEL, 0)
    assert pace.take(CHANNEL, 1).count == 0


def test_workers_share_one_pace(settings: Any) -> None:
    settings.TXMSG_PACE = {CHANNEL: 500}
    fill(0)
    taken: list[int] = []
    end = time.monotonic() + 0.6
    began = time.monotonic()

    def work() -> None:
        while time.monotonic() < end:
            grant = pace.take(CHANNEL, 20)
            taken.append(grant.count)
            time.sleep(min(grant.wait_seconds, 0.1))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    lasted = time.monotonic() - began
    # What stands in Valkey would have been granted to a fifth.
    assert 0 < sum(taken) <= 500 * lasted + 1


@pytest.mark.usefixtures("alone")
def test_without_valkey_each_keeps_to_its_part(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.TXMSG_PACE = {CHANNEL: 30}
    now = 100.0
    monkeypatch.setattr(pace.time, "monotonic", lambda: now)
    part = 30 / pace.WORKERS_ASSUMED
    assert pace.take(CHANNEL, 50).count == 1
    pace.give_back(CHANNEL, 1)
    assert pace.take(CHANNEL, 50).count == 0
    taken = 0
    for _ in range(40):
        now += 0.25
        taken += pace.take(CHANNEL, 50).count
    assert taken == pytest.approx(part * 10, abs=1)
    now += 3600
    assert pace.take(CHANNEL, 500).count == part
    assert pace.take(CHANNEL, 500).wait_seconds == pytest.approx(1 / part)


def test_a_pace_of_nothing_lets_nothing_through(settings: Any) -> None:
    settings.TXMSG_PACE = {CHANNEL: 0.0}
    assert pace.take(CHANNEL, 5).count == 0
    assert pace.take(CHANNEL, 5).wait_seconds > 0


def test_a_frozen_valkey_costs_a_moment_once_and_is_used_again(
    settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings.TXMSG_PACE = {CHANNEL: 30}
    with own_valkey(settings, monkeypatch, tmp_path) as process:
        fill(20)
        assert pace.take(CHANNEL, 5).count == 5
        process.send_signal(signal.SIGSTOP)
        try:
            began = time.monotonic()
            granted = sum(pace.take(CHANNEL, 1).count for _ in range(50))
            assert time.monotonic() - began < 2, "each call cost a time-out"
            assert granted < 50
        finally:
            process.send_signal(signal.SIGCONT)
        # By itself, when it has rested.
        monkeypatch.setattr(valkey, "_resting_until", time.monotonic())
        pace.take(CHANNEL, 1)
        assert float(valkey.client().hget(pace._key(CHANNEL), "tokens")) < 30
        assert valkey.time.monotonic() >= valkey._resting_until
