"""The authors' pages: from a template to a published message, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings
from pytest_django.fixtures import DjangoAssertNumQueries

from events.models import ContractMode, EventType
from history.models import Execution, Tally
from templates_app import creating, editing, publishing
from templates_app.admin import cells
from templates_app.models import Message, MessageStatus, Template
from txmsg.admin.browse import kept_here

pytestmark = pytest.mark.django_db

SOURCE = (
    "<mjml><mj-body><mj-section><mj-column><mj-text>Hi {{ ctx.name }}</mj-text>"
    "</mj-column></mj-section></mj-body></mjml>"
)
CONTENT = {"subject": "Hello {{ ctx.name }}", "source_kind": "mjml", "source": SOURCE}


@pytest.fixture
def author() -> User:
    return User.objects.create_superuser("author", password="x")


@pytest.fixture
def page(author: User) -> Client:
    client = Client()
    client.force_login(author)
    return client


def make_template(**values: Any) -> Template:
    facts = {
        "label": "Welcome",
        "internal_name": "welcome",
        "channel": "email",
        "nature": "greeting",
        "context_sample": {"name": "Zoë"},
        "content": {"en": dict(CONTENT), "de": {**CONTENT, "subject": "Hallo"}},
    }
    return Template.objects.create(**{**facts, **values})


def make_message(*, bound: bool = True) -> Message:
    message = creating.create_message(template=make_template(), label="Welcome mail")
    if bound:
        message.event_type = EventType.objects.create(
            name="user.welcomed", label="User welcomed", sample={"name": "Li"}
        )
        message.save()
    return message


def url(message: Message | Template, step: str = "change") -> str:
    name = f"admin:templates_app_{message._meta.model_name}_{step}"
    return reverse(name, args=[message.pk])


def typed(page: Client, message: Message | Template, **changes: str) -> dict[str, str]:
    """Return what the browser would post after these changes."""
    form = page.get(url(message)).context["form"]
    values = {
        name: form[name].value()
        for name, field in form.fields.items()
        if not field.disabled
    }
    posted = {
        name: "" if value is None else str(value) for name, value in values.items()
    }
    return {**posted, **changes}


def test_the_wizard_creates_by_copy(page: Client) -> None:
    template = make_template()
    address = reverse("admin:templates_app_message_add")
    assert b"Welcome" in page.get(address, {"channel": "email"}).content
    assert b"Welcome" not in page.get(address, {"channel": "sms"}).content
    answer = page.post(
        f"{address}?channel=email", {"template": template.pk, "label": "Première"}
    )
    message = Message.objects.get()
    assert answer["Location"] == url(message)
    assert message.internal_name == "premiere"
    assert message.nature == "greeting"
    template.content["en"]["subject"] = "changed later"
    template.save()
    message.refresh_from_db()
    assert message.content["en"]["subject"] == "Hello {{ ctx.name }}"
    assert message.content["de"]["subject"] == "Hallo"


def test_internal_names_stay_unique_and_are_never_empty() -> None:
    template = make_template()
    names = [
        creating.create_message(template=template, label=label).internal_name
        for label in ("Order", "Order", "注文")
    ]
    assert names == ["order", "order-2", "message"]


def test_the_preview_answers_with_parts_of_the_unsaved_form(page: Client) -> None:
    message = make_message()
    values = typed(page, message, subject="Now {{ ctx.name }}")
    answer = page.post(url(message, "preview"), values).json()
    assert answer["parts"]["subject"] == "Now Zoë"
    assert "Hi Zoë" in answer["parts"]["html"]
    message.refresh_from_db()
    assert message.content["en"]["subject"] == "Hello {{ ctx.name }}"


def test_the_preview_places_an_error_in_content_and_sample(page: Client) -> None:
    message = make_message()
    values = typed(page, message, subject="{{ ctx.name | nofilter }}")
    [error] = page.post(url(message, "preview"), values).json()["errors"]
    assert (error["part"], error["line"]) == ("subject", 1)
    values = typed(page, message, context_sample='{"a":\n}')
    [error] = page.post(url(message, "preview"), values).json()["errors"]
    assert (error["part"], error["line"], error["column"]) == ("context_sample", 2, 1)


def test_saving_leaves_other_languages_alone(page: Client) -> None:
    message = make_message()
    page.post(url(message), typed(page, message, subject="Changed", preheader=""))
    message.refresh_from_db()
    assert message.content["en"] == {**CONTENT, "subject": "Changed"}
    assert message.content["de"]["subject"] == "Hallo"
    assert message.modified_by is not None


def test_line_ends_are_stored_plain(page: Client) -> None:
    message = make_message()
    values = typed(page, message, source=SOURCE.replace("<mj-text>", "\r\n<mj-text>"))
    page.post(url(message), values)
    message.refresh_from_db()
    assert "\r" not in message.content["en"]["source"]


def test_a_broken_sample_is_refused_and_nothing_typed_is_lost(page: Client) -> None:
    message = make_message()
    values = typed(page, message, subject="Kept", context_sample='{"a": }')
    answer = page.post(url(message), values)
    assert answer.status_code == 422
    assert b"line 1, column 7" in answer.content
    assert b'value="Kept"' in answer.content
    message.refresh_from_db()
    assert message.content["en"]["subject"] == "Hello {{ ctx.name }}"


def test_a_stale_save_is_refused_until_it_is_confirmed(
    page: Client, author: User
) -> None:
    message = make_message()
    mine = typed(page, message, subject="Mine")
    page.post(url(message), typed(page, message, subject="Theirs"))
    answer = page.post(url(message), mine)
    assert answer.status_code == 409
    assert b"Changed by author meanwhile" in answer.content
    assert b'value="Mine"' in answer.content
    message.refresh_from_db()
    assert message.content["en"]["subject"] == "Theirs"
    mine["_overwrite"] = message.modified_at.isoformat()
    assert page.post(url(message), mine).status_code == 302
    message.refresh_from_db()
    assert message.content["en"]["subject"] == "Mine"


def test_publish_reviews_then_publishes_with_a_note(page: Client) -> None:
    message = make_message()
    review = page.get(url(message, "publish"))
    assert b"user.welcomed" in review.content
    assert review.context["problems"] == []
    answer = page.post(url(message, "publish"), {"note": "first"})
    assert answer["Location"] == url(message)
    message.refresh_from_db()
    assert message.status == MessageStatus.PUBLISHED
    assert message.live_version is not None
    assert message.live_version.note == "first"
    shown = page.get(url(message)).content.decode()
    assert "Publication log" in shown
    assert "first" in shown


def test_a_republish_says_what_changed(page: Client) -> None:
    message = make_message()
    publishing.publish(message)
    shown = page.get(url(message, "publish")).content.decode()
    assert "Republish: Welcome mail" in shown
    assert "Nothing has changed since version 1." in shown
    page.post(url(message), typed(page, message, subject="New"))
    shown = page.get(url(message, "publish")).content.decode()
    assert "Changed since version 1: subject." in shown


def test_it_is_said_when_nothing_leaves_for_lack_of_a_provider(
    page: Client, settings: Settings
) -> None:
    template = Template.objects.get(internal_name="blank-sms")
    message = creating.create_message(template=template, label="Shipped")
    message.event_type = EventType.objects.create(name="order.shipped", label="x")
    message.save()
    pages = [url(message), url(message, "publish")]
    for address in pages:
        shown = page.get(address).content.decode()
        assert "No SMS provider is set up: messages are kept in the Inbox" in shown
    assert "order.shipped</strong> events send this SMS when the" in shown
    settings.TXMSG_CHANNELS = {"sms": "txmsg.channels.email.EmailChannel"}
    for address in pages:
        assert b"No SMS provider" not in page.get(address).content


def test_mail_is_said_to_stay_here_only_without_a_mail_server(
    settings: Settings,
) -> None:
    settings.TXMSG_EMBEDDED_INBOX = True
    assert kept_here("email").startswith("No mail server is set up")
    settings.TXMSG_EMBEDDED_INBOX = False
    assert kept_here("email") == ""


def test_publish_lists_what_stands_in_the_way(page: Client) -> None:
    message = make_message(bound=False)
    message.content["en"]["subject"] = "{{ broken"
    message.save()
    shown = page.get(url(message, "publish")).content.decode()
    assert "Choose an event type" in shown
    assert "#part=subject" in shown
    assert page.post(url(message, "publish")).status_code == 302
    message.refresh_from_db()
    assert message.status == MessageStatus.DRAFT


def test_edits_of_a_live_message_wait_and_can_be_taken_back(page: Client) -> None:
    message = make_message()
    publishing.publish(message)
    page.post(url(message), typed(page, message, description="internal words"))
    message.refresh_from_db()
    assert not message.has_unpublished_changes
    page.post(url(message), typed(page, message, subject="New"))
    message.refresh_from_db()
    assert message.has_unpublished_changes
    assert b"Production still sends version 1" in page.get(url(message)).content
    page.post(url(message), typed(page, message, subject="Hello {{ ctx.name }}"))
    message.refresh_from_db()
    assert not message.has_unpublished_changes


def test_pause_resume_and_unpublish_ask_first(page: Client) -> None:
    message = make_message()
    publishing.publish(message)
    for step, after in [
        ("pause", MessageStatus.PAUSED),
        ("resume", MessageStatus.PUBLISHED),
        ("unpublish", MessageStatus.DRAFT),
    ]:
        before = Message.objects.get().status
        assert page.get(url(message, step)).status_code == 200
        assert Message.objects.get().status == before
        page.post(url(message, step), {"note": ""})
        assert Message.objects.get().status == after


def test_a_live_message_is_not_deleted_and_the_reason_is_said(page: Client) -> None:
    message = make_message()
    publishing.publish(message)
    asked = page.get(url(message, "delete")).content.decode()
    assert "is live and cannot be deleted" in asked
    assert url(message, "unpublish") in asked
    assert ">Delete</button>" not in asked
    assert url(message, "delete") not in page.get(url(message)).content.decode()
    answer = page.post(url(message, "delete"), follow=True)
    assert b"unpublish it before deleting" in answer.content
    publishing.unpublish(message)
    page.post(url(message, "delete"))
    message.refresh_from_db()
    assert message.deleted_at is not None
    assert page.get(url(message)).status_code == 404
    browse = page.get(reverse("admin:templates_app_message_changelist"))
    assert b"Start from a template" in browse.content


def test_an_event_type_is_made_with_the_message(page: Client) -> None:
    message = make_message(bound=False)
    values = typed(page, message, new_type_name="user.joined", new_type_label="Joined")
    page.post(url(message), values)
    message.refresh_from_db()
    assert message.event_type is not None
    assert message.event_type.name == "user.joined"
    assert message.event_type.sample == {"name": "Zoë"}
    assert message.event_type.contract["properties"] == {"name": {"type": "string"}}
    again = page.post(url(message), typed(page, message, new_type_name="user.joined"))
    assert b"user.joined exists" in again.content


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("order shipped", "A space cannot be used"),
        ("order:shipped!", "“:” and “!” cannot be used"),
        (".order", "It begins with “.”"),
    ],
)
def test_a_bad_name_of_an_event_type_is_told_what_is_wrong(
    page: Client, name: str, words: str
) -> None:
    message = make_message(bound=False)
    answer = page.post(url(message), typed(page, message, new_type_name=name))
    assert answer.status_code == 422
    assert words in answer.content.decode()


def test_without_a_sample_a_new_event_type_is_open() -> None:
    made = creating.create_event_type("a.b", label="", sample={})
    assert made.contract == {"type": "object"}
    assert made.contract_mode == ContractMode.OPEN


def test_a_live_message_keeps_its_event_type() -> None:
    message = make_message()
    publishing.publish(message)
    message.refresh_from_db()
    other = EventType.objects.create(name="other", label="Other")
    with pytest.raises(editing.NotEditable):
        editing.save(
            message,
            values={"event_type": other},
            content={},
            seen=message.modified_at,
        )


def test_simulate_shows_the_sample_and_shuts_the_page_in(page: Client) -> None:
    message = make_message()
    own = page.get(url(message, "simulate"))
    assert b"Hello Zo\xc3\xab" in own.content
    other = page.get(url(message, "simulate"), {"sample": "type"})
    assert b"Hello Li" in other.content
    frame = page.get(url(message, "rendered"), {"sample": "type"})
    assert b"Hi Li" in frame.content
    policy = frame["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none';")
    assert "script" not in policy


def test_a_built_in_template_is_read_only_and_can_be_duplicated(page: Client) -> None:
    template = make_template(is_builtin=True)
    assert b"Duplicate it" in page.get(url(template)).content
    assert page.post(url(template), {"label": "x"}).status_code == 403
    answer = page.post(url(template, "delete"), follow=True)
    assert b"cannot be deleted" in answer.content
    page.post(url(template, "duplicate"), {"label": "Mine"})
    assert not Template.objects.get(label="Mine").is_builtin


def test_a_message_becomes_a_template(page: Client) -> None:
    message = make_message()
    assert b"Welcome mail template" in page.get(url(message, "template")).content
    page.post(url(message, "template"), {"label": "From a message"})
    template = Template.objects.get(label="From a message")
    assert template.content == message.content


def test_who_may_only_view_sees_a_page_without_saving(author: User) -> None:
    message = make_message()
    viewer = User.objects.create_user("viewer", password="x", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_message"))
    client = Client()
    client.force_login(viewer)
    shown = client.get(url(message))
    assert b"Simulate content" in shown.content
    assert b"Publish\xe2\x80\xa6" not in shown.content
    assert client.post(url(message), {"label": "x"}).status_code == 403
    for step in ("publish", "pause", "unpublish", "duplicate", "delete"):
        assert client.post(url(message, step)).status_code == 403


def test_browse_can_be_asked_for_what_waits_to_be_published(page: Client) -> None:
    message = make_message()
    address = reverse("admin:templates_app_message_changelist")
    assert b"Welcome mail" not in page.get(address, {"changes": "waiting"}).content
    publishing.publish(message)
    page.post(url(message), typed(page, message, subject="New"))
    assert b"Welcome mail" in page.get(address, {"changes": "waiting"}).content
    assert b"?changes=waiting" in page.get(reverse("admin:index")).content


def test_a_moment_of_a_list_has_its_year_only_if_it_is_not_this_one() -> None:
    now = timezone.localtime()
    shown = cells.moment(now)
    assert f">{now.day} {now:%b}, {now:%H:%M}<" in shown
    assert f'title="{now.day} {now:%b} {now:%Y}, {now:%H:%M:%S}"' in shown
    before = now.replace(year=now.year - 3, day=1)
    assert f">1 {before:%b} {before.year}, {before:%H:%M}<" in cells.moment(before)


def test_browse_counts_today_with_one_query_for_the_page(
    page: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    message = make_message()
    version = publishing.publish(message)
    now = timezone.now()
    execution = Execution.objects.create(
        message=message, version=version, month=now.date().replace(day=1)
    )
    Tally.objects.create(execution=execution, hour=now, status="sent", count=1234)
    for number in range(5):
        creating.create_message(
            template=Template.objects.get(internal_name="welcome"), label=f"M{number}"
        )
    address = reverse("admin:templates_app_message_changelist")
    page.get(address)
    # Session, user, count twice, rows, today's counts; types, folders and natures of
    # the filters.
    with django_assert_num_queries(9):
        shown = page.get(address)
    assert b"1,234" in shown.content


def test_every_list_and_the_start_page_open(page: Client) -> None:
    make_message()
    for name in (
        "index",
        "templates_app_message_changelist",
        "templates_app_template_changelist",
        "templates_app_folder_changelist",
        "auth_user_changelist",
        "auth_group_changelist",
    ):
        assert page.get(reverse(f"admin:{name}")).status_code == 200
