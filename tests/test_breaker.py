"""The breaker: left alone, one probe, a ramp; for all workers, or for one alone."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from events import valkey
from tests.valkeys import own_valkey
from txmsg import breaker
from txmsg.breaker import UNLIMITED, Leave

CHANNEL = "email"
WHY = "connection refused"


@pytest.fixture(autouse=True)
def closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start with a closed breaker that is asked each time, and no jitter."""
    monkeypatch.setattr(valkey, "_resting_until", 0.0)
    monkeypatch.setattr(breaker, "TRUST_SECONDS", 0.0)
    monkeypatch.setattr(breaker.random, "uniform", lambda _low, high: high)
    forget()
    yield
    forget()


def forget() -> None:
    for kept in (breaker._own, breaker._limits, breaker._trusted_until):
        kept.clear()
    valkey.client().delete(breaker._key(CHANNEL), breaker._probe_key(CHANNEL))


@pytest.fixture(params=["shared", "alone"])
def until(request: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Both ways; returns what lets the time pass for which it is left alone."""
    if request.param == "alone":

        def ask(*_args: Any) -> None:
            raise valkey.Away

        monkeypatch.setattr(valkey, "ask", ask)

        def passes() -> None:
            breaker._own[CHANNEL].until = 0.0

        return passes

    return pass_time


def pass_time() -> None:
    valkey.client().hset(breaker._key(CHANNEL), "until", 1)


def another(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Speak as another worker from now on."""
    monkeypatch.setattr(breaker, "_ME", name)
    monkeypatch.setattr(breaker, "_limits", {})


def test_as_long_as_nothing_fails_there_is_no_limit(until: Callable[[], None]) -> None:
    for _ in range(3):
        assert breaker.ask(CHANNEL) == Leave(may_try=True, limit=UNLIMITED)
        breaker.succeeded(CHANNEL)


def test_a_failure_leaves_it_alone_longer_each_time(until: Callable[[], None]) -> None:
    rests = []
    for _ in range(8):
        breaker.ask(CHANNEL)
        breaker.failed(CHANNEL, WHY)
        leave = breaker.ask(CHANNEL)
        assert not leave.may_try
        rests.append(leave.wait_seconds)
        until()
    assert rests == pytest.approx([2, 4, 8, 16, 32, 60, 60, 60], abs=1)


def test_one_probe_then_a_ramp_then_closed(until: Callable[[], None]) -> None:
    breaker.failed(CHANNEL, WHY)
    until()
    limits = []
    for _ in range(7):
        limits.append(breaker.ask(CHANNEL).limit)
        breaker.succeeded(CHANNEL)
    assert limits == [1, 2, 4, 8, 16, 32, UNLIMITED]


def test_a_failure_on_the_ramp_leaves_it_alone_for_longer(
    until: Callable[[], None],
) -> None:
    breaker.failed(CHANNEL, WHY)
    until()
    for _ in range(2):
        breaker.ask(CHANNEL)
        breaker.succeeded(CHANNEL)
    assert breaker.ask(CHANNEL).limit == 4
    breaker.failed(CHANNEL, WHY)
    assert breaker.ask(CHANNEL).wait_seconds == pytest.approx(4, abs=1)
    until()
    assert breaker.ask(CHANNEL).limit == 1


def test_failures_of_waves_that_were_under_way_count_as_one(
    until: Callable[[], None],
) -> None:
    for _ in range(5):
        breaker.failed(CHANNEL, WHY)
    assert breaker.ask(CHANNEL).wait_seconds == pytest.approx(2, abs=1)


def test_a_late_success_does_not_open_what_is_left_alone(
    until: Callable[[], None],
) -> None:
    breaker.ask(CHANNEL)
    breaker.failed(CHANNEL, WHY)
    breaker.succeeded(CHANNEL)
    assert not breaker.ask(CHANNEL).may_try


def test_there_is_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker.random, "uniform", lambda low, _high: low)
    breaker.failed(CHANNEL, WHY)
    assert 0 < breaker.ask(CHANNEL).wait_seconds <= 1


