"""What Django answers when no view was reached or one failed, in the API's own shape.

Under `/api/`, and at Adobe's addresses if they are served, that is problem details;
elsewhere Django's pages, the 404 in our dress.
"""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views import defaults

from events import problems
from events.problems import Refused

logger = logging.getLogger(__name__)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400: a host that is not ours, or what Django holds for an attack."""
    if not _is_api(request):
        return defaults.bad_request(request, exception)
    if isinstance(exception, DisallowedHost):
        refused = Refused(400, "bad_host", "This host is not served here.")
    else:
        refused = Refused(400, "bad_request", "The request cannot be read.")
    return problems.response(request, refused)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404."""
    if not _is_api(request):
        return _page_in_our_dress(request, exception)
    refused = Refused(404, "not_found", "There is no such address in this API.")
    return problems.response(request, refused)


def server_error(request: HttpRequest, **_: Any) -> HttpResponse:
    """Answer 500, without details; Django has logged the error itself."""
    if not _is_api(request):
        return defaults.server_error(request)
    logger.error("request %s failed", problems.request_id(request))
    return problems.response(request, problems.internal_error())


def _page_in_our_dress(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404 with a way back; our own views say what was not found."""
    first = exception.args[0] if exception.args else ""
    is_known = admin.site.has_permission(request)
    frame = (
        "admin/base_site.html" if is_known else "unfold/layouts/unauthenticated.html"
    )
    context = {
        **admin.site.each_context(request),
        "title": "Not found",
        "frame": frame,
        "reason": first if str(first).startswith("There is no") else "",
    }
    return render(request, "404.html", context, status=404)


def _is_api(request: HttpRequest) -> bool:
    path = request.path_info
    return path.startswith("/api/") or (
        settings.TXMSG_ADOBE_ALIAS and "/campaign/mc" in path
    )
