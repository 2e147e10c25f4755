"""The result: medians and ratios, as one JSON object and as a table for people."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from txmsg.bench.environment import BenchError

Values = dict[str, Any]
CRIPPLED_BELOW = 0.05


@dataclass(slots=True)
class Report:
    """What the parts have found so far.

    `values` is the JSON object, `lines` what else people may want to know.
    """

    values: Values = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def add(self, part: str, **values: Any) -> None:
        """Add values of a part; keys of one part may come in pieces."""
        self.values.setdefault(part, {}).update(values)


def median(values: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def ratio(
    ours: Sequence[float], theirs: Sequence[float], *, digits: int = 3
) -> float | None:
    """Return the ratio of two medians; None when the other did not run."""
    if not ours or not theirs or not median(theirs):
        return None
    return round(median(ours) / median(theirs), digits)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that a share of all values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


def spread(values: Sequence[float]) -> str:
    """Return a median with its extremes, for people."""
    return f"{median(values):,.0f} [{min(values):,.0f} to {max(values):,.0f}]"


def check_yardsticks(absolute: Mapping[str, float | None]) -> None:
    """Raise BenchError when post_office was so slow that something must be wrong."""
    theirs, limit = absolute.get("post_office_send"), absolute.get("smtp_source")
    if theirs and limit and theirs < CRIPPLED_BELOW * limit:
        share = theirs / limit
        raise BenchError(
            f"crippled yardstick: django-post_office sent {theirs:.0f} mails a second, "
            f"{share:.3f} of smtp-source; below {CRIPPLED_BELOW} no comparison is fair"
        )


def table(values: Values) -> list[str]:
    """Return the values as lines, a name and a number each."""
    lines = []
    for part, inner in values.items():
        for name, value in _flat(inner):
            lines.append(f"{part + '.' + name:42} {_shown(value):>12}")
    return lines


def _flat(values: Values, before: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in values.items():
        if isinstance(value, dict):
            found += _flat(value, f"{before}{name}.")
        else:
            found.append((f"{before}{name}", value))
    return found


def _shown(value: Any) -> str:
    if value is None:
        return "not measured"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:g}"
