"""The form that asks how an API key is replaced by another."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget

from events.forms import EXPIRIES
from events.models import ApiKey

ENDS = [
    (1, "In an hour"),
    (24, "In a day"),
    (7 * 24, "In a week"),
    (30 * 24, "In 30 days"),
    (0, "At once"),
]
"""After how many hours the old key ends."""


class RotateKeyForm(forms.Form):
    """When the old key ends, and for how long the new one is good."""

    ends_in_hours = forms.TypedChoiceField(
        label="The old key ends",
        choices=ENDS,
        coerce=int,
        initial=24,
        widget=UnfoldAdminSelectWidget(),
    )
    expires_in_days = forms.TypedChoiceField(
        label="The new key expires",
        choices=EXPIRIES,
        required=False,
        coerce=int,
        empty_value=None,
        widget=UnfoldAdminSelectWidget(),
    )

    def __init__(self, *args: Any, key: ApiKey, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["expires_in_days"].initial = _days_like(key)


def _days_like(key: ApiKey) -> str:
    """Return the choice that is nearest to how long the old key was good for."""
    if key.expires_at is None:
        return ""
    given = (key.expires_at - key.created_at).days
    days = [days for days, _ in EXPIRIES if days]
    return min(days, key=lambda each: abs(int(each) - given))
