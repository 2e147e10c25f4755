"""Rates: so many events a minute of a source, so many of a type to one recipient."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from events import intake, known_types, rates, statements, valkey
from events.models import Event, Source
from events.problems import Refused
from tests import factories
from tests.api_door import PATH, Door, assert_refused, open_door
from tests.valkeys import own_valkey

pytestmark = pytest.mark.django_db

_ITEM = re.compile(r'"(\w+)";([a-z])=(\d+);([a-z])=(\d+)')


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start with buckets that nobody remembers, and a clock that stands still."""
    monkeypatch.setattr(valkey, "_resting_until", 0.0)
    stands = rates._TAKE.replace("redis.call('TIME')", "{'1700000000', '0'}")
    monkeypatch.setattr(rates, "_TAKE", stands)
    yield
    if keys := valkey.client().keys("txmsg:rate:*"):
        valkey.client().delete(*keys)


@pytest.fixture
def door(client: Client) -> Door:
    return open_door(client)


def read(header: str) -> dict[str, tuple[int, int]]:
    """Return the two numbers of each item, by its name."""
    return {
        name: (int(one), int(two)) for name, _, one, _, two in _ITEM.findall(header)
    }


def limit(door: Door, count: int | None) -> None:
    Source.objects.filter(pk=door.source.pk).update(rate_per_minute=count)


def limit_recipient(door: Door, count: int, seconds: int = 600) -> None:
    door.event_type.recipient_limit = count
    door.event_type.recipient_limit_seconds = seconds
    door.event_type.save()


def let_pass(seconds: float) -> None:
    """Make every bucket so much older."""
    for key in valkey.client().keys("txmsg:rate:*"):
        at = float(valkey.client().hget(key, "at"))
        valkey.client().hset(key, "at", at - seconds)


# A source


