"""The whole document: the door, the routes of django-ninja, schemas, refusals."""

from __future__ import annotations

import http
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation
from pydantic.json_schema import models_json_schema

from events import views
from events.models import EventType, Scope
from events.problems import CONTENT_TYPE
from txmsg.api.application import api
from txmsg.api.document import codes, event_types, headers
from txmsg.api.document.event_types import BATCH, SCHEMAS, UNION, plain
from txmsg.api.document.operations import (
    PARAMETERS,
    TOLD,
    WEBHOOKS,
    Answered,
    Example,
    Told,
    examples,
    models,
)
from txmsg.api.reading import KeyWith

PREFIX = "/api/v1"
VERSION = "1"
JSON = "application/json"
ABOUT = """\
Post an event, and the message that a marketer has published for its type goes out. \
Accepted means stored: 202 is answered after the commit.

Each request takes an API key, `Authorization: Bearer txk_…`. Times are RFC 3339 with \
a zone, ids are UUIDs, amounts are best sent as text. Errors are problem details \
(RFC 9457): `code` says which, `errors` name every fault by its place."""
WITHOUT_TYPES = """

This document is the general one: asked for with a key, or by somebody who is logged \
in and may view event types, it holds the event types of this installation."""
_USUAL = (400, 401, 403, 422, 500, 503)
_OF_BODIES = (413, 415)
_TOO_MANY = 429
_WITH = {
    "WWW-Authenticate": (401,),
    "Allow": (405,),
    "Retry-After": (_TOO_MANY, 503),
    **dict.fromkeys(headers.OF_RATES, (_TOO_MANY,)),
}


def assemble(types: Sequence[EventType] | None, *, server: str = "/") -> dict[str, Any]:
    """Return the document with these event types; None: the general one."""
    routes = _Routes()
    paths = _door(types or ())
    for path, item in plain(dict(routes["paths"])).items():
        paths[path] = paths.get(path, {}) | item
    paths |= _own()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "txmsg",
            "version": VERSION,
            "description": ABOUT + (WITHOUT_TYPES if types is None else ""),
        },
        "servers": [{"url": server}],
        "tags": [{"name": name} for name in _tags(paths)],
        "paths": paths,
        **({"webhooks": WEBHOOKS} if WEBHOOKS else {}),
        "components": {
            "schemas": _used(
                paths, _schemas(routes.schemas) | event_types.components(types or ())
            ),
            "responses": _refusals(),
            "headers": headers.components(),
            "securitySchemes": {
                "ApiKey": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "txk_<prefix>_<secret>",
                    "description": "The key of a source. What an operation takes is "
                    "named beside it; the source's scopes bound those of its keys.",
                }
            },
        },
    }


class _Routes(OpenAPISchema):
    """What ninja knows of the routes, told in our words."""

    def __init__(self) -> None:
        super().__init__(api, PREFIX.lstrip("/") + "/")

    def operation_details(self, operation: Operation) -> dict[str, Any]:
        """Return an operation with its scope, answers, refusals and examples."""
        found: dict[str, Any] = super().operation_details(operation)
        found["operationId"] = name = operation.view_func.__name__
        return found | _told(
            name,
            about=operation.view_func,
            scopes=[
                each.scope
                for each in operation.auth_callbacks
                if isinstance(each, KeyWith)
            ],
            parameters=_parameters(name, found.get("parameters", [])),
            body=found.get("requestBody"),
            declared=found["responses"],
        )


def _door(types: Sequence[EventType]) -> dict[str, Any]:
    """Return the operations that are plain views."""
    posted = {UNION: event_types.examples(types), BATCH: {}}
    doors = (("", views.post_event, UNION), ("/batch", views.post_batch, BATCH))
    return {
        f"{PREFIX}/events{path}": {
            "post": {
                "tags": ["Events"],
                **_told(
                    view.__name__,
                    about=view,
                    scopes=[Scope.EVENTS_WRITE],
                    parameters=[],
                    body={
                        "required": True,
                        "content": {
                            JSON: {
                                "schema": {"$ref": f"{SCHEMAS}{schema}"},
                                "examples": posted[schema],
                            }
                        },
                    },
                ),
            }
        }
        for path, view, schema in doors
    }


def _own() -> dict[str, Any]:
    """Return the operation that answers this document."""
    told = _told("openapi", about=_openapi, scopes=[], parameters=[], body=None)
    return {f"{PREFIX}/openapi.json": {"get": {"tags": ["This document"], **told}}}


def _openapi() -> None:
    """This document.

    With a key, or asked for by somebody who is logged in and may view event types, it
    holds the event types that may be posted.
    """


def _told(
    name: str,
    *,
    about: Callable[..., Any],
    scopes: Sequence[Scope],
    parameters: list[dict[str, Any]],
    body: dict[str, Any] | None,
    declared: Mapping[int, Any] | None = None,
) -> dict[str, Any]:
    """Return an operation, complete; `declared` are the answers that ninja knows."""
    declared = declared or {}
    said = TOLD.get(name, Told({each: Answered("An answer.") for each in declared}))
    shown = examples().get(name, [])
    summary, _, more = inspect.cleandoc(about.__doc__ or name).partition("\n\n")
    if said.takes_key:
        parameters = [*parameters, headers.IDEMPOTENCY_KEY]
    has_path = any(each["in"] == "path" for each in parameters)
    refused = {*_USUAL, *said.refusals}
    refused |= {404} if has_path else set()
    refused |= set(_OF_BODIES) if body else set()
    counted = headers.OF_RATES if _TOO_MANY in refused else ()
    return {
        "operationId": name,
        "summary": " ".join(summary.split()).rstrip("."),
        "description": " ".join([*more.split(), _scope_sentence(scopes)]).strip(),
        "parameters": parameters,
        "security": [
            *([] if scopes else [{}]),
            {"ApiKey": [str(scope) for scope in scopes]},
        ],
        **({"requestBody": _body(body, shown)} if body else {}),
        "responses": {
            **{
                str(status): _answer(
                    status, each, shown, declared.get(status, {}), also=counted
                )
                for status, each in said.answers.items()
            },
            **{
                str(status): {"$ref": f"#/components/responses/{status}"}
                for status in sorted(refused)
            },
        },
    }


