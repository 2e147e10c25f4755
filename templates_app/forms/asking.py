"""Small forms: what to start from, what to call it, why it is done."""

from __future__ import annotations

from typing import Any

from django import forms

from templates_app.models import Template


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
