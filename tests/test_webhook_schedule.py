"""When to try again, and when an endpoint is held back or disabled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from txmsg.webhooks import schedule
from txmsg.webhooks.schedule import Health, after_failure, after_success, next_delay

NOW = datetime(2026, 11, 23, 9, 15, tzinfo=UTC)


def test_ten_tries_are_spread_over_three_days_and_a_little_apart() -> None:
    delays = [next_delay(step) for step in range(10)]
    assert delays[-1] is None
    for planned, delay in zip(schedule.DELAYS[1:], delays, strict=False):
        assert delay is not None
        assert planned <= delay <= planned * 1.1
    assert timedelta(seconds=sum(schedule.DELAYS)) == timedelta(
        hours=75, minutes=35, seconds=5
    )


def test_a_receiver_that_asks_for_more_time_gets_it() -> None:
    assert next_delay(0, retry_after=600) == 600
    assert (next_delay(4, retry_after=600) or 0) >= 18_000


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        ("999999999999", 86_400),
        ("Mon, 23 Nov 2026 09:16:00 GMT", 60),
        ("Mon, 23 Nov 2026 09:00:00 GMT", 0),
        ("Mon, 23 Nov 2026 09:16:00 -0000", 60),
        ("soon", None),
        ("", None),
        ("-5", None),
        ("١٢", None),
    ],
)
def test_retry_after_is_read_in_both_forms(header: str, seconds: float | None) -> None:
    assert schedule.retry_after(header, now=NOW) == seconds


def failed(health: Health, times: int = 1, **fields: object) -> Health:
    facts = {"now": NOW, "step": 0, "code": 500, **fields}
    for _ in range(times):
        health = after_failure(health, **facts)  # type: ignore[arg-type]
    return health


def test_one_message_that_always_fails_does_not_hold_its_endpoint_back() -> None:
    health = failed(Health())
    for step in range(1, 10):
        health = failed(health, step=step)
    assert (health.failures, health.held_until) == (1, None)
    assert health.failing_since == NOW


def failed_for_long(health: Health, times: int, **fields: object) -> Health:
    """Each failure comes when the endpoint is tried again."""
    for _ in range(times):
        now = health.held_until or NOW
        health = failed(health, now=now, **fields)
    return health


def test_many_messages_that_fail_hold_the_endpoint_back_longer_each_time() -> None:
    health = failed(Health(), times=5)
    assert health.held_until == NOW + timedelta(seconds=5)
    again = NOW + timedelta(seconds=5)
    health = failed(health, step=3, now=again)
    assert health.held_until == again + timedelta(seconds=10)
    before = failed_for_long(health, 20).held_until
    assert before is not None
    down = failed_for_long(health, 21)
    assert down.held_until == before + timedelta(seconds=300)
    assert after_success(down) == Health()


def test_what_was_on_its_way_when_it_was_held_says_nothing_more() -> None:
    assert failed(Health(), times=8) == failed(Health(), times=5)


@pytest.mark.parametrize("code", [429, 502, 503, 504])
def test_who_asks_for_time_is_left_alone_as_a_whole(code: int) -> None:
    health = failed(Health(), code=code, wait=90.0)
    assert health.held_until == NOW + timedelta(seconds=90)
    assert failed(Health(), code=500, wait=90.0).held_until is None
    asked = failed_for_long(Health(), 50, code=code, wait=3.0)
    assert asked.held_until == NOW + timedelta(seconds=150)


def test_gone_is_believed_at_once() -> None:
    assert failed(Health(), code=410).status == "gone"


def test_days_without_any_success_disable_an_endpoint() -> None:
    health = failed(Health(), times=5)
    later = NOW + timedelta(days=4, hours=23)
    assert failed(health, now=later).status == "active"
    assert failed(health, now=later + timedelta(hours=1)).status == "disabled"


def test_a_few_messages_that_failed_days_ago_disable_nothing() -> None:
    health = failed(failed(Health()), now=NOW + timedelta(days=9))
    assert health.status == "active"
