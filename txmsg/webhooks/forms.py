"""The admin's forms of webhooks; what is checked is `txmsg.webhooks.endpoints`'."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.utils import timezone
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from events.form_fields import LinesField
from events.models import WebhookEndpoint, WebhookName
from txmsg.webhooks import endpoints

_NAMES = [
    (str(value), f"{value} – {label}")
    for value, label in WebhookName.choices
    if value in endpoints.SUBSCRIBABLE
]
_SINCE = [
    ("1", "In the last hour"),
    ("24", "In the last day"),
    ("72", "In the last three days"),
    ("168", "In the last week"),
    ("1440", "Ever, as far as it is kept"),
]


class EndpointForm(forms.ModelForm):  # type: ignore[type-arg]
    """Where an endpoint is, and what it is told."""

    events = forms.MultipleChoiceField(
        label="What it is told",
        choices=_NAMES,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text="None chosen means everything, what is added later included.",
    )
    event_types = LinesField(
        required=False,
        label="Event types",
        help_text="Of which event types it is told, one a line; empty means of all.",
    )

    class Meta:
        model = WebhookEndpoint
        fields = ("source", "url", "description", "events", "event_types")
        labels = {"url": "Address"}
        help_texts = {
            "source": "It is told of the events of this source alone.",
            "url": "A public https address. The operator can allow hosts of your own "
            "network with TXMSG_WEBHOOK_HOSTS.",
        }
        widgets = {
            "url": UnfoldAdminTextInputWidget(
                attrs={"placeholder": "https://shop.example.com/hooks/txmsg"}
            ),
            "source": UnfoldAdminSelectWidget(),
        }

    def clean(self) -> dict[str, Any]:
        """Refuse what an endpoint cannot be, each field with its own sentence."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for name in ("url", "events", "event_types"):
            if name in cleaned:
                try:
                    endpoints.check({name: cleaned[name]})
                except endpoints.Unfit as error:
                    self.add_error(name, str(error))
        return cleaned


class RecoverForm(forms.Form):
    """From when on what was given up is sent once more."""

    since = forms.TypedChoiceField(
        label="What happened",
        choices=_SINCE,
        coerce=lambda hours: timezone.now() - timedelta(hours=int(hours)),
        widget=UnfoldAdminSelectWidget(),
        initial="72",
    )
