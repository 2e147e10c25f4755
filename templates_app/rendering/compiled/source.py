"""Python source that is being written: lines, names, and a table of constants.

Nothing of a template ever stands in the source. Every text and every object goes into
the table, and all names are made here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# Deeper than this, Python itself would refuse the source.
MAX_DEPTH = 60


class Unsupported(Exception):  # no error: the template stays as it is
    """A construct that is left to python-liquid."""


class Source:
    """The body of one function, with the constants it uses."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.constants: dict[str, Any] = {}
        self._known: list[dict[Any, str]] = [{}]
        self._depth = 1
        self._count = 0
        self._by_text: dict[tuple[type, str], str] = {}

    def line(self, text: str) -> None:
        """Add a line at the present depth."""
        self.lines.append("    " * self._depth + text)

    def name(self, letter: str) -> str:
        """Return a name that is used nowhere else."""
        self._count += 1
        return f"{letter}{self._count}"

    def constant(self, value: Any) -> str:
        """Return the name of a value in the table; equal texts share one."""
        if not isinstance(value, str):
            name = self.name("k")
            self.constants[name] = value
            return name
        key = (type(value), str(value))
        if key not in self._by_text:
            self._by_text[key] = self.name("k")
            self.constants[self._by_text[key]] = value
        return self._by_text[key]

    def known(self, what: Any) -> str | None:
        """Return the name of what was computed on every way to here, if it was."""
        return next((names[what] for names in self._known if what in names), None)

    def remember(self, what: Any, name: str) -> str:
        """Keep the name of what is computed here, and return it."""
        self._known[-1][what] = name
        return name

    @contextmanager
    def block(self, header: str) -> Iterator[None]:
        """Write a header and, deeper, what is written meanwhile; raise Unsupported."""
        if self._depth >= MAX_DEPTH:
            raise Unsupported("it is nested too deep")
        self.line(header)
        self._depth += 1
        self._known.append({})
        before = len(self.lines)
        try:
            yield
            if len(self.lines) == before:
                self.line("pass")
        finally:
            self._depth -= 1
            self._known.pop()
