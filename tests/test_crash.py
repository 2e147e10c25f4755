"""Kills of real processes under load: the short form of `python -m tests.crash`.

The last test ends the installation that the session shares.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import crash, drill

pytestmark = pytest.mark.installation


def test_workers_killed_under_load_lose_nothing_and_hide_no_second_copy(
    running: drill.Installation,
) -> None:
    report = crash.kill_workers(running, events=300, seconds=4)
    assert report.problems == []
    assert report.kills >= 3


def test_a_flushed_and_restarted_valkey_costs_nothing_and_doubles_nothing(
    running: drill.Installation,
) -> None:
    report = crash.lose_valkey(running, events=100)
    assert report.problems == []
    assert report.copies == {1: 100}


def test_an_event_into_an_idle_system_is_handed_over_at_once(
    running: drill.Installation,
) -> None:
    milliseconds = crash.idle_latency(running, times=1)
    # The bar is 150 ms; a loaded machine gets some room here.
    assert min(milliseconds) <= 300


def test_up_ends_everything_it_started(running: drill.Installation) -> None:
    names = ("txmsg-web", "txmsg-worker", "txmsg-sweeper")
    children = [pid for name in names for pid in running.pids(name)]
    assert len(children) == 5

    running.process.terminate()

    assert running.process.wait(timeout=10) == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)
