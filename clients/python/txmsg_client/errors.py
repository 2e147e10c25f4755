"""What can go wrong with a request, as exceptions: one for each thing a caller can do.

`NoAnswer` says that nobody knows; a `Problem` is an answer of txmsg (RFC 9457).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a request; `pointer` is a JSON Pointer into its body."""

    pointer: str
    code: str
    message: str


class TxmsgError(Exception):
    """Everything that this client raises of itself."""


class NoAnswer(TxmsgError):
    """No answer came, however often it was asked; it may have been heard all the same.

    Sending the same again with `idempotency_key` is safe: it gets the first answer.
    """

    def __init__(self, message: str, *, attempts: int, idempotency_key: str) -> None:
        super().__init__(message)
        self.attempts = attempts
        self.idempotency_key = idempotency_key


class Problem(TxmsgError):
    """A request was refused; nothing was stored.

    `code` is one of the reference of txmsg, empty when something before it answered,
    such as a proxy. `retryable` says whether the same request may succeed later,
    `retry_after` when, in seconds. `extra` holds what some codes add, such as `near`
    or `event_id`.
    """

    def __init__(
        self, status: int, fields: Mapping[str, Any], retry_after: float | None
    ):
        self.status = status
        self.code = str(fields.get("code", ""))
        self.detail = str(fields.get("detail", ""))
        self.retryable = bool(fields.get("retryable", False))
        self.request_id = str(fields.get("request_id", ""))
        self.errors = [
            Fault(*(str(each.get(name, "")) for name in Fault.__slots__))
            for each in fields.get("errors", [])
        ]
        self.retry_after = retry_after
        self.extra = {k: v for k, v in fields.items() if k not in _USUAL}
        super().__init__(str(self))

    def __str__(self) -> str:
        text = f"{self.status} {self.code}: {self.detail}"
        for fault in self.errors:
            if fault.message != self.detail:
                text += f"\n  {fault.pointer}: {fault.code}: {fault.message}"
        return f"{text}\n  (request {self.request_id})" if self.request_id else text

    def __reduce__(self) -> tuple[Any, ...]:
        """Survive pickling, as jobs and process pools do it."""
        fields = {name: getattr(self, name) for name in _KEPT}
        fields["errors"] = [
            {name: getattr(fault, name) for name in Fault.__slots__}
            for fault in self.errors
        ]
        return type(self), (self.status, {**fields, **self.extra}, self.retry_after)


class Invalid(Problem):
    """The request itself is wrong (400, 413, 415, 422): `errors` says what, where."""


class NotAuthenticated(Problem):
    """The key is missing, unknown, revoked or expired (401)."""


class NotAllowed(Problem):
    """The key may not do this (403)."""


class NotFound(Problem):
    """There is no such event type or event, or it is not this source's (404)."""


class Conflict(Problem):
    """It does not fit what is there already (409), such as a key used before."""


class Gone(Problem):
    """It was there, and its time of retention is over (410)."""


class TooMany(Problem):
    """Over a rate (429), and still so after all tries; see `retry_after`."""


class Unavailable(Problem):
    """txmsg, or what stands before it, cannot answer (5xx), after all tries."""


_KEPT = ("code", "detail", "retryable", "request_id")
_USUAL = frozenset((*_KEPT, "errors", "status", "title", "type"))
_CLASSES: Mapping[int, type[Problem]] = {
    **dict.fromkeys((400, 413, 415, 422), Invalid),
    401: NotAuthenticated,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    410: Gone,
    429: TooMany,
}


def problem_of(
    status: int, fields: Mapping[str, Any], retry_after: float | None
) -> Problem:
    """Return the exception for an answer that is none of those hoped for."""
    usual = Unavailable if status >= 500 else Problem
    return _CLASSES.get(status, usual)(status, fields, retry_after)