def test_of_all_workers_one_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    breaker.failed(CHANNEL, WHY)
    pass_time()
    assert breaker.ask(CHANNEL) == Leave(may_try=True, limit=1)
    for name in ("two", "three"):
        with monkeypatch.context() as patch:
            another(patch, name)
            assert breaker.ask(CHANNEL) == Leave(
                may_try=False, wait_seconds=breaker.PATIENCE_SECONDS
            )
            # Not the probe: what it reports was under way before.
            breaker.succeeded(CHANNEL)
            assert not breaker.ask(CHANNEL).may_try
    breaker.succeeded(CHANNEL)
    with monkeypatch.context() as patch:
        another(patch, "two")
        assert breaker.ask(CHANNEL).limit == 2


def test_a_step_of_the_ramp_is_taken_once_by_all_workers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    breaker.failed(CHANNEL, WHY)
    pass_time()
    breaker.ask(CHANNEL)
    breaker.succeeded(CHANNEL)
    assert breaker.ask(CHANNEL).limit == 2
    with monkeypatch.context() as patch:
        another(patch, "two")
        assert breaker.ask(CHANNEL).limit == 2
        breaker.succeeded(CHANNEL)
    breaker.succeeded(CHANNEL)
    assert breaker.ask(CHANNEL).limit == 4


def test_a_probe_that_is_never_heard_of_does_not_block_for_ever(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaker.failed(CHANNEL, WHY)
    pass_time()
    assert breaker.ask(CHANNEL).limit == 1
    left = valkey.client().pttl(breaker._probe_key(CHANNEL)) / 1000
    assert 0 < left - settings.TXMSG_SEND_TIMEOUT_SECONDS <= 5
    valkey.client().delete(breaker._probe_key(CHANNEL))
    another(monkeypatch, "two")
    assert breaker.ask(CHANNEL).limit == 1


def test_a_probe_that_was_not_used_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    breaker.failed(CHANNEL, WHY)
    pass_time()
    assert breaker.ask(CHANNEL).limit == 1
    with monkeypatch.context() as patch:
        another(patch, "two")
        assert not breaker.ask(CHANNEL).may_try
        breaker.let_go(CHANNEL)
        assert not breaker.ask(CHANNEL).may_try, "it is not theirs to let go"
    breaker.let_go(CHANNEL)
    another(monkeypatch, "two")
    assert breaker.ask(CHANNEL).limit == 1


def test_a_closed_breaker_is_trusted_for_a_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(breaker, "TRUST_SECONDS", 60.0)
    breaker.ask(CHANNEL)
    with monkeypatch.context() as patch:
        patch.setattr(valkey, "ask", None)
        assert breaker.ask(CHANNEL).limit == UNLIMITED
        breaker.succeeded(CHANNEL)
    breaker.failed(CHANNEL, WHY)
    assert not breaker.ask(CHANNEL).may_try


def test_an_operator_sees_what_is_left_alone_and_why() -> None:
    assert breaker.opened() == []
    breaker.failed(CHANNEL, "x" * 1000)
    [opened] = breaker.opened()
    assert (opened.channel, opened.why, opened.level) == (CHANNEL, "x" * 200, 0)
    assert abs(opened.since.timestamp() - time.time()) < 60
    assert 0 < opened.seconds_left <= 2
    pass_time()
    breaker.ask(CHANNEL)
    breaker.succeeded(CHANNEL)
    [opened] = breaker.opened()
    assert (opened.level, opened.seconds_left) == (2, 0)


def test_a_frozen_valkey_costs_a_moment_once_and_is_used_again(
    settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with own_valkey(settings, monkeypatch, tmp_path) as process:
        assert breaker.ask(CHANNEL).limit == UNLIMITED
        process.send_signal(signal.SIGSTOP)
        try:
            began = time.monotonic()
            for _ in range(20):
                breaker.ask(CHANNEL)
                breaker.failed(CHANNEL, WHY)
            assert time.monotonic() - began < 2, "each call cost a time-out"
            assert not breaker.ask(CHANNEL).may_try, "it keeps its own counsel"
        finally:
            process.send_signal(signal.SIGCONT)
        monkeypatch.setattr(valkey, "_resting_until", 0.0)
        assert breaker.ask(CHANNEL).may_try in (True, False)
        assert breaker._own == {}, "Valkey knows best again"
