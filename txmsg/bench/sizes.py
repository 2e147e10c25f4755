"""How much each part does; `--rows` makes all of it smaller, or the history larger."""

from __future__ import annotations

from dataclasses import dataclass

HISTORY_ROWS = 1_000_000


@dataclass(frozen=True, slots=True)
class Sizes:
    """Rows and rounds of each part; every part takes at most what was asked for."""

    asked: int = HISTORY_ROWS
    rounds: int = 5

    @classmethod
    def of(cls, rows: int | None) -> Sizes:
        """Return the sizes of a run: a small one has three rounds."""
        if rows is None:
            return cls()
        return cls(asked=rows, rounds=5 if rows >= 20_000 else 3)

    def at_most(self, rows: int) -> int:
        """Return a part's number of rows."""
        return max(1, min(rows, self.asked))

    def seconds(self, wanted: float) -> float:
        """Return how long a part that goes by the clock runs: short in a small run."""
        return wanted if self.asked >= 20_000 else min(wanted, 2.0)
