"""Messages rendered with given data: the draft, what is live, an older version."""

from __future__ import annotations

from typing import Any

import pytest

from templates_app import publishing, rehearsing
from templates_app.models import Message
from templates_app.rehearsing import Rehearsal, Which
from tests import factories

pytestmark = pytest.mark.django_db

CTX = {"order": {"number": "77"}}


def rehearse(message: Message, which: Which = "draft", **fields: Any) -> Rehearsal:
    given = {"ctx": CTX, "recipient": {"name": "Ada"}, **fields}
    return rehearsing.rehearse(message, which=which, **given)


def subject_of(found: Rehearsal) -> str:
    assert found.simulated.message, found.simulated.errors
    return found.simulated.message.parts["subject"]


def with_subject(subject: str, **fields: str) -> dict[str, str]:
    return {
        "subject": subject,
        "source_kind": "html",
        "source": factories.HTML,
        "from_name": "Shop",
        "from_address": "shop@example.com",
        **fields,
    }


def test_draft_live_and_older_versions_are_told_apart() -> None:
    message = factories.make_message(content={"en": with_subject("One")})
    for subject in ("Two", "Three"):
        publishing.publish(message)
        message.content["en"]["subject"] = subject
        message.save(update_fields=["content"])
    message.refresh_from_db()
    assert subject_of(rehearse(message, "draft")) == "Three"
    assert subject_of(rehearse(message, "published")) == "Two"
    assert subject_of(rehearse(message, 1)) == "One"
    assert rehearse(message, "draft").version is None
    live = rehearse(message, "published").version
    assert live
    assert live.number == 2


def test_what_is_not_there_is_said() -> None:
    message = factories.make_message()
    with pytest.raises(rehearsing.NotPublished):
        rehearse(message, "published")
    with pytest.raises(rehearsing.NotThere):
        rehearse(message, 7)


def test_the_nearest_language_is_rendered_and_named() -> None:
    content = {"en": with_subject("Hello"), "pt": with_subject("Olá")}
    message = factories.make_message(content=content)
    found = rehearse(message, language="pt-BR")
    assert (found.language, subject_of(found)) == ("pt", "Olá")
    found = rehearse(message, language="fr")
    assert (found.language, subject_of(found)) == ("en", "Hello")


def test_without_data_those_of_the_sample_are_used() -> None:
    message = factories.make_message(context_sample={"order": {"number": "9"}})
    assert subject_of(rehearse(message, ctx=None)) == "Order 9"


@pytest.mark.parametrize("which", ["draft", 1])
def test_data_that_break_the_contract_are_named_with_pointers(which: Which) -> None:
    message = factories.publish().message
    found = rehearse(message, which, ctx={"order": {"number": 5}})
    assert [(each.pointer, each.code) for each in found.misfits] == [
        ("/ctx/order/number", "wrong_type")
    ]
    assert found.is_strict


def test_what_cannot_be_rendered_is_an_answer_with_its_place() -> None:
    message = factories.publish().message
    found = rehearse(message, 1, ctx={})
    assert found.simulated.message is None
    [error] = found.simulated.errors
    assert error["part"] == "subject"
    assert [each.pointer for each in found.misfits] == ["/ctx/order"]


@pytest.mark.parametrize("which", ["draft", 1])
def test_findings_come_with_what_is_rendered(which: Which) -> None:
    content = {"en": with_subject("{{ ctx.order.number }}", preheader="")}
    message = factories.make_message(content=content)
    publishing.publish(message)
    found = rehearse(message, which)
    assert subject_of(found) == "77"
    assert all(not finding.is_error for finding in found.findings)
    assert "preheader_missing" in {finding.code for finding in found.findings}
