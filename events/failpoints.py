"""Places at which a drill may end this process, to prove what outlives it.

It knows nothing of what happens at a place. Without `TXMSG_FAILPOINTS`, which only the
crash drill sets, nothing is read and nothing can happen.

The drill writes ``<folder>/armed``: a JSON object with ``point`` (P0…P8), ``action``
(kill or stop) and ``times``. Each delivery is struck once at a point, at most `times`
in all; ``<folder>/<point>-<key>`` says which were.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings

ACTIONS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


def reach(point: str, keys: Iterable[object] = ("",)) -> None:
    """Say that some deliveries have come to a place; may not return."""
    if settings.TXMSG_FAILPOINTS:
        _strike(Path(settings.TXMSG_FAILPOINTS), point, keys)


def _strike(folder: Path, point: str, keys: Iterable[object]) -> None:
    try:
        armed = json.loads((folder / "armed").read_text())
    except (FileNotFoundError, ValueError):
        return
    if armed["point"] != point:
        return
    for key in keys:
        if len(list(folder.glob(f"{point}-*"))) >= armed["times"]:
            return
        try:
            (folder / f"{point}-{key}").touch(exist_ok=False)
        except FileExistsError:
            continue
        os.kill(os.getpid(), ACTIONS[armed["action"]])
        return
