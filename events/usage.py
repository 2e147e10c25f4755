"""How many events each source posted, by day and outcome: counted when somebody looks.

No index leads from a source to its events, for every event would pay for it. A day is
read off the ids once for all sources, and kept when it is over. What cannot be counted
in a few seconds is left for the next look; the newest days come first.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from datetime import time as time_of_day

from django.db import OperationalError, connection, transaction
from django.utils import timezone
from psycopg.errors import QueryCanceled

from events import ids
from events.models import EventOutcome, UsageDay

DAYS = 30
READ_SECONDS = 5.0
_CHEAP_SECONDS = 0.3
OPEN = "open"
"""What the events of a day count as that have not ended."""
# Nearly every event has ended so long after its day. One that has not is looked for
# again once a day; a day that has just been counted is believed for a while.
_SETTLED = timedelta(days=2)
_AGAIN = timedelta(days=1)
_BELIEVED = timedelta(minutes=10)
_KEPT_DAYS = 2 * DAYS
_COUNT = """
    SELECT source_id, outcome, count(*) FROM events_event
    WHERE id >= %s AND id < %s AND source_id IS NOT NULL
    GROUP BY source_id, outcome
"""

Counts = dict[str, dict[str, int]]
"""By source id as text, then by outcome."""


@dataclass(frozen=True, slots=True)
class Day:
    """The events of one source on one day; `by_outcome` is None if not counted."""

    day: date
    by_outcome: Mapping[str, int] | None


def of_source(source_id: int) -> list[Day]:
    """Return the last 30 days of a source, oldest first, today included."""
    today = timezone.localdate()
    days = [today - timedelta(days=age) for age in range(DAYS)]
    kept = {row.day: row for row in UsageDay.objects.filter(day__gte=days[-1])}
    counts = {day: row.counts for day, row in kept.items()}
    until = time.monotonic() + READ_SECONDS
    for day in days:
        row = kept.get(day)
        if row is not None and _is_good(row):
            continue
        began = time.monotonic()
        found = _count(day, until - began)
        if found is None:
            break
        counts[day] = found
        # Today is counted at each look, unless that is a burden.
        if day != today or time.monotonic() - began > _CHEAP_SECONDS:
            _keep(day, found)
    return [
        Day(day, counts[day].get(str(source_id), {}) if day in counts else None)
        for day in reversed(days)
    ]


def _is_good(row: UsageDay) -> bool:
    """Say whether a day need not be counted anew."""
    age = timezone.now() - row.counted_at
    if age < _BELIEVED:
        return True
    if row.counted_at - _midnight(row.day + timedelta(days=1)) < _SETTLED:
        return False
    has_open = any(OPEN in by_outcome for by_outcome in row.counts.values())
    return not has_open or age < _AGAIN


def _count(day: date, seconds: float) -> Counts | None:
    """Return the events of a day by source and outcome; None if it takes too long."""
    if seconds <= 0:
        return None
    bounds = [ids.first_id_at(_midnight(day + timedelta(days=n))) for n in (0, 1)]
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            milliseconds = max(1, int(seconds * 1000))
            cursor.execute(f"SET LOCAL statement_timeout = {milliseconds}")
            cursor.execute(_COUNT, bounds)
            rows = cursor.fetchall()
            cursor.execute("SET LOCAL statement_timeout = DEFAULT")
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            return None
        raise
    counts: Counts = {}
    for source_id, outcome, count in rows:
        counts.setdefault(str(source_id), {})[outcome or OPEN] = count
    return counts


def _keep(day: date, counts: Counts) -> None:
    UsageDay.objects.update_or_create(
        day=day, defaults={"counts": counts, "counted_at": timezone.now()}
    )
    oldest = timezone.localdate() - timedelta(days=_KEPT_DAYS)
    UsageDay.objects.filter(day__lt=oldest).delete()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time_of_day.min, timezone.get_current_timezone())


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a bar, in hundredths of the chart's height from above."""

    kind: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A day of the chart, 300 wide; `x` is where it begins."""

    x: int
    parts: list[Part]
    label: str


@dataclass(frozen=True, slots=True)
class Kind:
    """Outcomes that are shown in one colour, and how many there were."""

    name: str
    label: str
    total: int


@dataclass(frozen=True, slots=True)
class Chart:
    """What the page draws; `rows` are the same numbers as a table, newest first."""

    bars: list[Bar]
    kinds: list[Kind]
    rows: list[tuple[date, list[tuple[str, int]]]]
    total: int
    highest: int
    first: date
    last: date
    uncounted: int


_KINDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "processed": ("Processed", (EventOutcome.PROCESSED,)),
    "failed": ("Failed", (EventOutcome.FAILED,)),
    "other": (
        "Ignored, expired, cancelled or not covered",
        (
            EventOutcome.IGNORED,
            EventOutcome.EXPIRED,
            EventOutcome.CANCELLED,
            EventOutcome.NOT_COVERED,
        ),
    ),
    OPEN: ("On the way", (OPEN,)),
}


def chart_of(days: list[Day]) -> Chart:
    """Return the days as stacked bars, the highest as high as the chart."""
    rows = [
        (each.day, [_sum(each, outcomes) for _, outcomes in _KINDS.values()])
        for each in days
        if each.by_outcome is not None
    ]
    highest = max((sum(numbers) for _, numbers in rows), default=0)
    numbers_of = dict(rows)
    labels = [label for label, _ in _KINDS.values()]
    totals = [sum(numbers[n] for _, numbers in rows) for n in range(len(_KINDS))]
    return Chart(
        bars=[
            _bar(x, each.day, numbers_of[each.day], highest)
            for x, each in enumerate(days)
            if any(numbers_of.get(each.day, ()))
        ],
        kinds=[
            Kind(name, label, total)
            for (name, (label, _)), total in zip(_KINDS.items(), totals, strict=True)
        ],
        rows=[
            (day, list(zip(labels, numbers, strict=True)))
            for day, numbers in reversed(rows)
        ],
        total=sum(totals),
        highest=highest,
        first=days[0].day,
        last=days[-1].day,
        uncounted=len(days) - len(rows),
    )


def _sum(day: Day, outcomes: tuple[str, ...]) -> int:
    return sum((day.by_outcome or {}).get(outcome, 0) for outcome in outcomes)


def _bar(x: int, day: date, numbers: list[int], highest: int) -> Bar:
    parts = []
    top = 100.0
    for kind, number in zip(_KINDS, numbers, strict=True):
        if number:
            height = 100 * number / highest
            top -= height
            parts.append(Part(kind, round(top, 2), round(height, 2)))
    return Bar(10 * x + 1, parts, f"{day:%-d %b}: {sum(numbers):,}")
