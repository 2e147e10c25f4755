"""Previews and proofs over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from events.models import Scope, Source
from templates_app import proofing, publishing
from templates_app.models import Message, Proof
from tests import factories
from tests.api_door import Door, assert_refused, open_door
from txmsg import proofs
from txmsg.channels.capture import CaptureChannel

pytestmark = pytest.mark.django_db

CTX = {"order": {"number": "77"}}
ADA = {"address": "ada@example.com", "name": "Ada"}


@pytest.fixture
def door(client: Client) -> Door:
    return open_door(client)


@pytest.fixture
def message() -> Message:
    return factories.publish().message


def preview(door: Door, message: Message, **body: Any) -> Any:
    return door.post(body, path=f"/api/v1/messages/{message.internal_name}/preview")


def prove(door: Door, message: Message, *, key: str = "", **body: Any) -> Any:
    path = f"/api/v1/messages/{message.internal_name}/proofs"
    headers = {"Idempotency-Key": key} if key else None
    body = {"recipients": [ADA], "ctx": CTX, **body}
    return door.post(body, path=path, headers=headers)


def look(door: Door, path: str) -> Any:
    return door.client.get(path, headers={"Authorization": f"Bearer {door.key}"})


# --- previews


def test_a_preview_shows_what_would_be_sent(door: Door, message: Message) -> None:
    answer = preview(door, message, ctx=CTX, recipient={"name": "Grace"})
    shown = answer.json()
    assert answer.status_code == 200
    assert shown["parts"]["subject"] == "Order 77"
    assert "Hello Grace" in shown["parts"]["html"]
    assert "Hello Grace" in shown["parts"]["text"]
    assert shown["headers"]["from_address"] == "shop@example.com"
    assert (shown["version"], shown["language"]) == (1, "en")
    assert (shown["is_rendered"], shown["errors"]) == (True, [])
    assert shown["contract"] == {"fits": True, "would_be_refused": False, "errors": []}
    assert shown["size"]["html_bytes"] == len(shown["parts"]["html"].encode())
    assert not Proof.objects.exists()


def test_draft_published_and_numbered_versions_are_previewed(
    door: Door, message: Message
) -> None:
    message.content["en"]["subject"] = "New"
    message.save(update_fields=["content"])
    shown = {
        which: preview(door, message, ctx=CTX, version=which).json()
        for which in ("draft", "published", 1)
    }
    assert shown["draft"]["parts"]["subject"] == "New"
    assert shown["draft"]["version"] is None
    assert shown["published"] == shown[1]
    publishing.publish(message)
    assert preview(door, message, ctx=CTX).json()["parts"]["subject"] == "New"


def test_a_preview_that_fails_says_where_and_that_events_would_be_refused(
    door: Door, message: Message
) -> None:
    shown = preview(door, message, ctx={"order": {}}).json()
    assert (shown["is_rendered"], shown["parts"]) == (False, {})
    assert shown["errors"][0]["path"] == "ctx.order.number"
    assert shown["contract"]["would_be_refused"]
    assert shown["contract"]["errors"][0]["pointer"] == "/ctx/order/number"


@pytest.mark.parametrize(
    ("body", "status", "code", "pointer"),
    [
        ({"version": 2}, 404, "not_found", None),
        ({"version": 0}, 422, "invalid_choice", "/version"),
        ({"version": True}, 422, "invalid_choice", "/version"),
        ({"version": "live"}, 422, "invalid_choice", "/version"),
        ({"version": 2**40}, 422, "invalid_choice", "/version"),
        ({"ctx": []}, 422, "wrong_type", "/ctx"),
        ({"ctx": {"a": "\x00"}}, 422, "nul_character", "/ctx/a"),
        ({"language": "x" * 36}, 422, "too_long", "/language"),
        ({"recipient": {"email": "x"}}, 422, "invalid_email", "/recipient/email"),
        ({"recipient": {"timezone": "Mars"}}, 422, "invalid_timezone", None),
        ({"nonsense": 1}, 422, "unknown_field", "/nonsense"),
    ],
)
def test_a_preview_of_nonsense_is_refused(
    door: Door,
    message: Message,
    body: dict[str, Any],
    status: int,
    code: str,
    pointer: str | None,
) -> None:
    assert_refused(preview(door, message, **body), status, code, pointer)


def test_a_message_that_is_not_published_has_a_draft_only(door: Door) -> None:
    message = factories.make_message()
    problem = assert_refused(preview(door, message, ctx=CTX), 409, "not_published")
    assert problem["retryable"]
    assert preview(door, message, ctx=CTX, version="draft").json()["is_rendered"]


def test_a_preview_without_data_takes_the_sample(door: Door) -> None:
    message = factories.make_message(context_sample={"order": {"number": "S1"}})
    shown = preview(door, message, version="draft").json()
    assert shown["parts"]["subject"] == "Order S1"


# --- proofs


def test_a_proof_is_requested_sent_and_followed(
    door: Door, message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = CaptureChannel()
    monkeypatch.setattr("txmsg.proofs.get_channel", lambda _name: channel)
    answer = prove(door, message)
    shown = answer.json()
    assert (answer.status_code, shown["status"]) == (202, "queued")
    assert answer["Location"] == shown["links"]["self"]
    assert proofs.send_next(lambda: False)
    proofs.finish()
    shown = look(door, shown["links"]["self"]).json()
    assert (shown["status"], shown["number"]) == ("sent", 1)
    [recipient] = shown["recipients"]
    assert (recipient["address"], recipient["status"]) == ("ada@example.com", "sent")
    assert channel.messages[0].parts["subject"] == "PROOF #1 Order 77"
    assert Proof.objects.get().source == door.source


def test_the_same_key_sends_one_proof(door: Door, message: Message) -> None:
    first = prove(door, message, key="proof-1")
    again = prove(door, message, key="proof-1")
    assert (first.status_code, again.status_code) == (202, 200)
    assert again["Idempotent-Replayed"] == "true"
    assert again.json() == first.json()
    assert Proof.objects.count() == 1
    other = prove(door, message, key="proof-1", ctx={"order": {"number": "78"}})
    assert_refused(other, 409, "idempotency_key_reused")
    assert prove(door, message, key="proof-2").json()["number"] == 2


def test_proofs_go_to_allowed_domains_only(
    door: Door, message: Message, settings: Any
) -> None:
    settings.TXMSG_PROOF_DOMAINS = ["example.com"]
    assert prove(door, message).status_code == 202
    elsewhere = [ADA, {"address": "eve@elsewhere.example"}]
    answer = prove(door, message, recipients=elsewhere)
    problem = assert_refused(answer, 422, "domain_not_allowed", "/recipients/1/address")
    assert "elsewhere.example" not in str(problem)


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"recipients": []}, "too_short", "/recipients"),
        ({"recipients": [ADA] * 11}, "too_long", "/recipients"),
        ({"recipients": ["a@b.example"]}, "wrong_type", "/recipients/0"),
        ({"recipients": [{"address": "x"}]}, "invalid_email", "/recipients/0/address"),
        ({"recipients": [{}]}, "missing_field", "/recipients/0/address"),
        ({"language": "fr"}, "invalid_choice", "/language"),
        ({"ctx": {}}, "cannot_be_rendered", "/ctx"),
    ],
)
def test_a_proof_that_cannot_be_sent_is_refused(
    door: Door, message: Message, body: dict[str, Any], code: str, pointer: str
) -> None:
    assert_refused(prove(door, message, **body), 422, code, pointer)
    assert not Proof.objects.exists()


def test_a_key_that_is_none_is_refused(door: Door, message: Message) -> None:
    answer = prove(door, message, key="a,b")
    assert_refused(answer, 400, "invalid_idempotency_key")


@pytest.mark.parametrize("number", ["0", "2", "x", "9" * 20])
def test_a_proof_that_is_not_there_is_not_found(
    door: Door, message: Message, number: str
) -> None:
    link = prove(door, message).json()["links"]["self"]
    assert_refused(look(door, f"{link.rpartition('/')[0]}/{number}"), 404, "not_found")


# --- who may


def test_a_source_reaches_no_messages_but_those_of_its_types(
    door: Door, message: Message
) -> None:
    link = prove(door, message).json()["links"]["self"]
    Source.objects.filter(pk=door.source.pk).update(
        allowed_types=[door.event_type.name]
    )
    assert_refused(preview(door, message, ctx=CTX), 404, "not_found")
    assert_refused(prove(door, message), 404, "not_found")
    assert_refused(look(door, link), 404, "not_found")


def test_a_deleted_message_is_not_there(door: Door) -> None:
    message = factories.make_message(deleted_at="2026-01-01T00:00:00Z")
    assert_refused(preview(door, message, version="draft"), 404, "not_found")
    assert_refused(prove(door, message), 404, "not_found")


def test_previews_and_proofs_take_their_scopes(
    client: Client, message: Message
) -> None:
    event_type = factories.make_event_type()
    for scope, ask in (
        (Scope.MESSAGES_PROOF, preview),
        (Scope.MESSAGES_PREVIEW, prove),
    ):
        door = Door(client, event_type, factories.make_key(scopes=[scope]))
        assert_refused(ask(door, message), 403, "missing_scope")


def test_a_key_is_that_of_its_source(door: Door, message: Message) -> None:
    prove(door, message, key="k")
    assert proofing.waiting().count() == 1
    other = Door(door.client, door.event_type, factories.make_key())
    assert prove(other, message, key="k").json()["number"] == 2
