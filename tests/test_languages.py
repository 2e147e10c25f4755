"""The languages of a draft, in code and on their pages."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from events.languages import asked_for
from templates_app import editing, languages
from templates_app.models import Message
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def page() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("author", password="x"))
    return client


def make_message() -> Message:
    message = factories.make_message()
    message.refresh_from_db()
    return message


def url(message: Message, step: str, *arguments: str) -> str:
    return reverse(f"admin:templates_app_message_{step}", args=[message.pk, *arguments])


def seen(message: Message) -> dict[str, str]:
    message.refresh_from_db()
    return {"seen": message.modified_at.isoformat()}


def test_a_language_begins_as_a_copy_that_is_its_own() -> None:
    message = make_message()
    added = languages.add(message, "pt-BR", seen=message.modified_at)
    assert added.content["pt-BR"] == added.content["en"]
    changed = editing.save(
        added,
        values={},
        content={"subject": "Olá"},
        seen=added.modified_at,
        language="pt-BR",
    )
    assert changed.content["pt-BR"]["subject"] == "Olá"
    assert changed.content["en"]["subject"] == "Order {{ ctx.order.number }}"


@pytest.mark.parametrize("tag", ["", "xx-nowhere", "en", "../x"])
def test_only_known_languages_are_added_and_only_once(tag: str) -> None:
    message = make_message()
    with pytest.raises(languages.NoSuchLanguage):
        languages.add(message, tag, seen=message.modified_at)


def test_the_default_is_kept_until_another_one_is_it() -> None:
    message = make_message()
    message = languages.add(message, "pl", seen=message.modified_at)
    with pytest.raises(languages.Needed):
        languages.delete(message, "en", seen=message.modified_at)
    message = languages.make_default(message, "pl", seen=message.modified_at)
    message = languages.delete(message, "en", seen=message.modified_at)
    assert list(message.content) == ["pl"]
    assert message.default_language == "pl"


def test_a_change_of_somebody_else_is_not_overwritten() -> None:
    message = make_message()
    was_seen = message.modified_at
    languages.add(message, "pl", seen=was_seen)
    with pytest.raises(editing.Stale):
        languages.add(message, "de", seen=was_seen)


def test_a_language_that_was_deleted_meanwhile_is_not_saved() -> None:
    message = make_message()
    with pytest.raises(editing.NotEditable):
        editing.save(
            message, values={}, content={}, seen=message.modified_at, language="pl"
        )


def test_the_report_tells_written_from_copied_and_empty() -> None:
    message = make_message()
    message.content["pl"] = {**message.content["en"], "subject": "Zamówienie"}
    default, polish = languages.report(message)
    assert default.is_default
    assert {cell.label: cell.state for cell in polish.cells} == {
        "Subject": "filled",
        "Preheader": "empty",
        "Body": "same",
        "Text part": "empty",
        "From name": "same",
    }


def test_the_report_names_what_recipients_ask_for_in_vain() -> None:
    message = make_message()
    rows = languages.report(
        message, {"en-AU": 2, "de_at": 3, "de": 1, "en": 4, "pl-PL": 1}
    )
    asked = {row.tag: (row.asked, row.is_missing) for row in rows}
    assert asked == {"en": (6, False), "de": (4, True), "pl": (1, True)}
    assert [row.name for row in rows] == ["English", "German", "Polish"]


def test_the_newest_events_are_asked_for_their_languages() -> None:
    event_type = factories.make_event_type()
    factories.publish(event_type=event_type)
    for language in ("pl", "pl", "de"):
        recipient = {"email": "ada@example.com", "language": language}
        factories.accept(event_type, recipient=recipient)
    factories.accept(event_type, recipient={"email": "ada@example.com"})
    assert asked_for(event_type) == {"pl": 2, "de": 1}
    assert asked_for(event_type, limit=2) == {"de": 1}


def test_languages_are_added_changed_and_deleted_on_their_page(page: Client) -> None:
    message = make_message()
    shown = page.get(url(message, "languages")).content.decode()
    assert "Polish (pl)" in shown
    answer = page.post(url(message, "add-language"), {"tag": "pl", **seen(message)})
    assert answer["Location"] == f"{url(message, 'change')}?language=pl"
    asked = page.get(url(message, "language", "pl", "default"))
    assert "will get Polish instead of English" in asked.content.decode()
    page.post(url(message, "language", "pl", "default"), seen(message))
    message.refresh_from_db()
    assert message.default_language == "pl"
    asked = page.get(url(message, "language", "pl", "delete")).content.decode()
    assert "is the default language" in asked
    page.post(url(message, "language", "en", "delete"), seen(message))
    message.refresh_from_db()
    assert list(message.content) == ["pl"]


def test_a_copy_from_the_default_asks_before_it_overwrites(page: Client) -> None:
    message = make_message()
    languages.add(message, "pl", seen=message.modified_at)
    message.refresh_from_db()
    message.content["pl"]["subject"] = "Zamówienie"
    message.save()
    asked = page.get(url(message, "language", "pl", "copy")).content.decode()
    assert "is overwritten" in asked
    page.post(url(message, "language", "pl", "copy"), seen(message))
    message.refresh_from_db()
    assert message.content["pl"] == message.content["en"]


def test_a_change_without_what_was_seen_is_refused_with_words(page: Client) -> None:
    message = make_message()
    answer = page.post(
        url(message, "add-language"), {"tag": "pl", "seen": "never"}, follow=True
    )
    assert b"meanwhile" in answer.content
    message.refresh_from_db()
    assert list(message.content) == ["en"]


def test_one_language_at_a_time_is_shown_and_saved(page: Client) -> None:
    message = make_message()
    message.content["pl"] = {**message.content["en"], "subject": "Zamówienie"}
    message.save()
    shown = page.get(url(message, "change"), {"language": "pl"})
    form = shown.context["form"]
    assert form["subject"].value() == "Zamówienie"
    values = {
        name: form[name].value() or ""
        for name, field in form.fields.items()
        if not field.disabled
    }
    answer = page.post(
        f"{url(message, 'change')}?language=pl",
        {**values, "subject": "Nowe", "language": "pl", "_next": "change"},
    )
    assert answer["Location"].endswith("?language=pl")
    message.refresh_from_db()
    assert message.content["pl"]["subject"] == "Nowe"
    assert message.content["en"]["subject"] == "Order {{ ctx.order.number }}"
    unknown = page.get(url(message, "change"), {"language": "xx"})
    assert unknown.context["form"].language == "en"


def test_the_preview_speaks_the_language_of_the_page(page: Client) -> None:
    message = make_message()
    message.content["de"] = {
        **message.content["en"],
        "subject": "{{ 1259.5 | money: 'EUR' }}",
    }
    message.save()
    answer = page.post(
        url(message, "preview"),
        {"language": "de", "context_sample": '{"order": {"number": "1"}}'},
    ).json()
    assert answer["parts"]["subject"] == "1.259,50\xa0€"
