"""What the editor's page asks for while somebody types: preview, words, samples."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from events.models import EventType
from templates_app import creating
from templates_app.models import ContentBlock, Folder, Message, MobileApp, Template
from tests import factories

pytestmark = pytest.mark.django_db

SAMPLE = '{"order": {"number": "10293"}}'
DOCUMENT = {
    "version": 1,
    "settings": {},
    "blocks": [
        {"id": "b1", "kind": "heading", "text": "Order {{ ctx.order.number }}"},
        {"id": "b2", "kind": "text", "text": "<%= rtEvent.ctx.order.number %>"},
    ],
}


@pytest.fixture
def page() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("author", password="x"))
    return client


def url(message: Message, step: str = "change") -> str:
    return reverse(f"admin:templates_app_message_{step}", args=[message.pk])


def preview(page: Client, message: Message, **typed: str) -> Any:
    answer = page.post(url(message, "preview"), {"context_sample": SAMPLE, **typed})
    assert answer.status_code == 200
    return answer.json()


def typed(page: Client, message: Message, **changes: str) -> dict[str, str]:
    form = page.get(url(message)).context["form"]
    values = {
        name: str(form[name].value() or "")
        for name, field in form.fields.items()
        if not field.disabled
    }
    return {**values, **changes}


def of_channel(channel: str) -> Message:
    template = Template.objects.get(internal_name=f"blank-{channel}")
    return creating.create_message(template=template, label=channel)


def test_findings_have_their_place_and_a_suggestion(page: Client) -> None:
    message = factories.make_message()
    answer = preview(page, message, subject="{{ ctx.order.nubmer }}")
    finding = next(each for each in answer["findings"] if each["part"] == "subject")
    assert (finding["severity"], finding["line"], finding["column"]) == ("error", 1, 4)
    assert "ctx.order.number" in finding["suggestion"]


def test_what_cannot_be_rendered_is_said_once(page: Client) -> None:
    message = factories.make_message()
    answer = preview(page, message, subject="{% if ctx.order %}")
    assert len(answer["errors"]) == 1
    on_subject = [each for each in answer["findings"] if each["part"] == "subject"]
    assert len(on_subject) == 1


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("blocks", "{"),
        ("blocks", "[]"),
        ("blocks", '{"version": NaN}'),
        ("attachments", "{}"),
        ("attachments", "[" * 2000),
    ],
)
def test_json_that_cannot_be_read_is_a_finding_and_refused(
    page: Client, field: str, text: str
) -> None:
    message = factories.make_message()
    answer = preview(page, message, **{field: text})
    assert answer["findings"][0]["part"] == field
    values = typed(page, message, **{field: text})
    assert page.post(url(message), values).status_code == 422


def test_odd_shapes_inside_of_good_json_are_no_server_error(page: Client) -> None:
    message = factories.make_message()
    odd: tuple[dict[str, Any], ...] = (
        {"blocks": 3},
        {"blocks": [None, {"kind": 1}]},
        {"settings": []},
    )
    for document in odd:
        answer = preview(
            page, message, source_kind="blocks", blocks=json.dumps(document)
        )
        assert answer["findings"]
    assert preview(page, message, attachments='[1, {"url": 2}]')["findings"]


def test_blocks_are_marked_only_in_the_preview_that_asks_for_it(page: Client) -> None:
    message = factories.make_message()
    blocks = {"source_kind": "blocks", "blocks": json.dumps(DOCUMENT)}
    assert "tx-block-b1" in preview(page, message, _mark="1", **blocks)["parts"]["html"]
    assert "tx-block-" not in preview(page, message, **blocks)["parts"]["html"]


def test_blocks_are_converted_to_mjml(page: Client) -> None:
    message = factories.make_message()
    address = url(message, "mjml")
    answer = page.post(address, {"blocks": json.dumps(DOCUMENT)}).json()
    assert "{{ ctx.order.number }}" in answer["mjml"]
    assert "tx-block-" not in answer["mjml"]
    assert page.post(address, {"blocks": "{"}).status_code == 422
    assert page.get(address).status_code == 405


def test_adobe_s_expressions_are_rewritten_in_preview_and_on_saving(
    page: Client,
) -> None:
    message = factories.make_message()
    subject = "Order <%= rtEvent.ctx.order.number %> <%= a + b %>"
    answer = preview(page, message, subject="Order <%= rtEvent.ctx.order.number %>")
    assert answer["parts"]["subject"] == "Order 10293"
    rewritten = {"subject": "Order {{ rtEvent.ctx.order.number }}"}
    assert answer["rewritten"] == rewritten
    kept = preview(page, message, subject=subject)["not_rewritten"]
    assert kept == ["<%= a + b %>"]
    values = typed(page, message, source_kind="blocks", blocks=json.dumps(DOCUMENT))
    page.post(url(message), {**values, "subject": subject})
    message.refresh_from_db()
    assert "{{ rtEvent.ctx.order.number }}" in message.content["en"]["subject"]
    second = message.content["en"]["blocks"]["blocks"][1]
    assert second["text"] == "{{ rtEvent.ctx.order.number }}"


def test_each_way_of_writing_keeps_its_text(page: Client) -> None:
    message = factories.make_message()
    values = typed(page, message, source_kind="blocks", blocks=json.dumps(DOCUMENT))
    page.post(url(message), values)
    message.refresh_from_db()
    content = message.content["en"]
    assert content["source"] == factories.HTML
    assert content["blocks"]["blocks"][0]["id"] == "b1"
    again = typed(page, message)
    assert json.loads(again["blocks"]) == content["blocks"]
    was_modified = message.modified_at
    page.post(url(message), again)
    message.refresh_from_db()
    assert message.modified_at == was_modified


def test_another_sample_can_be_rendered_with(page: Client) -> None:
    message = factories.make_message()
    assert message.event_type is not None
    message.event_type.sample = {"order": {"number": "T-1"}}
    message.event_type.save()
    answer = preview(page, message, _sample="type")
    assert answer["parts"]["subject"] == "Order T-1"
    gone = preview(page, message, _sample="sample:99999")
    assert "is gone" in gone["findings"][0]["message"]
    taken = page.get(url(message, "sample"), {"key": "type"})
    assert taken.json() == {"order": {"number": "T-1"}}
    assert page.get(url(message, "sample"), {"key": "nothing"}).status_code == 404


def test_the_words_are_those_of_the_typed_sample_and_type(page: Client) -> None:
    ContentBlock.objects.create(label="Footer", internal_name="footer", html="<p></p>")
    message = factories.make_message()
    answer = page.post(
        url(message, "vocabulary"),
        {"context_sample": '{"order": {"number": "7"}, "new": 1.5}'},
    ).json()
    order = next(each for each in answer["context"] if each["name"] == "order")
    number = next(each for each in order["children"] if each["name"] == "number")
    assert (number["sample"], number["required"]) == ("7", True)
    assert "footer" in [block["name"] for block in answer["blocks"]]
    broken = page.post(url(message, "vocabulary"), {"context_sample": "{"})
    assert broken.status_code == 200


def test_a_push_message_has_an_app_and_options(page: Client) -> None:
    app = MobileApp.objects.create(label="Shop", internal_name="shop")
    message = of_channel("push")
    options = {"ios": {"subtitle": "Hi {{ recipient.language }}"}}
    values = typed(page, message, mobile_app=str(app.pk), options=json.dumps(options))
    assert page.post(url(message), values).status_code == 302
    message.refresh_from_db()
    assert message.mobile_app == app
    assert message.content["en"]["options"] == options
    answer = page.post(url(message, "preview"), values).json()
    assert 0 < answer["push_bytes"] < 4096


def test_an_email_has_attachments(page: Client) -> None:
    message = factories.make_message()
    attachments = [
        {"url": "{{ ctx.order.url }}", "name": "a.pdf", "when_missing": "skip"}
    ]
    values = typed(page, message, attachments=json.dumps(attachments))
    page.post(url(message), values)
    message.refresh_from_db()
    assert message.content["en"]["attachments"] == attachments
    assert "mobile_app" not in values
    page.post(url(message), typed(page, message, attachments="[]"))
    message.refresh_from_db()
    assert "attachments" not in message.content["en"]


def test_characters_that_make_an_sms_dear_come_with_cheap_ones(page: Client) -> None:
    message = of_channel("sms")
    answer = page.post(url(message, "preview"), {"text": "It’s – here"}).json()
    assert answer["guilty"] == [
        {"character": "’", "replacement": "'"},
        {"character": "–", "replacement": "-"},
    ]
    assert "UCS-2" in answer["segments"]


def test_folders_are_chosen_by_their_path(page: Client) -> None:
    shop = Folder.objects.create(name="Shop")
    orders = Folder.objects.create(name="Orders", parent=shop)
    message = factories.make_message()
    assert "Shop / Orders" in page.get(url(message)).content.decode()
    page.post(url(message), typed(page, message, folder=str(orders.pk)))
    message.refresh_from_db()
    assert message.folder == orders


def test_the_page_brings_all_that_it_loads_from_here(page: Client) -> None:
    shown = page.get(url(factories.make_message())).content.decode()
    assert "/static/django_ace/ace/ace.js" in shown
    assert "//cdn" not in shown
    assert ' onclick="' not in shown


def test_the_samples_of_another_event_type_are_offered_before_it_is_saved(
    page: Client,
) -> None:
    message = of_channel("sms")
    other = factories.make_event_type(sample={"parcel": {"id": "P-1"}})
    answer = page.get(url(message, "samples"), {"event_type": other.pk}).json()
    groups = dict(answer["groups"])
    assert ["type", "Typical"] in groups["Samples"]
    assert [group for group, _ in answer["takeable"]] == ["Samples"]
    assert page.get(url(message, "samples"), {"event_type": "\0"}).status_code == 200


def test_the_sample_that_makes_an_sms_largest_is_named(page: Client) -> None:
    message = of_channel("sms")
    long = {"order": {"number": "9" * 200}}
    event_type = factories.make_event_type(sample=long)
    asked = {
        "event_type": str(event_type.pk),
        "context_sample": SAMPLE,
        "text": "Order {{ ctx.order.number }}",
    }
    answer = page.post(url(message, "largest"), asked).json()
    assert answer["label"] == "Typical"
    assert answer["segments"] == "206 of 306 · GSM-7 · 2 segments"
    assert answer["count"] == 2
    broken = {**asked, "text": "{{"}
    assert page.post(url(message, "largest"), broken).json() == {}
    assert page.get(url(message, "largest")).status_code == 405
    email = factories.make_message()
    assert page.post(url(email, "largest")).status_code == 404


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": "\\u0000"}', "it holds \\u0000"),
        ('{"a": ["\\ud83d"]}', "half of a character"),
        ('{"a": 1e400}', "too large"),
    ],
)
def test_json_that_the_database_cannot_keep_is_refused_in_words(
    page: Client, text: str, said: str
) -> None:
    message = of_channel("push")
    answer = page.post(url(message), typed(page, message, options=text))
    assert answer.status_code == 422
    assert said in answer.context["form"].errors["options"][0]
    answer = page.post(url(message), typed(page, message, context_sample=text))
    assert answer.status_code == 422
    assert said in answer.context["form"].errors["context_sample"][0]


def test_who_may_make_no_event_types_is_not_asked_and_refused(page: Client) -> None:
    message = factories.make_message()
    author = User.objects.create_user("writer", password="x", is_staff=True)
    wanted = ["view_message", "change_message"]
    author.user_permissions.set(Permission.objects.filter(codename__in=wanted))
    page.force_login(author)
    assert b"Create a new event type" not in page.get(url(message)).content
    answer = page.post(url(message), typed(page, message, new_type_name="a.b"))
    assert answer.status_code == 422
    assert "You may not create event types" in answer.content.decode()
    assert not EventType.objects.filter(name="a.b").exists()


def test_who_may_only_look_gets_fields_that_cannot_be_changed(page: Client) -> None:
    message = factories.make_message()
    viewer = User.objects.create_user("viewer", password="x", is_staff=True)
    may_view = Permission.objects.filter(codename="view_message")
    viewer.user_permissions.set(may_view)
    page.force_login(viewer)
    shown = page.get(url(message))
    fields = shown.context["form"].visible_fields()
    assert all("disabled" in str(field) for field in fields)
    assert page.post(url(message), {"label": "x"}).status_code == 403
