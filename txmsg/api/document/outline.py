"""The document as people read it: operations by subject, their fields a line each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from events import api_preview
from events.api_preview import Snippet
from events.json_text import as_text
from txmsg.api.document import codes
from txmsg.api.document.codes import Code
from txmsg.api.document.event_types import ANY, SCHEMAS, UNION
from txmsg.api.document.operations import Example, examples

_KINDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "object",
    "array": "list",
    "null": "null",
}
_DEEPEST = 6
_LIMITS = {
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "maxProperties": "at most {} members",
    "minimum": "{} or more",
    "maximum": "{} or less",
}
_EMPTY = {("minLength", 1): "not empty", ("minItems", 1): "not empty"}


@dataclass(frozen=True, slots=True)
class Field:
    """A member of a body, by its path such as ``push[].token``, or a parameter."""

    name: str
    kind: str
    is_required: bool
    about: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with its fields and an example as text, if there are any."""

    status: int
    about: str
    headers: list[str]
    fields: list[Field]
    example: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A request to try, and what to try it with."""

    summary: str
    status: int
    snippets: list[Snippet]


@dataclass(frozen=True, slots=True)
class Operation:
    """All that is said of an operation."""

    name: str
    method: str
    path: str
    summary: str
    about: str
    scopes: list[str]
    parameters: list[Field]
    body: list[Field]
    answers: list[Answer]
    refusals: list[tuple[int, list[Code]]]
    examples: list[Shown]


@dataclass(frozen=True, slots=True)
class Type:
    """An event type of this installation, and the request that posts it."""

    name: str
    about: str
    fields: list[Field]
    snippets: list[Snippet]


def subjects_of(document: Mapping[str, Any]) -> dict[str, list[Operation]]:
    """Return the operations of a document by their subjects, in its order."""
    found: dict[str, list[Operation]] = {tag["name"]: [] for tag in document["tags"]}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            shown = _operation(document, path, method.upper(), operation)
            found[operation["tags"][0]].append(shown)
    return found


def types_of(document: Mapping[str, Any]) -> list[Type]:
    """Return the event types that stand in a document."""
    schemas = document["components"]["schemas"]
    mapping = schemas[UNION].get("discriminator", {}).get("mapping", {})
    body = document["paths"]["/api/v1/events"]["post"]["requestBody"]["content"]
    samples = body["application/json"]["examples"]
    address = _server(document) + "/api/v1/events"
    return [
        Type(
            name=name,
            about=_resolved(document, {"$ref": reference}).get("description", ""),
            fields=fields_of(document, schemas[f"Contract.{name}"]),
            snippets=api_preview.snippets_of(samples[name]["value"], address=address),
        )
        for name, reference in mapping.items()
    ]


def fields_of(document: Mapping[str, Any], schema: Mapping[str, Any]) -> list[Field]:
    """Return the members of an object, those of its members below each."""
    return list(_members(document, schema, "", 0))


def _operation(
    document: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]
) -> Operation:
    name = operation["operationId"]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    shown = examples().get(name, [])
    answers, refusals = [], []
    for status, response in operation["responses"].items():
        if "$ref" in response:
            refusals.append((int(status), codes.with_status(int(status))))
        else:
            answers.append(_answer(document, int(status), response))
    return Operation(
        name=name,
        method=method,
        path=path,
        summary=operation["summary"],
        about=operation.get("description", ""),
        scopes=[
            scope for each in operation["security"] for scope in each.get("ApiKey", ())
        ],
        parameters=[_parameter(document, each) for each in operation["parameters"]],
        body=_body(document, body["schema"]) if body else [],
        answers=answers,
        refusals=refusals,
        examples=[
            Shown(each.summary, each.status, snippets)
            for each in shown
            for snippets in [snippets_of(each, method, _server(document) + path)]
        ],
    )


def snippets_of(example: Example, method: str, address: str) -> list[Snippet]:
    """Return an example as code; `address` has the names of its parameters in it."""
    for name, value in example.path.items():
        address = address.replace(f"{{{name}}}", quote(value, safe=""))
    if example.query:
        address = f"{address}?{urlencode(example.query, safe='@')}"
    return api_preview.snippets_of(
        example.body, address=address, method=method, headers=example.headers
    )


def _server(document: Mapping[str, Any]) -> str:
    return str(document["servers"][0]["url"]).rstrip("/")


def _parameter(document: Mapping[str, Any], found: Mapping[str, Any]) -> Field:
    where = {"path": "in the path", "query": "in the query", "header": "a header"}
    kind, more = _kind(document, found["schema"])
    about = " ".join(filter(None, [found.get("description", ""), more]))
    return Field(
        name=found["name"],
        kind=f"{kind}, {where[found['in']]}",
        is_required=bool(found.get("required")),
        about=about,
    )


def _body(document: Mapping[str, Any], schema: Mapping[str, Any]) -> list[Field]:
    return fields_of(document, schema)


def _answer(
    document: Mapping[str, Any], status: int, response: Mapping[str, Any]
) -> Answer:
    content = response.get("content", {}).get("application/json", {})
    named: dict[str, Any] = content.get("examples", {})
    first: dict[str, Any] = next(iter(named.values()), {})
    return Answer(
        status=status,
        about=response["description"],
        headers=[name for name in response["headers"] if name != "X-Request-Id"],
        fields=fields_of(document, content.get("schema", {})),
        example=as_text(first["value"]) if "value" in first else "",
    )


def _resolved(
    document: Mapping[str, Any], schema: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Return what a schema refers to; of the union of types, the event of any type."""
    while isinstance(reference := schema.get("$ref"), str):
        own = {key: value for key, value in schema.items() if key != "$ref"}
        *_, name = reference.split("/")
        target = document["components"]["schemas"].get(ANY if name == UNION else name)
        schema = {**(target or {}), **own}
    return schema


