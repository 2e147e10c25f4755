"""Who gets a proof: the author, saved test profiles, typed addresses."""

from __future__ import annotations

import re
from typing import Any

from django import forms

from events.models import Channel
from templates_app.models import TestProfile

# The field of a test profile, or of a user, that holds the address on a channel.
ADDRESS_FIELDS = {
    Channel.EMAIL: "email",
    Channel.SMS: "phone",
    Channel.PUSH: "push_token",
}
_HINTS = {
    Channel.EMAIL: "One email address a line.",
    Channel.SMS: "One phone number a line, such as +33612345678.",
    Channel.PUSH: "One device a line, its platform before the token: fcm:TOKEN, "
    "apns:TOKEN or webpush:TOKEN.",
}
_BETWEEN = re.compile(r"[\s,;]+")


class ProofForm(forms.Form):
    """The addresses of a proof; whether they can be used is decided in `proofing`."""

    to_me = forms.BooleanField(required=False)
    typed = forms.CharField(
        required=False,
        max_length=20_000,
        label="Other addresses",
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
    )

    def __init__(
        self,
        *args: Any,
        channel: str,
        own_address: str,
        profiles: list[TestProfile],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._address_field = ADDRESS_FIELDS[Channel(channel)]
        self._own_address = own_address
        if own_address:
            self.fields["to_me"].label = f"Me, {own_address}"
        else:
            del self.fields["to_me"]
        if profiles:
            ids = [profile.pk for profile in profiles]
            choices = forms.ModelMultipleChoiceField(
                TestProfile.objects.filter(pk__in=ids),
                required=False,
                widget=forms.CheckboxSelectMultiple,
                label="Test profiles",
            )
            choices.choices = [(each.pk, self._name_of(each)) for each in profiles]
            self.fields["profiles"] = choices
        self.fields["typed"].help_text = _HINTS[Channel(channel)]

    def recipients(self) -> list[tuple[str, str]]:
        """Return the chosen addresses with names, as typed; call when valid."""
        data = self.cleaned_data
        found = [(self._own_address, "")] if data.get("to_me") else []
        found += [
            (getattr(profile, self._address_field), profile.name)
            for profile in data.get("profiles", ())
        ]
        typed = _BETWEEN.split(data["typed"].strip())
        return found + [(address, "") for address in typed if address]

    def _name_of(self, profile: TestProfile) -> str:
        return f"{profile.label}, {getattr(profile, self._address_field)[:60]}"
