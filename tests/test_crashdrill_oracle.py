"""The oracle finds what is broken: a drill that cannot fail would prove nothing."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import pytest
from django.db import connection

from events import intake
from events.models import Event, Lane, Work
from history.models import Delivery, DeliveryStatus
from tests import factories
from tests.smtp_peer import SmtpPeer
from txmsg.channels import close_channels
from txmsg.crashdrill import content
from txmsg.crashdrill.client import Accepted, Wish, body_of, prepare
from txmsg.crashdrill.installation import Installation
from txmsg.crashdrill.oracle import Leases, Oracle

pytestmark = pytest.mark.django_db
POLICIES = ["must_arrive", "never_twice"]


@dataclass
class Seen:
    """What an oracle looks at: the database, and copies that a test may change."""

    events: list[Accepted]
    taken: list[dict[str, Any]] = field(default_factory=list)

    def query(self, statement: str, values: Any = None) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall())

    def copies(self) -> list[dict[str, Any]]:
        return self.taken

    def breaches(self, *, calm: bool = False) -> set[str]:
        oracle = Oracle(cast(Installation, self))
        judgement = oracle.judge(self.events, calm=calm)
        return {invariant for invariant, _ in judgement.breaches}

    def delivery(self, number: int = 0) -> Any:
        return Delivery.objects.filter(pk=UUID(self.events[number].delivery))


@pytest.fixture
def seen(settings: Any) -> Seen:
    """Two mails of two policies, really sent, with their copies."""
    for policy in POLICIES:
        content.make_type(content.type_of(policy), Lane.NORMAL, policy, ["email"])
    caller = factories.make_caller()
    with SmtpPeer() as server:
        settings.EMAIL_URL = server.url
        close_channels()
        events = [
            prepare(Wish(content.type_of(policy)))
            for policy in POLICIES
            for _ in range(2)
        ]
        for event in events:
            event.id = intake.accept(body_of(event), caller=caller).id
        factories.drain()
        close_channels()
        to = {event.address: event for event in events}
        copies = [
            {
                "via": "smtp",
                "at": time.time(),
                "to": mail.recipient,
                "delivery": to[mail.recipient].delivery,
                "content": mail.wire.decode("latin-1"),
            }
            for mail in server.accepted
        ]
    assert len(copies) == len(events)
    return Seen(events, copies)


def test_what_is_in_order_holds(seen: Seen) -> None:
    assert seen.breaches(calm=True) == set()


def test_a_second_copy_must_be_flagged(seen: Seen) -> None:
    first = seen.taken[0]
    seen.taken.append(first)
    assert seen.breaches() == {"I4"}


def test_never_twice_is_never_twice_even_if_flagged(seen: Seen) -> None:
    number = 2 * POLICIES.index("never_twice")
    with unguarded():
        seen.delivery(number).update(possible_duplicate=True)
    copy = next(c for c in seen.taken if c["delivery"] == seen.events[number].delivery)
    seen.taken.append(copy)
    assert seen.breaches() == {"I4"}


def test_sent_is_arrived(seen: Seen) -> None:
    seen.taken.pop()
    assert seen.breaches() == {"I5"}


def test_not_sent_has_not_arrived(seen: Seen) -> None:
    with unguarded():
        seen.delivery().update(status=DeliveryStatus.EXPIRED, reason="expired")
    assert seen.breaches() == {"I5"}


def test_an_event_that_was_answered_for_exists(seen: Seen) -> None:
    with unguarded():
        seen.delivery().delete()
        Event.objects.filter(pk=seen.events[0].id).delete()
    assert "I1" in seen.breaches()


def test_an_event_has_work_or_an_end(seen: Seen) -> None:
    with unguarded():
        seen.delivery().delete()
        Event.objects.filter(pk=seen.events[0].id).update(outcome="", finished_at=None)
    assert "I1" in seen.breaches()


def test_work_that_is_left_is_a_breach(seen: Seen) -> None:
    event = prepare(Wish(content.type_of("must_arrive")))
    caller = factories.make_caller()
    event.id = intake.accept(body_of(event), caller=caller).id
    seen.events.append(event)
    assert seen.breaches() == {"I2"}
    Work.objects.update(stage="held")
    assert seen.breaches() == set()


def test_an_end_that_changes_is_seen(seen: Seen) -> None:
    oracle = Oracle(cast(Installation, seen))
    assert oracle.judge(seen.events).breaches == []
    with unguarded():
        seen.delivery().update(status=DeliveryStatus.UNCERTAIN, reason="crash")
    assert [i for i, _ in oracle.judge(seen.events).breaches] == ["I3"]


def test_a_mail_of_two_versions_or_with_another_text_is_seen(seen: Seen) -> None:
    copy = seen.taken[0]
    copy["content"] = copy["content"].replace("mark1", "mark2", 1)
    assert seen.breaches() == {"I6"}
    copy["content"] = copy["content"].replace("mark1", "mark2")
    assert seen.breaches() == {"I6"}


def test_a_late_copy_is_seen(seen: Seen) -> None:
    seen.taken[0]["at"] += 10 * 86_400
    assert seen.breaches() == {"I7"}


def test_another_ones_mail_is_seen(seen: Seen) -> None:
    one, other = seen.taken[:2]
    one["content"], other["content"] = other["content"], one["content"]
    assert "I8" in seen.breaches()


@contextlib.contextmanager
def unguarded() -> Iterator[None]:
    """Have the triggers off that keep history as it was."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        yield
        cursor.execute("SET session_replication_role = origin")


# I9, by what the monitor saw of one row.

_FIRST = datetime(2026, 11, 23, tzinfo=UTC)
_SECOND = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seen", "is_sound"),
    [
        ([(5, _FIRST), (5, _FIRST), (7, _FIRST)], True),
        ([(5, _FIRST), (7, _FIRST), (5, _FIRST)], False),
        ([(5, _FIRST), (7, _FIRST), (6, _FIRST)], False),
        # The database was restarted: a claim may be undone, and number 7 is gone.
        ([(5, _FIRST), (7, _FIRST), (5, _SECOND), (5, _SECOND), (8, _SECOND)], True),
        ([(5, _FIRST), (7, _FIRST), (5, _SECOND), (7, _SECOND)], False),
        ([(5, _FIRST), (7, _FIRST), (5, _SECOND), (6, _SECOND)], False),
    ],
)
def test_lease_numbers_only_grow(
    seen: list[tuple[int, datetime]], is_sound: bool
) -> None:
    leases = Leases()
    found = [leases.note(*look) for look in seen]
    assert any(found) is not is_sound
