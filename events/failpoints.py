"""Places at which a drill may end this process, to prove what outlives it.

It knows nothing of what happens at a place. Without `TXMSG_FAILPOINTS`, which only the
crash drill sets, nothing is read and nothing can happen.

The drill writes ``<folder>/armed``: a JSON list of rules, each with ``point`` (P0…P8),
``action`` (kill or stop) and either ``keys`` or ``times``. Of `keys` each is struck
once, or, with ``again`` true, up to `times` times; without keys whoever comes first is
struck, `times` times in all. Each strike leaves ``<folder>/<point>-<key or number>``
with the number of the process, made before the signal: no strike happens twice.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings

ACTIONS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


def reach(point: str, keys: Iterable[object] = ("",)) -> None:
    """Say that some deliveries have come to a place; may not return."""
    if settings.TXMSG_FAILPOINTS:
        _strike(Path(settings.TXMSG_FAILPOINTS), point, keys)


def _strike(folder: Path, point: str, keys: Iterable[object]) -> None:
    try:
        rules = json.loads((folder / "armed").read_text())
    except (FileNotFoundError, ValueError):
        return
    mine = [rule for rule in rules if rule["point"] == point]
    if not mine:
        return
    here = [str(key) for key in keys]
    for rule in mine:
        if any(_take(folder / mark) for mark in _marks(rule, here)):
            os.kill(os.getpid(), ACTIONS[rule["action"]])
            return


def _marks(rule: dict[str, Any], here: list[str]) -> Iterator[str]:
    """Yield the names under which a rule may strike those who are here."""
    point = rule["point"]
    if "keys" not in rule:
        yield from (
            f"{point}-{number}" for number in range(rule["times"] if here else 0)
        )
        return
    for key in rule["keys"]:
        if key in here:
            yield f"{point}-{key}"
            if rule.get("again"):
                yield from (f"{point}-{key}-{n}" for n in range(1, rule["times"]))


def _take(mark: Path) -> bool:
    """Leave a mark; return whether it is ours and not of an earlier strike."""
    try:
        with mark.open("x") as file:
            file.write(str(os.getpid()))
    except FileExistsError:
        return False
    return True
