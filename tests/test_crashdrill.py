"""The command of the crash drill: a part of it, as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from django.core.management import CommandError, call_command

from tests import drill
from txmsg.crashdrill.oracle import INVARIANTS


def crashdrill(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does."""
    return subprocess.run(
        [sys.executable, str(drill.ROOT / "manage.py"), "crashdrill", *arguments],
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_drill_kills_and_counts_and_says_so_to_machines() -> None:
    done = crashdrill("--json", "--seed=7", "--only=sample")
    told = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 0, done.stdout + done.stderr
    assert told == {
        "ok": True,
        "seed": 7,
        "accepted": 12,
        "lost": 0,
        "unflagged_duplicates": 0,
        # must_arrive and ask, each at P5 and P6.
        "flagged": 4,
        "uncertain": 2,
        "not_final": 0,
        "invariants": dict.fromkeys(INVARIANTS, True),
    }


def test_a_run_that_does_not_exist_is_refused() -> None:
    with pytest.raises(CommandError, match="there is no run everything"):
        call_command("crashdrill", "--only=everything")
