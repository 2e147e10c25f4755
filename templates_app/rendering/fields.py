"""What an author writes for one language: the fields, and nothing about their meaning.

It knows their shapes alone; what stands in them is read where they are compiled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from templates_app.rendering.errors import RenderError

_ATTACHMENT = frozenset({"url", "name", "when_missing"})
MAX_ATTACHMENTS = 5
WHEN_MISSING = ("fail", "skip")


@dataclass(frozen=True, slots=True)
class Content:
    """What is said in one language; the fields used depend on the channel.

    Email: subject, preheader, source_kind (``blocks``, ``mjml`` or ``html``), source
    (of MJML and HTML), blocks (a block document), text (made from the HTML when
    empty), from_name, from_address, reply_to, attachments (``[{"url", "name",
    "when_missing": "fail" or "skip"}]``). SMS: text, sender. Push: title, body, data
    (a JSON object as text), image, options (``{"ios": {…}, "android": {…}}``).
    """

    subject: str = ""
    preheader: str = ""
    source_kind: str = "mjml"
    source: str = ""
    text: str = ""
    from_name: str = ""
    from_address: str = ""
    reply_to: str = ""
    sender: str = ""
    title: str = ""
    body: str = ""
    data: str = ""
    image: str = ""
    blocks: dict[str, Any] = field(default_factory=dict)
    attachments: list[dict[str, str]] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the content of a JSON object; unknown keys are left out."""
        values: dict[str, Any] = {}
        for each in fields(cls):
            value = data.get(each.name)
            if value is None:
                continue
            _check(each.name, value)
            values[each.name] = _with_unix_lines(value)
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """Return the fields that are filled, as plain data."""
        return {name: value for name, value in asdict(self).items() if value}


def _check(name: str, value: Any) -> None:
    if name == "attachments":
        _check_attachments(value)
    elif name in {"blocks", "options"}:
        if not isinstance(value, dict):
            raise _error(f"{name} must be a JSON object", part=name)
    elif not isinstance(value, str):
        raise _error(f"{name} must be text", part=name)


def _check_attachments(value: Any) -> None:
    if not isinstance(value, list):
        raise _error("attachments must be a list", part="attachments")
    if len(value) > MAX_ATTACHMENTS:
        message = f"{len(value)} attachments: a mail takes {MAX_ATTACHMENTS}"
        raise _error(message, part="attachments")
    for number, each in enumerate(value):
        part = f"attachments/{number}"
        if not isinstance(each, dict):
            raise _error("an attachment is a JSON object", part=part)
        for name, words in each.items():
            if name not in _ATTACHMENT:
                raise _error(f"an attachment has no {name}", part=part)
            if not isinstance(words, str):
                raise _error(f"{name} must be text", part=f"{part}/{name}")
        if each.get("when_missing", "fail") not in WHEN_MISSING:
            message = "when_missing is one of fail and skip"
            raise _error(message, part=f"{part}/when_missing")


def _error(message: str, *, part: str) -> RenderError:
    return RenderError(message, code="invalid_content", part=part)


def _with_unix_lines(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\r\n", "\n")
    if isinstance(value, list):
        return [_with_unix_lines(each) for each in value]
    if isinstance(value, dict):
        return {name: _with_unix_lines(each) for name, each in value.items()}
    return value
