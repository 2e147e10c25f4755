"""The application that serves the subjects: django-ninja, held to the door's manners.

Keys, errors, request ids and cookies are those of `events.views.api_view`; bodies are
read by `events.strict_json`, answers written by it. What an operation does not take, in
its query or its body, is refused by name.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NoReturn

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI, Router
from ninja.openapi.urls import get_root_url
from ninja.operation import Operation
from ninja.parser import Parser
from ninja.renderers import BaseRenderer
from ninja.utils import normalize_path, replace_path_param_notation

from events import strict_json
from events.api_keys import Caller
from events.views import View, api_view
from txmsg.api import subjects
from txmsg.api.reading import admit, refusal


class _Body(Parser):
    """Hands over the body that `admit` has read."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        """Return the one JSON object of a body."""
        body: dict[str, Any] = request.txmsg_body  # type: ignore[attr-defined]
        return body


class _Line(BaseRenderer):
    """JSON that ends its line; a Decimal keeps the digits it came with."""

    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> str:
        """Return an answer as text."""
        return strict_json.dumps(data) + "\n"


class Application(NinjaAPI):
    """Ninja's routes and models; what goes wrong is left to `api_view` to answer."""

    def get_content_type(self) -> str:
        """Return the media type of every answer; JSON has no charset."""
        return str(self.renderer.media_type)

    def on_exception(self, request: HttpRequest, exc: Any) -> NoReturn:
        """Raise Refused for what the caller did wrong, and the rest as it is."""
        raise refusal(exc)

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """Return the name of the function: no two have the same."""
        return str(operation.view_func.__name__)

    def _get_urls(self) -> list[URLPattern | URLResolver]:
        return [
            *(path(route, endpoint(at)) for route, at in self.operations.items()),
            get_root_url(self),
        ]

    @functools.cached_property
    def operations(self) -> dict[str, dict[str, Operation]]:
        """The operations by address and method; two routers may share an address."""
        at: dict[str, dict[str, Operation]] = {}
        for route, operation in self._routes():
            for method in operation.methods:
                at.setdefault(route, {})[method] = operation
        return at

    def _routes(self) -> Iterator[tuple[str, Operation]]:
        for bound in self._get_bound_routers():
            for route, view in bound.path_operations.items():
                whole = replace_path_param_notation(f"{bound.prefix}/{route}")
                for operation in view.operations:
                    yield normalize_path(whole).lstrip("/"), operation


def endpoint(operations: Mapping[str, Operation], *, also: str = "") -> View:
    """Return the view of an address, given its operations by method.

    `also` is a method of the address that never comes here.
    """

    @api_view(*operations, *([also] if also else []))
    def view(request: HttpRequest, caller: Caller, **values: Any) -> HttpResponse:
        if request.method == "HEAD":  # The server leaves the body out.
            request.method = "GET"
        operation = operations[str(request.method)]
        admit(request, caller, operation)
        answer: HttpResponse = operation.run(request, **values)  # type: ignore[assignment]
        return answer

    return view


def beside(door: View, route: str) -> View:
    """Return the view of an address whose POST is the door's own, and as fast."""
    operations = api.operations[route]
    rest = endpoint(operations, also="POST")

    @csrf_exempt
    def view(request: HttpRequest) -> HttpResponse:
        return door(request) if request.method == "POST" else rest(request)

    return view


def serve(routers: Iterable[Router], *, namespace: str = "api") -> Application:
    """Return an application of these routers; its own pages of documents are off."""
    made = Application(
        title="txmsg",
        version="1",
        urls_namespace=namespace,
        openapi_url=None,
        docs_url=None,
        parser=_Body(),
        renderer=_Line(),
    )
    for router in routers:
        made.add_router("", router)
    return made


def _routers() -> Iterator[Router]:
    for found in pkgutil.iter_modules(subjects.__path__, f"{subjects.__name__}."):
        yield importlib.import_module(found.name).router


api = serve(_routers())
