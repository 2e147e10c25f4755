"""Addresses of recipients: checked, and brought into the one form we keep.

No network: an address is judged by its form alone.
"""

from __future__ import annotations

import functools
import re
import unicodedata

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from email_validator.rfc_constants import CASE_INSENSITIVE_MAILBOX_NAMES

MAX_EMAIL = 254
# With its platform before it, a token fits the 512 characters of an address.
MAX_TOKEN = 500
PLATFORMS = ("fcm", "apns", "webpush")
# Nearly every address: a domain is then judged once, and not once an event.
_PLAIN_LOCAL = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}\Z")
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")


class BadAddress(ValueError):
    """An address that cannot be used; `code` is one of the reference."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def has_control(text: str) -> bool:
    """Return whether a text holds line breaks, NUL or other control characters."""
    return not text.isprintable() and any(
        unicodedata.category(char) in ("Cc", "Zl", "Zp") for char in text
    )


def has_bidi_override(text: str) -> bool:
    """Return whether a text holds characters that turn the direction of text."""
    return _BIDI.search(text) is not None


def email(text: str) -> str:
    """Return an email address with its domain in ASCII; raise BadAddress."""
    text = text.strip(" ")
    local, _, domain = text.rpartition("@")
    if (
        len(text) <= MAX_EMAIL
        and len(local) <= 64
        and domain.isascii()
        and _PLAIN_LOCAL.fullmatch(local)
        and local.lower() not in CASE_INSENSITIVE_MAILBOX_NAMES
        and (kept := _domain(domain)) is not None
    ):
        return f"{local}@{kept}"
    return _any_email(text)


@functools.lru_cache(maxsize=4096)
def _domain(domain: str) -> str | None:
    """Return a domain in the form we keep, or None if it is not good for an address."""
    try:
        return _any_email(f"a@{domain}").removeprefix("a@")
    except BadAddress:
        return None


def _any_email(text: str) -> str:
    if not text:
        raise BadAddress("recipient_required", "is empty")
    if has_control(text):
        raise BadAddress("control_character", "holds a control character")
    if "<" in text or ">" in text:
        raise BadAddress(
            "invalid_email", "is an address with a name; put the name in recipient.name"
        )
    if "," in text or ";" in text:
        raise BadAddress("single_recipient_only", "holds more than one address")
    local, _, domain = text.rpartition("@")
    if len(text) > MAX_EMAIL or len(local) > 64:
        raise BadAddress(
            "too_long", "is longer than 254 characters, or 64 before the @"
        )
    if domain.startswith("["):
        raise BadAddress("invalid_email", "has an IP address as its domain")
    if any(unicodedata.category(char) == "Cf" for char in text):
        raise BadAddress("invalid_email", "holds an invisible character")
    if text != unicodedata.normalize("NFKC", text):
        raise BadAddress(
            "invalid_email", "holds full-width or compatibility characters"
        )
    if local and not local.isascii():
        raise BadAddress(
            "smtputf8_unsupported", "has letters beyond ASCII before the @"
        )
    try:
        checked = validate_email(
            text,
            check_deliverability=False,
            allow_smtputf8=False,
            test_environment=True,
        )
    except EmailNotValidError as error:
        # What follows a colon in the library's words is part of the value.
        why = str(error).split(":")[0].rstrip(".")
        raise BadAddress("invalid_email", f"is not a valid address: {why}") from None
    if "." not in (checked.ascii_domain or ""):
        raise BadAddress("invalid_email", "has a domain without a dot")
    return f"{checked.local_part}@{checked.ascii_domain}"


def phone(text: str) -> str:
    """Return a phone number in E.164; raise BadAddress."""
    text = text.strip(" ")
    if not _E164.match(text):
        raise BadAddress("e164_required", "must be E.164, for example +33612345678")
    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_possible_number(number):
        raise BadAddress("e164_required", "is not a phone number that can exist")
    return text


def push_token(platform: str, token: str) -> None:
    """Check the address of a device; raise BadAddress."""
    if platform not in PLATFORMS:
        raise BadAddress(
            "invalid_push_token", f"has a platform that is not {', '.join(PLATFORMS)}"
        )
    if not token or len(token) > MAX_TOKEN or has_control(token):
        raise BadAddress(
            "invalid_push_token", f"must have 1 to {MAX_TOKEN:,} printable characters"
        )
