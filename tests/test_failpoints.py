"""Failpoints: nothing without the setting, one death a delivery with it."""

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


def armed(folder: Path, **changes: object) -> str:
    told = {"point": "P5", "action": "kill", "times": 2} | changes
    (folder / "armed").write_text(json.dumps(told))
    return str(folder)


def test_without_the_setting_nothing_is_read(struck: list[int]) -> None:
    failpoints.reach("P5", ["a"])
    assert struck == []


def test_each_delivery_is_struck_once_and_no_more_often_than_told(
    tmp_path: Path, settings: Settings, struck: list[int]
) -> None:
    settings.TXMSG_FAILPOINTS = armed(tmp_path)
    for key in ("a", "a", "b", "c"):
        failpoints.reach("P5", [key])
    assert struck == [signal.SIGKILL] * 2
    assert {path.name for path in tmp_path.glob("P5-*")} == {"P5-a", "P5-b"}


def test_another_place_is_passed(
    tmp_path: Path, settings: Settings, struck: list[int]
) -> None:
    settings.TXMSG_FAILPOINTS = armed(tmp_path, action="stop")
    failpoints.reach("P4", ["a"])
    assert struck == []
    failpoints.reach("P5", ["a"])
    assert struck == [signal.SIGSTOP]


def test_a_folder_without_orders_is_passed(
    tmp_path: Path, settings: Settings, struck: list[int]
) -> None:
    settings.TXMSG_FAILPOINTS = str(tmp_path)
    failpoints.reach("P5", ["a"])
    assert struck == []
