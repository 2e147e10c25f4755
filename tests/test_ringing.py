"""Rings of the door: few, each lane its own, and none is left out."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Any

import pytest

from events import doorbell, ringing


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch, settings: Any) -> list[tuple[str, float]]:
    """What was rung for, and when; the bell starts out quiet."""
    found: list[tuple[str, float]] = []
    settings.TXMSG_RING_SECONDS = 0.02
    monkeypatch.setattr(
        doorbell, "ring", lambda lane: found.append((lane, time.monotonic()))
    )
    monkeypatch.setattr(ringing, "_next", {})
    return found


def wait_for(rung: list[tuple[str, float]], count: int) -> None:
    deadline = time.monotonic() + 10
    while len(rung) < count and time.monotonic() < deadline:
        time.sleep(0.002)
    assert len(rung) == count, rung


def test_the_first_ring_is_at_once_and_many_after_it_are_one(
    rung: list[tuple[str, float]],
) -> None:
    ringing.ring("normal")
    assert [lane for lane, _ in rung] == ["normal"]
    for _ in range(1000):
        ringing.ring("normal")
    wait_for(rung, 2)
    (_, first), (_, late) = rung
    assert late - first >= 0.02


def test_lanes_do_not_wait_for_each_other(rung: list[tuple[str, float]]) -> None:
    for lane in ("normal", "critical", "bulk"):
        ringing.ring(lane)
    assert [lane for lane, _ in rung] == ["normal", "critical", "bulk"]
    for lane in ("normal", "critical"):
        ringing.ring(lane)
    wait_for(rung, 5)
    assert sorted(lane for lane, _ in rung[3:]) == ["critical", "normal"]


def test_whoever_commits_is_followed_by_a_ring(rung: list[tuple[str, float]]) -> None:
    """From many threads: after the last call there is a ring that began later."""
    last = []

    def post() -> None:
        for _ in range(50):
            last.append(time.monotonic())
            ringing.ring("normal")
            time.sleep(0.0005)

    threads = [threading.Thread(target=post) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    deadline = time.monotonic() + 10
    while rung[-1][1] < max(last) and time.monotonic() < deadline:
        time.sleep(0.002)
    assert rung[-1][1] >= max(last)
    assert len(rung) < 200


def test_without_a_distance_every_ring_is_at_once(
    rung: list[tuple[str, float]], settings: Any
) -> None:
    settings.TXMSG_RING_SECONDS = 0.0
    for _ in range(3):
        ringing.ring("normal")
    assert len(rung) == 3


def test_a_bell_that_breaks_does_not_end_the_rings_that_wait(
    rung: list[tuple[str, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    really = doorbell.ring

    def ring(lane: str) -> None:
        if lane == "bulk":
            raise ValueError
        really(lane)

    with contextlib.suppress(ValueError):
        monkeypatch.setattr(doorbell, "ring", ring)
        ringing.ring("bulk")
    ringing.ring("normal")
    ringing.ring("bulk")
    ringing.ring("normal")
    wait_for(rung, 2)
    assert [lane for lane, _ in rung] == ["normal", "normal"]


def test_a_ring_that_raises_outside_of_a_transaction_harms_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_lane: str) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(ringing, "ring", fail)
    ringing.ring_on_commit("normal")
    assert "ringing for normal failed" in caplog.text
