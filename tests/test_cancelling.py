"""Cancelling, against a real database."""

from __future__ import annotations

import pytest
from django.db import connection

from events import ids, work
from events.models import Event, EventType, Work
from history import cancelling
from history.models import Delivery, Tally
from templates_app import publishing
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def event_type() -> EventType:
    message = factories.publish().message
    assert message.event_type is not None
    message.event_type.refresh_from_db()
    return message.event_type


def claim() -> work.Claim:
    return work.claim(
        "normal",
        owner="w",
        limit=10,
        lease_seconds=60,
        live=publishing.live_versions(),
    )


def test_cancelling_an_event_not_yet_routed_ends_it_without_a_delivery(
    event_type: EventType,
) -> None:
    accepted = factories.accept(event_type)
    done = cancelling.cancel(accepted.id)
    assert (done.cancelled, done.too_late) == (1, [])
    event = Event.objects.get(pk=accepted.id)
    assert (event.outcome, event.reason) == ("cancelled", "cancelled")
    assert not Work.objects.exists()
    assert not Delivery.objects.exists()


def test_cancelling_a_claimed_row_fences_its_worker(event_type: EventType) -> None:
    accepted = factories.accept(event_type)
    claimed = claim()
    cancelling.cancel(accepted.id)
    (item,) = claimed.items
    marked = work.mark(
        [item.id], lease_no=claimed.lease_no, send_timeout=1, lease_seconds=60
    )
    assert marked == set()
    delivery = Delivery.objects.get(pk=item.id)
    assert (delivery.status, delivery.reason) == ("cancelled", "cancelled")
    assert Event.objects.get(pk=accepted.id).outcome == "cancelled"
    assert Tally.objects.get().status == "cancelled"


def test_cancel_does_not_touch_a_marked_row(event_type: EventType) -> None:
    accepted = factories.accept(event_type)
    claimed = claim()
    (item,) = claimed.items
    work.mark([item.id], lease_no=claimed.lease_no, send_timeout=1, lease_seconds=60)

    done = cancelling.cancel(accepted.id)

    assert (done.cancelled, done.too_late) == (0, [item.id])
    row = Work.objects.get(pk=item.id)
    assert (row.stage, row.lease_no) == ("sending", claimed.lease_no)
    assert Event.objects.get(pk=accepted.id).outcome == ""


def test_a_flagged_row_that_is_cancelled_ends_uncertain(event_type: EventType) -> None:
    accepted = factories.accept(event_type)
    claim()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE events_work SET possible_duplicate = true")
    assert cancelling.cancel(accepted.id).cancelled == 1
    delivery = Delivery.objects.get(pk=ids.delivery_id(accepted.id, 1))
    assert (delivery.status, delivery.reason) == ("uncertain", "cancelled")
    assert Event.objects.get(pk=accepted.id).outcome == "failed"


def test_an_event_that_ended_has_nothing_to_cancel(event_type: EventType) -> None:
    accepted = factories.accept(event_type)
    cancelling.cancel(accepted.id)
    assert cancelling.cancel(accepted.id).cancelled == 0
    assert cancelling.cancel(ids.new_event_id()).cancelled == 0
    assert Event.objects.get(pk=accepted.id).outcome == "cancelled"
