"""What the drill says: a line a run as it ends, a table, one object for machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from txmsg.crashdrill.oracle import INVARIANTS, Judgement


@dataclass(slots=True)
class Run:
    """One run: what was done, what came of it, and what did not hold."""

    name: str
    judgement: Judgement = field(default_factory=Judgement)
    faults: int = 0
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """What deviates from exact numbers, beside the invariants."""

    @property
    def holds(self) -> bool:
        """Whether nothing was broken."""
        return not (self.judgement.breaches or self.problems)

    def line(self) -> str:
        """Return the run as a line of the table."""
        found = self.judgement
        copies = " ".join(f"{n}:{found.copies[n]}" for n in sorted(found.copies))
        verdict = "holds" if self.holds else "BROKEN"
        return (
            f"{self.name:<28} {found.accepted:>6} {self.faults:>6}  {copies:<22} "
            f"{found.flagged:>7} {found.uncertain:>9} {self.seconds:>7.1f}  {verdict}"
        )

    def details(self) -> list[str]:
        """Return what did not hold, the first of each kind, and the notes."""
        lines = [f"    {note}" for note in self.notes]
        lines += [f"    ! {problem}" for problem in self.problems[:20]]
        counts = Counter(invariant for invariant, _ in self.judgement.breaches)
        for invariant, count in sorted(counts.items()):
            first = next(s for i, s in self.judgement.breaches if i == invariant)
            lines.append(f"    ! {invariant} {count} times, first: {first}")
        return lines


HEAD = (
    f"{'run':<28} {'events':>6} {'faults':>6}  {'copies':<22} "
    f"{'flagged':>7} {'uncertain':>9} {'seconds':>7}"
)


def summary(runs: Sequence[Run], *, seed: int) -> dict[str, Any]:
    """Return the object that `--json` prints last."""
    broken = {invariant for run in runs for invariant, _ in run.judgement.breaches}
    found = [run.judgement for run in runs]
    return {
        "ok": all(run.holds for run in runs),
        "seed": seed,
        "accepted": sum(j.accepted for j in found),
        "lost": sum(j.lost for j in found),
        "unflagged_duplicates": sum(j.unflagged_duplicates for j in found),
        "flagged": sum(j.flagged for j in found),
        "uncertain": sum(j.uncertain for j in found),
        "not_final": sum(j.not_final for j in found),
        "invariants": {name: name not in broken for name in INVARIANTS},
    }


def table(runs: Sequence[Run]) -> list[str]:
    """Return the lines of the last table: the invariants and whether they held."""
    lines = []
    for name, sentence in INVARIANTS.items():
        count = sum(i == name for run in runs for i, _ in run.judgement.breaches)
        said = "holds" if not count else f"BROKEN {count} times"
        lines.append(f"{name:<4} {sentence:<66} {said}")
    return lines
