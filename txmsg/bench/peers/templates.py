"""The mail of the benchmark in Django's template language, made from ours."""

from __future__ import annotations

import re
from typing import Any

from txmsg.bench import mail

_REWRITES = (
    (re.compile(r"\s*\|\s*money:\s*"), "|money:"),
    (re.compile(r'\s*\|\s*date:\s*"long"'), "|day"),
    (re.compile(r"\.items\.size"), ".items|length"),
)


def subject() -> str:
    """Return the subject."""
    return in_django(mail.CONTENT["subject"])


def html() -> str:
    """Return the HTML part."""
    return in_django(mail.CONTENT["source"])


def text() -> str:
    """Return the text part."""
    return in_django(mail.CONTENT["text"])


def in_django(source: str) -> str:
    """Return our template in Django's language: the few constructs that it has."""
    for pattern, replacement in _REWRITES:
        source = pattern.sub(replacement, source)
    return source


def context(number: int) -> dict[str, Any]:
    """Return what a template of the mail gets."""
    return {"ctx": mail.context(number)}


def address(number: int) -> str:
    """Return the recipient of a mail."""
    return f"customer{number}@example.com"
