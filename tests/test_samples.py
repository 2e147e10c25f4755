"""Samples: what a draft can be simulated with, by key."""

from __future__ import annotations

from typing import Any

import pytest

from events import ids
from events.masking import MASK
from events.models import EventSample, EventType
from templates_app import publishing, samples, simulation, versions
from templates_app.models import Message, Template, TestProfile
from tests import factories
from txmsg import previews
from txmsg.channels.capture import CaptureChannel

pytestmark = pytest.mark.django_db

CONTRACT: dict[str, Any] = {
    "type": "object",
    "required": ["order"],
    "properties": {
        "order": {
            "type": "object",
            "required": ["number", "link"],
            "properties": {
                "number": {"type": "string"},
                "link": {"type": "string", "format": "uri"},
                "total": {"type": "number"},
                "codes": {"type": "array", "items": {"type": "string"}},
                "pin": {"type": "string"},
            },
        }
    },
}
CTX = {"order": {"number": "1", "link": "https://shop.example/o/1", "total": 4.5}}

OWN = {"order": {"number": "9", "link": "https://shop.example/o/9"}}


def make_type(**fields: Any) -> EventType:
    return factories.make_event_type(contract=CONTRACT, sample=CTX, **fields)


def keys(draft: Message | Template) -> list[str]:
    return [choice.key for choice in samples.choices_of(draft)]


def test_samples_come_in_groups_the_most_likely_first() -> None:
    event_type = make_type()
    named = EventSample.objects.create(event_type=event_type, name="VIP", ctx=CTX)
    profile = TestProfile.objects.create(label="Me", email="me@example.com")
    message = factories.make_message(event_type, context_sample=OWN)
    factories.publish(message)
    event_type.refresh_from_db()
    accepted = factories.accept(event_type, ctx=CTX)
    found = keys(message)
    assert found[:5] == [
        "own",
        "type",
        f"sample:{named.pk}",
        f"profile:{profile.pk}",
        f"event:{accepted.id}",
    ]
    assert {key.partition(":")[0] for key in found[5:]} == {"persona"}
    groups = [choice.group for choice in samples.choices_of(message)]
    assert sorted(set(groups), key=groups.index) == [
        samples.SAMPLES,
        samples.PROFILES,
        samples.EVENTS,
        samples.PERSONAS,
    ]


def test_every_key_loads_what_is_offered_under_it() -> None:
    event_type = make_type()
    EventSample.objects.create(event_type=event_type, name="VIP", ctx=CTX)
    TestProfile.objects.create(label="Me", event_type=event_type, ctx={"a": 1})
    message = factories.make_message(event_type, context_sample=OWN)
    factories.publish(message)
    event_type.refresh_from_db()
    factories.accept(event_type, ctx=CTX)
    for choice, sample in samples.all_of(message):
        loaded = samples.load(choice.key, message)
        assert (loaded.ctx, loaded.recipient) == (sample.ctx, sample.recipient)


@pytest.mark.parametrize(
    "key",
    ["", "sample:0", "profile:x", "event:1", "persona:nobody", "nothing:1", "event:"],
)
def test_a_key_that_leads_nowhere_is_unknown(key: str) -> None:
    message = factories.make_message(make_type())
    with pytest.raises(samples.Unknown):
        samples.load(key, message)


def test_a_template_has_its_own_sample_profiles_of_every_type_and_personas() -> None:
    event_type = make_type()
    TestProfile.objects.create(label="Bound", event_type=event_type, ctx={"a": 1})
    TestProfile.objects.create(label="Free", ctx={"a": 2})
    template = Template.objects.create(
        label="T", internal_name="t", channel="sms", context_sample={"word": "hi"}
    )
    labels = [choice.label for choice in samples.choices_of(template)]
    assert labels[:2] == ["Context sample", "Free"]
    assert "Markup" in labels
    assert "Bound" not in labels


