"""The reads of the API that join floors, and the addresses that monitors ask."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from events.api_keys import Caller
from events.models import Scope
from events.problems import Refused, json_line
from events.schemas import event_id
from events.views import api_view
from txmsg import health, tracing


@api_view("GET")
def get_event(_request: HttpRequest, caller: Caller, text: str) -> HttpResponse:
    """Answer where an event stands, with its deliveries and their attempts."""
    caller.require(Scope.EVENTS_READ)
    wanted = event_id(text)
    found: dict[str, Any] | None = None
    if wanted is not None:
        found = tracing.trace(wanted, source_id=caller.source_id)
    if found is None:
        raise Refused(404, "not_found", "There is no event of this id.")
    return json_line(found)


@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """Answer 200 while this process lives; asks nobody."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
def readyz(_request: HttpRequest) -> HttpResponse:
    """Answer 200 when all is there that sending needs, else 503 naming what is not."""
    found = health.findings()
    problems = [finding for finding in found if finding.problem]
    body = {
        "status": "unready" if problems else "ready",
        "missing": {finding.name: finding.problem for finding in problems},
        "warnings": {each.name: each.warning for each in found if each.warning},
    }
    return json_line(body, status=503 if problems else 200)
