"""The pages that simulate: one sample, all samples, branch coverage, test profiles."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from events.models import EventSample, EventType
from templates_app.models import ContentBlock, Message, Template, TestProfile
from tests import factories

pytestmark = pytest.mark.django_db

CONTRACT: dict[str, Any] = {
    "type": "object",
    "required": ["order"],
    "properties": {
        "order": {
            "type": "object",
            "required": ["number", "items"],
            "properties": {
                "number": {"type": "string", "minLength": 1},
                "note": {"type": "string"},
                "items": {"type": "array", "items": {"type": "string"}},
            },
        }
    },
}
CTX = {"order": {"number": "A-1", "note": "ring", "items": ["tea"]}}
HTML = (
    "<html><head></head><body><img src='https://a.example/x.png' alt='Logo'>"
    "{% if ctx.order.note %}<p>{{ ctx.order.note }}</p>{% endif %}"
    "{% for item in ctx.order.items %}<b>{{ item }}</b>{% endfor %}"
    "Order {{ ctx.order.number }} for {{ recipient.name | default: 'you' }}"
    "</body></html>"
)
EMAIL = {
    "subject": "Order {{ ctx.order.number }}",
    "preheader": "It is confirmed",
    "source_kind": "html",
    "source": HTML,
    "from_name": "Shop",
    "from_address": "shop@example.com",
}


@pytest.fixture
def page() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("author", password="x"))
    return client


def make_message(**fields: Any) -> Message:
    event_type = factories.make_event_type(contract=CONTRACT, sample=CTX)
    return factories.make_message(event_type, **{"content": {"en": EMAIL}, **fields})


def url(draft: Message | Template, step: str, query: str = "") -> str:
    name = f"admin:templates_app_{draft._meta.model_name}_{step}"
    return reverse(name, args=[draft.pk]) + query


def test_a_sample_is_rendered_with_its_inbox_row_and_size(page: Client) -> None:
    answer = page.get(url(make_message(), "simulate"))
    assert answer.status_code == 200
    text = answer.content.decode()
    for words in ("Order A-1", "It is confirmed", "Shop", "of 102 KB", "Typical"):
        assert words in text
    assert answer.context["total"] == len(
        [each for _, group in answer.context["groups"] for each in group]
    )


def test_every_choice_opens_and_leads_on_to_the_next(page: Client) -> None:
    message = make_message()
    answer = page.get(url(message, "simulate"))
    first = answer.context["scene"].query
    seen = [first]
    while (query := answer.context["after"]) != first:
        answer = page.get(url(message, "simulate", f"?{query}"))
        assert answer.status_code == 200
        assert answer.context["errors"] == []
        seen.append(query)
    assert len(set(seen)) == answer.context["total"]


def test_the_language_is_found_by_the_fallback(page: Client) -> None:
    portuguese = {**EMAIL, "subject": "Encomenda {{ ctx.order.number }}"}
    message = make_message(content={"en": EMAIL, "pt": portuguese})
    answer = page.get(url(message, "simulate", "?language=pt-BR"))
    assert answer.context["simulated"].message.parts["subject"] == "Encomenda A-1"
    assert answer.context["scene"].language == "pt"
    answer = page.get(url(message, "simulate", "?language=fr"))
    assert b"No content in fr" in answer.content
    TestProfile.objects.create(label="Lisbon", language="pt-PT", name="Zé")
    key = f"profile:{TestProfile.objects.get().pk}"
    answer = page.get(url(message, "simulate", f"?sample={key}"))
    assert answer.context["scene"].language == "pt"
    assert "for Zé" in answer.context["simulated"].message.parts["html"]


def test_an_error_leads_to_its_place_in_the_editor(page: Client) -> None:
    broken = {**EMAIL, "source": "<p>\n{{ ctx.order.nummer }}</p>"}
    message = make_message(content={"en": broken})
    text = page.get(url(message, "simulate")).content.decode()
    assert "ctx.order.nummer is not in this event" in text
    place = f"{url(message, 'change')}?language=en#part=html&amp;line=2&amp;column=4"
    assert place in text
    assert "Send proof" not in text


def test_a_sample_that_is_gone_is_404(page: Client) -> None:
    message = make_message()
    for key in ("sample:99", "persona:x", "event:x", "what"):
        assert page.get(url(message, "simulate", f"?sample={key}")).status_code == 404


def test_the_frame_is_shut_in_and_without_images_loads_none(page: Client) -> None:
    message = make_message()
    plain = page.get(url(message, "rendered"))
    assert plain["Content-Security-Policy"].startswith("sandbox;")
    assert "img-src 'self' data: https:" in plain["Content-Security-Policy"]
    bare = page.get(url(message, "rendered", "?images=0"))
    assert "img-src 'none'" in bare["Content-Security-Policy"]
    assert b"img-src 'none'" in bare.content
    assert b"alt='Logo'" in bare.content


def test_the_source_is_plain_text_and_without_our_policy(page: Client) -> None:
    answer = page.get(url(make_message(), "rendered", "?source=1"))
    assert answer["Content-Type"].startswith("text/plain")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert b"Content-Security-Policy" not in answer.content


def test_an_sms_shows_its_segments_and_what_forces_ucs2(page: Client) -> None:
    message = make_message(channel="sms", content={"en": {"text": "Hi – {{ ctx.x }}"}})
    message.context_sample = {"x": "you"}
    message.save()
    text = page.get(url(message, "simulate")).content.decode()
    assert "UCS-2 · 1 segment" in text
    assert "could be <code>-</code>" in text


def test_a_push_message_is_cut_as_lock_screens_cut_it(page: Client) -> None:
    content = {"title": "T" * 60, "body": "B" * 200, "data": '{"a": "b"}'}
    message = make_message(channel="push", content={"en": content})
    answer = page.get(url(message, "simulate"))
    [ios, android] = answer.context["lock_screens"]
    assert len(ios["title"]["shown"]) < 60
    assert ios["title"]["shown"] + ios["title"]["rest"] == "T" * 60
    assert len(android["body"]["shown"]) < len(ios["body"]["shown"])
    assert b"269 of 4096 bytes" in answer.content


def test_hostile_values_of_a_persona_are_escaped_on_our_pages(page: Client) -> None:
    message = make_message(
        channel="sms", content={"en": {"text": "{{ ctx.order.note }}"}}
    )
    for step, query in (("simulate", "?sample=persona:markup"), ("grid", "")):
        text = page.get(url(message, step, query)).content.decode()
        assert "<script>alert(1)" not in text
        assert "&lt;script&gt;alert(1)" in text


def test_the_grid_shows_every_sample_in_every_language(page: Client) -> None:
    german = {**EMAIL, "source": "<p>{{ recipient.name }} {{ ctx.order.note }}</p>"}
    message = make_message(content={"en": EMAIL, "de": german})
    EventSample.objects.create(
        event_type=message.event_type,
        name="Plain",
        ctx={"order": {"number": "2", "items": []}},
    )
    answer = page.get(url(message, "grid"))
    cards = answer.context["total"]
    assert answer.context["good"] + answer.context["failing"] == cards
    failed = {
        (card["choice"].key.partition(":")[2] or "typical", card["scene"].language)
        for _, _, found in answer.context["sections"]
        for card in found
        if card["errors"]
    }
    assert {language for _, language in failed} == {"de"}
    assert ("bare", "de") in failed
    text = answer.content.decode()
    assert f"{answer.context['good']} of {cards} render" in text
    assert text.count("Mend it") == answer.context["failing"]


def test_the_grid_asks_few_questions_of_the_database(
    page: Client, django_assert_max_num_queries: Any
) -> None:
    message = make_message()
    for number in range(8):
        EventSample.objects.create(
            event_type=message.event_type, name=f"{number}", ctx=CTX
        )
    with django_assert_max_num_queries(14):
        page.get(url(message, "grid"))


def test_coverage_names_what_no_sample_reaches_and_personas_can(page: Client) -> None:
    message = make_message()
    answer = page.get(url(message, "coverage"))
    missing = [row["arm"].words for row in answer.context["missing"]]
    assert missing == ["otherwise", "for item in ctx.order.items: without items"]
    assert b"2 of 4 arms reached" in answer.content
    assert b"#part=html&amp;line=1&amp;column=" in answer.content
    answer = page.get(url(message, "coverage", "?personas=1"))
    assert answer.context["missing"] == []
    assert b"4 of 4 arms reached" in answer.content


def test_a_template_is_simulated_as_a_message_is(page: Client) -> None:
    template = Template.objects.create(
        label="T",
        internal_name="t",
        channel="email",
        context_sample=CTX,
        content={"en": EMAIL},
    )
    for step in ("simulate", "grid", "coverage", "rendered"):
        assert page.get(url(template, step)).status_code == 200


def test_content_blocks_are_written_out(page: Client) -> None:
    ContentBlock.objects.create(label="Sign", internal_name="sign", text="Yours, us")
    message = make_message(
        channel="sms", content={"en": {"text": "{% block 'sign' %}"}}
    )
    answer = page.get(url(message, "simulate"))
    assert answer.context["simulated"].message.parts["text"] == "Yours, us"


def test_only_who_may_send_proofs_is_offered_one() -> None:
    message = make_message()
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_message"))
    client = Client()
    client.force_login(viewer)
    assert b"Send proof" not in client.get(url(message, "simulate")).content
    viewer.user_permissions.add(Permission.objects.get(codename="proof_message"))
    text = client.get(url(message, "simulate")).content.decode()
    assert f"{url(message, 'proof')}?sample=type&amp;language=en" in text


def test_nobody_without_permission_simulates() -> None:
    message = make_message()
    client = Client()
    client.force_login(User.objects.create_user("nobody", is_staff=True))
    for step in ("simulate", "rendered", "grid", "coverage"):
        assert client.get(url(message, step)).status_code == 403


# --- test profiles


def profile_form(**fields: str) -> dict[str, str]:
    names = ("name", "email", "phone", "push_token", "language", "timezone")
    empty = dict.fromkeys((*names, "external_id", "event_type", "ctx"), "")
    return {**empty, "label": "Me", "email": "me@example.com", **fields}


def test_a_test_profile_is_saved_and_listed(page: Client) -> None:
    data = profile_form(phone="+33612345678", language="PT_br", timezone="Asia/Tokyo")
    page.post(reverse("admin:templates_app_testprofile_add"), data)
    profile = TestProfile.objects.get()
    assert (profile.language, profile.timezone) == ("pt-BR", "Asia/Tokyo")
    assert profile.ctx is None
    text = page.get(reverse("admin:templates_app_testprofile_changelist")).content
    assert b"Email, SMS" in text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"ctx": '{"a": 1,\n "b": }'}, "Line 2, column 7"),
        ({"phone": "12"}, "E.164"),
        ({"language": "klingon"}, "no language known here"),
        ({"timezone": "Mars/Base"}, "no time zone"),
        ({"email": ""}, "Give it an address"),
        ({"email": "nobody"}, "valid email"),
    ],
)
def test_a_wrong_test_profile_is_refused_in_words(
    page: Client, fields: dict[str, str], words: str
) -> None:
    form = profile_form(**fields)
    answer = page.post(reverse("admin:templates_app_testprofile_add"), form)
    assert words in answer.content.decode()
    assert not TestProfile.objects.exists()


def test_data_that_break_the_contract_are_kept_and_warned_of(page: Client) -> None:
    event_type: EventType = factories.make_event_type(contract=CONTRACT)
    form = profile_form(ctx='{"order": {}}', event_type=str(event_type.pk))
    address = reverse("admin:templates_app_testprofile_add")
    answer = page.post(address, form, follow=True)
    assert "/ctx/order/number is required" in answer.content.decode()
    assert TestProfile.objects.get().ctx == {"order": {}}


def test_test_profiles_are_filtered_by_the_channel_that_reaches_them(
    page: Client,
) -> None:
    TestProfile.objects.create(label="By mail", email="a@example.com")
    TestProfile.objects.create(label="By phone", phone="+33612345678")
    address = reverse("admin:templates_app_testprofile_changelist")
    text = page.get(f"{address}?channel=sms").content.decode()
    assert "By phone" in text
    assert "By mail" not in text
