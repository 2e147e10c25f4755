"""Test profiles in the admin: whom proofs go to, and whose data simulations use."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.widgets import UnfoldAdminTextareaWidget

from events import addresses
from events.admin_lists import OwnPages, SelectFilter
from events.contract import BrokenContract, faults_of
from events.form_fields import JSONTextField
from events.models import Channel, EventType
from templates_app.languages import choices
from templates_app.models import TestProfile

_ADDRESS = {Channel.EMAIL: "email", Channel.SMS: "phone", Channel.PUSH: "push_token"}
_SHOWN_FAULTS = 5


class TestProfileForm(forms.ModelForm):
    """A test profile; its event data may break the contract, and says so."""

    __test__ = False  # pytest would take the name for a test's

    ctx = JSONTextField(
        noun="event data",
        required=False,
        label="Event data (ctx)",
        widget=UnfoldAdminTextareaWidget(
            attrs={"rows": 12, "spellcheck": "false", "class": "pg-json-field"}
        ),
        help_text="Empty: the data of the event type's sample.",
    )

    class Meta:
        model = TestProfile
        labels = {"timezone": "Time zone"}
        fields = (
            "label",
            "event_type",
            "name",
            "email",
            "phone",
            "push_token",
            "language",
            "timezone",
            "external_id",
            "ctx",
        )
        widgets = {"push_token": UnfoldAdminTextareaWidget(attrs={"rows": 2})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.initial.get("ctx"):
            self.initial["ctx"] = ""
        event_type: Any = self.fields["event_type"]
        event_type.empty_label = "Every event type"
        event_type.help_text = "For which messages it is offered."
        for verb in ("add", "change", "delete", "view"):
            setattr(event_type.widget, f"can_{verb}_related", False)
        hints = {
            "name": "As the message greets its recipient.",
            "phone": "With the country's code, for example +15005550006.",
            "language": "For example en or pt-BR. Empty: the message's default.",
            "timezone": "For example Europe/Lisbon. Empty: the installation's.",
            "external_id": "What your own systems call this person.",
        }
        for name, hint in hints.items():
            self.fields[name].help_text = hint

    def clean_ctx(self) -> dict[str, Any] | None:
        """Return the event data; none typed is none kept."""
        typed = self.data.get(self.add_prefix("ctx"), "")
        return self.cleaned_data["ctx"] if str(typed).strip() else None

    def clean_phone(self) -> str:
        """Refuse what cannot be dialled from abroad."""
        typed = str(self.cleaned_data["phone"])
        try:
            return addresses.phone(typed) if typed else ""
        except addresses.BadAddress as error:
            raise forms.ValidationError(f"It {error}.") from error

    def clean_language(self) -> str:
        """Refuse a language that is not known here."""
        language = str(self.cleaned_data["language"]).replace("_", "-")
        known = {tag.lower(): tag for tag, _ in choices()}
        if language and language.lower() not in known:
            raise forms.ValidationError(f"“{language}” is no language known here.")
        return known.get(language.lower(), "")

    def clean_timezone(self) -> str:
        """Refuse a time zone that does not exist."""
        zone = str(self.cleaned_data["timezone"])
        if zone and zone not in available_timezones():
            raise forms.ValidationError(
                f"“{zone}” is no time zone, such as Europe/Lisbon."
            )
        return zone

    def clean(self) -> dict[str, Any]:
        """Refuse a profile that nothing can be sent to and that has no data."""
        data = super().clean() or {}
        kept = [data.get(name) for name in (*_ADDRESS.values(), "ctx")]
        if not any(kept) and not self.errors:
            raise forms.ValidationError(
                "Give it an address for proofs, or event data for simulations."
            )
        return data


class ReachedByFilter(SelectFilter):
    """Profiles that have an address of a channel."""

    title = "can get proofs by"
    parameter_name = "channel"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return every channel."""
        return [(str(value), str(label)) for value, label in Channel.choices]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Return the profiles with an address of the chosen channel."""
        chosen = self.chosen()
        if not chosen:
            return queryset
        return queryset.exclude(**{_ADDRESS[Channel(chosen)]: ""})


@admin.register(TestProfile)
class TestProfileAdmin(OwnPages, ModelAdmin):
    """Made-up or willing recipients of proofs and simulations."""

    list_title = "Test profiles"
    empty_title = "There is no test profile yet"
    empty_sentence = (
        "A test profile is a made-up or willing recipient: its addresses are offered "
        "when a proof is sent, its data when a message is simulated."
    )
    form = TestProfileForm
    list_display = ("label", "for_type", "name", "reached_by", "speaks", "has_data")
    list_filter = (("event_type", RelatedDropdownFilter), ReachedByFilter)
    list_filter_submit = True
    list_select_related = ("event_type",)
    search_fields = ("label", "name", "email", "phone", "external_id")
    search_help_text = "A label, a name or an address"
    actions = None
    warn_unsaved_form = True
    fieldsets = (
        (None, {"fields": ("label", "event_type")}),
        (
            "Recipient",
            {"fields": ("name", "language", "timezone", "external_id")},
        ),
        (
            "Addresses for proofs",
            {
                "fields": ("email", "phone", "push_token"),
                "description": "Proofs are really sent: use addresses of people who "
                "know about it.",
            },
        ),
        ("Data for simulations", {"fields": ("ctx",)}),
    )

    def save_model(
        self, request: HttpRequest, obj: TestProfile, form: Any, change: bool
    ) -> None:
        """Save, and say where the data break the event type's contract."""
        super().save_model(request, obj, form, change)
        for sentence in doubts_of(obj):
            messages.warning(request, sentence)

    @admin.display(description="Event type", ordering="event_type__name")
    def for_type(self, profile: TestProfile) -> str:
        """Return the type that it is offered for."""
        return profile.event_type.name if profile.event_type else "every type"

    @admin.display(description="Proofs by")
    def reached_by(self, profile: TestProfile) -> str:
        """Return the channels that it has an address of."""
        found = [
            str(channel.label)
            for channel, name in _ADDRESS.items()
            if getattr(profile, name)
        ]
        return ", ".join(found) or "–"

    @admin.display(description="Language", ordering="language")
    def speaks(self, profile: TestProfile) -> str:
        """Return its language."""
        return profile.language or "–"

    @admin.display(description="Data")
    def has_data(self, profile: TestProfile) -> str:
        """Return whose data it is simulated with."""
        return "its own" if profile.ctx else "of the sample"


def doubts_of(profile: TestProfile) -> list[str]:
    """Return where a profile's data do not fit its event type, one sentence each."""
    event_type: EventType | None = profile.event_type
    if event_type is None or not profile.ctx:
        return []
    try:
        faults = faults_of(profile.ctx, event_type.contract)
    except BrokenContract as error:
        return [f"The contract of {event_type.name} is broken: {error}"]
    return [
        f"It does not fit {event_type.name}: {fault.message}"
        for fault in faults[:_SHOWN_FAULTS]
    ]
