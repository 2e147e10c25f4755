"""Failpoints: nothing without the setting, and with it what the rules say, once."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from pytest_django import Settings

from events import failpoints


@pytest.fixture
def struck(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note signals instead of sending them."""
    signals: list[int] = []
    monkeypatch.setattr(os, "kill", lambda _pid, number: signals.append(number))
    return signals


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> Path:
    """A folder that the setting names."""
    settings.TXMSG_FAILPOINTS = str(tmp_path)
    return tmp_path


def arm(folder: Path, *rules: dict[str, object]) -> None:
    (folder / "armed").write_text(json.dumps(rules))


def test_without_the_setting_nothing_is_read(
    tmp_path: Path, settings: Settings, struck: list[int]
) -> None:
    settings.TXMSG_FAILPOINTS = ""
    arm(tmp_path, {"point": "P5", "action": "kill", "times": 1})
    failpoints.reach("P5", ["a"])
    assert struck == []


def test_a_folder_without_orders_is_passed(folder: Path, struck: list[int]) -> None:
    failpoints.reach("P5", ["a"])
    assert struck == []


def test_another_place_is_passed(folder: Path, struck: list[int]) -> None:
    arm(folder, {"point": "P5", "action": "stop", "keys": ["a"]})
    failpoints.reach("P4", ["a"])
    assert struck == []
    failpoints.reach("P5", ["a"])
    assert struck == [signal.SIGSTOP]


def test_of_the_deliveries_that_are_named_each_is_struck_once(
    folder: Path, struck: list[int]
) -> None:
    arm(folder, {"point": "P5", "action": "kill", "keys": ["a", "b"]})
    for key in ("a", "a", "b", "c"):
        failpoints.reach("P5", [key])
    assert struck == [signal.SIGKILL] * 2
    assert {path.name for path in folder.glob("P5-*")} == {"P5-a", "P5-b"}
    assert (folder / "P5-a").read_text() == str(os.getpid())


def test_one_of_a_wave_strikes_once_for_the_wave(
    folder: Path, struck: list[int]
) -> None:
    arm(folder, {"point": "P2", "action": "kill", "keys": ["a", "b"]})
    failpoints.reach("P2", (key for key in ("b", "a")))
    assert struck == [signal.SIGKILL]


def test_one_that_is_poison_is_struck_each_time_it_comes(
    folder: Path, struck: list[int]
) -> None:
    rule = {"point": "P3", "action": "kill", "keys": ["a"], "again": True}
    arm(folder, rule | {"times": 3})
    for _ in range(5):
        failpoints.reach("P3", ["a"])
    assert struck == [signal.SIGKILL] * 3


def test_without_names_whoever_comes_first_is_struck(
    folder: Path, struck: list[int]
) -> None:
    arm(folder, {"point": "P1", "action": "kill", "times": 2})
    failpoints.reach("P1", [])
    for _ in range(4):
        failpoints.reach("P1")
    assert struck == [signal.SIGKILL] * 2
