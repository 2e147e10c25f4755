"""The pages on a message's way to production: review, versions, roll back and more."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from events.models import Event, Work
from history.models import Delivery
from templates_app import publishing, shadow
from templates_app.admin import shadowing
from templates_app.models import Message, ShadowRun
from tests import factories
from txmsg import pipeline
from txmsg.channels.capture import CaptureChannel

pytestmark = pytest.mark.django_db

NUMBER = "<p>Order {{ ctx.order.number }}</p>"
SECRET = "<p>{{ ctx.order.number }} {{ ctx.order.code }}</p>"


def html(source: str, subject: str = "Order") -> dict[str, Any]:
    return {"en": {"subject": subject, "source_kind": "html", "source": source}}


@pytest.fixture
def page() -> Client:
    """A client of somebody who may do everything."""
    User.objects.create_superuser("rosa", password="x")
    client = Client()
    client.force_login(User.objects.get(username="rosa"))
    return client


@pytest.fixture
def message(monkeypatch: pytest.MonkeyPatch) -> Message:
    """A live message with a sample; its type hides the code of an order."""
    capture = CaptureChannel()
    monkeypatch.setattr(pipeline, "get_channel", lambda _name: capture)
    event_type = factories.make_event_type(
        contract={"type": "object"}, sensitive_paths=["order.code"]
    )
    message = factories.make_message(
        event_type,
        content=html(NUMBER),
        context_sample={"order": {"number": "A-1", "code": "0000"}},
    )
    return factories.publish(message).message


def url(message: Message, step: str, *args: object) -> str:
    return reverse(f"admin:templates_app_message_{step}", args=[message.pk, *args])


def text_of(answer: HttpResponse) -> str:
    return " ".join(answer.content.decode().split())


def edit(message: Message, content: dict[str, Any]) -> None:
    Message.objects.filter(pk=message.pk).update(
        content=content, has_unpublished_changes=True
    )


def post(message: Message, count: int = 1, **order: Any) -> None:
    assert message.event_type is not None
    for number in range(count):
        factories.accept(
            message.event_type,
            ctx={"order": {"number": f"E-{number}", **order}},
            external_id=f"E-{number}",
        )


def ask(page: Client, message: Message, **data: str) -> dict[str, Any]:
    """Post to the shadow render as the page's script does."""
    answer = page.post(
        url(message, "shadow"), data, headers={"accept": "application/json"}
    )
    found: dict[str, Any] = json.loads(answer.content)
    return found


# The review.


def test_the_review_shows_findings_with_their_places(
    page: Client, message: Message
) -> None:
    edit(message, html("<p>Hi</p>\n{{ ctx.order.number | nosuch }}"))
    shown = text_of(page.get(url(message, "publish")))
    assert "nosuch" in shown
    assert "#part=html&amp;line=2&amp;column=" in shown
    assert "data-publish" not in shown.replace("data-publish-why", "")


def test_the_review_shows_what_changed_line_by_line(
    page: Client, message: Message
) -> None:
    edit(message, html(f"{NUMBER}\n<p>Thanks</p>", subject="Your order"))
    shown = text_of(page.get(url(message, "publish")))
    assert "Changed since version 1" in shown
    assert "<td>+</td><td>Your order</td>" in shown
    assert "&lt;p&gt;Thanks&lt;/p&gt;" in shown
    assert "Last edited" in shown
    assert "Published by <strong>rosa</strong>" in shown


def test_a_render_is_started_by_the_page_and_done_by_it_if_no_worker_comes(
    page: Client, message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shadowing, "_PATIENCE_SECONDS", 600)
    monkeypatch.setattr(shadowing, "_HELP_SECONDS", 600)
    post(message, 3)
    ShadowRun.objects.all().delete()
    assert json.loads(page.get(url(message, "shadow")).content)["state"] == "none"
    begun = ask(page, message)
    assert (begun["state"], begun["total"], begun["html"]) == ("queued", 3, "")
    assert ask(page, message, more="1")["state"] == "queued"
    monkeypatch.setattr(shadowing, "_PATIENCE_SECONDS", 0)
    done = ask(page, message, more="1")
    assert (done["state"], done["done"], done["may_publish"]) == ("done", 3, True)
    assert "3 events: 3 unchanged" in done["html"]
    assert "Render again" in text_of(page.get(url(message, "publish")))


