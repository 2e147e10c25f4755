"""The document and its page over HTTP.

Both say how this API works to anybody. Which event types there are, and what is in
them, they say to those only who come with a key, or are logged in and may view them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.views.decorators.http import require_safe

from events import api_keys, catalogue, problems
from events.models import EventType
from events.problems import Refused
from txmsg.api.document import codes, outline
from txmsg.api.document.assembling import assemble

PERMISSION = "events.view_eventtype"


def openapi(request: HttpRequest) -> HttpResponse:
    """Answer the OpenAPI document, with the event types that the caller may know."""
    try:
        if request.method not in ("GET", "HEAD"):
            raise _only_read()
        types = _types(request)
    except Refused as refused:
        return problems.response(request, refused)
    answer = problems.json_line(assemble(types, server=_server(request)))
    answer["X-Request-Id"] = problems.request_id(request)
    return _for_one(answer)


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Show the document as a page."""
    is_known = admin.site.has_permission(request)
    types = catalogue.listed(None) if _may_view_types(request) else None
    document = assemble(types, server=_server(request))
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "API",
        "frame": "admin/base_site.html" if is_known else "txmsg/api_frame.html",
        "about": document["info"]["description"].split("\n\n")[:2],
        "subjects": outline.subjects_of(document),
        "types": outline.types_of(document),
        "is_general": types is None,
        "codes": codes.codes(),
    }
    return _for_one(render(request, "txmsg/api.html", context))


def _types(request: HttpRequest) -> Sequence[EventType] | None:
    """Return the event types that the caller may know, None for nobody in particular.

    Raise Refused for a key that is none.
    """
    given = request.META.get("HTTP_AUTHORIZATION")
    if given is not None:
        caller = api_keys.authenticate(
            given, remote_address=request.META.get("REMOTE_ADDR", "")
        )
        return catalogue.listed(caller)
    return catalogue.listed(None) if _may_view_types(request) else None


def _may_view_types(request: HttpRequest) -> bool:
    return admin.site.has_permission(request) and request.user.has_perm(PERMISSION)


def _server(request: HttpRequest) -> str:
    return request.build_absolute_uri("/").rstrip("/")


def _for_one(answer: HttpResponse) -> HttpResponse:
    """Return an answer that no cache gives to somebody else."""
    patch_vary_headers(answer, ["Authorization", "Cookie"])
    patch_cache_control(answer, private=True, no_cache=True)
    return answer


def _only_read() -> Refused:
    return Refused(
        405,
        "method_not_allowed",
        "This address takes GET, HEAD.",
        headers={"Allow": "GET, HEAD"},
    )
