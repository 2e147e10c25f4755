"""The API held to its document from outside, by requests that nobody thought of.

An installation of its own: what is posted here is scheduled, suppressed and proofed at
random. `TXMSG_TEST_FUZZ=300` sends that many requests to each operation in each phase
and takes minutes; without it, a few.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import drill

pytestmark = pytest.mark.installation

HERE = Path(__file__).resolve().parent
FEW, SECONDS = 3, 20


def test_every_answer_is_one_that_the_document_promises(tmp_path: Path) -> None:
    asked = int(os.environ.get("TXMSG_TEST_FUZZ") or 0)
    phases = "examples,coverage,fuzzing,stateful" if asked else "examples,fuzzing"
    with drill.installation(tmp_path / "home") as made:
        done = subprocess.run(
            [
                str(Path(sys.executable).parent / "schemathesis"),
                f"--config-file={HERE / 'fuzzing.toml'}",
                "run",
                f"http://127.0.0.1:{made.port}/api/v1/openapi.json",
                f"--header=Authorization: Bearer {made.key}",
                "--checks=all",
                f"--phases={phases}",
                f"--max-examples={asked or FEW}",
                "--seed=20261123",
                "--workers=2",
                "--continue-on-failure",
                "--no-color",
            ],
            cwd=tmp_path,
            env={
                **os.environ,
                "SCHEMATHESIS_HOOKS": "tests.fuzzing_hooks",
                "PYTHONPATH": str(HERE.parent),
            },
            capture_output=True,
            text=True,
            timeout=3600 if asked else 120,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
        print(done.stdout[-1500:])  # noqa: T201  (what `pytest -rP` shows)
        assert re.search(r"(\d+) generated, \1 passed", done.stdout), done.stdout
        assert made.is_ready()
