"""A Valkey of a test's own, to freeze and to kill."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from config import settings as written
from txmsg.embedded import Home, Valkey, start, stop


@contextlib.contextmanager
def own_valkey(
    settings: Any, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Have everybody use a Valkey of its own while the block runs.

    With the patience of the settings: conftest has more.
    """
    home = Home(folder / "valkey")
    server = Valkey(home, durable=False)
    process = start(server)
    try:
        with monkeypatch.context() as patch:
            for queue in settings.RQ_QUEUES.values():
                address = f"{home.redis_url}&{written._PATIENCE}"
                patch.setitem(queue, "URL", address)
            patch.setattr(settings, "REDIS_URL", home.redis_url)
            yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
        stop(server, process, grace=5)
