"""The addresses: an event in by its name in Adobe's way, and where it stands.

404 as for any other address unless `TXMSG_ADOBE_ALIAS` is set.
"""

from __future__ import annotations

import functools
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse

from events import intake, known_types, problems, schemas, strict_json, views
from events.api_keys import Caller
from events.models import Scope
from events.problems import Refused
from txmsg import tracing
from txmsg.adobe import translating


def _switched(view: views.View) -> views.View:
    """Make a view one that is there only while the alias is switched on."""

    @functools.wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not settings.TXMSG_ADOBE_ALIAS:
            raise Http404
        return view(request, *args, **kwargs)

    return wrapped


@_switched
@views.api_view("POST")
def post_event(request: HttpRequest, caller: Caller, name: str) -> HttpResponse:
    """Accept one event as `events.views.post_event` does, in Adobe's words."""
    caller.require(Scope.EVENTS_WRITE)
    views.charge(request, caller, 1)
    key = views.idempotency_key(request)
    given = strict_json.loads(views.read_body(request))
    try:
        event = translating.event_of(given, _type_name(name))
        accepted = intake.accept(event, caller=caller, idempotency_key=key)
    except Refused as refused:
        raise translating.in_adobes_words(refused) from None
    answer = translating.answer_of(
        {**event, "id": str(accepted.id)},
        name=name,
        status=translating.STATUSES[accepted.status],
        server_url=settings.TXMSG_PUBLIC_URL,
        path=f"{request.path}/{accepted.id}",
    )
    answer |= {"ctx": event.get("ctx", {}), "warnings": accepted.warnings}
    headers = {"Location": answer["href"]}
    if accepted.is_replay:
        headers["Idempotent-Replayed"] = "true"
    status = 200 if accepted.is_replay else 202
    return HttpResponse(
        strict_json.dumps(answer) + "\n",
        status=status,
        headers=headers,
        content_type="application/json",
    )


@_switched
@views.api_view("GET")
def get_event(
    request: HttpRequest, caller: Caller, name: str, key: str
) -> HttpResponse:
    """Answer where an event stands: what was posted but its ``ctx``, and its status."""
    caller.require(Scope.EVENTS_READ)
    wanted = schemas.event_id(key)
    shown = tracing.trace(wanted, source_id=caller.source_id) if wanted else None
    if shown is None or shown["type"] not in translating.names_of(name):
        raise Refused(404, "not_found", "There is no event of this PKey.")
    answer = translating.answer_of(
        shown,
        name=name,
        status=translating.status_of(shown),
        server_url=settings.TXMSG_PUBLIC_URL,
        path=request.path,
    )
    return problems.json_line({**answer, "reason": shown["reason"]})


def _type_name(name: str) -> str:
    """Return the event type that a name in an address means."""
    names = translating.names_of(name)
    known = known_types.find(names)
    return next((each for each in names if each in known), name)
