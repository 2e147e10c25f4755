"""Kills of real processes under `up`; test_crashdrill.py kills more, and counts.

The last test ends the installation that the session shares.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from tests import drill

pytestmark = pytest.mark.installation


def test_workers_killed_under_up_come_back_and_lose_nothing(
    running: drill.Installation,
) -> None:
    stamp = f"{time.time_ns():x}"
    addresses = [f"kill-{stamp}-{number}@example.com" for number in range(150)]
    kills = 0
    ended = threading.Event()

    def kill() -> None:
        nonlocal kills
        while not ended.wait(0.8):
            kills += bool(running.kill("txmsg-worker"))

    killer = threading.Thread(target=kill)
    killer.start()
    for start in range(0, len(addresses), 10):
        running.post("drill", addresses[start : start + 10])
        time.sleep(0.1)
    ended.set()
    killer.join()

    assert kills >= 2
    assert running.wait(running.is_idle, seconds=90)
    copies = running.sink.copies()
    assert all(copies[address] for address in addresses)
    flagged = {
        row[0]
        for row in running.query(
            "SELECT address FROM history_delivery WHERE possible_duplicate"
        )
    }
    assert {address for address in addresses if copies[address] > 1} <= flagged


def test_an_event_into_an_idle_system_is_handed_over_at_once(
    running: drill.Installation,
) -> None:
    running.wait(running.is_idle, seconds=30)
    # Longer than a worker lingers (2 s): the event finds everybody asleep.
    time.sleep(2.5)
    address = f"idle-{time.time_ns():x}@example.com"
    began = time.time()
    running.post("drill", [address], threads=1)
    assert running.wait(lambda: running.sink.copies()[address] > 0, seconds=10)
    (arrived,) = [at for to, _, at in running.sink.received if to == address]
    # The bar is 150 ms; a loaded machine gets some room here.
    assert arrived - began <= 0.3


def test_up_ends_everything_it_started(running: drill.Installation) -> None:
    names = ("txmsg-web", "txmsg-worker", "txmsg-sweeper")
    children = [pid for name in names for pid in running.pids(name)]
    assert len(children) == 5

    running.process.terminate()

    assert running.process.wait(timeout=10) == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)
