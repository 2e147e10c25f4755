"""What several modules of tests use and only some need: opened once, closed early.

A fixture of the session would stay open until the last test of all.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any, TypeVar

Thing = TypeVar("Thing")

_open: dict[str, Any] = {}
_stack = ExitStack()


def use(name: str, make: Callable[[], AbstractContextManager[Thing]]) -> Thing:
    """Return what has a name, made by the first who asks for it."""
    if name not in _open:
        _open[name] = _stack.enter_context(make())
    thing: Thing = _open[name]
    return thing


def close() -> None:
    """Close all of it, the last opened first; whoever asks next opens it anew."""
    _open.clear()
    _stack.close()