def test_newly_failing_events_are_named_and_block(
    page: Client, message: Message
) -> None:
    post(message, 2)
    edit(message, html(SECRET))
    shadow.run_now(Message.objects.get(pk=message.pk))
    shown = text_of(page.get(url(message, "publish")))
    assert "2 of 2 past events would fail." in shown
    assert "E-0 (" in shown
    assert "data-publish disabled" in shown
    answer = page.post(url(message, "publish"), {"note": ""}, follow=True)
    assert "Not published: 2 of 2 past events would fail: E-1" in text_of(answer)


def test_without_a_script_a_button_renders_and_publishing_renders_by_itself(
    page: Client, message: Message
) -> None:
    post(message)
    ShadowRun.objects.all().delete()
    answer = page.post(url(message, "shadow"), {"plain": "1"})
    assert answer["Location"] == url(message, "publish")
    assert "Waiting for a worker" in text_of(page.get(url(message, "publish")))
    page.post(url(message, "publish"), {"note": "ready"})
    message.refresh_from_db()
    assert message.live_version is not None
    assert message.live_version.number == 2
    assert message.shadow_runs.get().status == "done"


def test_a_row_opens_side_by_side_with_secrets_hidden(
    page: Client, message: Message
) -> None:
    post(message, code="s3cret")
    edit(message, html(SECRET))
    shadow.run_now(Message.objects.get(pk=message.pk))
    shown = text_of(page.get(url(message, "shadow-row", 0)))
    assert "Version 1" in shown
    assert "As it would be published" in shown
    new = page.get(url(message, "shadow-frame", 0, "new"))
    assert b"E-0" in new.content
    assert b"s3cret" not in new.content
    assert "••••" in new.content.decode()
    assert new["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert page.get(url(message, "shadow-row", 7)).status_code == 404
    assert page.get(url(message, "shadow-frame", 0, "other")).status_code == 404


def test_an_event_that_was_purged_meanwhile_is_said_to_be_gone(
    page: Client, message: Message
) -> None:
    post(message)
    run = shadow.run_now(Message.objects.get(pk=message.pk))
    run.results.update(subject="01890000-0000-7000-8000-000000000000")
    assert "was purged meanwhile" in text_of(page.get(url(message, "shadow-row", 0)))
    assert page.get(url(message, "shadow-frame", 0, "new")).status_code == 404


def test_the_publication_log_is_searched_and_downloaded(
    page: Client, message: Message
) -> None:
    publishing.pause(message, note="Spelling")
    shown = text_of(page.get(url(message, "log"), {"q": "spell"}))
    assert "Spelling" in shown
    assert "0 errors" not in shown
    assert "0 errors" in text_of(page.get(url(message, "log"), {"action": "checked"}))
    file = page.get(url(message, "log"), {"format": "text"})
    assert file["Content-Disposition"].startswith("attachment; filename=")
    lines = file.content.decode().splitlines()
    assert len(lines) == message.publication_log.count()
    assert lines[0].endswith("Paused version 1 by txmsg: Spelling")


# Versions.


def test_what_no_log_can_hold_is_searched_in_vain(
    page: Client, message: Message
) -> None:
    assert page.get(url(message, "log"), {"q": "\0"}).status_code == 200


def test_versions_are_listed_with_what_was_sent_under_each(
    page: Client, message: Message
) -> None:
    post(message, 2)
    factories.drain()
    publishing.publish(message, note="Again")
    shown = text_of(page.get(url(message, "versions")))
    assert "Again" in shown
    assert '<td data-label="Sent">2</td>' in shown
    assert url(message, "rollback", 1).split("/message/")[1].split("/", 1)[1] in shown


def test_an_old_version_says_which_one_is_live(page: Client, message: Message) -> None:
    edit(message, html("<p>New {{ ctx.order.number }}</p>"))
    publishing.publish(message)
    shown = text_of(page.get(url(message, "version", 1)))
    assert "You are viewing <strong>version 1</strong>; live is" in shown
    assert b"Order A-1" in page.get(url(message, "version-frame", 1)).content
    assert b"New A-1" in page.get(url(message, "version-frame", 2)).content
    assert page.get(url(message, "version", 9)).status_code == 404


def test_any_two_are_compared_in_source_and_rendered(
    page: Client, message: Message
) -> None:
    edit(message, html(f"{NUMBER}<hr>"))
    publishing.publish(message)
    edit(message, html(f"{NUMBER}<br>"))
    shown = text_of(page.get(url(message, "compare"), {"a": "1", "b": "2"}))
    assert "<mark>&lt;hr&gt;</mark>" in shown
    assert "Sample of" not in shown
    shown = text_of(page.get(url(message, "compare")))
    assert "Version 2 and draft" in shown
    assert "<mark>br</mark>" in shown
    shown = text_of(page.get(url(message, "compare"), {"a": "2", "b": "2"}))
    assert "Nothing differs" in shown
    assert page.get(url(message, "compare"), {"a": "x"}).status_code == 404


def test_a_draft_that_does_not_compile_is_compared_all_the_same(
    page: Client, message: Message
) -> None:
    edit(message, html("{% if %}"))
    shown = text_of(page.get(url(message, "compare")))
    assert "It cannot be rendered." in shown


def test_rolling_back_replaces_the_draft_and_opens_its_review(
    page: Client, message: Message
) -> None:
    edit(message, html("<p>New {{ ctx.order.number }}</p>"))
    publishing.publish(message)
    edit(message, html("<p>Newer</p>"))
    asked = text_of(page.get(url(message, "rollback", 1)))
    assert "There are unpublished changes." in asked
    answer = page.post(url(message, "rollback", 1))
    assert answer["Location"].endswith("publish/?note=Roll+back+to+version+1")
    review = text_of(page.get(answer["Location"]))
    assert "Roll back to version 1</textarea>" in review
    page.post(url(message, "publish"), {"note": "Roll back to version 1"})
    message.refresh_from_db()
    assert message.live_version is not None
    assert message.live_version.number == 3
    assert message.live_version.content == html(NUMBER)


def test_who_may_only_view_sees_versions_and_rolls_nothing_back(
    message: Message,
) -> None:
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_message"))
    client = Client()
    client.force_login(viewer)
    for step in ("versions", "compare", "log"):
        assert client.get(url(message, step)).status_code == 200
    assert b"Roll back" not in client.get(url(message, "versions")).content
    assert client.post(url(message, "rollback", 1)).status_code == 403
    for step in ("publish", "shadow", "waiting", "unpublish"):
        assert client.get(url(message, step)).status_code == 403
    assert client.get(url(message, "shadow-row", 0)).status_code == 403


# Pause, resume, unpublish.


def test_pause_says_until_when_and_resume_how_many(
    page: Client, message: Message
) -> None:
    post(message, 2)
    assert "Of the 2 that wait already" in text_of(page.get(url(message, "pause")))
    page.post(url(message, "pause"), {"note": ""})
    factories.drain()
    assert "2 messages wait; the first would" in text_of(
        page.get(url(message, "resume"))
    )


def test_unpublish_asks_nothing_when_nothing_waits(
    page: Client, message: Message
) -> None:
    assert "What becomes of them" not in text_of(page.get(url(message, "unpublish")))
    page.post(url(message, "unpublish"), {"note": ""})
    message.refresh_from_db()
    assert message.status == "draft"


def paused_with(message: Message, count: int) -> None:
    publishing.pause(message)
    post(message, count)
    factories.drain()
    assert set(Work.objects.values_list("stage", flat=True)) == {"paused"}


def test_what_waits_is_kept_as_not_covered(page: Client, message: Message) -> None:
    paused_with(message, 2)
    asked = text_of(page.get(url(message, "unpublish")))
    assert "2 messages wait to be sent</strong> (2 paused)" in asked
    page.post(url(message, "unpublish"), {"note": "", "waiting": "keep"})
    message.refresh_from_db()
    assert message.status == "draft"
    assert Work.objects.count() == 2
    assert not Delivery.objects.exists()

    later = text_of(page.get(url(message, "unpublish")))
    assert "is a draft</h2>" in later
    assert "Send them first" not in later
    data = {"note": "", "waiting": "drop", "reason": "expired"}
    answer = page.post(url(message, "unpublish"), data, follow=True)
    assert "2 of the 2 that waited were dropped." in text_of(answer)
    assert not Work.objects.exists()


def test_what_waits_is_dropped_with_a_reason(page: Client, message: Message) -> None:
    paused_with(message, 3)
    data = {"note": "", "waiting": "drop"}
    refused = page.post(url(message, "unpublish"), data)
    assert "Choose the reason that the history shows." in text_of(refused)
    data["reason"] = "no_published_message"
    answer = page.post(url(message, "unpublish"), data, follow=True)
    assert answer.status_code == 200
    assert not Work.objects.exists()
    ends = set(Event.objects.values_list("outcome", "reason"))
    assert ends == {("cancelled", "no_published_message")}
    message.refresh_from_db()
    assert message.status == "draft"


def test_dropping_leaves_other_channels_and_the_operator_s_alone(
    page: Client, message: Message
) -> None:
    assert message.event_type is not None
    type_id = message.event_type.pk
    post(message, 3)
    mine, other, held = Work.objects.order_by("pk")
    Work.objects.filter(pk=mine.pk).update(channel="email", stage="retry", attempts=1)
    Work.objects.filter(pk=other.pk).update(channel="sms", stage="paused")
    Work.objects.filter(pk=held.pk).update(channel="email", stage="held")
    assert Work.objects.filter(type_id=type_id).count() == 3
    page.post(
        url(message, "unpublish"),
        {"note": "", "waiting": "drop", "reason": "cancelled"},
    )
    assert list(Work.objects.order_by("pk")) == [other, held]
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.reason) == ("cancelled", "cancelled")


