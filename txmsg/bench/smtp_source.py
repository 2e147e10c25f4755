"""smtp-source and smtp-sink, of Debian's package postfix: the physical limit.

The package is installed by whoever runs the benchmark; its daemon is never started.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

_PLACES = "/usr/sbin:/usr/lib/postfix/sbin:/usr/bin:/usr/local/sbin"
ABSENT = (
    "smtp-source and smtp-sink are not installed (Debian: apt-get install "
    "--no-install-recommends postfix; its daemon need not run): without them there is "
    "no ratio to the physical limit, and everybody sends to a sink of our own"
)


def sink_command(port: int) -> list[str] | None:
    """Return how to start smtp-sink on a port; None when it is not installed."""
    program = shutil.which("smtp-sink", path=_PLACES)
    if program is None or shutil.which("smtp-source", path=_PLACES) is None:
        return None
    # It refuses to stay root.
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    return [program, *user, f"127.0.0.1:{port}", "1024"]


def send(mail: Path, *, port: int, count: int) -> float:
    """Send a mail so many times over four sessions that stay; return mails a second."""
    program = shutil.which("smtp-source", path=_PLACES)
    if program is None:
        raise FileNotFoundError(ABSENT)
    began = time.perf_counter()
    subprocess.run(  # noqa: S603  (Postfix's own program)
        [
            *(program, "-d", "-s", "4", "-m", str(count), "-F", str(mail)),
            *("-f", "orders@shop.example.com", "-t", "ada@example.com"),
            f"127.0.0.1:{port}",
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return count / (time.perf_counter() - began)
