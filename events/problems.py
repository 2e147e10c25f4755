"""Refusals, and their one shape over HTTP: RFC 9457 problem details.

A message names the field and the limit, never the value that was sent.
"""

from __future__ import annotations

import functools
import http
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import uuid_utils
from django.http import HttpRequest, HttpResponse

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a request; `pointer` is a JSON Pointer into its body."""

    pointer: str
    code: str
    message: str


class Refused(Exception):
    """A request is refused; nothing was stored.

    `code` is one of the codes in the reference; `retryable` says whether the same
    request may succeed later. `caller` is who called, when that is known although
    nobody was let in.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Sequence[Fault] = (),
        retryable: bool = False,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = list(errors)
        self.retryable = retryable
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})
        self.caller: Any = None


def request_id(request: HttpRequest) -> str:
    """Return the id of a request, made once: the caller's X-Request-Id has no say."""
    made: str | None = getattr(request, "txmsg_request_id", None)
    if made is None:
        # Of uuid_utils: Python's own asks the system for each.
        made = uuid_utils.uuid4().hex
        request.txmsg_request_id = made  # type: ignore[attr-defined]
    return made


@functools.lru_cache(maxsize=256)
def rfc3339(moment: datetime) -> str:
    """Return a moment as RFC 3339 in UTC, to the millisecond."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def internal_error() -> Refused:
    """Return the answer to a request that failed by a fault of ours: no details."""
    return Refused(
        500,
        "internal_error",
        "This is our fault. It was logged under the request_id of this answer.",
        retryable=True,
    )


def json_line(body: Mapping[str, Any], **fields: Any) -> HttpResponse:
    """Return an answer in JSON that ends its line, for those who read it with curl."""
    fields.setdefault("content_type", "application/json")
    return HttpResponse(orjson.dumps(body, option=orjson.OPT_APPEND_NEWLINE), **fields)


def details(refused: Refused, errors: Sequence[Fault]) -> dict[str, Any]:
    """Return a refusal as problem details, for a whole request or a part of it."""
    return {
        "type": f"urn:txmsg:problem:{refused.code}",
        "title": refused.code.replace("_", " ").capitalize(),
        "status": refused.status,
        "detail": refused.detail,
        "code": refused.code,
        "retryable": refused.retryable,
        "errors": [asdict(fault) for fault in errors],
        **refused.extra,
    }


def response(request: HttpRequest, refused: Refused) -> HttpResponse:
    """Return a refusal as application/problem+json; log it, without what was sent."""
    logger.info(
        "refused: %d %s, request %s", refused.status, refused.code, request_id(request)
    )
    return json_line(
        {**details(refused, refused.errors), "request_id": request_id(request)},
        status=refused.status,
        content_type=CONTENT_TYPE,
        headers={"X-Request-Id": request_id(request), **refused.headers},
        reason=http.HTTPStatus(refused.status).phrase,
    )
