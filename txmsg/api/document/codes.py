"""Every code that the API answers with, its statuses, its cause and its cure.

They stand in `codes.md`, a line each, for the document and for the reference.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path

_TABLE = Path(__file__).with_name("codes.md")
_BAR = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True, slots=True)
class Code:
    """One code; a name that ends with ``*`` stands for all that begin so.

    A status below 400 is that of an answer which holds the code as a warning.
    """

    name: str
    statuses: tuple[int, ...]
    cause: str
    cure: str

    @property
    def is_retryable(self) -> bool:
        """Whether the same request may succeed later, in every case."""
        return "; retryable" in self.cause or min(self.statuses) >= 500


@functools.cache
def codes() -> tuple[Code, ...]:
    """Return every code, in the order of the reference."""
    lines = _TABLE.read_text(encoding="utf-8").splitlines()
    return tuple(_code(line) for line in lines if line.startswith("| `"))


def with_status(status: int) -> list[Code]:
    """Return the codes that come with a status."""
    return [code for code in codes() if status in code.statuses]


def _code(line: str) -> Code:
    name, statuses, cause, cure = (
        cell.strip().replace("\\|", "|") for cell in _BAR.split(line.strip()[1:-1])
    )
    return Code(
        name=name.strip("`"),
        statuses=tuple(int(each) for each in re.findall(r"\d{3}", statuses)),
        cause=cause,
        cure=cure,
    )
