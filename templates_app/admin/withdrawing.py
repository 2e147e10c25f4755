"""What is asked before a message is unpublished: what becomes of what waits for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms

from templates_app.forms import NoteForm

KEEP, SEND, DROP = "keep", "send", "drop"
SENT = (SEND, "Send them first, with the version that is live now")
KEPT = (KEEP, "Keep them: they wait as not covered for a message of this type")
DROPPED = (DROP, "Drop them: they end as cancelled, with a reason")


class UnpublishForm(NoteForm):
    """The note, and what becomes of messages that wait.

    Without `reasons` nothing can be dropped; without waiting ones nothing is asked.
    A message that is not live any more sends nothing first.
    """

    field_order = ("waiting", "reason", "note")

    def __init__(
        self,
        *args: Any,
        reasons: Sequence[tuple[str, str]],
        has_waiting: bool,
        is_live: bool,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        if not has_waiting:
            return
        choices = [SENT, KEPT] if is_live else [KEPT]
        if reasons:
            choices.append(DROPPED)
            self.fields["reason"] = forms.ChoiceField(
                choices=reasons, required=False, label="Reason, if they are dropped"
            )
        self.fields["waiting"] = forms.ChoiceField(
            choices=choices,
            widget=forms.RadioSelect,
            initial=choices[0][0],
            label="What becomes of them",
            error_messages={"required": "Choose what becomes of what waits."},
        )
        self.order_fields(self.field_order)

    @property
    def drops(self) -> bool:
        """Whether what waits is to end."""
        return bool(self.cleaned_data.get("waiting") == DROP)

    @property
    def sends_first(self) -> bool:
        """Whether what waits is to be sent before anything is withdrawn."""
        return bool(self.cleaned_data.get("waiting") == SEND)

    def clean(self) -> dict[str, Any]:
        """Ask for the reason of dropping."""
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("waiting") == DROP and not cleaned.get("reason"):
            self.add_error("reason", "Choose the reason that the history shows.")
        return cleaned
