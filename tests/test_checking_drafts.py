"""Drafts, checked against what the database says of their event type."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from events.models import ContractMode, EventSample
from templates_app import checking, simulation
from templates_app.models import ContentBlock, Template
from templates_app.rendering import RenderError
from tests import factories

pytestmark = pytest.mark.django_db


def _sms(text: str, **fields: Any) -> Any:
    content = {"en": {"text": text}}
    return factories.make_message(channel="sms", content=content, **fields)


def test_a_sound_message_has_no_findings() -> None:
    message = _sms("Order {{ ctx.order.number }}")
    assert checking.check_draft(message) == []


def test_every_language_is_checked() -> None:
    message = _sms("Order {{ ctx.order.number }}")
    message.content["de"] = {"text": "Bestellung {{ ctx.order.nummer }}"}
    (found,) = checking.check_draft(message)
    assert (found.language, found.severity) == ("de", "error")
    assert found.suggestion == "did you mean ctx.order.number?"


def test_the_mode_of_the_contract_counts() -> None:
    event_type = factories.make_event_type(contract_mode=ContractMode.OPEN)
    message = _sms("{{ ctx.order.nummer }}", event_type=event_type)
    assert [each.severity for each in checking.check_draft(message)] == ["warning"]


def test_named_samples_of_the_type_are_rendered_too() -> None:
    event_type = factories.make_event_type()
    message = _sms("{{ ctx.order.total | money: 'EUR' }}", event_type=event_type)
    EventSample.objects.create(
        event_type=event_type, name="Free", ctx={"order": {"number": "1", "total": "-"}}
    )
    errors = [each for each in checking.check_draft(message) if each.is_error]
    assert len(errors) == 1
    assert "“Free”" in errors[0].message


def test_a_template_is_checked_against_its_sample_with_doubts_only() -> None:
    template = Template(
        channel="sms",
        context_sample={"order": {"number": "A"}},
        content={"en": {"text": "{{ ctx.order.number }}{% if ctx.nix %}x{% endif %}"}},
    )
    (found,) = checking.check_draft(template)
    assert (found.severity, found.path) == ("warning", "ctx.nix")


def test_a_template_without_a_sample_says_nothing_of_paths() -> None:
    template = Template(channel="sms", content={"en": {"text": "{{ ctx.a.b }}"}})
    assert checking.check_draft(template) == []


def test_content_blocks_are_loaded() -> None:
    ContentBlock.objects.create(label="A", internal_name="bye", text="{{ ctx.nix }}")
    (found,) = checking.check_draft(_sms("Hi {% block 'bye' %}"))
    assert (found.part, found.code) == ("block/bye", "unknown_variable")


def test_what_is_typed_is_checked_with_the_sample_beside_it() -> None:
    message = _sms("")
    found = checking.check_unsaved(
        message,
        {"text": "{{ ctx.order.number }} {{ ctx.order.nubmer }}"},
        ctx={"order": {"number": "A"}},
        event_type=message.event_type,
        language="en",
    )
    assert [each.code for each in found] == ["unknown_variable"]


def test_a_simulation_that_exists_is_not_made_again() -> None:
    message = _sms("")
    error = RenderError("odd", code="bad_value", part="text", line=1, column=1)
    failed = simulation.Simulation(errors=[error.as_dict()])
    found = checking.check_unsaved(
        message,
        {"text": "Hi"},
        ctx={"order": {"number": "A"}},
        event_type=message.event_type,
        language="en",
        rendered=failed,
    )
    assert [each.message for each in found] == ["odd"]


def test_a_changed_contract_names_the_live_messages_it_breaks() -> None:
    event_type = factories.make_event_type()
    content = {"en": {"text": "Order {{ ctx.order.number }}"}}
    message = factories.publish(
        event_type=event_type, channel="sms", content=content
    ).message
    contract = copy.deepcopy(event_type.contract)
    assert checking.broken_by(event_type, contract) == []
    order = contract["properties"]["order"]
    order["properties"] = {"no": {"type": "string"}}
    order["required"] = ["no"]
    ((broken, findings),) = checking.broken_by(event_type, contract)
    assert broken == message
    assert [each.path for each in findings] == ["ctx.order.number"]


def test_the_built_in_templates_have_no_errors() -> None:
    templates = list(Template.objects.filter(is_builtin=True))
    assert templates
    for template in templates:
        errors = [str(each) for each in checking.check_draft(template) if each.is_error]
        assert errors == [], template.internal_name
