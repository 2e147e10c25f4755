"""Ids of events and deliveries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from events import ids


def test_deliveries_lie_in_the_range_of_their_event() -> None:
    event = ids.new_event_id()
    assert ids.ordinal_of(event) == 0
    first, last = ids.delivery_id(event, 1), ids.delivery_id(event, 255)
    assert event < first < last == ids.last_id_of(event)
    assert ids.event_id_of(last) == event
    assert event.version == 7


@pytest.mark.parametrize("ordinal", [0, 256, -1])
def test_an_ordinal_outside_the_byte_is_refused(ordinal: int) -> None:
    with pytest.raises(ValueError, match="1 to 255"):
        ids.delivery_id(ids.new_event_id(), ordinal)


def test_an_id_knows_its_moment_to_the_millisecond() -> None:
    before = datetime.now(UTC)
    moment = ids.moment_of(ids.new_event_id())
    assert abs(moment - before) < timedelta(seconds=1)
    december = datetime(2026, 12, 1, tzinfo=UTC)
    assert ids.moment_of(ids.first_id_at(december)) == december
