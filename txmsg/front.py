"""The front of the web process: the door's addresses take the short way.

Sessions, logins, messages and static files cost several times what the door itself
does, and mean nothing to it. What guards every answer stays: hosts, HTTPS and the
headers of security. Both ways answer the same; the full one serves the door in tests.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest
from django.urls import ResolverMatch, get_resolver
from django.utils.module_loading import import_string

from txmsg.requests import Request

DOOR = frozenset(["/api/v1/events", "/api/v1/events/batch"])
_SKIPPED = frozenset(
    [
        "whitenoise.middleware.WhiteNoiseMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ]
)


class Everything(WSGIHandler):
    """Django's own way, through all of its middleware."""

    request_class = Request


class Door(WSGIHandler):
    """The way of the door, through what guards every answer.

    Nobody is told when a request begins and ends: Django's own listeners go through
    every connection and every cache that a thread may have, which costs more than
    reading the body. The views look after the one connection that is used here.
    """

    request_class = Request

    def __call__(  # type: ignore[override]  # WSGI takes any iterable
        self, environ: dict[str, Any], start_response: Any
    ) -> Iterable[bytes]:
        """Answer a request; its answer is whole, and needs no closing."""
        answer: Any = self.get_response(self.request_class(environ))
        status = f"{answer.status_code} {answer.reason_phrase}"
        start_response(status, list(answer.items()))
        return [answer.content]

    def load_middleware(self, is_async: bool = False) -> None:
        """Build the chain that each request goes through."""
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        handler = convert_exception_to_response(
            self._get_response  # type: ignore[attr-defined]  # not in the stubs
        )
        for name in reversed(settings.MIDDLEWARE):
            if name not in _SKIPPED:
                handler = convert_exception_to_response(import_string(name)(handler))
        self._middleware_chain = handler

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        """Return the view of an address, which is looked for once."""
        request.resolver_match = match = _view_at(request.path_info)
        return match


@functools.lru_cache(maxsize=len(DOOR))
def _view_at(path: str) -> ResolverMatch:
    return get_resolver().resolve(path)


class Front:
    """A WSGI application that sends each request on its way."""

    def __init__(self) -> None:
        self._door = Door()
        self._everything = Everything()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request."""
        is_door = environ.get("PATH_INFO") in DOOR
        handler = self._door if is_door else self._everything
        return handler(environ, start_response)
