"""How a request of the API is read: its key's scope, its query, its body; or refused.

Where django-ninja would be lenient it is told beforehand, and what it finds is said in
our words. A fault's pointer is a JSON Pointer into the body, or ``?name`` for what
stands in the query.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest
from ninja.errors import ValidationError
from ninja.operation import Operation
from ninja.security.http import HttpAuthBase
from pydantic import BaseModel, ConfigDict

from events import strict_json
from events.api_keys import Caller
from events.models import Scope
from events.problems import Fault, Refused
from events.views import read_body

_MAX_FAULTS = 50
_CODES = {
    "extra_forbidden": "unknown_field",
    "literal_error": "invalid_choice",
    "enum": "invalid_choice",
    "string_type": "wrong_type",
    "bool_type": "wrong_type",
    "int_type": "wrong_type",
    "int_parsing": "wrong_type",
    "dict_type": "wrong_type",
    "list_type": "wrong_type",
    "model_type": "wrong_type",
    "model_attributes_type": "wrong_type",
    "string_too_long": "too_long",
    "string_too_short": "too_short",
    "too_long": "too_long",
    "too_short": "too_short",
    "greater_than_equal": "out_of_range",
    "less_than_equal": "out_of_range",
    "missing": "missing_field",
}
_SENTENCES = {
    "string_type": "must be a string",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "dict_type": "must be an object",
    "list_type": "must be a list",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "missing": "is required",
    "extra_forbidden": "is no field of this request",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "string_too_long": "is longer than {max_length}",
    "too_long": "is longer than {max_length}",
    "string_too_short": "is shorter than {min_length}",
    "too_short": "is shorter than {min_length}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
}


class Strict(BaseModel):
    """A model of what is sent: nothing is converted, nothing unknown is let through."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class KeyedRequest(HttpRequest):
    """A request whose key was looked up."""

    auth: Caller


class KeyWith(HttpAuthBase):
    """An API key that has a scope; who calls is `request.auth`."""

    openapi_scheme = "bearer"

    def __init__(self, scope: Scope) -> None:
        super().__init__()
        self.scope = scope

    def __call__(self, request: HttpRequest) -> Caller:
        """Return who calls; raise Refused (403) unless the key has the scope."""
        caller: Caller = request.txmsg_caller  # type: ignore[attr-defined]
        caller.require(self.scope)
        return caller


def admit(request: HttpRequest, caller: Caller, operation: Operation) -> None:
    """Read a request for an operation; raise Refused with what does not belong to it.

    Afterwards the body, if the operation takes one, is `request.txmsg_body`.
    """
    request.txmsg_caller = caller  # type: ignore[attr-defined]
    for callback in operation.auth_callbacks:
        callback(request)
    _check_query(request, _names(operation, "query"))
    if request.method != "GET":
        _read(request, operation)


def refusal(error: Exception) -> Exception:
    """Return what ninja found as Refused; what is no fault of the caller as it is."""
    if not isinstance(error, ValidationError):
        return error
    if any(item["loc"][0] == "path" for item in error.errors):
        return not_found()
    faults = [_fault(item) for item in error.errors[:_MAX_FAULTS]]
    return refused(faults)


def refused(faults: list[Fault]) -> Refused:
    """Return the refusal (422) of a request with these faults."""
    return Refused(422, faults[0].code, faults[0].message, errors=faults)


def not_found(what: str = "such address in this API") -> Refused:
    """Return the answer (404) for what is not there, or is not the caller's."""
    return Refused(404, "not_found", f"There is no {what}.")


def _names(operation: Operation, source: str) -> Mapping[str, Any]:
    """Return the parameters of an operation that come from a part of the request."""
    for model in operation.models:
        if model.__ninja_param_source__ == source:
            known: Mapping[str, Any] = (
                getattr(model, "__ninja_flatten_map__", None) or model.model_fields
            )
            return known
    return {}


def _check_query(request: HttpRequest, known: Mapping[str, Any]) -> None:
    """Raise Refused unless each parameter is known, stands there once and is text."""
    try:
        given = request.GET
    except SuspiciousOperation:
        raise Refused(400, "bad_request", "The address cannot be read.") from None
    faults = list(_query_faults(given, known))
    if faults:
        raise refused(faults[:_MAX_FAULTS])


def _query_faults(given: Any, known: Mapping[str, Any]) -> Iterator[Fault]:
    for name, values in given.lists():
        pointer = f"?{strict_json.escape(name)}"
        if name not in known:
            yield Fault(
                pointer,
                "unknown_parameter",
                f"{pointer} is no parameter here{_hint(name, known)}.",
            )
        elif len(values) > 1:
            yield Fault(
                pointer, "repeated_parameter", f"{pointer} stands there more than once."
            )
        elif "\x00" in values[0]:
            yield Fault(pointer, "nul_character", f"{pointer} holds the character NUL.")


def _hint(name: str, known: Mapping[str, Any]) -> str:
    if not known:
        return "; this address takes none"
    near = difflib.get_close_matches(name, known, n=1)
    return (
        f"; did you mean {near[0]}"
        if near
        else f"; there are {', '.join(sorted(known))}"
    )


def _read(request: HttpRequest, operation: Operation) -> None:
    """Read the body, and refuse one that the operation does not take.

    An operation that takes none takes an empty object; so do many clients send none.
    """
    fields = _names(operation, "body")
    has_body = (
        request.META.get("CONTENT_LENGTH") not in (None, "", "0")
        or "HTTP_TRANSFER_ENCODING" in request.META
    )
    is_required = any(field.is_required() for field in fields.values())
    raw = read_body(request) if has_body or is_required else b""
    if not raw and not is_required:
        request._body = b""
        return
    body = strict_json.loads(raw)
    if body and not fields:
        raise refused(
            [
                _fault({"loc": ("body", "", name), "type": "extra_forbidden"})
                for name in list(body)[:_MAX_FAULTS]
            ]
        )
    request._body = raw
    request.txmsg_body = body  # type: ignore[attr-defined]


def _fault(item: Mapping[str, Any]) -> Fault:
    """Return what pydantic found as a fault of ours; it never echoes a value."""
    source, *steps = item["loc"]
    kind = str(item["type"])
    if source == "query":
        pointer = f"?{steps[-1]}"
    else:  # The first step is the name of the function's argument.
        pointer = "".join(f"/{strict_json.escape(str(step))}" for step in steps[1:])
    code = _CODES.get(kind, kind)
    sentence = _SENTENCES.get(kind) or str(item.get("msg", "is not understood"))
    sentence = sentence.format_map({**item.get("ctx", {})})
    shown = strict_json.printable(pointer) or "The body"
    return Fault(pointer, code, f"{shown} {sentence}.")
