"""Events a day of each source: counted by the ids, once, and within its time."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from events import ids, usage
from events.models import Event, EventType, Source, UsageDay
from events.usage import Day, chart_of
from tests import factories

pytestmark = pytest.mark.django_db

_SETTLED = timedelta(days=5)


@pytest.fixture
def source() -> Source:
    return Source.objects.create(name=factories.unique("source"))


@pytest.fixture
def event_type() -> EventType:
    return factories.make_event_type()


def noon(age: int) -> datetime:
    day = timezone.localdate() - timedelta(days=age)
    return usage._midnight(day) + timedelta(hours=12)


def make_events(
    source: Source,
    event_type: EventType,
    count: int,
    *,
    age: int = 0,
    outcome: str = "",
) -> None:
    at = noon(age)
    first = ids.first_id_at(at).int
    known = Event.objects.count()
    Event.objects.bulk_create(
        Event(
            id=ids.UUID(int=first + ((known + number + 1) << 8)),
            type=event_type,
            source=source,
            lane="normal",
            outcome=outcome,
            received_at=at,
            expires_at=at,
            finished_at=at if outcome else None,
        )
        for number in range(count)
    )


def counted(source: Source) -> dict[int, dict[str, int]]:
    """Return what was counted by age in days, less the empty days."""
    days = usage.of_source(source.pk)[::-1]
    return {age: dict(d.by_outcome) for age, d in enumerate(days) if d.by_outcome}


def test_events_are_counted_by_day_and_outcome_for_each_source(
    source: Source, event_type: EventType
) -> None:
    other = Source.objects.create(name=factories.unique("source"))
    make_events(source, event_type, 3, outcome="processed")
    make_events(source, event_type, 2, outcome="failed")
    make_events(source, event_type, 1)
    make_events(other, event_type, 5, outcome="processed")
    assert counted(source) == {0: {"processed": 3, "failed": 2, "open": 1}}
    assert counted(other) == {0: {"processed": 5}}
    assert len(usage.of_source(source.pk)) == usage.DAYS


def test_a_day_that_is_over_is_counted_once(
    source: Source, django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "_CHEAP_SECONDS", 60)
    assert counted(source) == {}
    assert UsageDay.objects.count() == usage.DAYS - 1, "all but today"
    with django_assert_num_queries(6):  # the days, today, and what bounds its time
        usage.of_source(source.pk)


def test_today_is_kept_for_a_while_when_counting_it_is_a_burden(
    source: Source, event_type: EventType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "_CHEAP_SECONDS", -1)
    make_events(source, event_type, 1)
    assert counted(source) == {0: {"open": 1}}
    make_events(source, event_type, 1)
    assert counted(source) == {0: {"open": 1}}
    UsageDay.objects.update(counted_at=timezone.now() - usage._BELIEVED)
    assert counted(source) == {0: {"open": 2}}


@pytest.mark.parametrize(
    ("counted_after", "ago", "has_open", "is_good"),
    [
        pytest.param(timedelta(hours=1), timedelta(minutes=1), False, True, id="new"),
        pytest.param(timedelta(hours=1), timedelta(days=3), False, False, id="early"),
        pytest.param(_SETTLED, timedelta(days=9), False, True, id="settled"),
        pytest.param(_SETTLED, timedelta(days=9), True, False, id="still-open"),
        pytest.param(_SETTLED, timedelta(hours=9), True, True, id="open-seen-today"),
    ],
)
def test_a_day_is_counted_anew_while_its_events_end(
    counted_after: timedelta, ago: timedelta, has_open: bool, is_good: bool
) -> None:
    counted_at = timezone.now() - ago
    day = timezone.localdate(counted_at - counted_after) - timedelta(days=1)
    counts = {"1": {"open": 1}} if has_open else {"1": {"processed": 1}}
    row = UsageDay(day=day, counted_at=counted_at, counts=counts)
    assert usage._is_good(row) is is_good


def test_what_takes_too_long_is_left_for_the_next_look_newest_first(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = usage._count
    budget = [3]

    def count(day: date, seconds: float) -> Any:
        budget[0] -= 1
        return real(day, seconds) if budget[0] >= 0 else None

    monkeypatch.setattr(usage, "_count", count)
    days = usage.of_source(source.pk)
    assert [day.by_outcome is None for day in days] == [True] * 27 + [False] * 3
    assert chart_of(days).uncounted == 27


def test_a_count_ends_with_its_time_and_leaves_the_connection_usable() -> None:
    assert usage._count(timezone.localdate(), 0) is None
    slow = "SELECT 1::bigint, ''::text, count(*) FROM pg_sleep(5) WHERE %s < %s"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(usage, "_COUNT", slow)
        assert usage._count(timezone.localdate(), 0.02) is None
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("0",)


def test_days_that_nobody_can_see_are_forgotten() -> None:
    today = timezone.localdate()
    old = today - timedelta(days=usage._KEPT_DAYS + 1)
    UsageDay.objects.create(day=old, counted_at=timezone.now())
    usage._keep(today - timedelta(days=1), {})
    assert [row.day for row in UsageDay.objects.all()] == [today - timedelta(days=1)]


def test_bars_stand_on_each_other_and_the_highest_fills_the_chart() -> None:
    days = [
        Day(date(2026, 11, 1), {"processed": 30, "failed": 10, "expired": 0}),
        Day(date(2026, 11, 2), {}),
        Day(date(2026, 11, 3), None),
        Day(date(2026, 11, 4), {"open": 5, "expired": 3, "cancelled": 2}),
    ]
    chart = chart_of(days)
    assert [bar.x for bar in chart.bars] == [1, 31]
    first, last = (
        [(part.kind, part.y, part.height) for part in bar.parts] for bar in chart.bars
    )
    assert first == [("processed", 25.0, 75.0), ("failed", 0.0, 25.0)]
    assert last == [("other", 87.5, 12.5), ("open", 75.0, 12.5)]
    assert (chart.total, chart.highest, chart.uncounted) == (50, 40, 1)
    assert [kind.total for kind in chart.kinds] == [30, 10, 5, 5]
    assert [day for day, _ in chart.rows] == [days[3].day, days[1].day, days[0].day]
    assert chart.rows[2][1][:2] == [("Processed", 30), ("Failed", 10)]
    empty = chart_of([Day(date(2026, 11, 1), {})])
    assert (empty.bars, empty.total, empty.highest) == ([], 0, 0)


def test_every_outcome_has_a_colour() -> None:
    shown = {outcome for _, outcomes in usage._KINDS.values() for outcome in outcomes}
    assert shown == {*usage.EventOutcome.values, usage.OPEN}