def test_without_limits_the_door_asks_valkey_nothing_and_the_database_once(
    door: Door, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.TXMSG_INTAKE_CACHE_SECONDS = 60.0
    assert door.post().status_code == 202
    asked: list[str] = []
    really = statements.rows

    def rows(statement: str, values: Any) -> Any:
        asked.append("statement")
        return really(statement, values)

    monkeypatch.setattr(statements, "rows", rows)
    monkeypatch.setattr(valkey, "run", lambda *_: asked.append("valkey"))
    with CaptureQueriesContext(connection) as by_the_orm:
        answer = door.post()
    assert answer.status_code == 202
    assert (asked, len(by_the_orm)) == (["statement"], 0)
    assert "RateLimit" not in answer
    known_types.forget()


def test_a_limit_costs_one_question_to_valkey(
    door: Door, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(door, 100)
    limit_recipient(door, 100)
    asked: list[int] = []
    really = valkey.run

    def run(script: str, keys: Any, arguments: Any) -> Any:
        asked.append(len(keys))
        return really(script, keys, arguments)

    monkeypatch.setattr(valkey, "run", run)
    assert door.post().status_code == 202
    assert asked == [1, 1], "one for the source, one for the recipient"
    events = [door.body(recipient={"email": f"{n}@example.com"}) for n in range(9)]
    answer = door.post({"events": events}, path=f"{PATH}/batch")
    assert answer.status_code == 202
    assert asked == [1, 1, 1, 9]


def test_row_22_above_the_rate_the_answer_is_429_and_says_when(door: Door) -> None:
    limit(door, 2)
    first, second = door.post(), door.post()
    assert (first.status_code, second.status_code) == (202, 202)
    assert read(first["RateLimit-Policy"]) == {"events": (2, 60)}
    assert read(first["RateLimit"]) == {"events": (1, 30)}
    assert read(second["RateLimit"]) == {"events": (0, 60)}
    stored = Event.objects.count()
    third = door.post()
    problem = json.loads(third.content)
    assert (third.status_code, problem["code"]) == (429, "rate_limited")
    assert problem["retryable"] is True
    assert "2 events a minute" in problem["detail"]
    assert third["Retry-After"] == "30"
    assert read(third["RateLimit"]) == {"events": (0, 60)}
    assert Event.objects.count() == stored
    let_pass(30)
    assert door.post().status_code == 202
    assert door.post().status_code == 429


def test_a_source_above_its_rate_is_refused_before_its_body_is_read(
    door: Door,
) -> None:
    limit(door, 1)
    assert door.post(b"{").status_code == 400
    answer = door.post(b"{")
    assert_refused(answer, 429, "rate_limited")


def test_every_answer_says_what_is_left_refusals_too(door: Door) -> None:
    limit(door, 10)
    answer = door.post(door.body(recipient={}))
    assert answer.status_code == 422
    assert read(answer["RateLimit"]) == {"events": (9, 6)}
    replay = {"headers": {"Idempotency-Key": "k"}}
    assert read(door.post(**replay)["RateLimit"])["events"][0] == 8
    assert read(door.post(**replay)["RateLimit"])["events"][0] == 7
    assert "RateLimit" not in door.get("x")


def test_sources_have_buckets_of_their_own(door: Door) -> None:
    limit(door, 1)
    assert [door.post().status_code for _ in range(2)] == [202, 429]
    other = Door(door.client, door.event_type, factories.make_key())
    limit(other, 1)
    assert other.post().status_code == 202


def test_a_batch_counts_its_events(door: Door) -> None:
    limit(door, 10)
    path, events = f"{PATH}/batch", [door.body()] * 6
    answer = door.post({"events": events}, path=path)
    assert (answer.status_code, read(answer["RateLimit"])["events"][0]) == (202, 4)
    answer = door.post({"events": events}, path=path)
    assert (answer.status_code, answer["Retry-After"]) == (429, "12")
    assert read(answer["RateLimit"])["events"][0] == 4


def test_a_batch_larger_than_a_minute_waits_for_a_full_bucket_and_is_paid_later(
    door: Door,
) -> None:
    limit(door, 10)
    path, batch = f"{PATH}/batch", {"events": [door.body()] * 25}
    answer = door.post(batch, path=path)
    assert (answer.status_code, read(answer["RateLimit"])["events"]) == (202, (0, 150))
    refused = door.post()
    assert (refused.status_code, refused["Retry-After"]) == (429, "96")
    let_pass(96)
    assert door.post().status_code == 202
    assert door.post(batch, path=path).status_code == 429


def test_every_way_by_which_events_come_in_is_counted(
    door: Door, settings: Any
) -> None:
    settings.TXMSG_ADOBE_ALIAS = True
    limit(door, 2)
    event_id = door.post().json()["id"]
    replay = f"{PATH}/{event_id}/replay"
    assert door.post({}, path=replay).status_code == 202
    assert door.post({}, path=replay).status_code == 429
    name = f"/org/campaign/mcorg/{door.event_type.name}"
    body = {"email": "ada@example.com", "ctx": door.body()["ctx"]}
    assert door.post(body, path=name).status_code == 429
    limit(door, None)
    assert door.post(body, path=name).status_code == 202


def test_a_bucket_is_never_fuller_than_full_and_is_forgotten_then(door: Door) -> None:
    limit(door, 60)
    door.post()
    (key,) = valkey.client().keys("txmsg:rate:*")
    assert 1 <= valkey.client().ttl(key) <= 3
    let_pass(3600)
    assert read(door.post()["RateLimit"])["events"] == (59, 1)
    let_pass(-3600)
    assert read(door.post()["RateLimit"])["events"] == (58, 2), "a clock set back"


def test_a_rate_of_nothing_lets_nothing_in(door: Door) -> None:
    limit(door, 0)
    answer = door.post()
    assert (answer.status_code, answer["Retry-After"]) == (429, "60")


def test_a_rate_that_is_changed_counts_at_once(door: Door) -> None:
    limit(door, 1)
    assert [door.post().status_code for _ in range(2)] == [202, 429]
    limit(door, None)
    assert door.post().status_code == 202


def test_many_threads_share_one_bucket() -> None:
    caller = factories.make_caller(rate_per_minute=20)
    taken: list[bool] = []

    def post() -> None:
        for _ in range(10):
            try:
                rates.take(caller, 1)
            except Refused:
                taken.append(False)
            else:
                taken.append(True)

    threads = [threading.Thread(target=post) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert (len(taken), sum(taken)) == (80, 20)


def test_the_clock_is_valkeys_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    caller = factories.make_caller(rate_per_minute=2)
    rates.take(caller, 2)
    with pytest.raises(Refused):
        rates.take(caller, 1)
    key = f"txmsg:rate:source:{caller.source_id}"
    seconds, _ = valkey.client().time()
    valkey.client().hset(key, "at", seconds - 31)
    assert read(rates.take(caller, 1)["RateLimit"])["events"][0] == 0


def test_while_valkey_is_away_everything_is_let_in(
    door: Door, settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    limit(door, 1)
    limit_recipient(door, 1)
    with own_valkey(settings, monkeypatch, tmp_path) as process:
        assert door.post().status_code == 202
        assert door.post().status_code == 429
        process.kill()
        process.wait()
        answers = [door.post() for _ in range(3)]
        assert [answer.status_code for answer in answers] == [202] * 3
        assert "RateLimit" not in answers[0]


# A recipient


def test_a_recipient_gets_so_many_of_a_type_and_others_theirs(door: Door) -> None:
    limit_recipient(door, 2)
    assert [door.post().status_code for _ in range(2)] == [202, 202]
    stored = Event.objects.count()
    answer = door.post(door.body(recipient={"email": "ADA@example.com"}))
    problem = json.loads(answer.content)
    assert (answer.status_code, problem["code"]) == (429, "recipient_rate_limited")
    assert "2 events of this type in 600 seconds" in problem["detail"]
    assert (problem["retryable"], answer["Retry-After"]) == (True, "300")
    assert read(answer["RateLimit-Policy"]) == {"recipient": (2, 600)}
    assert read(answer["RateLimit"]) == {"recipient": (0, 600)}
    assert Event.objects.count() == stored
    assert door.post(door.body(recipient={"email": "b@example.com"})).status_code == 202
    other = factories.make_event_type(live_channels=["email"], recipient_limit=2)
    assert door.post(factories.body_for(other)).status_code == 202
    let_pass(300)
    assert door.post().status_code == 202


def test_both_limits_are_said_when_both_are_there(door: Door) -> None:
    limit(door, 100)
    limit_recipient(door, 1)
    answer = [door.post() for _ in range(2)][1]
    assert read(answer["RateLimit"]) == {"events": (98, 2), "recipient": (0, 600)}
    assert read(answer["RateLimit-Policy"]).keys() == {"events", "recipient"}


def test_no_address_stands_in_valkey(door: Door) -> None:
    limit_recipient(door, 2)
    door.post()
    (key,) = valkey.client().keys("txmsg:rate:*")
    assert re.fullmatch(rb"txmsg:rate:recipient:\d+:[0-9a-f]{32}", key)


def test_a_repeated_request_gets_its_answer_although_the_recipient_has_enough(
    door: Door,
) -> None:
    limit_recipient(door, 1)
    body = door.body(external_id="ord-1")
    assert door.post(body).status_code == 202
    assert door.post(body).status_code == 200
    assert door.post().status_code == 429


def test_an_event_that_does_not_fit_counts_for_nobody(door: Door) -> None:
    limit_recipient(door, 1)
    assert door.post(door.body(ctx={})).status_code == 422
    assert door.post().status_code == 202


def test_a_batch_is_held_to_the_limit_event_by_event(door: Door) -> None:
    limit_recipient(door, 2)
    body = {"mode": "permissive", "events": [door.body() for _ in range(3)]}
    answer = door.post(body, path=f"{PATH}/batch")
    results = json.loads(answer.content)["results"]
    assert answer.status_code == 207
    assert [result["status"] for result in results] == [202, 202, 429]
    assert results[2]["problem"]["code"] == "recipient_rate_limited"
    strict = door.post({"events": [door.body()]}, path=f"{PATH}/batch")
    assert_429 = json.loads(strict.content)
    assert (strict.status_code, assert_429["code"]) == (429, "recipient_rate_limited")
    assert int(strict["Retry-After"]) >= 299


def test_a_dry_run_by_the_rules_alone_takes_nothing_from_the_bucket(
    door: Door,
) -> None:
    limit_recipient(door, 1)
    caller = factories.make_caller()
    for _ in range(3):
        (judged,) = intake.admission.judge([door.body()], caller)
        assert judged.checked is not None
    assert door.post().status_code == 202
