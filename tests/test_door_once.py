"""One event each, whatever the network does: commits whose answer is lost, and twins.

PostgreSQL stands behind a broken network here: it commits, and the web process is
never told. Whoever asks again with the same key must get the event that is there.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import close_old_connections, connection
from django.test import Client

from events import ringing
from events.models import Event, EventContext, EventIdentity, Work
from tests import factories
from tests.api_door import PATH
from tests.lossy import Lossy, lossy, of_socket
from tests.test_intake import at_once
from txmsg.embedded.home import POSTGRES_PORT

pytestmark = pytest.mark.django_db(transaction=True)

# PostgreSQL's ReadyForQuery outside of a transaction: what was done is committed.
_IDLE = b"Z\x00\x00\x00\x05I"
# The one statement of an event answers with a row of its column `now`.
_WRITTEN = re.compile(rb"COMMIT\x00|now\x00.*SELECT 1\x00", re.DOTALL)

Post = Callable[[int], Any]


def is_commit(piece: bytes) -> bool:
    """Say whether PostgreSQL tells here that an event is committed."""
    return piece.endswith(_IDLE) and _WRITTEN.search(piece) is not None


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lossy]:
    """PostgreSQL behind a network that can lose the answer to a commit."""
    folder = connection.settings_dict["OPTIONS"]["host"]
    path = f"{folder}/.s.PGSQL.{POSTGRES_PORT}"
    with lossy(of_socket(path), is_answer=is_commit) as made:
        connection.close()
        with monkeypatch.context() as patch:
            patch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
            patch.setitem(connection.settings_dict, "PORT", made.port)
            yield made
            connection.close()


@pytest.fixture
def poster(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Post]:
    """Return what posts the same event again and again, by its number."""
    monkeypatch.setattr(ringing, "ring_on_commit", lambda _lane: None)
    event_type = factories.make_event_type(live_channels=["email"])
    authorization = f"Bearer {factories.make_key()}"

    def of(*, has_key: bool, has_id: bool, is_batch: bool = False) -> Post:
        client = Client()

        def post(number: int) -> Any:
            fields = {"external_id": f"e{number}"} if has_id else {}
            body: Any = factories.body_for(event_type, **fields)
            headers = {"Authorization": authorization}
            if has_key:
                headers["Idempotency-Key"] = f"k{number}"
            answer = client.post(
                f"{PATH}/batch" if is_batch else PATH,
                {"events": [body, {**body, "origin": "b", "external_id": f"b{number}"}]}
                if is_batch
                else body,
                content_type="application/json",
                headers=headers,
            )
            # As a server does after each request: a broken connection is given up.
            close_old_connections()
            return answer

        return post

    return of


def ids_in(answer: Any) -> list[str]:
    """Return the ids of the events in an answer."""
    data = answer.json()
    return [r["event"]["id"] for r in data.get("results", [{"event": data}])]


def assert_whole(count: int) -> None:
    """Hold the tables to so many events, each with all its rows."""
    assert Event.objects.count() == count
    assert EventContext.objects.count() == Work.objects.count() == count


@pytest.mark.parametrize(
    ("has_key", "has_id", "is_batch", "times"),
    [
        pytest.param(True, False, False, 20, id="key"),
        pytest.param(False, True, False, 10, id="external-id"),
        pytest.param(True, True, False, 10, id="both"),
        pytest.param(True, False, True, 10, id="batch"),
    ],
)
def test_a_commit_whose_answer_is_lost_is_found_when_asked_again(
    network: Lossy,
    poster: Callable[..., Post],
    has_key: bool,
    has_id: bool,
    is_batch: bool,
    times: int,
) -> None:
    post = poster(has_key=has_key, has_id=has_id, is_batch=is_batch)
    each = 2 if is_batch else 1
    for number in range(times):
        network.lose = 1
        lost = post(number)
        assert (lost.status_code, lost.json()["code"]) == (503, "unavailable")
        assert lost.json()["retryable"] is True
        assert lost["Retry-After"] == "2"
        again = post(number)
        assert again.status_code == 200, again.content
        assert again.get("Idempotent-Replayed") == ("true" if has_key else None)
        assert {str(pk) for pk in Event.objects.values_list("pk", flat=True)} >= set(
            ids_in(again)
        )
    assert network.lost == times
    assert_whole(times * each)
    assert EventIdentity.objects.count() == times * (has_key + has_id + is_batch)


def test_an_answer_that_is_lost_again_and_again_makes_no_second_event(
    network: Lossy, poster: Callable[..., Post]
) -> None:
    """A replay writes nothing, so that only the first request can lose a commit."""
    post = poster(has_key=True, has_id=True)
    network.lose = 5
    answers = Counter(post(1).status_code for _ in range(5))
    assert answers == {503: 1, 200: 4}
    assert_whole(1)


def test_fifty_threads_with_both_keys_make_one_event(
    poster: Callable[..., Post],
) -> None:
    post = poster(has_key=True, has_id=True)
    answers: list[Any] = []
    at_once(50, lambda _number: answers.append(post(1)))
    assert Counter(answer.status_code for answer in answers) == {202: 1, 200: 49}
    assert len({one for answer in answers for one in ids_in(answer)}) == 1
    assert_whole(1)
    assert EventIdentity.objects.count() == 2


def test_fifty_threads_with_one_key_make_one_batch(
    poster: Callable[..., Post],
) -> None:
    post = poster(has_key=True, has_id=True, is_batch=True)
    answers: list[Any] = []
    at_once(50, lambda _number: answers.append(post(1)))
    assert Counter(answer.status_code for answer in answers) == {202: 1, 200: 49}
    assert len({tuple(ids_in(answer)) for answer in answers}) == 1
    assert_whole(2)


def test_twins_of_which_one_loses_its_commit_make_one_event(
    network: Lossy, poster: Callable[..., Post]
) -> None:
    post = poster(has_key=True, has_id=False)
    network.lose = 1
    answers: list[Any] = []
    at_once(20, lambda _number: answers.append(post(1)))
    assert Counter(answer.status_code for answer in answers) == {503: 1, 200: 19}
    assert_whole(1)
