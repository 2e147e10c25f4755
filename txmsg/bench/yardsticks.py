"""The yardsticks' own virtual environment, and running one of their programs in it."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings

from txmsg.bench import environment
from txmsg.bench.environment import Bench, BenchError

DATABASE = "yardsticks"


def ensure(folder: Path, *, say: Callable[[str], None]) -> Path:
    """Return the Python of the yardsticks' environment, made when it is not up to date.

    Raises BenchError when the packages cannot be had.
    """
    locked = settings.BASE_DIR / "requirements" / "bench.txt"
    wanted = hashlib.sha256(locked.read_bytes()).hexdigest()
    place, stamp = folder / "venv", folder / "venv" / "made-of"
    python = place / "bin" / "python"
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python
    say("making the yardsticks' environment")
    install = [str(python), "-m", "pip", "install", "--quiet"]
    install += ["--disable-pip-version-check", "--require-hashes", "-r", str(locked)]
    for command in ([sys.executable, "-m", "venv", "--clear", str(place)], install):
        made = subprocess.run(  # noqa: S603  (Python and pip)
            command, capture_output=True, text=True, check=False
        )
        if made.returncode:
            last = made.stderr.strip().splitlines()[-1:]
            raise BenchError(f"the yardsticks cannot be installed: {' '.join(last)}")
    stamp.write_text(wanted)
    return python


def run(
    bench: Bench, python: Path, module: str, *, rows: int, sink_port: int
) -> dict[str, Any]:
    """Run a yardstick once; return rows, and the seconds of enqueueing and sending."""
    if not environment.query(
        bench,
        f"SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'",
        database="postgres",
    ):
        environment.query(bench, f"CREATE DATABASE {DATABASE}", database="postgres")
    env = environment.base_environment() | {
        "DJANGO_SETTINGS_MODULE": "txmsg.bench.peers.project",
        "YARDSTICK_DATABASE": environment.database_url(bench, DATABASE),
        "YARDSTICK_REDIS": bench.home.redis_url,
        "YARDSTICK_SMTP_PORT": str(sink_port),
    }
    command = [str(python), "-m", "txmsg.bench.peers", module, str(rows)]
    return environment.last_line_of(bench, command, env=env, name=module)
