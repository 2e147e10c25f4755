"""Adobe's fields as ours and our answers as Adobe's: plain data in and out.

Knows no request and no database. What a field may hold is for `events.schemas` to say;
here are only the names, and the pointers of faults turned back into them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from events.problems import Fault, Refused
from events.strict_json import escape

FIELDS = (
    "email",
    "mobilePhone",
    "registrationToken",
    "pushPlatform",
    "application",
    "wishedChannel",
    "scheduled",
    "expiration",
    "language",
    "origin",
    "externalId",
    "ctx",
)
"""What a body may hold."""

_RECIPIENT = {"email": "email", "mobilePhone": "phone", "language": "language"}
_PLAIN = {"origin": "origin", "externalId": "correlation_id", "ctx": "ctx"}
_TIMES = {"scheduled": "scheduled_at", "expiration": "expires_at"}
_PLATFORMS = {"gcm": "fcm", "fcm": "fcm", "apns": "apns", "webpush": "webpush"}
# By number or label: the channel, and the platform of push if the wish tells it.
_WISHES: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("0", "email"), ("email", "")),
    **dict.fromkeys(("1", "mobile", "sms"), ("sms", "")),
    **dict.fromkeys(("40", "mobileapp", "push"), ("push", "")),
    **dict.fromkeys(("41", "ios"), ("push", "apns")),
    **dict.fromkeys(("42", "android"), ("push", "fcm")),
}
_NO_ZONE = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?\Z")
_PREFIX = "EVT"

STATUSES = {
    "pending": "pending",
    "paused": "paused",
    "processing": "processing",
    "processed": "processed",
    "ignored": "ignored",
    "cancelled": "ignored",
    "failed": "deliveryFailed",
    "not_covered": "routingFailed",
    "expired": "tooOld",
}
"""Our statuses of events in Adobe's words; nothing there is called cancelled."""

# The longest first: /recipient stands at the beginning of the others.
_POINTERS = {
    "/recipient/push/0/platform": "/pushPlatform",
    "/recipient/push/0/token": "/registrationToken",
    "/recipient/push/0": "/registrationToken",
    "/recipient/push": "/registrationToken",
    "/recipient/language": "/language",
    "/recipient/phone": "/mobilePhone",
    "/recipient/email": "/email",
    "/metadata/application": "/application",
    "/metadata": "/application",
    "/correlation_id": "/externalId",
    "/scheduled_at": "/scheduled",
    "/expires_at": "/expiration",
    "/recipient": "",
    "/channel": "/wishedChannel",
    "/type": "",
}
_IN_SENTENCES = {
    **{ours: adobes or "The event" for ours, adobes in _POINTERS.items()},
    " expires_at": " expiration",
}
_NOBODY = "One of email, mobilePhone and registrationToken is required."
_OURS = re.compile(
    "|".join(
        rf"{re.escape(ours)}(?![\w/])" if ours[0] == "/" else rf"{ours}\b"
        for ours in _IN_SENTENCES
    )
)


def names_of(name: str) -> tuple[str, ...]:
    """Return the event types that a name in an address may mean, the likelier first.

    Adobe puts EVT before the names of all events; ours may have it or not.
    """
    bare = name.removeprefix(_PREFIX)
    return (name, bare) if bare and bare != name else (name,)


def event_of(body: Mapping[str, Any], type_name: str) -> dict[str, Any]:
    """Return Adobe's body as the body of an event; raise Refused (422).

    A field that is null counts as one that is not there.
    """
    given = {name: value for name, value in body.items() if value is not None}
    faults = [_unknown(name) for name in given if name not in FIELDS]
    event: dict[str, Any] = {"type": type_name}
    recipient = {_RECIPIENT[name]: given[name] for name in _RECIPIENT if name in given}
    platform = _platform(given, event, faults)
    if "registrationToken" in given:
        device = {"platform": platform, "token": given["registrationToken"]}
        recipient["push"] = [device]
    event["recipient"] = recipient
    event.update({_PLAIN[name]: given[name] for name in _PLAIN if name in given})
    event.update({_TIMES[name]: _time(given[name]) for name in _TIMES if name in given})
    if "application" in given:
        event["metadata"] = {"application": given["application"]}
    if faults:
        raise Refused(422, faults[0].code, faults[0].message, errors=faults)
    return event


