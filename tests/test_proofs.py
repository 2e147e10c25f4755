"""Sending proofs: once each, marked, with the digest of what production would send."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from history.models import Attempt, Delivery, Execution, Suppression, Tally
from templates_app import (
    content_blocks,
    proofing,
    publishing,
    samples,
    simulation,
)
from templates_app.models import ContentBlock, Message, Proof, ProofStatus
from templates_app.simulation import Sample
from tests import factories
from txmsg import previews, proofs
from txmsg.channels.base import Outcome, OutcomeKind
from txmsg.channels.capture import CaptureChannel
from txmsg.models import InboxMessage

pytestmark = pytest.mark.django_db

CTX = {"order": {"number": "10293", "total": "12.50"}}
ADA = ("ada@example.com", "Ada")
BOB = ("bob@example.com", "")


def never() -> bool:
    return False


def request(*recipients: tuple[str, str], message: Message | None = None) -> Proof:
    return proofing.request_proof(
        message or factories.make_message(),
        language="en",
        sample=Sample(CTX, recipient={"name": "Ada"}),
        sample_label="Context sample",
        recipients=recipients or [ADA],
    )


def outcome_of(proof: Proof) -> tuple[str, list[tuple[str, str]]]:
    proof.refresh_from_db()
    rows = proof.recipients.order_by("pk").values_list("status", "answer")
    return proof.status, list(rows)


@pytest.fixture
def channel(monkeypatch: pytest.MonkeyPatch) -> CaptureChannel:
    capture = CaptureChannel()
    for module in ("pipeline", "proofs"):
        monkeypatch.setattr(f"txmsg.{module}.get_channel", lambda _name: capture)
    return capture


def test_each_recipient_gets_it_once_marked_in_the_subject(
    channel: CaptureChannel,
) -> None:
    proof = request(ADA, BOB)
    assert proofs.send_next(never)
    assert not proofs.send_next(never)
    first, second = channel.messages
    assert (first.address, first.recipient_name) == ADA
    assert second.address == BOB[0]
    assert first.parts["subject"] == "PROOF #1 Order 10293"
    assert first.delivery_id != second.delivery_id
    status, rows = outcome_of(proof)
    assert status == ProofStatus.SENT
    assert {row[0] for row in rows} == {ProofStatus.SENT}
    assert proof.finished_at is not None


def test_preview_proof_production_and_later_render_have_one_digest(
    channel: CaptureChannel,
) -> None:
    message = factories.make_message()
    event_type = message.event_type
    assert event_type is not None
    sample = Sample(CTX, recipient={"name": "Ada"})
    seen = simulation.simulate(
        "email",
        message.content["en"],
        sample,
        about={},
        at=proofing.timezone.now(),
    ).message
    assert seen is not None
    proof = request(message=message)
    proofs.send_next(never)
    recipient = proof.recipients.get()

    publishing.publish(message)
    event_type.refresh_from_db()
    factories.accept(event_type, ctx=CTX)
    factories.drain()
    delivery = Delivery.objects.get()

    assert bytes(recipient.digest or b"") == seen.digest
    assert bytes(delivery.digest or b"") == seen.digest
    again = proofs.program("email", proof.compiled).render(
        proofing.context_for(proof), delivery_id=simulation.NOBODY, address=""
    )
    assert again.digest == seen.digest


FILE = {
    "url": "https://shop.example/{{ ctx.order.number }}.pdf",
    "name": "{{ ctx.order.number }}.pdf",
    "when_missing": "skip",
}
MJML = (
    "<mjml><mj-body><mj-section><mj-column><mj-text>{{ ctx.order.number }} "
    "{% block 'bye' %}</mj-text></mj-column></mj-section></mj-body></mjml>"
)
BLOCKS = {
    "version": 1,
    "settings": {},
    "blocks": [{"id": "b1", "kind": "heading", "text": "Hi {{ recipient.name }}"}],
}
OPTIONS = {"ios": {"subtitle": "{{ ctx.order.number }}"}, "android": {"tag": "a"}}
ONE_OF_EACH: list[tuple[str, dict[str, Any]]] = [
    ("email", {"source_kind": "mjml", "source": MJML}),
    ("email", {"source_kind": "blocks", "blocks": BLOCKS}),
    (
        "email",
        {
            "source_kind": "html",
            "source": "<p>{{ today }} v{{ message.version }}</p>",
            "attachments": [FILE],
        },
    ),
    ("sms", {"text": "{{ ctx.order.number }} v{{ message.version }}"}),
    ("push", {"title": "T", "body": "{{ ctx.order.number }}", "options": OPTIONS}),
]


@pytest.mark.parametrize(("channel_name", "content"), ONE_OF_EACH)
def test_every_kind_of_content_keeps_its_digest_from_proof_to_later_render(
    channel: CaptureChannel, channel_name: str, content: dict[str, Any]
) -> None:
    bye = ContentBlock(internal_name="bye", label="B", html="<b>Bye</b>", text="Bye")
    content_blocks.save(bye)
    if channel_name == "email":
        content = {"subject": "S", "from_address": "shop@example.com", **content}
    message = factories.make_message(channel=channel_name, content={"en": content})
    event_type = message.event_type
    assert event_type is not None
    address = {"email": ADA[0], "sms": "+33612345678", "push": "fcm:token-1"}
    proof = request((address[channel_name], ""), message=message)
    proofs.send_next(never)
    recipient = proof.recipients.get()
    assert recipient.status == ProofStatus.SENT, recipient.answer

    publishing.publish(message)
    event_type.refresh_from_db()
    to: dict[str, Any] = {
        "email": {"email": ADA[0]},
        "sms": {"phone": "+33612345678"},
        "push": {"push": [{"platform": "fcm", "token": "token-1"}]},
    }
    factories.accept(event_type, ctx=CTX, recipient={"name": "Ada", **to[channel_name]})
    factories.drain()
    delivery = Delivery.objects.get()
    assert bytes(recipient.digest or b"") == bytes(delivery.digest or b"!")
    assert previews.of_delivery(delivery.pk).match is previews.Match.SAME


def test_a_proof_of_a_real_event_holds_no_secret(channel: CaptureChannel) -> None:
    event_type = factories.make_event_type(sensitive_paths=["order.number"])
    message = factories.publish(event_type=event_type).message
    event_type.refresh_from_db()
    accepted = factories.accept(event_type, ctx={"order": {"number": "hunter2"}})
    proof = proofing.request_proof(
        message,
        language="en",
        sample=samples.load(f"event:{accepted.id}", message),
        sample_label="",
        recipients=[ADA],
    )
    proofs.send_next(never)
    [sent] = channel.messages
    assert "hunter2" not in f"{sent.parts} {proof.context} {proof.compiled}"


def test_proofs_are_in_no_statistic(channel: CaptureChannel) -> None:
    request()
    proofs.send_next(never)
    for model in (Delivery, Attempt, Execution, Tally):
        assert not model.objects.exists(), model


def test_a_suppressed_address_gets_none_and_is_told_why(
    channel: CaptureChannel,
) -> None:
    Suppression.objects.create(
        channel="email", address=ADA[0], reason=Suppression.reason.field.choices[0][0]
    )
    proof = request(ADA, BOB)
    proofs.send_next(never)
    assert [message.address for message in channel.messages] == [BOB[0]]
    status, [first, second] = outcome_of(proof)
    assert (status, first[0], second[0]) == ("failed", "failed", "sent")
    assert "suppression list" in first[1]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (OutcomeKind.ROUTE, "the way to the provider is broken: 421 later"),
        (OutcomeKind.TRANSIENT, "refused for now: 421 later"),
        (OutcomeKind.PERMANENT, "refused: 421 later"),
        (OutcomeKind.UNKNOWN, "may have been sent; the outcome is unknown: 421 later"),
        (OutcomeKind.NOT_STARTED, "Not sent: 421 later"),
    ],
)
def test_what_was_not_sent_says_so_and_is_not_repeated(
    monkeypatch: pytest.MonkeyPatch, kind: OutcomeKind, words: str
) -> None:
    capture = CaptureChannel(answers=lambda _message: Outcome(kind, answer="421 later"))
    monkeypatch.setattr(proofs, "get_channel", lambda _name: capture)
    proof = request()
    assert proofs.send_next(never)
    assert not proofs.send_next(never)
    status, [(each, answer)] = outcome_of(proof)
    assert (status, each) == (ProofStatus.FAILED, ProofStatus.FAILED)
    assert words in answer


def raising(error: Exception) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("get_channel", ValueError("EMAIL_URL is no URL"), "EMAIL_URL is no URL"),
        ("program", KeyError("html"), "a fault of txmsg itself, KeyError"),
    ],
)
def test_a_fault_of_ours_ends_the_proof_with_words(
    monkeypatch: pytest.MonkeyPatch, name: str, error: Exception, words: str
) -> None:
    proof = request()
    monkeypatch.setattr(proofs, name, raising(error))
    proofs.send_next(never)
    status, [(_, answer)] = outcome_of(proof)
    assert status == ProofStatus.FAILED
    assert words in answer


def test_a_channel_that_raises_may_have_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    capture = CaptureChannel(answers=raising(RuntimeError("lost")))
    monkeypatch.setattr(proofs, "get_channel", lambda _name: capture)
    proof = request()
    proofs.send_next(never)
    assert "It may have been sent" in outcome_of(proof)[1][0][1]


def test_between_two_recipients_it_makes_way(channel: CaptureChannel) -> None:
    proof = request(ADA, BOB)
    answers = iter([False, True])
    assert proofs.send_next(lambda: next(answers))
    assert len(channel.messages) == 1
    assert outcome_of(proof)[0] == ProofStatus.QUEUED
    assert proofs.send_next(never)
    assert [message.address for message in channel.messages] == [ADA[0], BOB[0]]
    assert outcome_of(proof)[0] == ProofStatus.SENT


def test_one_of_an_sms_is_kept_in_the_inbox_and_belongs_to_no_event() -> None:
    message = factories.make_message(channel="sms", content={"en": {"text": "Hello"}})
    request(("+33612345678", ""), message=message)
    proofs.send_next(never)
    kept = InboxMessage.objects.get()
    assert "PROOF #1 Hello" in bytes(kept.raw).decode()
    assert kept.recipient == "+33612345678"
