"""Back-pressure: bulk waits when it is late, everybody when the disk is full."""

from __future__ import annotations

import shutil
import threading
from collections import namedtuple
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from events import pressure
from events.models import Lane, Stage, Work
from events.problems import Refused
from tests import factories

pytestmark = pytest.mark.django_db
Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def looking() -> Iterator[None]:
    """Look anew in each test."""
    pressure.forget()
    yield
    pressure.forget()


def bulk(**ago: Any) -> None:
    """Let a row of the bulk lane have been due for so long."""
    event_type = factories.make_event_type(lane=Lane.BULK)
    factories.publish(event_type=event_type)
    event_type.refresh_from_db()
    factories.accept(event_type)
    moment = datetime.now(UTC) - timedelta(**ago)
    Work.objects.filter(lane=Lane.BULK).update(due_at=moment)
    # The door has looked for this one itself.
    pressure.forget()


def refused(lane: str) -> Refused | None:
    try:
        pressure.require_room(lane)
    except Refused as error:
        return error
    return None


def test_a_late_bulk_lane_takes_no_more_while_the_others_go_on(settings: Any) -> None:
    settings.TXMSG_BACKLOG_SECONDS = 900
    bulk(seconds=890)
    assert refused("bulk") is None
    Work.objects.update(due_at=datetime.now(UTC) - timedelta(seconds=930))
    pressure.forget()
    error = refused("bulk")
    assert error is not None
    assert (error.status, error.code, error.retryable) == (503, "backpressure", True)
    assert 45 <= int(error.headers["Retry-After"]) <= 75
    assert "930 s" in str(error)
    assert refused("critical") is None
    assert refused("normal") is None


@pytest.mark.parametrize(("age", "low", "high"), [(3, 3, 7), (200, 15, 25)])
def test_how_long_to_wait_grows_with_the_age(
    settings: Any, age: int, low: int, high: int
) -> None:
    settings.TXMSG_BACKLOG_SECONDS = 1
    bulk(seconds=age)
    error = refused("bulk")
    assert error is not None
    assert low <= int(error.headers["Retry-After"]) <= high


def test_what_is_not_due_does_not_count(settings: Any) -> None:
    """A lease that runs, a schedule, a next try: all of them are due later."""
    settings.TXMSG_BACKLOG_SECONDS = 10
    assert pressure.bulk_age() == 0
    bulk(seconds=-60)
    assert refused("bulk") is None
    # The backlog of another lane is no reason either.
    Work.objects.update(lane="normal", due_at=datetime.now(UTC) - timedelta(hours=1))
    assert refused("bulk") is None
    assert Work.objects.get().stage == Stage.PENDING


def test_the_database_is_asked_once_a_second_and_for_bulk_alone(
    settings: Any, django_assert_num_queries: Any
) -> None:
    settings.TXMSG_INTAKE_CACHE_SECONDS = 60
    bulk(seconds=5000)
    looks = []
    look = pressure._look_at_age
    with pytest.MonkeyPatch.context() as patch, django_assert_num_queries(0):
        patch.setattr(pressure, "_look_at_age", lambda: looks.append(1) or look())
        for lane in ("critical", "normal"):
            pressure.require_room(lane)
        assert looks == []
        for _ in range(50):
            assert refused("bulk") is not None
    assert looks == [1]


def test_who_comes_while_another_looks_takes_what_was_seen_before(
    settings: Any,
) -> None:
    settings.TXMSG_INTAKE_CACHE_SECONDS = 0
    seen = pressure._Seen()
    assert seen.now(lambda: 1.0) == 1.0
    looking, may_go = threading.Event(), threading.Event()

    def slowly() -> float:
        looking.set()
        assert may_go.wait(10)
        return 2.0

    thread = threading.Thread(target=seen.now, args=(slowly,))
    thread.start()
    assert looking.wait(10)
    assert seen.now(lambda: 3.0) == 1.0
    may_go.set()
    thread.join(timeout=10)
    assert seen.value == 2.0


def test_a_look_that_fails_is_looked_again(settings: Any) -> None:
    seen = pressure._Seen()
    with pytest.raises(OSError, match="gone"):
        seen.now(_fail)
    assert seen.now(lambda: 4.0) == 4.0


def _fail() -> float:
    raise OSError("gone")


@pytest.mark.parametrize("lane", Lane.values)
def test_a_nearly_full_disk_takes_nothing(
    settings: Any, monkeypatch: pytest.MonkeyPatch, lane: str
) -> None:
    settings.TXMSG_EMBEDDED_DATABASE, settings.TXMSG_FREE_DISK_MB = True, 512
    free = 511 * 2**20
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(10**12, 0, free))
    error = refused(lane)
    assert error is not None
    assert (error.status, error.code, error.retryable) == (503, "storage_low", True)
    assert 45 <= int(error.headers["Retry-After"]) <= 75
    free = 513 * 2**20
    pressure.forget()
    assert refused(lane) is None


@pytest.mark.parametrize(("embedded", "floor"), [(False, 512), (True, 0)])
def test_a_disk_that_is_not_ours_is_not_looked_at(
    settings: Any, monkeypatch: pytest.MonkeyPatch, embedded: bool, floor: int
) -> None:
    settings.TXMSG_EMBEDDED_DATABASE = embedded
    settings.TXMSG_FREE_DISK_MB = floor
    monkeypatch.setattr(shutil, "disk_usage", None)
    assert refused("critical") is None


def test_the_age_is_read_from_the_index_of_due_rows(connection_plan: Any) -> None:
    assert "Seq Scan on events_work" not in connection_plan
    assert "Index" in connection_plan


@pytest.fixture
def connection_plan() -> str:
    """How PostgreSQL finds the oldest due row."""

    bulk(seconds=5)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN " + pressure._OLDEST.replace("%(lane)b", "'bulk'"))
        return "\n".join(row[0] for row in cursor.fetchall())