def _unknown(name: str) -> Fault:
    near = difflib.get_close_matches(name, FIELDS, n=1)
    known = f"did you mean {near[0]}" if near else f"the fields are {', '.join(FIELDS)}"
    pointer = f"/{escape(name)}"
    return Fault(pointer, "unknown_field", f"{pointer} is no field; {known}.")


def _platform(
    given: Mapping[str, Any], event: dict[str, Any], faults: list[Fault]
) -> str:
    """Set the channel that is wished; return the platform of a device, if known."""
    platform = ""
    if "wishedChannel" in given:
        wish = _WISHES.get(_word(given["wishedChannel"]))
        if wish is None:
            sentence = (
                "/wishedChannel must be 0 (email), 1 (SMS), 41 (iOS) or 42 (Android)."
            )
            faults.append(Fault("/wishedChannel", "invalid_choice", sentence))
        else:
            event["channel"], platform = wish
    if "pushPlatform" in given:
        platform = _PLATFORMS.get(_word(given["pushPlatform"]), "")
        if not platform:
            sentence = "/pushPlatform must be gcm, apns or webpush."
            faults.append(Fault("/pushPlatform", "invalid_choice", sentence))
    elif "registrationToken" in given and not platform:
        sentence = "/pushPlatform is required with registrationToken: gcm or apns."
        faults.append(Fault("/pushPlatform", "missing_field", sentence))
    return platform


def _word(value: Any) -> str:
    """Return a number or a label as one word; nothing of another kind is one."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return ""
    return str(value).strip().lower()


def _time(value: Any) -> Any:
    """Return a time with its zone: UTC where none is given, as Adobe has it."""
    is_naive = isinstance(value, str) and _NO_ZONE.match(value)
    return f"{value}Z" if is_naive else value


def answer_of(
    event: Mapping[str, Any], *, name: str, status: str, server_url: str, path: str
) -> dict[str, Any]:
    """Return what Adobe answers of an event, less its ``ctx``.

    `event` is one of ours, as it was posted or as it is shown: ``{"id", "recipient",
    "scheduled_at", "expires_at"}``; `path` is that of the event itself.
    """
    recipient = event.get("recipient") or {}
    devices = recipient.get("push") or [{}]
    addresses = {
        "email": recipient.get("email"),
        "mobilePhone": recipient.get("phone"),
        "registrationToken": devices[0].get("token"),
    }
    return {
        "PKey": event["id"],
        **{field: value for field, value in addresses.items() if value},
        "scheduled": event.get("scheduled_at"),
        "expiration": event.get("expires_at"),
        "href": f"{server_url}{path}",
        "serverUrl": server_url,
        "status": status,
        "type": name,
    }


def status_of(shown: Mapping[str, Any]) -> str:
    """Return the status of an event that is shown; one to be tried again is pending."""
    waits = {delivery["status"] for delivery in shown["deliveries"]}
    if shown["status"] == "processing" and "retry" in waits:
        busy = waits & {"queued", "sending", "held"}
        return "processing" if busy else "pending"
    return STATUSES[shown["status"]]


def in_adobes_words(refused: Refused) -> Refused:
    """Return a refusal whose pointers and sentences name Adobe's fields."""
    first = refused.errors[0].message if refused.errors else ""
    refused.errors = [_in_adobes_words(fault) for fault in refused.errors]
    # The sentence of the first fault, with how many more there are.
    if first and refused.detail.startswith(first):
        more = refused.detail.removeprefix(first)
        refused.detail = refused.errors[0].message + more
    refused.detail = _said(refused.detail)
    refused.args = (refused.detail,)
    return refused


def _in_adobes_words(fault: Fault) -> Fault:
    message = _NOBODY if fault.pointer == "/recipient" else _said(fault.message)
    return replace(fault, pointer=_pointer(fault.pointer), message=message)


def _pointer(ours: str) -> str:
    if ours == "/ctx" or ours.startswith("/ctx/"):
        return ours
    for known, adobes in _POINTERS.items():
        if ours == known or ours.startswith(f"{known}/"):
            return adobes
    return ours


def _said(sentence: str) -> str:
    if sentence.startswith("/ctx"):
        return sentence
    return _OURS.sub(lambda found: _IN_SENTENCES[found[0]], sentence)
