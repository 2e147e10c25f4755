"""The form of a message's or template's page: properties, sample, content."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django import forms
from django.utils.dateparse import parse_datetime

from events.models import EventType
from templates_app.forms.content import (
    CONTENT_FIELDS,
    content_field,
    json_text,
    typed_content,
)
from templates_app.forms.storing import unstorable
from templates_app.models import Folder, Message, MessageStatus, MobileApp, Template
from templates_app.models import UnknownOutcome as Policy
from templates_app.simulation import read_sample

_POLICIES = [
    (Policy.MUST_ARRIVE, "Send it again, even if it comes twice"),
    (Policy.NEVER_TWICE, "Do not send it again, even if it is lost"),
    (Policy.ASK, "Keep it and ask an operator"),
]
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]")


class DraftForm(forms.Form):
    """Properties, context sample and content of a template; see MessageForm."""

    label = forms.CharField(max_length=120)
    internal_name = forms.SlugField(
        max_length=64, help_text="Unique; the API and packages use it."
    )
    folder = forms.ModelChoiceField(
        Folder.objects.all(), required=False, empty_label="No folder"
    )
    mobile_app = forms.ModelChoiceField(
        MobileApp.objects.all(),
        required=False,
        label="Mobile app",
        empty_label="Every app of the recipient",
        help_text="Whose devices the message goes to.",
    )
    delivery_code = forms.CharField(
        required=False, max_length=60, help_text="Free code to group reports by."
    )
    nature = forms.CharField(
        required=False,
        max_length=60,
        help_text="Such as receipt, reminder or security.",
        widget=forms.TextInput(attrs={"list": "natures"}),
    )
    description = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    unknown_outcome = forms.ChoiceField(
        choices=_POLICIES, label="If a crash hides whether a message was sent"
    )
    context_sample = forms.CharField(
        required=False,
        strip=False,
        label="Context sample (JSON)",
        widget=forms.Textarea(
            attrs={"rows": 10, "class": "tx-code", "data-code": "json"}
        ),
        help_text="An example of the event's data: templates see it as ctx.",
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        *args: Any,
        draft: Message | Template,
        language: str = "",
        may_edit: bool = True,
        may_add_types: bool = True,
        **kwargs: Any,
    ) -> None:
        self.may_add_types = may_add_types
        self.language = language or draft.default_language
        kwargs["initial"] = initial_of(draft, self.language)
        super().__init__(*args, **kwargs)
        self.draft = draft
        folder = self.fields["folder"]
        assert isinstance(folder, forms.ModelChoiceField)  # noqa: S101  # its choices
        folder.choices = [("", "No folder"), *_folder_choices(Folder.objects.all())]
        if draft.channel != "push":
            del self.fields["mobile_app"]
        for name in CONTENT_FIELDS[draft.channel]:
            self.fields[name] = content_field(name)
        if draft.channel == "email":
            self.fields["text"].label = "Text part"
            self.fields["text"].help_text = "Empty: made from the HTML."
            code = {"class": "tx-code", "data-code": "plain"}
            self.fields["text"].widget.attrs |= code
        if isinstance(draft, Message) and draft.live_version_id is not None:
            self.fields["internal_name"].disabled = True
            self.fields["internal_name"].help_text = "Fixed since it was published."
        if not may_edit:
            for each in self.fields.values():
                each.widget.attrs["disabled"] = True

    def clean_internal_name(self) -> str:
        """Refuse a name that another message or template has."""
        name = str(self.cleaned_data["internal_name"])
        others = type(self.draft)._default_manager.exclude(pk=self.draft.pk)
        if others.filter(internal_name=name).exists():
            raise forms.ValidationError(f"“{name}” is taken; choose another name.")
        return name

    def clean_context_sample(self) -> dict[str, Any]:
        """Return the sample as plain JSON data; refuse what is no JSON object."""
        text = str(self.cleaned_data["context_sample"])
        _, error = read_sample(text)
        if error is not None:
            raise forms.ValidationError(str(error["message"]))
        sample: dict[str, Any] = json.loads(text) if text.strip() else {}
        reason = unstorable(sample)
        if reason:
            raise forms.ValidationError(f"This cannot be kept: {reason}.")
        return sample

    def values(self) -> dict[str, Any]:
        """Return the model's fields as the author left them."""
        names: tuple[str, ...] = (
            "label",
            "internal_name",
            "folder",
            "delivery_code",
            "nature",
            "description",
            "unknown_outcome",
            "context_sample",
        )
        names += ("mobile_app",) if "mobile_app" in self.fields else ()
        return {name: self.cleaned_data[name] for name in names}

    def content(self) -> dict[str, Any]:
        """Return the content of the form's language."""
        return typed_content(self.draft.channel, self.cleaned_data)

    def seen_at(self) -> datetime | None:
        """Return the state that the author was shown, as its time of saving."""
        try:
            return parse_datetime(self.cleaned_data["seen"])
        except ValueError:
            return None

    def has_details_errors(self) -> bool:
        """Return whether a field that the page shows folded is wrong."""
        folded = ("folder", "delivery_code", "nature", "unknown_outcome", "description")
        return any(name in self.errors for name in folded)


