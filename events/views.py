"""The intake endpoints: a view parses, calls `events.intake`, and answers."""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Callable
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from events import api_keys, intake, problems, strict_json
from events.api_keys import Caller
from events.models import Scope
from events.problems import Refused

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 256 * 1024
_IDEMPOTENCY_KEY = re.compile(r'"?([\x21\x23-\x2b\x2d-\x7e]{1,255})"?\Z')

View = Callable[..., HttpResponse]


def api_view(*methods: str) -> Callable[[View], View]:
    """Make a view one of the API: key, problem details, request id, no cookies.

    The view is called with the `Caller` as its second argument.
    """

    def decorate(view: View) -> View:
        @csrf_exempt
        @functools.wraps(view)
        def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                if request.method not in methods:
                    raise Refused(
                        405,
                        "method_not_allowed",
                        f"This address takes {', '.join(methods)}.",
                        headers={"Allow": ", ".join(methods)},
                    )
                answer = view(request, _caller(request), *args, **kwargs)
            except Refused as refused:
                return problems.response(request, refused)
            except (OperationalError, InterfaceError):
                logger.exception("the database did not answer")
                return problems.response(request, _unavailable())
            answer["X-Request-Id"] = problems.request_id(request)
            return answer

        return wrapped

    return decorate


@api_view("POST")
def post_event(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Accept one event: 202, or 200 when it was accepted before."""
    caller.require(Scope.EVENTS_WRITE)
    key = _idempotency_key(request)
    accepted = intake.accept(
        strict_json.loads(_body(request)), caller=caller, idempotency_key=key
    )
    address = f"/api/v1/events/{accepted.id}"
    answer: dict[str, Any] = {
        "id": str(accepted.id),
        "status": accepted.status,
        "type": accepted.type,
        "external_id": accepted.external_id or None,
        "received_at": problems.rfc3339(accepted.received_at),
        "warnings": accepted.warnings,
        "links": {"self": address},
    }
    headers = {"Location": address}
    if accepted.is_duplicate:
        answer["duplicate"] = True
    if accepted.is_replay:
        headers["Idempotent-Replayed"] = "true"
    is_new = not (accepted.is_duplicate or accepted.is_replay)
    return JsonResponse(answer, status=202 if is_new else 200, headers=headers)


def _caller(request: HttpRequest) -> Caller:
    if "txk_" in request.META.get("QUERY_STRING", ""):
        raise Refused(
            400,
            "key_in_url",
            "An API key in an address ends up in logs: send it in the header "
            "Authorization, and make a new one.",
        )
    return api_keys.authenticate(
        request.headers.get("Authorization"),
        remote_address=request.META.get("REMOTE_ADDR", ""),
    )


def _body(request: HttpRequest) -> bytes:
    content_type = request.content_type or ""
    if content_type != "application/json":
        raise Refused(
            415, "json_required", "Send the header Content-Type: application/json."
        )
    charset = (request.content_params or {}).get("charset", "utf-8")
    if charset.lower() not in ("utf-8", "utf8"):
        raise Refused(415, "utf8_required", "JSON here is in UTF-8.")
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise Refused(
            415, "encoding_not_supported", "Send the body without Content-Encoding."
        )
    try:
        length = int(request.headers.get("Content-Length") or 0)
    except ValueError:
        length = 0
    if length > MAX_BODY_BYTES:
        raise _too_large()
    try:
        body = request.read(MAX_BODY_BYTES + 1)
    except (RequestDataTooBig, OSError):
        raise _too_large() from None
    if len(body) > MAX_BODY_BYTES:
        raise _too_large()
    return body


def _too_large() -> Refused:
    return Refused(
        413, "body_too_large", f"The body is over {MAX_BODY_BYTES // 1024} KB."
    )


def _idempotency_key(request: HttpRequest) -> str:
    given = request.headers.get("Idempotency-Key")
    if given is None:
        return ""
    matched = _IDEMPOTENCY_KEY.match(given.strip())
    if matched is None:
        raise Refused(
            400,
            "invalid_idempotency_key",
            "Idempotency-Key takes 1 to 255 visible ASCII characters, without a comma.",
        )
    return matched[1]


def _unavailable() -> Refused:
    return Refused(
        503,
        "unavailable",
        "The database does not answer; nothing was stored by this request, or its "
        "answer was lost: repeat it with the same Idempotency-Key or external_id.",
        retryable=True,
        headers={"Retry-After": "2"},
    )