def test_an_event_that_asked_for_another_channel_does_not_wait_for_this_message(
    page: Client, message: Message
) -> None:
    paused_with(message, 2)
    asked = Work.objects.first()
    assert asked is not None
    Event.objects.filter(pk=asked.event_id).update(channel="sms")
    waiting = json.loads(page.get(url(message, "waiting")).content)
    assert waiting == {"total": 1, "words": "1 paused"}
    data = {"note": "", "waiting": "drop", "reason": "cancelled"}
    page.post(url(message, "unpublish"), data)
    assert list(Work.objects.values_list("pk", flat=True)) == [asked.pk]


def test_unpublish_names_events_that_have_no_channel_yet(
    page: Client, message: Message
) -> None:
    factories.publish(
        event_type=message.event_type,
        channel="sms",
        content={"en": {"text": "Order {{ ctx.order.number }}"}},
    )
    paused_with(message, 1)
    Work.objects.update(channel="", stage="paused")
    asked = text_of(page.get(url(message, "unpublish")))
    assert "1 event of its type has no channel yet." in asked


def test_the_pages_of_a_deleted_message_are_gone(
    page: Client, message: Message
) -> None:
    publishing.unpublish(message)
    publishing.delete(message)
    for step in ("versions", "compare", "log", "publish", "proofs", "simulate"):
        assert page.get(url(message, step)).status_code == 404
    assert page.get(url(message, "version", 1)).status_code == 404


def test_what_waits_is_sent_first_and_the_page_comes_back(
    page: Client, message: Message
) -> None:
    paused_with(message, 2)
    answer = page.post(url(message, "unpublish"), {"note": "", "waiting": "send"})
    assert answer["Location"].endswith("?sending=1")
    message.refresh_from_db()
    assert message.status == "published"
    # Outside of a request no hook runs here; the sweeper does the same.
    publishing.waking.forget_passes()
    publishing.wake_parked()
    shown = text_of(page.get(answer["Location"]))
    assert "<strong>2 still to be sent</strong>" in shown
    waiting = json.loads(page.get(url(message, "waiting")).content)
    assert waiting["total"] == 2
    factories.drain()
    assert Delivery.objects.filter(status="sent").count() == 2
    shown = text_of(page.get(answer["Location"]))
    assert "Everything that waited was sent." in shown
    page.post(url(message, "unpublish"), {"note": ""})
    message.refresh_from_db()
    assert message.status == "draft"
