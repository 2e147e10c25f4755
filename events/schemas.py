"""The request body of an event, checked: pydantic models, and their faults as ours.

A fault carries the code of the reference and a JSON Pointer; it never echoes a value.
"""

from __future__ import annotations

import difflib
import functools
import re
import zoneinfo
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from babel import Locale
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from events import addresses
from events.problems import Fault, Refused
from events.strict_json import escape, printable

MAX_METADATA_KEYS = 20
MAX_METADATA_KEY = 40
MAX_METADATA_VALUE = 500
_MAX_FAULTS = 50
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}\Z")
_DATETIME = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|z|[+-]\d\d:\d\d)\Z"
)


def _one_line(text: str) -> str:
    if addresses.has_control(text):
        raise PydanticCustomError("control_character", "holds a control character")
    return text


def _name(text: str) -> str:
    if addresses.has_bidi_override(text):
        raise PydanticCustomError(
            "control_character", "holds a character that turns the direction of text"
        )
    return _one_line(text)


def _email(text: str) -> str:
    try:
        return addresses.email(text)
    except addresses.BadAddress as error:
        raise PydanticCustomError(error.code, "{why}", {"why": str(error)}) from None


def _phone(text: str) -> str:
    try:
        return addresses.phone(text)
    except addresses.BadAddress as error:
        raise PydanticCustomError(error.code, "{why}", {"why": str(error)}) from None


@functools.cache
def _languages() -> frozenset[str]:
    return frozenset(str(tag).split("_")[0].lower() for tag in Locale("en").languages)


def _language(text: str) -> str:
    known = _LANGUAGE.match(text) and re.split("[-_]", text)[0].lower() in _languages()
    if not known:
        raise PydanticCustomError(
            "invalid_locale", "is not a language tag such as fr or pt-BR"
        )
    return text.replace("_", "-")


# It searches the disk: 15 ms.
_zones = functools.cache(zoneinfo.available_timezones)


def _timezone(text: str) -> str:
    if text not in _zones():
        raise PydanticCustomError(
            "invalid_timezone", "is not a time zone such as Europe/Paris"
        )
    return text


def _datetime(value: Any) -> datetime:
    wrong = PydanticCustomError(
        "invalid_datetime",
        "must be RFC 3339 with a zone, for example 2026-11-23T10:15:00Z",
    )
    if not isinstance(value, str) or not _DATETIME.match(value):
        raise wrong
    try:
        moment = datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise wrong from None
    if not 1970 <= moment.year <= 9998:
        raise wrong
    return moment


