"""The headers of the API, by name: what they mean and how they look."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Makes the request safe to repeat: the same key with the same body "
    "is done once, and answers as it did at first.",
    "schema": {
        "type": "string",
        "minLength": 1,
        "maxLength": 255,
        "pattern": "^[!#-+\\--~]+$",
    },
}
_TEXT = {"type": "string"}
_HEADERS: dict[str, tuple[str, dict[str, Any]]] = {
    "X-Request-Id": ("Names this request in the log.", _TEXT),
    "Location": ("Where it stands.", _TEXT),
    "Idempotent-Replayed": (
        "Present when the `Idempotency-Key` was used before.",
        {"const": "true"},
    ),
    "Retry-After": ("Seconds until another try makes sense.", {"type": "integer"}),
    "WWW-Authenticate": ("The scheme, Bearer.", _TEXT),
    "Allow": ("The methods that this address takes.", _TEXT),
    "RateLimit-Policy": (
        "How many events in how many seconds; without a limit it is left out.",
        _TEXT,
    ),
    "RateLimit": (
        "How many are left (`r`), and in how many seconds all are again (`t`).",
        _TEXT,
    ),
}
OF_RATES = ("RateLimit-Policy", "RateLimit")
"""Those of what is counted against a rate, when the source has one."""


def components() -> dict[str, Any]:
    """Return the headers by the names that references use."""
    return {
        name: {"description": about, "schema": schema}
        for name, (about, schema) in _HEADERS.items()
    }


def of_answer(names: Iterable[str]) -> dict[str, Any]:
    """Return references to headers: those named, and that of every answer."""
    every = ("X-Request-Id", *names)
    return {name: {"$ref": f"#/components/headers/{name}"} for name in every}
