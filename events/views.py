"""The intake endpoints: a view parses, calls `events.intake`, and answers."""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import unquote

import psycopg
from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from events import (
    api_keys,
    batch,
    intake,
    networks,
    problems,
    rates,
    refusals,
    statements,
    strict_json,
)
from events.api_keys import Caller
from events.intake import Accepted
from events.models import Scope
from events.problems import Refused

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 256 * 1024
MAX_BATCH_BYTES = 5 * 1024 * 1024
_IDEMPOTENCY_KEY = re.compile(r'("?)([\x21\x23-\x2b\x2d-\x7e]{1,255})\1\Z')
_KEY_IN_QUERY = re.compile(r"txk_[0-9A-Za-z]*")

View = Callable[..., HttpResponse]


def api_view(*methods: str) -> Callable[[View], View]:
    """Make a view one of the API: key, problem details, request id, no cookies.

    The view is called with the `Caller` as its second argument. Whatever goes wrong is
    answered as problem details; what nobody foresaw is logged under the request's id.
    """
    allowed = (*methods, "HEAD") if "GET" in methods else methods

    def decorate(view: View) -> View:
        @csrf_exempt
        @functools.wraps(view)
        def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            statements.leave_dead_connection()
            # Cookies play no part: broken ones would be answered with new ones.
            request.COOKIES.clear()
            request.META.pop("CSRF_COOKIE_NEEDS_UPDATE", None)
            caller: Caller | None = None
            try:
                _check_line(request, allowed)
                caller = api_keys.authenticate(
                    request.META.get("HTTP_AUTHORIZATION"),
                    remote_address=networks.caller_address(request.META),
                )
                answer = view(request, caller, *args, **kwargs)
            except Refused as refused:
                refusals.note(request, refused, caller or refused.caller)
                return _with_rates(request, problems.response(request, refused))
            except Exception as error:
                return problems.response(request, _fault_of_ours(request, error))
            answer["X-Request-Id"] = problems.request_id(request)
            return _with_rates(request, answer)

        return wrapped

    return decorate


