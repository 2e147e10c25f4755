"""The ballast: kept where there is plenty, dropped where there is nothing left."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from txmsg.embedded import ballast


def let_free(monkeypatch: pytest.MonkeyPatch, megabytes: float) -> None:
    usage = SimpleNamespace(free=int(megabytes * 2**20))
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)


def test_it_is_kept_for_a_full_disk_and_dropped_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "ballast"
    let_free(monkeypatch, 100_000)
    ballast.see_to(tmp_path)
    assert kept.stat().st_blocks * 512 >= ballast.BALLAST_BYTES, "it must take room"
    ballast.see_to(tmp_path)
    let_free(monkeypatch, 500)
    ballast.see_to(tmp_path)
    assert kept.exists(), "there is enough to start"
    assert capsys.readouterr().err == ""
    let_free(monkeypatch, 3)
    ballast.see_to(tmp_path)
    assert list(tmp_path.iterdir()) == []
    said = capsys.readouterr().err
    assert "is full" in said
    assert "Make room" in said


def test_a_disk_that_is_nearly_full_is_not_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_free(monkeypatch, 1000)
    ballast.see_to(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_where_room_cannot_be_reserved_it_goes_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_args: int) -> None:
        raise OSError("not supported")

    let_free(monkeypatch, 100_000)
    monkeypatch.setattr(os, "posix_fallocate", refuse)
    ballast.see_to(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert "not supported" in capsys.readouterr().err
