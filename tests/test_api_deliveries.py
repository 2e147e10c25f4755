"""GET /deliveries/{id} and /content: what became of a message, and what it said."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client

from events import ids
from events.models import ApiKey, EventContext, EventType, Work
from history import cancelling
from history.models import Delivery, Suppression
from templates_app import versions
from tests import factories
from tests.api_door import PATH, Door, open_door
from txmsg.channels.base import Outcome, OutcomeKind
from txmsg.channels.capture import CaptureChannel

pytestmark = pytest.mark.django_db

DELIVERIES = "/api/v1/deliveries"


@pytest.fixture
def door(client: Client, monkeypatch: pytest.MonkeyPatch) -> Door:
    made = open_door(client)
    factories.publish(event_type=made.event_type)
    capture = CaptureChannel()
    monkeypatch.setattr("txmsg.pipeline.get_channel", lambda _name: capture)
    return made


def sent(door: Door, **fields: Any) -> str:
    """Post an event, send it, and return the id of its delivery."""
    posted = door.post(door.body(**fields)).json()["id"]
    factories.drain()
    return str(ids.delivery_id(UUID(posted), 1))


def get(door: Door, delivery_id: Any, part: str = "") -> Any:
    headers = {"Authorization": f"Bearer {door.key}"}
    return door.client.get(f"{DELIVERIES}/{delivery_id}{part}", headers=headers)


def content(door: Door, delivery_id: Any) -> Any:
    return get(door, delivery_id, "/content")


def assert_problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), problem
    assert answer["Content-Type"] == "application/problem+json"
    return problem


def test_a_delivery_is_shown_as_its_event_shows_it(door: Door) -> None:
    delivery_id = sent(door, external_id="ord-1")
    event_id = str(ids.event_id_of(UUID(delivery_id)))
    answer = get(door, delivery_id)
    assert answer.status_code == 200
    shown = answer.json()
    (listed,) = door.get(event_id).json()["deliveries"]
    assert shown == {
        **listed,
        "event_id": event_id,
        "type": door.event_type.name,
        "external_id": "ord-1",
        "links": {
            "self": f"{DELIVERIES}/{delivery_id}",
            "content": f"{DELIVERIES}/{delivery_id}/content",
            "event": f"{PATH}/{event_id}",
        },
    }
    assert (shown["status"], len(shown["attempts"])) == ("sent", 1)


def test_what_is_learnt_later_is_shown(door: Door) -> None:
    delivery_id = sent(door)
    learnt = {
        "delivered_at": "2026-11-23T10:15:00Z",
        "bounced_at": "2026-11-23T10:16:00Z",
        "complained_at": "2026-11-23T10:17:00Z",
    }
    assert not any(get(door, delivery_id).json()[name] for name in learnt)
    Delivery.objects.update(**learnt)
    shown = get(door, delivery_id).json()
    assert shown["delivered_at"] == "2026-11-23T10:15:00.000Z"
    assert shown["complained_at"] == "2026-11-23T10:17:00.000Z"


def test_a_delivery_that_has_not_ended_is_shown_without_content(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture = CaptureChannel()
    capture._answers = lambda _message: Outcome(
        OutcomeKind.TRANSIENT, provider="capture", answer="451 later"
    )
    monkeypatch.setattr("txmsg.pipeline.get_channel", lambda _name: capture)
    delivery_id = sent(door)
    shown = get(door, delivery_id).json()
    assert (shown["status"], shown["sent_at"], shown["resolved_as"]) == (
        "retry",
        None,
        None,
    )
    problem = assert_problem(content(door, delivery_id), 409, "not_ended")
    assert problem["retryable"] is True


def test_the_content_is_what_was_sent_and_proved_to_be(door: Door) -> None:
    delivery_id = sent(door)
    answer = content(door, delivery_id)
    assert answer.status_code == 200
    shown = answer.json()
    assert shown["match"] == "same"
    assert (shown["differs"], shown["has_hidden_values"]) == ([], False)
    assert shown["parts"]["subject"] == "Order 10293"
    assert "Hello Ada" in shown["parts"]["html"]
    assert set(shown["parts"]) == {"subject", "html", "text"}
    assert shown["headers"]["from_address"] == "shop@example.com"
    assert (shown["channel"], shown["address"]) == ("email", "ada@example.com")
    assert (shown["version"], shown["attachments"]) == (1, [])
    assert shown["message"] == get(door, delivery_id).json()["message"]


def test_the_content_of_a_past_version_is_that_of_then(door: Door) -> None:
    delivery_id = sent(door)
    message = Delivery.objects.get().execution.message  # type: ignore[union-attr]
    message.content["en"]["subject"] = "Another {{ ctx.order.number }}"
    message.save()
    factories.publish(message)
    assert content(door, delivery_id).json()["parts"]["subject"] == "Order 10293"


def test_content_that_is_not_what_was_sent_says_so(door: Door) -> None:
    delivery_id = sent(door)
    context = EventContext.objects.get()
    context.ctx["order"]["number"] = "666"
    context.save()
    shown = content(door, delivery_id).json()
    assert (shown["match"], shown["parts"]["subject"]) == ("different", "Order 666")


def test_sensitive_values_are_hidden_and_the_proof_is_not_weakened(door: Door) -> None:
    EventType.objects.update(sensitive_paths=["order.number"])
    delivery_id = sent(door)
    answer = content(door, delivery_id)
    shown = answer.json()
    assert (shown["match"], shown["has_hidden_values"]) == ("same", True)
    assert shown["parts"]["subject"] == "Order ••••"
    assert "10293" not in answer.content.decode()


def test_what_was_not_handed_over_has_content_but_no_proof(
    door: Door,
) -> None:
    Suppression.objects.create(channel="email", address="ada@example.com")
    delivery_id = sent(door)
    assert content(door, delivery_id).json()["match"] == "not_sent"


def test_after_retention_the_content_is_gone(door: Door) -> None:
    delivery_id = sent(door)
    EventContext.objects.all().delete()
    assert_problem(content(door, delivery_id), 410, "data_purged")
    assert get(door, delivery_id).status_code == 200


def test_a_delivery_without_a_version_has_no_content(door: Door) -> None:
    event_id = UUID(door.post().json()["id"])
    Work.objects.update(channel="email", address="ada@example.com")
    cancelling.cancel(event_id)
    delivery_id = ids.delivery_id(event_id, 1)
    assert get(door, delivery_id).json()["status"] == "cancelled"
    assert_problem(content(door, delivery_id), 404, "no_content")


def test_an_excluded_recipient_has_a_delivery_with_its_reason(door: Door) -> None:
    Suppression.objects.create(channel="email", address="ada@example.com")
    shown = get(door, sent(door)).json()
    assert (shown["status"], shown["reason"]) == ("excluded", "suppressed")


def test_content_that_cannot_be_rendered_says_where(door: Door) -> None:
    EventType.objects.update(contract={"type": "object"})
    delivery_id = sent(door, ctx={})
    assert get(door, delivery_id).json()["reason"] == "render_error"
    problem = assert_problem(content(door, delivery_id), 409, "not_renderable")
    assert "subject, line 1" in problem["detail"]


def test_content_that_cannot_be_shown_masked_is_not_shown_at_all(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    EventType.objects.update(sensitive_paths=["order"])
    delivery_id = sent(door)
    answer = content(door, delivery_id)
    assert_problem(answer, 409, "not_renderable")
    assert "10293" not in answer.content.decode()


# Who may see it


def test_each_has_its_scope(door: Door) -> None:
    delivery_id = sent(door)
    ApiKey.objects.update(scopes=["deliveries:read"])
    assert get(door, delivery_id).status_code == 200
    problem = assert_problem(content(door, delivery_id), 403, "missing_scope")
    assert "content:read" in problem["detail"]
    ApiKey.objects.update(scopes=["content:read"])
    assert content(door, delivery_id).status_code == 200
    assert_problem(get(door, delivery_id), 403, "missing_scope")


@pytest.mark.parametrize("part", ["", "/content"])
def test_row_61_another_source_sees_nothing(door: Door, part: str) -> None:
    delivery_id = sent(door)
    stranger = Door(door.client, door.event_type, factories.make_key())
    seen, unknown = get(stranger, delivery_id, part), get(stranger, uuid4(), part)
    for answer in (seen, unknown):
        assert_problem(answer, 404, "not_found")
    assert seen.json()["detail"] == unknown.json()["detail"]


@pytest.mark.parametrize("part", ["", "/content"])
@pytest.mark.parametrize(
    "text",
    [
        "xyz",
        "%ff%fe",
        "a" * 2_000,
        "\u06601934b2c-0000-7000-8000-000000000001",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "00000000-0000-0000-0000-000000000000",
    ],
)
def test_row_25_an_odd_id_is_unknown(door: Door, part: str, text: str) -> None:
    sent(door)
    assert_problem(get(door, text, part), 404, "not_found")


@pytest.mark.parametrize("part", ["", "/content"])
def test_the_id_of_an_event_and_an_ordinal_that_is_free_are_no_deliveries(
    door: Door, part: str
) -> None:
    delivery = UUID(sent(door))
    for other in (ids.event_id_of(delivery), UUID(int=delivery.int + 1)):
        assert_problem(get(door, other, part), 404, "not_found")


@pytest.mark.parametrize("part", ["", "/content"])
def test_they_are_only_read(door: Door, part: str) -> None:
    answer: Any = door.client.post(f"{DELIVERIES}/{uuid4()}{part}")
    assert_problem(answer, 405, "method_not_allowed")
    assert answer["Allow"] == "GET, HEAD"
    refused = get(door, uuid4(), f"{part}?x=1")
    assert_problem(refused, 422, "unknown_parameter")


def test_a_version_is_never_rendered_before_the_key_is_checked(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery_id = sent(door)

    def fail(*_: Any, **__: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(versions, "render", fail)
    ApiKey.objects.update(scopes=[])
    assert_problem(content(door, delivery_id), 403, "missing_scope")
