"""A contract that would break a published message says so before it is saved."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from events.models import EventType
from tests.factories import CONTRACT, publish

pytestmark = pytest.mark.django_db


def test_the_published_message_is_named_with_what_breaks() -> None:
    """And nothing is saved until somebody says so."""
    version = publish()
    event_type: EventType = version.message.event_type
    client = Client()
    client.force_login(User.objects.create_superuser("author", password="x"))
    contract: dict[str, Any] = json.loads(json.dumps(CONTRACT))
    order = contract["properties"]["order"]
    order["properties"] = {"total": {"type": "string"}}
    order["required"] = []
    address = reverse("admin:events_eventtype_check", args=[event_type.pk])
    page = reverse("admin:events_eventtype_change", args=[event_type.pk])
    form = client.get(page).context["adminform"].form
    typed = {
        name: "" if value is None else value
        for name, value in ((f.html_name, f.value()) for f in form)
    }
    typed |= {"contract": json.dumps(contract), "contract_view": "json"}
    said = client.post(address, typed).json()
    assert [label for label, _, _ in said["broken"]] == [version.message.label]
    assert "ctx.order.number" in str(said["broken"])