class MessageForm(DraftForm):
    """A template's fields, and the event type: an existing one or a new one."""

    event_type = forms.ModelChoiceField(
        EventType.objects.all(), required=False, empty_label="Choose an event type"
    )
    new_type_name = forms.CharField(
        required=False,
        max_length=64,
        label="Name",
        help_text="What callers post, for example order.confirmed.",
    )
    new_type_label = forms.CharField(required=False, max_length=120, label="Label")

    def __init__(self, *args: Any, draft: Message, **kwargs: Any) -> None:
        super().__init__(*args, draft=draft, **kwargs)
        if draft.status != MessageStatus.DRAFT:
            field = self.fields["event_type"]
            field.disabled = True
            field.help_text = "Fixed while the message is live; unpublish to change it."

    def clean_new_type_name(self) -> str:
        """Refuse the name of a type that exists, and characters that none may have."""
        name = str(self.cleaned_data["new_type_name"])
        wrong = wrong_characters(name)
        if wrong:
            raise forms.ValidationError(
                f"{wrong} cannot be used: letters a to z, digits, dots, hyphens and "
                "underscores can, for example order.confirmed."
            )
        if name and not name[0].isalnum():
            raise forms.ValidationError(
                f"It begins with “{name[0]}”: begin with a letter or a digit."
            )
        twin = EventType.objects.filter(name__iexact=name).first() if name else None
        if twin is not None:
            raise forms.ValidationError(
                f"{twin.name} exists: choose it from the list. Names differ in more "
                "than capital letters."
            )
        return name

    def clean(self) -> dict[str, Any]:
        """Refuse a new event type of somebody who may make none."""
        if self.cleaned_data.get("new_type_name") and not self.may_add_types:
            raise forms.ValidationError(
                "You may not create event types: choose one from the list."
            )
        return self.cleaned_data

    def values(self) -> dict[str, Any]:
        """Return the model's fields; a new event type is not among them yet."""
        return {**super().values(), "event_type": self.cleaned_data["event_type"]}

    def new_type(self) -> tuple[str, str] | None:
        """Return name and label of the event type to be made, if one is wished."""
        name = self.cleaned_data["new_type_name"]
        if not name or self.fields["event_type"].disabled:
            return None
        return name, self.cleaned_data["new_type_label"]


def wrong_characters(name: str) -> str:
    """Return in words which characters of a name no event type's name may have."""
    wrong = dict.fromkeys(_NOT_IN_NAMES.findall(name))
    shown = ["a space" if each.isspace() else f"“{each}”" for each in wrong]
    *most, last = list(dict.fromkeys(shown)) or [""]
    words = f"{', '.join(most)} and {last}" if most else last
    return words[:1].upper() + words[1:]


def initial_of(draft: Message | Template, language: str) -> dict[str, Any]:
    """Return what a form shows of a draft in one language."""
    return {
        "source_kind": "mjml",
        **draft.content.get(language, {}),
        "label": draft.label,
        "internal_name": draft.internal_name,
        "folder": draft.folder_id,
        "mobile_app": draft.mobile_app_id,
        "delivery_code": draft.delivery_code,
        "nature": draft.nature,
        "description": draft.description,
        "unknown_outcome": draft.unknown_outcome,
        "event_type": getattr(draft, "event_type_id", None),
        "context_sample": json_text(draft.context_sample),
        "seen": draft.modified_at.isoformat(),
    }


def _folder_choices(folders: Iterable[Folder]) -> list[tuple[int, str]]:
    """Return folders by their path in the tree, such as ``Shop / Orders``."""
    known = {folder.pk: folder for folder in folders}

    def path(folder: Folder) -> str:
        names, seen = [folder.name], {folder.pk}
        while folder.parent_id in known and folder.parent_id not in seen:
            folder = known[folder.parent_id]
            seen.add(folder.pk)
            names.append(folder.name)
        return " / ".join(reversed(names))

    return sorted(((pk, path(each)) for pk, each in known.items()), key=lambda c: c[1])
