"""The pages of proofs: who gets one, confirmed; what became of it; all of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from templates_app import samples
from templates_app.models import Message, Proof, Template, TestProfile
from tests import factories
from txmsg import proofs
from txmsg.channels.base import Outcome, OutcomeKind
from txmsg.channels.capture import CaptureChannel

pytestmark = pytest.mark.django_db


@pytest.fixture
def author() -> User:
    return User.objects.create_superuser("author", "me@example.com", "x")


@pytest.fixture
def page(author: User) -> Client:
    client = Client()
    client.force_login(author)
    return client


@pytest.fixture
def message() -> Message:
    return factories.make_message(context_sample={"order": {"number": "A-1"}})


def url(draft: Message | Template, step: str, *more: object) -> str:
    name = f"admin:templates_app_{draft._meta.model_name}_{step}"
    return reverse(name, args=[draft.pk, *more])


def text(answer: Any) -> str:
    return str(answer.content.decode())


def test_the_page_says_what_is_sent_and_offers_my_own_address(
    page: Client, message: Message
) -> None:
    shown = text(page.get(url(message, "proof")))
    assert "PROOF #1 Order A-1" in shown
    assert "Me, me@example.com" in shown
    assert Proof.objects.count() == 0


def test_nothing_is_requested_before_it_is_confirmed(
    page: Client, message: Message
) -> None:
    profile = TestProfile.objects.create(label="Vip", email="vip@example.com")
    given = {
        "to_me": "on",
        "profiles": [profile.pk],
        "typed": "ada@example.com, bob@example.com",
    }
    asked = page.post(url(message, "proof"), given)
    assert "Send this to 4 addresses?" in text(asked)
    assert Proof.objects.count() == 0
    again = dict(given)
    for name, value in asked.context["posted"]:
        assert str(value) in str(again[name])
    back = page.post(url(message, "proof"), {**given, "_back": "1"})
    assert "bob@example.com</textarea>" in text(back)
    assert Proof.objects.count() == 0

    done = page.post(url(message, "proof"), {**given, "_confirm": "1"})
    proof = Proof.objects.get()
    assert done["Location"] == url(message, "proof_log", 1)
    assert proof.requested_by is not None
    addresses = proof.recipients.order_by("pk").values_list("address", flat=True)
    assert list(addresses) == [
        "me@example.com",
        "vip@example.com",
        "ada@example.com",
        "bob@example.com",
    ]


def test_sample_and_language_are_those_of_the_simulation(
    page: Client, message: Message
) -> None:
    message.content["de"] = {
        **message.content["en"],
        "subject": "Bestellung {{ ctx.order.number }}",
    }
    message.save()
    assert message.event_type is not None
    message.event_type.sample = {"order": {"number": "T-2"}}
    message.event_type.save()
    address = url(message, "proof") + "?sample=type&language=de"
    assert "PROOF #1 Bestellung T-2" in text(page.get(address))
    page.post(address, {"to_me": "on", "typed": "", "_confirm": "1"})
    proof = Proof.objects.get()
    assert proof.language == "de"
    assert proof.sample_label == samples.load("type", message).label
    assert page.get(url(message, "proof") + "?sample=sample:99").status_code == 404
    answer = page.get(url(message, "proof") + "?language=fr")
    assert answer.status_code == 422
    assert "no content in the language fr" in text(answer)


def test_an_address_that_is_refused_is_named_and_what_was_typed_stays(
    page: Client, message: Message, settings: Any
) -> None:
    settings.TXMSG_PROOF_DOMAINS = ["example.com"]
    given = {"typed": "ada@elsewhere.org", "_confirm": "1"}
    answer = page.post(url(message, "proof"), given)
    assert answer.status_code == 422
    assert "ada@elsewhere.org is not at example.com" in text(answer)
    assert "ada@elsewhere.org</textarea>" in text(answer)
    assert Proof.objects.count() == 0


def test_content_that_does_not_render_is_to_be_mended_first(page: Client) -> None:
    message = factories.make_message(context_sample={})
    answer = page.get(url(message, "proof"))
    assert answer.status_code == 422
    assert "ctx.order" in text(answer)
    assert "Mend the content" in text(answer)
    assert "Continue" not in text(answer)


def test_without_an_address_of_ones_own_it_is_not_offered(message: Message) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("other", password="x"))
    shown = text(client.get(url(message, "proof")))
    assert "Your own account has no email address" in shown
    assert 'name="to_me"' not in shown


def test_only_profiles_that_can_be_reached_are_offered(
    page: Client, message: Message
) -> None:
    TestProfile.objects.create(label="Reachable", email="vip@example.com")
    TestProfile.objects.create(label="No address", phone="+33612345678")
    other = factories.make_event_type()
    TestProfile.objects.create(label="Other", email="x@example.com", event_type=other)
    shown = text(page.get(url(message, "proof")))
    assert "Reachable, vip@example.com" in shown
    assert "No address" not in shown
    assert "Other, x@example.com" not in shown


def sent_proof(
    page: Client, message: Message, monkeypatch: pytest.MonkeyPatch
) -> CaptureChannel:
    capture = CaptureChannel()
    monkeypatch.setattr(proofs, "get_channel", lambda _name: capture)
    page.post(url(message, "proof"), {"to_me": "on", "typed": "", "_confirm": "1"})
    assert proofs.send_next(lambda: False)
    return capture


def test_its_page_says_where_it_stands_and_what_was_said(
    page: Client, message: Message, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    page.post(url(message, "proof"), {"to_me": "on", "typed": "", "_confirm": "1"})
    state = url(message, "proof_state", 1)
    before = page.get(state).json()
    assert (before["label"], before["is_open"]) == ("Waiting for a worker", True)
    assert not before["is_late"]
    shown = text(page.get(url(message, "proof_log", 1)))
    assert f'data-proof="{state}"' in shown
    assert "me@example.com" in shown

    Proof.objects.update(created_at=Proof.objects.get().created_at - timedelta(hours=1))
    assert page.get(state).json()["is_late"]

    monkeypatch.setattr(proofs, "get_channel", lambda _name: CaptureChannel())
    proofs.send_next(lambda: False)
    after = page.get(state).json()
    assert (after["status"], after["is_open"]) == ("sent", False)
    assert not after["is_late"]
    [recipient] = after["recipients"]
    assert recipient["label"] == "Sent"
    assert recipient["answer"].startswith("Kept, not sent")
    settings.TXMSG_EMBEDDED_INBOX = True
    inbox = reverse("admin:txmsg_inboxmessage_changelist") + "?q=me%40example.com"
    assert inbox in text(page.get(url(message, "proof_log", 1)))
    settings.TXMSG_EMBEDDED_INBOX = False
    assert inbox not in text(page.get(url(message, "proof_log", 1)))
    assert "data-proof=" not in text(page.get(url(message, "proof_log", 1)))
    assert page.get(url(message, "proof_log", 2)).status_code == 404


def test_the_list_says_which_proofs_are_of_other_content(
    page: Client, message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "No proof has been sent" in text(page.get(url(message, "proofs")))
    sent_proof(page, message, monkeypatch)
    shown = text(page.get(url(message, "proofs")))
    assert "1 of 1 sent" in shown
    assert "Content has changed since" not in shown
    message.content["en"]["subject"] = "Another"
    message.save()
    assert "Content has changed since" in text(page.get(url(message, "proofs")))
    log = text(page.get(url(message, "proof_log", 1)))
    assert "The content has changed since" in log


def test_a_proof_that_some_got_is_not_called_failed(
    page: Client, message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"to_me": "on", "typed": "ada@example.com", "_confirm": "1"}
    page.post(url(message, "proof"), given)
    answers = iter(["sent", "permanent"])
    capture = CaptureChannel(
        answers=lambda _message: Outcome(OutcomeKind(next(answers)), answer="said")
    )
    monkeypatch.setattr(proofs, "get_channel", lambda _name: capture)
    proofs.send_next(lambda: False)
    state = page.get(url(message, "proof_state", 1)).json()
    assert (state["status"], state["label"]) == ("failed", "1 of 2 sent")
    assert "1 of 2 sent" in text(page.get(url(message, "proofs")))


def test_a_template_is_proofed_too(page: Client) -> None:
    template = Template.objects.create(
        label="T",
        internal_name="t",
        channel="sms",
        content={"en": {"text": "Hello {{ ctx.name }}"}},
        context_sample={"name": "Li"},
    )
    shown = text(page.get(url(template, "proof")))
    assert "PROOF #1 Hello Li" in shown
    given = {"typed": "+33612345678", "_confirm": "1"}
    done = page.post(url(template, "proof"), given)
    assert done["Location"] == url(template, "proof_log", 1)
    assert Proof.objects.get().template == template
    assert page.get(url(template, "proofs")).status_code == 200


def test_a_second_click_sends_no_second_proof(page: Client, message: Message) -> None:
    given = {"to_me": "on", "typed": ""}
    asked = page.post(url(message, "proof"), given)
    assert 'name="number" value="1"' in text(asked)
    confirmed = {**given, "number": "1", "_confirm": "1"}
    for _ in range(2):
        answer = page.post(url(message, "proof"), confirmed)
        assert answer["Location"] == url(message, "proof_log", 1)
    assert Proof.objects.count() == 1


@pytest.mark.parametrize("typed", ["a@b.example\r\nBcc: x@y.example", "a@b.c\0d"])
def test_no_line_end_gets_into_an_address(
    page: Client, message: Message, typed: str
) -> None:
    page.post(url(message, "proof"), {"typed": typed, "_confirm": "1"})
    assert not Proof.objects.exists()
