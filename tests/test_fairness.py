"""Who goes when: turns inside a lane, and expiry at every station of a row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from events import work
from events.models import Event, EventType, Work
from history.models import Attempt, Delivery
from templates_app import publishing
from templates_app.models import Version
from tests import factories
from txmsg import pipeline
from txmsg.channels.base import Outcome, OutcomeKind
from txmsg.channels.capture import CaptureChannel

pytestmark = pytest.mark.django_db

# A row of work for each number, due long ago; its event is not looked at.
_FLOOD = """
    INSERT INTO events_work (
        id, event_id, type_id, lane, stage, channel, address, due_at, expires_at,
        attempts, lease_no, lease_owner, lease_size, begun, deaths, possible_duplicate)
    SELECT id, id, %(type)s, 'bulk', 'queued', 'email', 'ada@example.com',
           clock_timestamp() - interval '1 hour' + number * interval '1 ms',
           clock_timestamp() + %(ttl)s, 0, 0, '', 0, 0, 0, false
    FROM (
        SELECT number,
               ('00000000-0000-7000-8000-' || lpad(to_hex(%(first)s + number * 256 + 1),
                12, '0'))::uuid AS id
        FROM generate_series(1, %(count)s) AS number
    ) AS numbers
"""


def flood(event_type: EventType, count: int, **ttl: Any) -> None:
    """Let so many rows of a type be due in the bulk lane."""
    with connection.cursor() as cursor:
        cursor.execute(
            _FLOOD,
            {
                "type": event_type.pk,
                "first": event_type.pk * 2**32,
                "count": count,
                "ttl": timedelta(**ttl or {"hours": 5}),
            },
        )


def live_type() -> EventType:
    event_type = factories.make_event_type()
    factories.publish(event_type=event_type)
    event_type.refresh_from_db()
    return event_type


def claim() -> work.Claim:
    return work.claim(
        "bulk",
        owner="worker",
        limit=500,
        lease_seconds=60,
        live=publishing.live_versions(),
    )


def test_a_flood_of_one_type_does_not_hold_up_nineteen_small_ones() -> None:
    big, *small = [live_type() for _ in range(20)]
    flood(big, 20_000)
    for event_type in small:
        flood(event_type, 10)

    counts = Counter(item.type_id for item in claim().items)

    assert {counts[event_type.pk] for event_type in small} == {10}
    assert counts.total() == 500, "what the small ones leave is the flood's"


def test_types_that_all_have_much_get_the_same() -> None:
    types = [live_type() for _ in range(4)]
    for event_type in types:
        flood(event_type, 300)
    for _ in range(2):
        counts = Counter(item.type_id for item in claim().items)
        assert set(counts.values()) == {125}


class Busy(CaptureChannel):
    """A provider that says "later" to everything."""

    def __init__(self) -> None:
        super().__init__()
        self.tries = 0

    def send(self, wave: Sequence[Any], *, deadline: float) -> Sequence[Outcome]:
        """Take nothing."""
        self.tries += len(wave)
        return [Outcome(OutcomeKind.TRANSIENT, answer="451 later")] * len(wave)


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> Busy:
    """Every channel is one that says "later"."""
    channel = Busy()
    monkeypatch.setattr(pipeline, "get_channel", lambda _name: channel)
    return channel


def test_a_next_try_is_never_after_the_end(busy: Busy) -> None:
    """So a row whose next try would come too late comes due when it expires."""
    version: Version = factories.publish()
    event_type = EventType.objects.get(pk=version.message.event_type_id)
    end = datetime.now(UTC) + timedelta(seconds=30)
    factories.accept(event_type, expires_at=end.isoformat())

    factories.drain()

    row = Work.objects.get()
    assert busy.tries == 1
    assert row.due_at == row.expires_at
    past = datetime.now(UTC) - timedelta(seconds=1)
    Work.objects.update(due_at=past, expires_at=past)

    factories.drain()

    assert busy.tries == 1
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.reason) == ("expired", "expired")
    assert (delivery.attempts, Attempt.objects.count()) == (1, 1)
    assert Event.objects.get().outcome == "expired"


def test_what_expired_in_an_outage_ends_without_being_sent(busy: Busy) -> None:
    event_type = live_type()
    caller = factories.make_caller()
    for _ in range(60):
        factories.accept(event_type, caller)
    past = datetime.now(UTC) - timedelta(minutes=1)
    Work.objects.update(due_at=past, expires_at=past)
    fresh = factories.accept(event_type, caller)

    factories.drain()

    assert busy.tries == 1, "only what is worth sending is tried"
    assert Work.objects.get().event_id == fresh.id
    assert Event.objects.filter(outcome="expired").count() == 60