@api_view("POST")
def post_event(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Accept one event: 202, or 200 when it was accepted before."""
    caller.require(Scope.EVENTS_WRITE)
    charge(request, caller, 1)
    key = idempotency_key(request)
    accepted = intake.accept(
        strict_json.loads(read_body(request)), caller=caller, idempotency_key=key
    )
    answer = shown(accepted)
    headers = {"Location": answer["links"]["self"]}
    if accepted.is_replay:
        headers["Idempotent-Replayed"] = "true"
    is_new = not (accepted.is_duplicate or accepted.is_replay)
    return problems.json_line(answer, status=202 if is_new else 200, headers=headers)


@api_view("POST")
def post_batch(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Accept up to 500 events: 202, 207 when some are refused, 200 when it is a replay.

    207 comes in the mode permissive alone, and says so even of a replay.
    """
    caller.require(Scope.EVENTS_WRITE)
    key = idempotency_key(request)
    raw = read_body(request, longest=MAX_BATCH_BYTES)
    answer = batch.accept(
        raw,
        caller=caller,
        idempotency_key=key,
        charge=functools.partial(charge, request, caller),
    )
    results = [_result(n, result) for n, result in enumerate(answer.results)]
    rejected = sum("problem" in result for result in results)
    if rejected:
        refusals.note(request, _refused_part(answer), caller)
    summary = {"accepted": len(results) - rejected, "rejected": rejected}
    headers = {"Idempotent-Replayed": "true"} if answer.is_replay else {}
    status = 207 if rejected else 200 if answer.is_replay else 202
    body = {"summary": summary, "results": results}
    return problems.json_line(body, status=status, headers=headers)


def _refused_part(answer: batch.Answer) -> Refused:
    """Return what a batch that was taken in part was refused for."""
    refused = {
        number: result
        for number, result in enumerate(answer.results)
        if isinstance(result, Refused)
    }
    first = next(iter(refused.values()))
    faults = [fault for n, one in refused.items() for fault in batch.faults_of(n, one)]
    detail = (
        f"{len(refused)} of {len(answer.results)} events are refused; the others were "
        "taken in."
    )
    return Refused(207, first.code, detail, errors=faults)


def charge(request: HttpRequest, caller: Caller, count: int) -> None:
    """Count events against the source's rate; raise Refused (429) above it.

    The answer to the request says what is left. Costs nothing without a rate.
    """
    if caller.rate_per_minute is not None:
        request.txmsg_rates = rates.take(caller, count)  # type: ignore[attr-defined]


def _with_rates(request: HttpRequest, answer: HttpResponse) -> HttpResponse:
    """Add what is left of the source's rate, if events were counted against one."""
    headers: dict[str, str] = getattr(request, "txmsg_rates", None) or {}
    for name, value in headers.items():
        # Of a refusal by another limit both are said, as a list.
        answer[name] = f"{value}, {answer[name]}" if name in answer else value
    return answer


def _result(number: int, result: batch.Result) -> dict[str, Any]:
    """Return what became of one event of a batch, as the API shows it."""
    if isinstance(result, Refused):
        faults = batch.faults_of(number, result)
        problem = problems.details(result, faults)
        return {"index": number, "status": result.status, "problem": problem}
    is_new = not (result.is_duplicate or result.is_replay)
    status = 202 if is_new else 200
    return {"index": number, "status": status, "event": shown(result)}


def shown(accepted: Accepted) -> dict[str, Any]:
    """Return an accepted event as the API shows it."""
    event_id = str(accepted.id)
    answer: dict[str, Any] = {
        "id": event_id,
        "status": accepted.status,
        "type": accepted.type,
        "external_id": accepted.external_id or None,
        "received_at": problems.rfc3339(accepted.received_at),
        "warnings": accepted.warnings,
        "links": {"self": f"/api/v1/events/{event_id}"},
    }
    if accepted.is_duplicate:
        answer["duplicate"] = True
    return answer


def _check_line(request: HttpRequest, allowed: Sequence[str]) -> None:
    """Refuse a request by its first line: method, address, query."""
    if request.method not in allowed:
        raise Refused(
            405,
            "method_not_allowed",
            f"This address takes {', '.join(allowed)}.",
            headers={"Allow": ", ".join(allowed)},
        )
    if "\x00" in request.path:
        raise Refused(400, "bad_request", "The address holds the character NUL.")
    query = request.META.get("QUERY_STRING", "")
    found = _KEY_IN_QUERY.search(unquote(query)) if query else None
    if found is not None:
        logger.warning("an API key came in an address, replace it: %s_…", found[0])
        raise Refused(
            400,
            "key_in_url",
            "An API key in an address ends up in logs: send it in the header "
            "Authorization, and make a new one.",
        )


def read_body(request: HttpRequest, *, longest: int = MAX_BODY_BYTES) -> bytes:
    """Return the body of a request that has to be JSON; raise Refused (400, 413, 415).

    It is read here alone: Django neither reads chunks nor knows our limits.
    """
    _check_content(request)
    try:
        length = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        length = 0
    if length > longest:
        raise _too_large(longest)
    try:
        body = _read(request, longest)
    except OSError:
        raise _incomplete() from None
    if len(body) > longest:
        raise _too_large(longest)
    request.txmsg_raw = body  # type: ignore[attr-defined]
    if len(body) < length:
        raise _incomplete()
    return body


def _check_content(request: HttpRequest) -> None:
    if request.content_type != "application/json":
        raise Refused(
            415, "json_required", "Send the header Content-Type: application/json."
        )
    charset = (request.content_params or {}).get("charset", "utf-8")
    if charset.lower() not in ("utf-8", "utf8"):
        raise Refused(415, "utf8_required", "JSON here is in UTF-8.")
    if request.META.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity":
        raise Refused(
            415, "encoding_not_supported", "Send the body without Content-Encoding."
        )


def _read(request: HttpRequest, longest: int) -> bytes:
    """Return the body, of one that is too long one byte more than the limit."""
    if "HTTP_TRANSFER_ENCODING" not in request.META:
        return request.read(longest + 1)
    # Django takes a body without Content-Length for an empty one; the server has
    # taken the chunks apart, and its stream ends with the body.
    stream = request.META["wsgi.input"]
    parts: list[bytes] = []
    missing = longest + 1
    while missing and (part := stream.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _incomplete() -> Refused:
    return Refused(400, "incomplete_body", "The body ended before its Content-Length.")


def _too_large(longest: int) -> Refused:
    limit = "5 MB" if longest == MAX_BATCH_BYTES else f"{longest // 1024} KB"
    return Refused(413, "body_too_large", f"The body is over {limit}.")


def idempotency_key(request: HttpRequest) -> str:
    """Return the header Idempotency-Key, empty for none; raise Refused (400)."""
    given = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if given is None:
        return ""
    matched = _IDEMPOTENCY_KEY.match(given.strip())
    if matched is None:
        raise Refused(
            400,
            "invalid_idempotency_key",
            "Idempotency-Key takes 1 to 255 visible ASCII characters, without a comma.",
        )
    return matched[2]


def _fault_of_ours(request: HttpRequest, error: Exception) -> Refused:
    """Log what nobody asked for, and return the answer to it."""
    if isinstance(error.__cause__, psycopg.errors.ReadOnlySqlTransaction):
        # A failover has made a replica of the server; elsewhere there is another.
        connection.close()
    elif not isinstance(error, OperationalError | InterfaceError):
        made = problems.request_id(request)
        logger.error("request %s failed", made, exc_info=error)
        return problems.internal_error()
    logger.error("the database did not answer", exc_info=error)
    return _unavailable()


def _unavailable() -> Refused:
    return Refused(
        503,
        "unavailable",
        "The database does not answer; nothing was stored by this request, or its "
        "answer was lost: repeat it with the same Idempotency-Key or external_id.",
        retryable=True,
        headers={"Retry-After": "2"},
    )
