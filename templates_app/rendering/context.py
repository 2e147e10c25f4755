"""What a message is rendered from: plain data and a frozen moment.

Knows nothing of models; the pipeline and the previews fill it from their rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError


@dataclass(frozen=True, slots=True)
class RenderContext:
    """The data of one delivery.

    `recipient` holds ``name, email, phone, language, timezone``; `event` holds ``id,
    type, external_id, correlation_id, origin, received_at``; `message` holds
    ``internal_name, label, version``. All values are plain JSON data; numbers are
    best parsed as Decimal. `frozen_at` (aware) is what `now` and `today` mean, on
    every retry and in every later preview.
    """

    ctx: Mapping[str, Any]
    recipient: Mapping[str, Any]
    event: Mapping[str, Any]
    message: Mapping[str, Any]
    frozen_at: datetime
    metadata: Mapping[str, Any] = field(default_factory=dict)
    profile: Mapping[str, Any] = field(default_factory=dict)
    content_language: str = "en"
    default_timezone: str = "UTC"

    @property
    def language(self) -> str:
        """The locale of money, dates and plurals, as a known locale name.

        The recipient's own if it is of the content's language (en-GB in English text),
        else the content's: a Polish date has no place in an English sentence.
        """
        wanted = self.recipient.get("language")
        return _language(str(wanted or ""), str(self.content_language))

    @property
    def timezone(self) -> str:
        """The recipient's time zone if it exists, else the default."""
        wanted = self.recipient.get("timezone") or self.default_timezone
        return zone_of(str(wanted), str(self.default_timezone)).key

    def variables(self) -> dict[str, Any]:
        """Return the roots that a template names; `rtEvent` is an alias of `event`."""
        event = {**self.event, "ctx": self.ctx, "metadata": self.metadata}
        now, today = _clock(self.frozen_at, self.timezone)
        return {
            "ctx": self.ctx,
            "recipient": self.recipient,
            "profile": self.profile,
            "message": self.message,
            "event": event,
            "rtEvent": event,
            "now": now,
            "today": today,
        }


@dataclass(frozen=True, slots=True)
class KnownLocale:
    """A locale that Babel has data for."""

    language_tag: str
    babel: Locale


@lru_cache(maxsize=1024)
def locale_of(wanted: str, default: str = "en") -> KnownLocale:
    """Return the locale of a language tag: itself, its language, the default or en."""
    for name in (wanted, wanted.replace("_", "-").split("-")[0], default):
        try:
            locale = Locale.parse(name.replace("_", "-"), sep="-")
        except (ValueError, TypeError, UnknownLocaleError):
            continue
        return KnownLocale(str(locale).replace("_", "-"), locale)
    return KnownLocale("en", Locale.parse("en"))


@lru_cache(maxsize=1024)
def zone_of(wanted: str, default: str = "UTC") -> ZoneInfo:
    """Return the time zone of an IANA name, else the default, else UTC."""
    for name in (wanted, default):
        try:
            return ZoneInfo(name)
        except (KeyError, ValueError, OSError):  # not found; malformed; a folder
            continue
    return ZoneInfo("UTC")


@lru_cache(maxsize=1024)
def _language(wanted: str, content: str) -> str:
    """Return the name of the locale for a recipient of content in a language."""
    name = (wanted or content).replace("_", "-")
    if name.split("-")[0].lower() != content.split("-")[0].lower():
        name = content
    return locale_of(name, content).language_tag


@lru_cache(maxsize=256)
def _clock(frozen_at: datetime, timezone: str) -> tuple[str, str]:
    """Return the moment and the day of a delivery: a batch has few of them."""
    local = frozen_at.astimezone(zone_of(timezone))
    return local.isoformat(timespec="seconds"), local.date().isoformat()