def _variants(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the alternatives of a schema that say what kind of value it takes."""
    found = schema.get("anyOf") or schema.get("oneOf") or []
    return [each for each in found if {"type", "$ref", "enum", "const"} & each.keys()]


def _members(
    document: Mapping[str, Any], schema: Mapping[str, Any], prefix: str, depth: int
) -> Iterator[Field]:
    schema = _resolved(document, schema)
    if depth > _DEEPEST:
        return
    if "properties" not in schema:
        for each in _variants(schema):
            found = list(_members(document, each, prefix, depth))
            if found:
                yield from found
                return
        items = schema.get("items")
        if isinstance(items, Mapping) and items.get("$ref") != f"{SCHEMAS}{UNION}":
            yield from _members(document, items, f"{prefix}[]", depth)
        return
    required = schema.get("required", ())
    for name, each in schema["properties"].items():
        place = f"{prefix}.{name}" if prefix else name
        if not isinstance(each, Mapping):
            continue
        member = _resolved(document, each)
        kind, more = _kind(document, member)
        about = " ".join(filter(None, [str(member.get("description", "")), more]))
        yield Field(place, kind, name in required, about)
        yield from _members(document, member, place, depth + 1)


def _kind(document: Mapping[str, Any], schema: Mapping[str, Any]) -> tuple[str, str]:
    """Return what kind of value a schema takes, and its limits in words."""
    schema = _resolved(document, schema)
    if "enum" in schema:
        return " or ".join(f"`{each}`" for each in schema["enum"] if each), ""
    if "const" in schema:
        return f"`{schema['const']}`", ""
    if (variants := _variants(schema)) and "type" not in schema:
        both = [_kind(document, each) for each in variants]
        kinds = list(dict.fromkeys(kind for kind, _ in both))
        return " or ".join(kinds), " ".join(more for _, more in both if more)
    named = schema.get("type", "anything")
    kinds = [named] if isinstance(named, str) else list(named)
    words = " or ".join(_KINDS.get(each, each) for each in kinds)
    limits = [
        _EMPTY.get((key, schema[key])) or form.format(schema[key])
        for key, form in _LIMITS.items()
        if key in schema
    ]
    if schema.get("format"):
        words += f" ({schema['format']})"
    return words, f"{', '.join(limits).capitalize()}." if limits else ""
