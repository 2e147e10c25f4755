"""Requests for proofs: what they freeze, whom they refuse, who may go on with one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User

from events import doorbell
from templates_app import content_blocks, proofing, publishing, snapshots
from templates_app.models import (
    ContentBlock,
    Message,
    Proof,
    ProofRecipient,
    ProofStatus,
    Template,
)
from templates_app.proofing import Asking, KeyReused, ProofRefused
from templates_app.simulation import Sample
from tests import factories

pytestmark = pytest.mark.django_db

CTX = {"order": {"number": "10293", "total": Decimal("12.50")}}
ADA = [("ada@example.com", "Ada")]


def request(draft: Message | Template | None = None, **fields: Any) -> Proof:
    facts: dict[str, Any] = {
        "language": "en",
        "sample": Sample(CTX),
        "sample_label": "Context sample",
        "recipients": ADA,
    }
    draft = draft or factories.make_message()
    return proofing.request_proof(draft, **{**facts, **fields})


def refusal(**fields: Any) -> list[str]:
    with pytest.raises(ProofRefused) as refused:
        request(**fields)
    assert not Proof.objects.exists()
    return refused.value.problems


def status_of(recipient: ProofRecipient) -> tuple[str, str]:
    recipient.refresh_from_db()
    return recipient.status, recipient.answer


# --- requesting


def test_a_request_is_counted_for_each_draft_and_waits() -> None:
    message = factories.make_message()
    first, second, other = request(message), request(message), request()
    assert [proof.number for proof in (first, second, other)] == [1, 2, 1]
    assert first.status == ProofStatus.QUEUED
    assert first.message == message
    [recipient] = first.recipients.all()
    assert (recipient.address, recipient.name) == ADA[0]


def test_the_same_confirmation_twice_is_one_proof() -> None:
    message, author = factories.make_message(), User.objects.create(username="a")
    first = request(message, requested_by=author, number=1)
    assert request(message, requested_by=author, number=1) == first
    assert first.recipients.count() == 1
    other = User.objects.create(username="b")
    assert request(message, requested_by=other, number=1).number == 2
    assert request(message, requested_by=author, number=3).number == 3


def test_the_same_key_of_a_source_is_one_proof() -> None:
    message, source_id = factories.make_message(), factories.make_caller().source_id
    asking = Asking(source_id, "key-1", "what was asked")
    first = request(message, asking=asking)
    assert first.source_id == source_id
    message.content = {"en": {}}
    assert request(message, asking=asking) == first
    assert request(factories.make_message(), asking=asking) == first
    other = Asking(factories.make_caller().source_id, "key-1", "something else")
    assert request(asking=other) != first
    with pytest.raises(KeyReused):
        request(message, asking=Asking(source_id, "key-1", "something else"))


def test_without_a_key_each_request_is_a_proof() -> None:
    message, asking = (
        factories.make_message(),
        Asking(factories.make_caller().source_id),
    )
    assert request(message, asking=asking) != request(message, asking=asking)


def test_the_same_key_for_two_messages_at_once_is_one_proof(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asking = Asking(factories.make_caller().source_id, "key-1", "what was asked")
    first = request(asking=asking)
    blind = iter([None, None, first])
    monkeypatch.setattr(proofing, "earlier", lambda _asking: next(blind))
    assert request(asking=asking) == first
    assert Proof.objects.count() == 1


def test_a_proof_knows_the_number_that_publishing_will_give() -> None:
    content = {"en": {"text": "Version {{ message.version }}"}}
    message = factories.make_message(channel="sms", content=content)
    sample = Sample({})
    prepared = proofing.prepare(message, language="en", sample=sample)
    version = publishing.publish(message)
    assert prepared.message.parts["text"] == f"Version {version.number}"
    assert snapshots.about(message)["version"] == 2


def test_a_template_has_proofs_too() -> None:
    template = Template.objects.create(
        label="T", internal_name="t", channel="sms", content={"en": {"text": "Hello"}}
    )
    proof = request(template, recipients=[("+33612345678", "")])
    assert (proof.template, proof.message, proof.number) == (template, None, 1)


def test_an_edit_in_the_meantime_changes_nothing_of_it_and_is_noticed() -> None:
    message = factories.make_message()
    proof = request(message)
    assert proofing.changed_since(message, [proof]) == set()
    message.content["en"]["subject"] = "Another"
    message.save()
    assert proofing.changed_since(message, [proof]) == {1}
    proof.refresh_from_db()
    assert "Another" not in str(proof.compiled)
    message.content = {"de": {}}
    assert proofing.changed_since(message, [proof]) == {1}


def test_a_change_of_a_content_block_is_noticed_too() -> None:
    block = ContentBlock(label="F", internal_name="footer", html="<p>A</p>", text="A")
    content_blocks.save(block)
    message = factories.make_message(channel="sms")
    message.content = {"en": {"text": "Hello {% block 'footer' %}"}}
    message.save()
    proof = request(message, recipients=[("+33612345678", "")])
    assert proofing.changed_since(message, [proof]) == set()
    block.text = "B"
    content_blocks.save(block)
    assert proofing.changed_since(message, [proof]) == {1}


def test_numbers_keep_the_digits_they_came_with() -> None:
    context = proofing.context_for(request())
    assert str(context.ctx["order"]["total"]) == "12.50"
    assert context.ctx == CTX
    assert context.content_language == "en"


def test_it_rings_once_the_request_is_committed(
    django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rings: list[bool] = []
    monkeypatch.setattr(doorbell, "ring_authors", lambda: rings.append(True))
    with django_capture_on_commit_callbacks(execute=True):
        request()
        assert rings == []
    assert rings == [True]


@pytest.mark.parametrize(
    ("recipients", "words"),
    [
        ([], "at least one address"),
        ([("ada", "")], "ada is not a valid address"),
        ([("Ada <ada@example.com>", "")], "put the name"),
        ([(f"a{n}@example.com", "") for n in range(11)], "10 at most"),
    ],
)
def test_addresses_that_cannot_be_used_are_named(
    recipients: list[tuple[str, str]], words: str
) -> None:
    [problem] = refusal(recipients=recipients)
    assert words in problem


def test_every_wrong_address_is_named_at_once() -> None:
    wrong = [("ada", ""), ("bob@", ""), *ADA]
    assert len(refusal(recipients=wrong)) == 2


@pytest.mark.parametrize(
    ("channel", "typed", "words"),
    [
        ("sms", "0612345678", "E.164"),
        ("push", "some-token", "fcm:TOKEN"),
        ("push", "pager:some-token", "platform"),
    ],
)
def test_addresses_are_those_of_the_channel(
    channel: str, typed: str, words: str
) -> None:
    with pytest.raises(ProofRefused, match=words):
        proofing.checked_recipients(channel, [(typed, "")])


def test_an_address_given_twice_gets_one_proof() -> None:
    twice = [("ada@example.com", "Ada"), ("ADA@Example.com", "")]
    assert proofing.checked_recipients("email", twice) == ADA


def test_with_domains_set_others_are_refused_with_what_to_do(settings: Any) -> None:
    settings.TXMSG_PROOF_DOMAINS = ["Example.com"]
    assert request().pk
    Proof.objects.all().delete()
    [problem] = refusal(recipients=[("ada@sub.example.com", "")])
    assert "is not at example.com" in problem
    assert "sub.example.com added to TXMSG_PROOF_DOMAINS" in problem
    assert proofing.checked_recipients("sms", [("+33612345678", "")])


def test_content_that_does_not_render_is_refused_with_its_place() -> None:
    [problem] = refusal(sample=Sample({"order": {}}))
    assert "ctx.order.number" in problem
    message = factories.make_message()
    message.content["en"]["subject"] = "{{ ctx.order.number | shout }}"
    [problem] = refusal(draft=message)
    assert "subject, line 1" in problem


def test_a_language_without_content_is_refused() -> None:
    assert refusal(language="fr") == ["It has no content in the language fr."]


@pytest.mark.parametrize(
    ("channel", "content", "part", "text"),
    [
        ("sms", {"text": "Order {{ ctx.order.number }}"}, "text", "Order 10293"),
        ("push", {"title": "Order", "body": "Hi"}, "title", "Order"),
    ],
)
def test_a_proof_says_that_it_is_one(
    channel: str, content: dict[str, str], part: str, text: str
) -> None:
    message = factories.make_message(channel=channel, content={"en": content})
    plain = proofing.prepare(message, language="en", sample=Sample(CTX)).message
    marked = proofing.marked(plain, 7)
    assert marked.parts[part] == f"PROOF #7 {text}"
    assert plain.parts[part] == text


# --- going on with one


def test_who_claims_a_proof_has_it_alone() -> None:
    older, newer = request(), request()
    assert proofing.claim() == older
    assert proofing.claim() == newer
    assert proofing.claim() is None
    assert not proofing.waiting().exists()


def test_a_proof_ends_with_its_last_recipient() -> None:
    request(recipients=[*ADA, ("bob@example.com", "")])
    proof = proofing.claim()
    assert proof is not None
    first, second = proof.recipients.order_by("pk")
    at = datetime(2026, 11, 23, tzinfo=UTC)
    assert proofing.mark(proof, first)
    assert status_of(first)[0] == ProofStatus.SENDING
    proofing.record(first, is_sent=True, answer="250 OK", digest=b"d" * 16, at=at)
    proofing.settle(proof)
    proof.refresh_from_db()
    assert proof.status == ProofStatus.QUEUED, "the second is for the next worker"

    proof = proofing.claim()
    assert proof is not None
    assert not proofing.mark(proof, first), "it was sent to already"
    assert proofing.mark(proof, second)
    proofing.record(second, is_sent=False, answer="550 no such user")
    proofing.settle(proof)
    proof.refresh_from_db()
    assert (proof.status, proof.finished_at is None) == (ProofStatus.FAILED, False)
    assert status_of(first) == (ProofStatus.SENT, "250 OK")
    assert first.sent_at == at
    assert status_of(second) == (ProofStatus.FAILED, "550 no such user")
    assert second.sent_at is None


def test_what_a_dead_worker_was_sending_is_not_repeated() -> None:
    request(recipients=[*ADA, ("bob@example.com", "")])
    dead = proofing.claim()
    assert dead is not None
    first, second = dead.recipients.order_by("pk")
    assert proofing.mark(dead, first)
    assert proofing.claim() is None, "it is held to be alive"
    long_ago = dead.begun_at - timedelta(seconds=proofing.STALE_SECONDS + 1)
    Proof.objects.update(begun_at=long_ago)

    heir = proofing.claim()
    assert heir is not None
    assert status_of(first) == (ProofStatus.FAILED, proofing.MAYBE_SENT)
    assert status_of(second)[0] == ProofStatus.QUEUED
    assert proofing.mark(heir, second)


def test_a_worker_that_wakes_up_too_late_changes_nothing() -> None:
    request(recipients=[*ADA, ("bob@example.com", "")])
    frozen = proofing.claim()
    assert frozen is not None
    first, second = frozen.recipients.order_by("pk")
    assert proofing.mark(frozen, first)
    Proof.objects.update(begun_at=frozen.begun_at - timedelta(seconds=60))
    heir = proofing.claim()
    assert heir is not None

    proofing.record(first, is_sent=True, answer="250 OK")
    assert status_of(first)[0] == ProofStatus.FAILED
    assert not proofing.mark(frozen, second)
    assert status_of(second)[0] == ProofStatus.QUEUED
    proofing.settle(frozen)
    heir.refresh_from_db()
    assert heir.status == ProofStatus.SENDING
