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
        content = str(self.content_language)
        wanted = str(self.recipient.get("language") or content).replace("_", "-")
        if wanted.split("-")[0].lower() != content.split("-")[0].lower():
            wanted = content
        return locale_of(wanted, content).language_tag

    @property
    def timezone(self) -> str:
        """The recipient's time zone if it exists, else the default."""
        wanted = self.recipient.get("timezone") or self.default_timezone
        return zone_of(str(wanted), str(self.default_timezone)).key

    def variables(self) -> dict[str, Any]:
        """Return the roots that a template names; `rtEvent` is an alias of `event`."""
        event = {**self.event, "ctx": self.ctx, "metadata": self.metadata}
        local = self.frozen_at.astimezone(zone_of(self.timezone))
        return {
            "ctx": self.ctx,
            "recipient": self.recipient,
            "profile": self.profile,
            "message": self.message,
            "event": event,
            "rtEvent": event,
            "now": local.isoformat(timespec="seconds"),
            "today": local.date().isoformat(),
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
