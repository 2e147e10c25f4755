"""What authors fill in: the wizard, and the page of a message or template.

A form parses and says what is wrong with a field; what happens with the values is
decided in `creating`, `editing` and `publishing`.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.dateparse import parse_datetime

from events.models import EventType
from templates_app.models import Folder, Message, MessageStatus, Template
from templates_app.models import UnknownOutcome as Policy
from templates_app.simulation import read_sample

# The fields of a channel's content, in the order of the page.
CONTENT_FIELDS: dict[str, tuple[str, ...]] = {
    "email": (
        "from_name",
        "from_address",
        "reply_to",
        "subject",
        "preheader",
        "source_kind",
        "source",
        "text",
    ),
    "sms": ("sender", "text"),
    "push": ("title", "body", "data"),
}
_POLICIES = [
    (Policy.MUST_ARRIVE, "Send it again, even if it comes twice"),
    (Policy.NEVER_TWICE, "Do not send it again, even if it is lost"),
    (Policy.ASK, "Keep it and ask an operator"),
]
_LABELS = {
    "from_name": "From name",
    "from_address": "From address",
    "reply_to": "Reply to",
    "subject": "Subject",
    "preheader": "Preheader",
    "source": "Source",
    "text": "Text",
    "sender": "Sender",
    "title": "Title",
    "body": "Text",
    "data": "Data",
}
_HINTS = {
    "from_address": "Empty: the installation's sender.",
    "preheader": "What inboxes show after the subject.",
    "sender": "Empty: the installation's sender.",
    "data": "A JSON object for your app; Liquid stands inside the quotes.",
}
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]")
_TALL = {"source": 26, "text": 6, "body": 4, "data": 6}


class CreateForm(forms.Form):
    """The wizard's one step: which template, and what to call the copy."""

    label = forms.CharField(max_length=120)
    template = forms.ModelChoiceField(Template.objects.none(), widget=forms.RadioSelect)

    def __init__(self, *args: Any, channel: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = Template.objects.filter(channel=channel)
        choices = choices.order_by("-is_builtin", "label")
        self.choices = list(choices)
        self.fields["template"] = forms.ModelChoiceField(
            choices, error_messages={"required": "Choose a template to start from."}
        )


class LabelForm(forms.Form):
    """What to call a copy."""

    label = forms.CharField(max_length=120)


class NoteForm(forms.Form):
    """Why something is published or withdrawn; kept in the publication log."""

    note = forms.CharField(
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Shown in the publication log.",
    )


class DraftForm(forms.Form):
    """Properties, context sample and content of a template; see MessageForm."""

    label = forms.CharField(max_length=120)
    internal_name = forms.SlugField(
        max_length=64, help_text="Unique; the API and packages use it."
    )
    folder = forms.ModelChoiceField(
        Folder.objects.all(), required=False, empty_label="No folder"
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
        widget=forms.Textarea(attrs={"rows": 10, "class": "tx-code", "data-code": ""}),
        help_text="An example of the event's data: templates see it as ctx.",
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, draft: Message | Template, **kwargs: Any) -> None:
        kwargs["initial"] = initial_of(draft)
        super().__init__(*args, **kwargs)
        self.draft = draft
        for name in CONTENT_FIELDS[draft.channel]:
            self.fields[name] = _content_field(name)
        if draft.channel == "email":
            self.fields["text"].label = "Text part"
            self.fields["text"].help_text = "Empty: made from the HTML."
        if isinstance(draft, Message) and draft.live_version_id is not None:
            self.fields["internal_name"].disabled = True
            self.fields["internal_name"].help_text = "Fixed since it was published."

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
        return sample

    def values(self) -> dict[str, Any]:
        """Return the model's fields as the author left them."""
        names = (
            "label",
            "internal_name",
            "folder",
            "delivery_code",
            "nature",
            "description",
            "unknown_outcome",
            "context_sample",
        )
        return {name: self.cleaned_data[name] for name in names}

    def content(self) -> dict[str, str]:
        """Return the content of the default language."""
        return typed_content(self.draft.channel, self.cleaned_data)

    def seen_at(self) -> datetime | None:
        """Return the state that the author was shown, as its time of saving."""
        try:
            return parse_datetime(self.cleaned_data["seen"])
        except ValueError:
            return None

    def content_fields(self) -> list[forms.BoundField]:
        """Return the channel's fields for the page."""
        return [self[name] for name in CONTENT_FIELDS[self.draft.channel]]


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
        if name and EventType.objects.filter(name=name).exists():
            raise forms.ValidationError(f"{name} exists: choose it from the list.")
        return name

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


def initial_of(draft: Message | Template) -> dict[str, Any]:
    """Return what a form shows of a draft."""
    sample = draft.context_sample
    text = json.dumps(sample, indent=2, ensure_ascii=False) if sample else ""
    return {
        **draft.content.get(draft.default_language, {}),
        "label": draft.label,
        "internal_name": draft.internal_name,
        "folder": draft.folder_id,
        "delivery_code": draft.delivery_code,
        "nature": draft.nature,
        "description": draft.description,
        "unknown_outcome": draft.unknown_outcome,
        "event_type": getattr(draft, "event_type_id", None),
        "context_sample": text,
        "seen": draft.modified_at.isoformat(),
    }


def plain_lines(data: QueryDict) -> QueryDict:
    """Return a copy of form data with line ends as they are stored, not as sent."""
    plain = data.copy()
    for name, values in data.lists():
        plain.setlist(name, [str(value).replace("\r\n", "\n") for value in values])
    return plain


def typed_content(channel: str, data: Any) -> dict[str, str]:
    """Return the fields of a channel's content that form data holds, valid or not."""
    return {
        name: str(data[name] or "") for name in CONTENT_FIELDS[channel] if name in data
    }


def _content_field(name: str) -> forms.Field:
    if name == "source_kind":
        kinds = [("mjml", "MJML: responsive by itself"), ("html", "HTML: as it stands")]
        return forms.ChoiceField(choices=kinds, label="Written in")
    widget: forms.Widget = forms.TextInput()
    if name in _TALL:
        attrs: dict[str, Any] = {"rows": _TALL[name]}
        if name in ("source", "data"):
            attrs |= {"class": "tx-code", "data-code": ""}
        widget = forms.Textarea(attrs=attrs)
    return forms.CharField(
        required=False,
        strip=False,
        label=_LABELS[name],
        help_text=_HINTS.get(name, ""),
        widget=widget,
    )
