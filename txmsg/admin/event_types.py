"""Event types, with the messages that a change of their contract would break."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.urls import reverse

from events.admin import EventTypeAdmin
from events.models import EventType
from templates_app import checking

_WORDS = 3


@admin.register(EventType)
class CheckedEventTypeAdmin(EventTypeAdmin):
    """Event types that know what is published for them."""

    def broken_by(
        self, event_type: EventType, contract: dict[str, Any]
    ) -> list[tuple[str, str, list[str]]]:
        """Return label and address of each message that would break, and how."""
        return [
            (
                message.label,
                reverse("admin:templates_app_message_change", args=[message.pk]),
                [str(finding) for finding in findings[:_WORDS]],
            )
            for message, findings in checking.broken_by(event_type, contract)
        ]
