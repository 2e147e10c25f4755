"""The headers of the API, by name: what they mean and how they look."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from txmsg.api.document import codes

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
    "RateLimit-Policy": ("How many requests in how many seconds.", _TEXT),
    "RateLimit": ("How many of them are left, and for how long.", _TEXT),
}
_OF_RATES = ("RateLimit-Policy", "RateLimit")


def components() -> dict[str, Any]:
    """Return the headers by the names that references use."""
    return {
        name: {"description": about, "schema": schema}
        for name, (about, schema) in _HEADERS.items()
        if name not in _OF_RATES or _has_rates()
    }


def of_answer(names: Iterable[str]) -> dict[str, Any]:
    """Return references to headers: those named, and those of every answer."""
    rates = _OF_RATES if _has_rates() else ()
    every = ("X-Request-Id", *names, *rates)
    return {name: {"$ref": f"#/components/headers/{name}"} for name in every}


def _has_rates() -> bool:
    return bool(codes.with_status(429))