OneLine = Annotated[str, AfterValidator(_one_line)]
When = Annotated[datetime, BeforeValidator(_datetime)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class PushDevice(_Strict):
    """A device that push messages go to."""

    platform: Literal["fcm", "apns", "webpush"]
    token: str

    @model_validator(mode="after")
    def _check(self) -> PushDevice:
        try:
            addresses.push_token(self.platform, self.token)
        except addresses.BadAddress as error:
            raise PydanticCustomError(
                error.code, "{why}", {"why": str(error)}
            ) from None
        return self


class Recipient(_Strict):
    """Who the event is for: at least one address."""

    email: Annotated[str, AfterValidator(_email)] | None = None
    phone: Annotated[str, AfterValidator(_phone)] | None = None
    push: Annotated[list[PushDevice], Field(max_length=10)] | None = None
    name: Annotated[str, AfterValidator(_name), Field(max_length=500)] | None = None
    language: Annotated[str, AfterValidator(_language)] | None = None
    timezone: Annotated[str, AfterValidator(_timezone)] | None = None

    @model_validator(mode="after")
    def _check(self) -> Recipient:
        if not (self.email or self.phone or self.push):
            raise PydanticCustomError(
                "recipient_required", "needs one of email, phone and push"
            )
        return self

    def given(self) -> dict[str, Any]:
        """Return as plain data what was said of the recipient."""
        if self.push is not None:
            return self.model_dump(exclude_none=True)
        return {name: value for name, value in vars(self).items() if value is not None}


class EventIn(_Strict):
    """The body of POST /events."""

    type: str
    recipient: Recipient
    ctx: dict[str, Any] = Field(default_factory=dict)
    external_id: Annotated[OneLine, Field(min_length=1, max_length=200)] | None = None
    correlation_id: Annotated[OneLine, Field(max_length=200)] | None = None
    origin: Annotated[OneLine, Field(max_length=100)] | None = None
    channel: Literal["email", "sms", "push"] | None = None
    lane: Literal["critical", "normal", "bulk"] | None = None
    scheduled_at: When | None = None
    expires_at: When | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> EventIn:
        if len(self.metadata) > MAX_METADATA_KEYS or any(
            len(key) > MAX_METADATA_KEY
            or not isinstance(value, str | int | bool)
            or len(str(value)) > MAX_METADATA_VALUE
            for key, value in self.metadata.items()
        ):
            raise PydanticCustomError(
                "invalid_metadata",
                "/metadata takes at most {keys} keys of at most {key} characters, with "
                "texts, whole numbers or booleans of at most {value} characters",
                {
                    "keys": MAX_METADATA_KEYS,
                    "key": MAX_METADATA_KEY,
                    "value": MAX_METADATA_VALUE,
                },
            )
        return self


_CODES = {
    "extra_forbidden": "unknown_field",
    "literal_error": "invalid_choice",
    "string_type": "wrong_type",
    "dict_type": "wrong_type",
    "list_type": "wrong_type",
    "model_type": "wrong_type",
    "model_attributes_type": "wrong_type",
    "string_too_long": "too_long",
    "string_too_short": "too_short",
    "too_long": "too_long",
    "missing": "missing_field",
}
_NO_OBJECT = ("dict_type", "model_type", "model_attributes_type")
_SENTENCES = {
    "string_type": "must be a string",
    "dict_type": "must be an object",
    "list_type": "must be a list",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "missing": "is required",
}


def parse_event(body: dict[str, Any]) -> EventIn:
    """Return a body as an event; raise Refused (422) with every fault, up to 50."""
    try:
        return EventIn.model_validate(body)
    except ValidationError as error:
        found = error.errors(include_url=False)
        faults = [_fault(item) for item in found[:_MAX_FAULTS]]
    first = faults[0]
    raise Refused(422, first.code, first.message, errors=faults)


def event_id(text: str) -> UUID | None:
    """Return the id in an address, or None if it is none."""
    return UUID(text) if _UUID.match(text) else None


def _fault(item: Any) -> Fault:
    """Return what pydantic found as a fault of ours."""
    location = [str(step) for step in item["loc"]]
    pointer = "".join(f"/{escape(step)}" for step in location)
    kind: str = item["type"]
    if (missing := _no_recipient(location, kind)) is not None:
        return Fault(pointer, "recipient_required", f"{pointer} {missing}.")
    code = _CODES.get(kind, kind)
    sentence = _sentence(location, kind, item)
    if sentence.startswith("/"):
        pointer = sentence.split(" ")[0]
        return Fault(pointer, code, f"{sentence}.")
    return Fault(pointer, code, f"{printable(pointer) or 'The event'} {sentence}.")


def _no_recipient(location: list[str], kind: str) -> str | None:
    """Return what is said of a recipient or an address that is not there at all."""
    if location == ["recipient"] and kind in ("missing", *_NO_OBJECT):
        return "is required, an object with at least one address"
    if location in (["recipient", "email"], ["recipient", "phone"]):
        return "must be one address, a string" if kind == "string_type" else None
    return None


def _sentence(location: list[str], kind: str, item: Any) -> str:
    """Return what is wrong, to follow the place; or with a place of its own."""
    limits = item.get("ctx", {})
    if kind == "extra_forbidden":
        return f"is no field{_hint(location)}"
    if kind == "literal_error":
        return f"must be {limits['expected']}"
    if kind in ("string_too_long", "too_long") and "max_length" in limits:
        return f"is longer than {limits['max_length']}"
    if kind in ("string_too_short", "too_short") and "min_length" in limits:
        return f"is shorter than {limits['min_length']}"
    return _SENTENCES.get(kind) or str(item["msg"])


def _hint(location: list[str]) -> str:
    model: type[BaseModel] = EventIn
    if location[0] == "recipient" and len(location) > 1:
        model = PushDevice if location[1] == "push" else Recipient
    near = difflib.get_close_matches(location[-1], model.model_fields, n=1)
    if near:
        return f"; did you mean {near[0]}"
    known = f"; the fields are {', '.join(model.model_fields)}"
    return f"{known}; your own data go into ctx" if model is EventIn else known