def _scope_sentence(scopes: Sequence[Scope]) -> str:
    return "".join(f"Takes the scope `{scope}`." for scope in scopes)


def _parameters(name: str, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the parameters of an operation with the values of its first example."""
    first = next(iter(examples().get(name, [])), Example("", 200))
    values: dict[str, Any] = {**first.path, **first.query}
    shown = []
    for each in found:
        schema, value = each["schema"], values.get(each["name"])
        # Text in an address is never null: what is null is left out.
        given = [one for one in schema.get("anyOf", []) if one.get("type") != "null"]
        if len(given) == 1:
            schema = {**schema, **given[0]}
            del schema["anyOf"]
        if value is not None and schema.get("type") == "integer":
            value = int(value)
        told = PARAMETERS.get(each["name"])
        about = {"description": told} if told else {}
        example = {} if value is None else {"example": value}
        shown.append({**about, **each, "schema": schema, **example})
    return shown


def _body(body: dict[str, Any], shown: Sequence[Example]) -> dict[str, Any]:
    content = dict(body["content"][JSON])
    named = {
        each.summary: {"summary": each.summary, "value": each.body}
        for each in shown
        if each.body is not None
    }
    # Of what this installation has, an example is better than one of ours.
    content["examples"] = content.get("examples") or named
    return {"required": body.get("required", True), "content": {JSON: content}}


def _answer(
    status: int,
    told: Answered,
    shown: Sequence[Example],
    declared: Mapping[str, Any],
    *,
    also: Sequence[str],
) -> dict[str, Any]:
    """Return an answer; `also` are headers of every answer of its operation."""
    found: dict[str, Any] = {
        "description": told.about,
        "headers": headers.of_answer([*told.headers, *also]),
    }
    if told.leads:
        found["links"] = {
            name: {
                "operationId": name,
                "parameters": {
                    each: f"$response.body#/{place}" for each, place in taken.items()
                },
            }
            for name, taken in told.leads.items()
        }
    if status == http.HTTPStatus.NO_CONTENT:
        return found
    named = {
        each.summary: {"summary": each.summary, "value": each.answer}
        for each in shown
        if each.status == status and each.answer is not None
    }
    content = declared.get("content", {}).get(JSON, {"schema": {"type": "object"}})
    if told.model is not None:
        content = {"schema": {"$ref": f"{SCHEMAS}{told.model.__name__}"}}
    found["content"] = {JSON: content | ({"examples": named} if named else {})}
    return found


def _schemas(of_requests: dict[str, Any]) -> dict[str, Any]:
    """Return the models of requests and answers by name."""
    ordered = sorted(models(), key=lambda model: model.__name__)
    # As they are read: a member with a default is one that may be left out.
    _, made = models_json_schema(
        [(model, "validation") for model in ordered],
        ref_template=f"{SCHEMAS}{{model}}",
    )
    found: dict[str, Any] = plain({**of_requests, **made["$defs"]})
    found["Problem"]["properties"]["code"] = _codes()
    return found


def _used(paths: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """Return the schemas that something refers to; of a query ninja keeps one too."""
    text = json.dumps([paths, schemas, WEBHOOKS, {"$ref": f"{SCHEMAS}Problem"}])
    return {
        name: each for name, each in schemas.items() if f'"{SCHEMAS}{name}"' in text
    }


def _codes() -> dict[str, Any]:
    every = [code.name for code in codes.codes()]
    begun = [name.rstrip("*") for name in every if name.endswith("*")]
    return {
        "description": "The code of the first fault; each with cause and cure in the "
        "reference.",
        "anyOf": [
            {"enum": [name for name in every if not name.endswith("*")]},
            *({"pattern": f"^{name}", "type": "string"} for name in begun),
        ],
    }


def _refusals() -> dict[str, Any]:
    statuses = {
        *_USUAL,
        *_OF_BODIES,
        *(status for code in codes.codes() for status in code.statuses),
    }
    return {
        str(status): _refusal(status) for status in sorted(statuses) if status >= 400
    }


def _refusal(status: int) -> dict[str, Any]:
    known = ", ".join(f"`{code.name}`" for code in codes.with_status(status))
    named = [name for name, statuses in _WITH.items() if status in statuses]
    return {
        "description": f"Refused: {known}." if known else "Refused.",
        "headers": headers.of_answer(named),
        "content": {CONTENT_TYPE: {"schema": {"$ref": f"{SCHEMAS}Problem"}}},
    }


def _tags(paths: dict[str, Any]) -> list[str]:
    named = (
        tag for item in paths.values() for each in item.values() for tag in each["tags"]
    )
    return list(dict.fromkeys(named))