def test_the_same_sample_is_offered_once() -> None:
    message = factories.make_message(make_type(), context_sample=CTX)
    assert [key for key in keys(message) if key in ("own", "type")] == ["own"]
    message.context_sample = {}
    assert [key for key in keys(message) if key in ("own", "type")] == ["type"]
    assert samples.default_key(message) == "type"
    assert samples.load("own", message).ctx == {}


def test_a_profile_brings_its_recipient_and_the_data_of_the_sample() -> None:
    event_type = make_type()
    profile = TestProfile.objects.create(
        label="Zoë", name="Zoë", language="pt-BR", timezone="America/Sao_Paulo"
    )
    message = factories.make_message(event_type)
    sample = samples.load(f"profile:{profile.pk}", message)
    assert sample.ctx == CTX
    assert sample.recipient == {
        "name": "Zoë",
        "language": "pt-BR",
        "timezone": "America/Sao_Paulo",
    }


def test_hidden_values_of_a_real_event_get_stand_ins_of_their_form() -> None:
    paths = ["order.link", "order.total", "order.codes", "order.pin"]
    event_type = make_type(sensitive_paths=paths)
    factories.publish(event_type=event_type)
    event_type.refresh_from_db()
    order = {
        "number": "77",
        "link": "https://shop.example/secret-token",
        "total": 1234.5,
        "codes": ["hush"],
        "pin": "0000",
    }
    recipient = {"email": "ada@example.com", "language": "fr", "timezone": "Asia/Tokyo"}
    accepted = factories.accept(event_type, ctx={"order": order}, recipient=recipient)
    message = Message.objects.get()
    sample = samples.load(f"event:{accepted.id}", message)
    assert "secret-token" not in str(sample)
    assert "1234" not in str(sample)
    assert "hush" not in str(sample)
    shown = sample.ctx["order"]
    assert shown["number"] == "77"
    assert shown["link"] == "https://example.com/hidden"
    assert shown["total"] == 4.5
    assert isinstance(shown["codes"], list)
    assert shown["pin"] == MASK
    assert set(sample.masked) == set(paths)
    assert sample.recipient == {
        "name": None,
        "language": "fr",
        "timezone": "Asia/Tokyo",
    }


def test_an_event_of_another_type_is_unknown() -> None:
    mine, other = make_type(), make_type()
    factories.publish(event_type=other)
    other.refresh_from_db()
    accepted = factories.accept(other, ctx=CTX)
    with pytest.raises(samples.Unknown):
        samples.load(f"event:{accepted.id}", factories.make_message(mine))


def test_simulated_sent_and_rendered_again_have_one_digest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    capture = CaptureChannel()
    monkeypatch.setattr("txmsg.pipeline.get_channel", lambda _name: capture)
    event_type = make_type()
    content = {
        "subject": "Order {{ ctx.order.number }}: {{ ctx.order.total | money: 'EUR' }}",
        "preheader": "For {{ recipient.name | default: 'you' }}",
        "source_kind": "mjml",
        "source": "<mjml><mj-body><mj-section><mj-column><mj-text>{{ today }} "
        '<a href="{{ ctx.order.link }}">{{ ctx.order.number }}</a> '
        "{{ now | time: 'short' }}</mj-text></mj-column></mj-section></mj-body></mjml>",
        "from_address": "shop@example.com",
    }
    message = factories.make_message(event_type, content={"en": content})
    version = publishing.publish(message)
    event_type.refresh_from_db()
    accepted = factories.accept(event_type, ctx=CTX)
    factories.drain()
    [sent] = capture.messages

    delivery_id = ids.delivery_id(accepted.id, 1)
    preview = previews.of_delivery(delivery_id)
    assert preview.message is not None
    loaded = versions.load(version.pk)
    sample = samples.load(f"event:{accepted.id}", message)
    found = simulation.simulate(
        message.channel,
        message.content["en"],
        sample,
        about=loaded.facts(),
        at=preview.delivery.claimed_at or accepted.received_at,
        language="en",
    )
    assert found.message is not None
    assert found.message.digest == sent.digest == preview.message.digest
