"""The languages of a draft: added, copied, made the default, deleted; what is missing.

Which one a recipient gets is decided in `versions`; the words of it are here.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from babel import Locale, UnknownLocaleError
from babel.localedata import locale_identifiers
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from templates_app import editing
from templates_app.models import Message, Template
from templates_app.rendering.languages import nearest_language

_Draft = TypeVar("_Draft", Message, Template)

_LONGEST_TAG = 12
_COMMON = (
    *("ar", "cs", "da", "de", "el", "en", "en-GB", "en-US", "es", "es-MX", "fi", "fr"),
    *("fr-CA", "he", "hi", "hu", "id", "it", "ja", "ko", "nb", "nl", "pl", "pt"),
    *("pt-BR", "ro", "ru", "sv", "tr", "uk", "vi", "zh-Hans", "zh-Hant"),
)
# What a translator writes, by channel; the rest is the same in every language.
TRANSLATED: dict[str, tuple[tuple[str, str], ...]] = {
    "email": (
        ("subject", "Subject"),
        ("preheader", "Preheader"),
        ("source", "Body"),
        ("text", "Text part"),
        ("from_name", "From name"),
    ),
    "sms": (("text", "Text"),),
    "push": (("title", "Title"), ("body", "Text")),
}


class NoSuchLanguage(ValueError):
    """A language that the draft does not have, or that nobody speaks."""


class Needed(ValueError):
    """The default language cannot be deleted: all others fall back to it."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One field in one language: ``filled``, ``same`` as the default's, ``empty``."""

    label: str
    state: str


@dataclass(frozen=True, slots=True)
class Row:
    """One language of a draft, or one that recipients ask for and that is not there.

    `asked` counts its recipients among the recent events.
    """

    tag: str
    name: str
    is_default: bool = False
    is_missing: bool = False
    cells: tuple[Cell, ...] = ()
    asked: int = 0


def name_of(tag: str) -> str:
    """Return a language's name in English, such as ``Portuguese (Brazil)``."""
    try:
        name = Locale.parse(tag.replace("_", "-"), sep="-").english_name
    except (ValueError, UnknownLocaleError):
        return tag
    return str(name or tag)


@functools.cache
def choices() -> tuple[tuple[str, str], ...]:
    """Return every language that dates and numbers can be written in, by name."""
    tags = [tag.replace("_", "-") for tag in locale_identifiers()]
    named = [(tag, name_of(tag)) for tag in tags if len(tag) <= _LONGEST_TAG]
    return tuple(sorted(named, key=lambda choice: choice[1]))


def common() -> list[tuple[str, str]]:
    """Return the languages that are chosen most, by name."""
    return [choice for choice in choices() if choice[0] in _COMMON]


def add(
    draft: _Draft,
    tag: str,
    *,
    seen: datetime | None,
    editor: AbstractBaseUser | None = None,
) -> _Draft:
    """Give a draft another language, a copy of the default's content."""
    if tag not in dict(choices()):
        raise NoSuchLanguage(f"“{tag}” is no language that is known here.")
    if tag in draft.content:
        raise NoSuchLanguage(f"{name_of(tag)} is there already.")
    return copy_default(draft, tag, seen=seen, editor=editor)


def copy_default(
    draft: _Draft,
    tag: str,
    *,
    seen: datetime | None,
    editor: AbstractBaseUser | None = None,
) -> _Draft:
    """Write the default's content over that of another language; raise Stale."""
    with transaction.atomic():
        row = _row(draft, seen)
        of_default = row.content.get(row.default_language, {})
        row.content = {**row.content, tag: copy.deepcopy(of_default)}
        editing.write(row, ["content"], editor=editor)
    return row


def make_default(
    draft: _Draft,
    tag: str,
    *,
    seen: datetime | None,
    editor: AbstractBaseUser | None = None,
) -> _Draft:
    """Make a language the one that all others fall back to; raise Stale."""
    with transaction.atomic():
        row = _row(draft, seen)
        _check_there(row, tag)
        row.default_language = tag
        editing.write(row, ["default_language"], editor=editor)
    return row


def delete(
    draft: _Draft,
    tag: str,
    *,
    seen: datetime | None,
    editor: AbstractBaseUser | None = None,
) -> _Draft:
    """Take a language from a draft; raise Needed for the default, and Stale."""
    with transaction.atomic():
        row = _row(draft, seen)
        _check_there(row, tag)
        if tag == row.default_language:
            raise Needed(f"{name_of(tag)} is the default: make another one it first.")
        row.content = {key: each for key, each in row.content.items() if key != tag}
        editing.write(row, ["content"], editor=editor)
    return row


def report(
    draft: Message | Template, asked: Mapping[str, int] | None = None
) -> list[Row]:
    """Return the default, the other languages, and those asked for that are missing.

    `asked` counts recipients by the language they asked for. Who asks for German as it
    is spoken in Austria is content with German; without it, German is what is missing.
    """
    default = draft.default_language
    tags = [default, *sorted(tag for tag in draft.content if tag != default)]
    counts: dict[str, int] = {}
    for wanted, count in (asked or {}).items():
        tag, is_own = nearest_language(tags, wanted, default=default)
        tag = tag if is_own else wanted.replace("_", "-").partition("-")[0].lower()
        counts[tag] = counts.get(tag, 0) + count
    rows = [
        Row(
            tag,
            name_of(tag),
            is_default=tag == default,
            cells=tuple(_cells(draft, tag)),
            asked=counts.get(tag, 0),
        )
        for tag in tags
    ]
    missing = sorted(counts.keys() - set(tags), key=lambda tag: (-counts[tag], tag))
    return rows + [
        Row(tag, name_of(tag), is_missing=True, asked=counts[tag]) for tag in missing
    ]


def _row(draft: _Draft, seen: datetime | None) -> _Draft:
    row = editing.locked(draft, seen=seen)
    editing.check_editable(row)
    return row


def _check_there(row: Message | Template, tag: str) -> None:
    if tag not in row.content:
        raise NoSuchLanguage(f"There is no content in {name_of(tag)}.")


def _cells(draft: Message | Template, tag: str) -> Iterator[Cell]:
    own = draft.content.get(tag, {})
    default = draft.content.get(draft.default_language, {})
    for name, label in TRANSLATED.get(draft.channel, ()):
        is_visual = name == "source" and own.get("source_kind") == "blocks"
        key = "blocks" if is_visual else name
        value = own.get(key)
        if not value:
            yield Cell(label, "empty")
        elif tag != draft.default_language and value == default.get(key):
            yield Cell(label, "same")
        else:
            yield Cell(label, "filled")
