"""Form fields for people: JSON with the place of an error, spans, lists by line.

Must not know which model they serve.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from events.json_text import BadText, as_text, read_object
from events.models import Channel

_UNITS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
_SPAN = re.compile(r"(\d{1,9})\s*(s|sec|m|min|h|d|second|minute|hour|day)s?\Z")
_SHORT = {"s": "second", "sec": "second", "m": "minute", "min": "minute"}
_SHORT |= {"h": "hour", "d": "day"}


class JSONTextField(forms.CharField):
    """A JSON object as text; what is wrong is said with line and column.

    `noun` is what the sentences call it.
    """

    def __init__(self, *, noun: str, **kwargs: Any) -> None:
        self.noun = noun
        kwargs.setdefault(
            "widget",
            UnfoldAdminTextareaWidget(
                attrs={"rows": 18, "spellcheck": "false", "class": "pg-json-field"}
            ),
        )
        super().__init__(strip=False, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        """Return data as indented text; what a person typed stays as it is."""
        return value if isinstance(value, str) else as_text(value)

    def to_python(self, value: Any) -> Any:
        """Return the object; raise ValidationError with the place."""
        try:
            return read_object(super().to_python(value) or "", noun=self.noun)
        except BadText as error:
            raise forms.ValidationError(str(error)) from None

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Return whether the data differ, not the way they are written."""
        try:
            return bool(self.to_python(data) != initial)
        except forms.ValidationError:
            return True


class SpanField(forms.CharField):
    """A span of time in words, kept as seconds: “30 minutes”, “5 days”."""

    widget = UnfoldAdminTextInputWidget

    def prepare_value(self, value: Any) -> Any:
        """Return seconds in words."""
        return span_in_words(value) if isinstance(value, int) else value

    def to_python(self, value: Any) -> Any:
        """Return the seconds, None for nothing; raise ValidationError."""
        text = (super().to_python(value) or "").strip().lower()
        if not text and not self.required:
            return None
        found = _SPAN.match(text)
        if found is None:
            raise forms.ValidationError(
                "Write a number and a unit, for example 30 minutes, 2 hours or 5 days."
            )
        unit = _SHORT.get(found[2], found[2])
        seconds = int(found[1]) * _UNITS[unit]
        if not 1 <= seconds <= 365 * 86_400:
            raise forms.ValidationError("It must be between 1 second and 365 days.")
        return seconds

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Return whether it is another span."""
        try:
            return bool(self.to_python(data) != initial)
        except forms.ValidationError:
            return True


class LinesField(forms.CharField):
    """A list of short texts, one a line."""

    def __init__(self, *, rows: int = 4, **kwargs: Any) -> None:
        kwargs.setdefault("widget", UnfoldAdminTextareaWidget(attrs={"rows": rows}))
        super().__init__(**kwargs)

    def prepare_value(self, value: Any) -> Any:
        """Return the list as lines."""
        return "\n".join(value) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> Any:
        """Return the lines that are not empty, each once."""
        text = super().to_python(value) or ""
        return list(dict.fromkeys(filter(None, map(str.strip, text.splitlines()))))

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Return whether the list differs."""
        return bool(self.to_python(data) != list(initial or []))


class ChannelOrderField(forms.TypedChoiceField):
    """Which channels are tried, in which order: every order there is."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            choices=[(",".join(order), _in_words(order)) for order in _orders()],
            coerce=lambda text: text.split(","),
            widget=UnfoldAdminSelectWidget(),
            **kwargs,
        )

    def prepare_value(self, value: Any) -> Any:
        """Return an order as the value of its choice."""
        return ",".join(value) if isinstance(value, list | tuple) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Return whether the order differs."""
        return bool(self.prepare_value(initial) != data)


def span_in_words(seconds: int) -> str:
    """Return seconds in the largest unit that holds them exactly."""
    for name, size in sorted(_UNITS.items(), key=lambda unit: -unit[1]):
        if seconds % size == 0 and seconds:
            count = seconds // size
            return f"{count} {name}{'' if count == 1 else 's'}"
    return f"{seconds} seconds"


def _orders() -> list[Sequence[str]]:
    names = [str(name) for name in Channel.values]
    return [o for n in (3, 2, 1) for o in itertools.permutations(names, n)]


def _in_words(order: Sequence[str]) -> str:
    return ", then ".join(str(Channel(name).label) for name in order)
