"""The addresses that monitors ask; they need no key."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from events.problems import json_line
from txmsg import health


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
