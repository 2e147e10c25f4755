"""The fields of a channel's content, and reading them from form data.

What is text in the form may be an object or a list in the content: the block document,
the attachments, the options of a push message.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import QueryDict

from templates_app.forms.storing import unstorable

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
        "blocks",
        "text",
        "attachments",
    ),
    "sms": ("sender", "text"),
    "push": ("title", "body", "image", "data", "options"),
}
SOURCE_KINDS = [("blocks", "Visual blocks"), ("mjml", "MJML"), ("html", "HTML")]

_SHAPES: dict[str, type] = {"blocks": dict, "attachments": list, "options": dict}
_WORDS: dict[type, str] = {dict: "an object: { … }", list: "a list: [ … ]"}
_MAX_JSON = 1_000_000
_LABELS = {
    "from_name": "From name",
    "from_address": "From address",
    "reply_to": "Reply to",
    "subject": "Subject",
    "preheader": "Preheader",
    "source": "Source",
    "blocks": "Blocks (JSON)",
    "text": "Text",
    "attachments": "Attachments (JSON)",
    "sender": "Sender",
    "title": "Title",
    "body": "Text",
    "image": "Image address",
    "data": "Data (JSON)",
    "options": "Options per platform (JSON)",
}
_HINTS = {
    "from_address": "Empty: the installation's sender.",
    "preheader": "What inboxes show after the subject.",
    "sender": "Empty: the installation's sender.",
    "image": "Shown with the text where a phone can; empty: none.",
    "data": "A JSON object for your app; Liquid stands inside the quotes.",
}
_TALL = {
    "source": 26,
    "text": 6,
    "body": 4,
    "data": 6,
    "blocks": 6,
    "attachments": 3,
    "options": 3,
}
_MODES = {"source": "html", "data": "json"}


class Unreadable(ValueError):
    """A field of the form holds no JSON of the kind it must; `part` names it."""

    def __init__(self, part: str, reason: str, line: int | None, column: int | None):
        super().__init__(reason)
        self.part, self.line, self.column = part, line, column

    def as_dict(self) -> dict[str, Any]:
        """Return it in the shape of RenderError.as_dict."""
        return {
            "code": "invalid_json",
            "message": str(self),
            "part": self.part,
            "line": self.line,
            "column": self.column,
            "path": "",
        }


@dataclass(frozen=True, slots=True)
class _Failure:
    reason: str
    line: int | None = None
    column: int | None = None


class JsonField(forms.CharField):
    """JSON as text in the form, plain data when cleaned; empty is an empty one."""

    def __init__(self, *, shape: type, **kwargs: Any) -> None:
        super().__init__(required=False, strip=False, **kwargs)
        self.shape = shape

    def prepare_value(self, value: Any) -> Any:
        """Return what the field shows: what was typed, or the data as JSON."""
        return value if isinstance(value, str) else json_text(value)

    def clean(self, value: Any) -> Any:
        """Return the data; refuse what is no JSON of the shape."""
        found = _read(str(value or ""), self.shape)
        if isinstance(found, _Failure):
            raise forms.ValidationError(found.reason)
        return found

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare the data, whatever way it is written."""
        found = _read(str(data or ""), self.shape)
        return bool(found != (initial or self.shape()))


def content_field(name: str) -> forms.Field:
    """Return the form's field of one field of the content."""
    if name == "source_kind":
        return forms.ChoiceField(choices=SOURCE_KINDS, label="Written as")
    widget: forms.Widget = forms.TextInput(attrs={"data-text": name})
    if name in _TALL:
        attrs: dict[str, Any] = {"rows": _TALL[name]}
        if name in _MODES or name in _SHAPES:
            attrs |= {"class": "tx-code", "data-code": _MODES.get(name, "plain")}
            if name in _SHAPES:
                attrs["data-hidden"] = ""
        if name not in _SHAPES:
            attrs["data-text"] = name
        widget = forms.Textarea(attrs=attrs)
    words: dict[str, Any] = {
        "label": _LABELS[name],
        "help_text": _HINTS.get(name, ""),
        "widget": widget,
    }
    if name in _SHAPES:
        return JsonField(shape=_SHAPES[name], **words)
    return forms.CharField(required=False, strip=False, **words)


def typed_content(channel: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a channel's content that form data holds, valid or not.

    Raises Unreadable for a field whose JSON cannot be read.
    """
    content: dict[str, Any] = {}
    for name in CONTENT_FIELDS[channel]:
        if name not in data:
            continue
        value = data[name]
        if name in _SHAPES and (value is None or isinstance(value, str)):
            value = _read(value or "", _SHAPES[name])
            if isinstance(value, _Failure):
                reason = f"{_LABELS[name]}: {value.reason}"
                raise Unreadable(name, reason, value.line, value.column)
        elif name not in _SHAPES:
            value = str(value or "")
        content[name] = value
    return content


def plain_lines(data: QueryDict) -> QueryDict:
    """Return a copy of form data with line ends as they are stored, not as sent."""
    plain = data.copy()
    for name, values in data.lists():
        plain.setlist(name, [str(value).replace("\r\n", "\n") for value in values])
    return plain


def json_text(value: Any) -> str:
    """Return data as JSON that people read; nothing for what is empty."""
    return json.dumps(value, indent=2, ensure_ascii=False) if value else ""


def _read(text: str, shape: type) -> Any:
    if not text.strip():
        return shape()
    if len(text) > _MAX_JSON:
        return _Failure(f"more than {_MAX_JSON:,} characters")
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        return _Failure(
            f"not valid JSON: {error.msg} ({place}).", error.lineno, error.colno
        )
    except (ValueError, RecursionError) as error:
        return _Failure(f"not valid JSON: {str(error) or 'nested too deeply'}.")
    if not isinstance(value, shape):
        return _Failure(f"this must be {_WORDS[shape]}.", 1, 1)
    reason = unstorable(value)
    return _Failure(f"this cannot be kept: {reason}.") if reason else value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")
