"""The OpenAPI document: complete, true to the installation, each example tried."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from django.test import Client
from django.utils import timezone

from events import contract
from events.models import Scope, Source, WebhookName
from events.webhooks import outbox, queue
from tests import factories
from tests.api_world import World, make_world
from txmsg.api.document import codes
from txmsg.api.document.assembling import assemble
from txmsg.api.document.event_types import UNION
from txmsg.api.document.operations import TOLD, Example, examples
from txmsg.webhooks import courier, endpoints, signing

DOCUMENT = "/api/v1/openapi.json"
GENERAL = assemble(None)
GENERAL_TEXT = json.dumps(GENERAL)


def operations_of(document: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method.upper(), operation


BY_NAME = {
    operation["operationId"]: (path, method, operation)
    for path, method, operation in operations_of(GENERAL)
}
COUNTED = {"post_event", "post_batch", "replay_event"}
EVERY_EXAMPLE = [
    pytest.param(name, example, id=f"{name}: {example.summary}")
    for name, listed in examples().items()
    for example in listed
]


def faults_by(document: dict[str, Any], schema: Any, value: Any) -> list[str]:
    """Return how a value misses a schema of a document."""
    whole = {**schema, "components": document["components"]}
    validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
    return [str(error).partition("\n")[0] for error in validator.iter_errors(value)]


def shape_of(value: Any) -> Any:
    """Return what a value is made of; of a list, what its first item is."""
    if isinstance(value, dict):
        return {key: shape_of(each) for key, each in value.items()}
    if isinstance(value, list):
        return [shape_of(value[0])] if value else []
    return type(value).__name__


def differences(told: Any, found: Any, place: str = "") -> Iterator[str]:
    """Yield where an answer is made of other things than the documented one."""
    if isinstance(told, dict) and isinstance(found, dict):
        for key in told.keys() ^ found.keys():
            yield f"{place}/{key}"
        for key in told.keys() & found.keys():
            yield from differences(told[key], found[key], f"{place}/{key}")
    elif isinstance(told, list) and isinstance(found, list):
        if bool(told) != bool(found):
            yield f"{place}: {told} {found}"
        for one, other in zip(told[:1], found[:1], strict=False):
            yield from differences(one, other, f"{place}/0")
    elif told != found and "NoneType" not in (told, found):
        yield f"{place}: {told} {found}"


@pytest.fixture
def world(client: Client, monkeypatch: pytest.MonkeyPatch) -> World:
    return make_world(client, monkeypatch)


# --- what is in it


def test_every_operation_is_told_and_has_an_example() -> None:
    """A route that nobody explains is not yet part of the API."""
    assert set(BY_NAME) == set(TOLD) == set(examples())


def test_every_operation_says_what_it_takes_and_what_it_answers() -> None:
    for path, method, operation in operations_of(GENERAL):
        name = f"{method} {path}"
        assert operation["summary"], name
        named = {each["name"] for each in operation["parameters"]}
        assert set(re.findall(r"{(\w+)}", path)) <= named, name
        assert all(each.get("description") for each in operation["parameters"]), name
        assert {"401", "422", "500", "503"} <= operation["responses"].keys(), name
        scopes = [x for each in operation["security"] for x in each.get("ApiKey", ())]
        assert scopes or path == DOCUMENT, name
        assert set(scopes) <= set(Scope.values), name


def test_every_reference_leads_somewhere() -> None:
    """And every component is used by something."""
    for kind, named in GENERAL["components"].items():
        for name in named:
            if kind != "securitySchemes" and name not in ("404", "405"):
                assert f'"#/components/{kind}/{name}"' in GENERAL_TEXT, f"{kind}/{name}"
    for part in GENERAL_TEXT.split('"#/components/')[1:]:
        kind, name = part.partition('"')[0].split("/")
        assert name in GENERAL["components"][kind]


def test_every_schema_is_a_json_schema() -> None:
    for name in GENERAL["components"]["schemas"]:
        schema = {"$ref": f"#/components/schemas/{name}"}
        faults_by(GENERAL, schema, {})


def test_every_code_is_in_the_schema_of_a_problem() -> None:
    by_status = GENERAL["components"]["responses"]
    problem = GENERAL["components"]["schemas"]["Problem"]["properties"]["code"]
    for code in codes.codes():
        name = code.name.replace("*", "max_length")
        assert not faults_by(GENERAL, problem, name)
        for status in code.statuses:
            if status >= 400:
                assert f"`{code.name}`" in by_status[str(status)]["description"]
    assert faults_by(GENERAL, problem, "no_such_code")


def test_all_that_endpoints_are_told_stands_there_with_its_headers() -> None:
    assert list(GENERAL["webhooks"]) == WebhookName.values
    told = GENERAL["webhooks"]["delivery.sent"]["post"]
    assert told["summary"] == WebhookName.DELIVERY_SENT.label
    signed = signing.headers(
        webhook_id="1", moment=timezone.now(), body=b"", with_secrets=["whsec_AAAA"]
    )
    assert [each["name"] for each in told["parameters"]] == list(signed)
    named = [each["post"]["operationId"] for each in GENERAL["webhooks"].values()]
    assert len({*named, *BY_NAME}) == len(named) + len(BY_NAME)


@pytest.mark.django_db
def test_what_an_endpoint_is_told_is_as_documented(world: World) -> None:
    """By the bytes that are posted; of a delivery everything, of an event no more."""
    endpoint = world.webhook(anew=True)
    endpoints.change(endpoint, {"events": []})
    outbox.forget()
    world.sent_event()
    endpoints.send_test(endpoint)
    claimed = queue.claim({endpoint.pk: 10}, lease_seconds=60)
    bodies = {each.name: json.loads(courier.body_of(each)) for each in claimed}
    assert set(bodies) == {
        "event.accepted",
        "delivery.sent",
        "event.processed",
        "webhook.test",
    }
    for name, item in GENERAL["webhooks"].items():
        schema = item["post"]["requestBody"]["content"]["application/json"]["schema"]
        for other, body in bodies.items():
            assert (not faults_by(GENERAL, schema, body)) == (name == other), name


def test_what_counts_against_a_rate_says_so() -> None:
    """What the source's rate leaves stands in answers of what is counted alone."""
    rates = {"RateLimit", "RateLimit-Policy"}
    for path, method, operation in operations_of(GENERAL):
        answers = operation["responses"]
        is_counted = operation["operationId"] in COUNTED
        assert ("429" in answers) == is_counted, f"{method} {path}"
        for answer in answers.values():
            if "$ref" not in answer:
                assert (rates <= answer["headers"].keys()) == is_counted, path
    refused = GENERAL["components"]["responses"]["429"]
    assert {"Retry-After", *rates} <= refused["headers"].keys()


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_those_are_counted_that_are_said_to_be(name: str, world: World) -> None:
    Source.objects.filter(pk=world.door.source.pk).update(rate_per_minute=1000)
    path, method, operation = BY_NAME[name]
    [example, *_] = examples()[name]
    answer = world.try_out(name, method, path, example)
    assert answer.status_code == example.status, answer.content
    assert ("RateLimit" in answer) == ("429" in operation["responses"])


# --- every example is tried


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "example"), EVERY_EXAMPLE)
def test_an_example_does_what_it_says(
    name: str, example: Example, world: World
) -> None:
    """The request is one that the schemas take; the answer is as documented."""
    document = assemble([world.event_type])
    path, method, _ = BY_NAME[name]
    operation = document["paths"][path][method.lower()]
    if example.body is not None and example.status < 300:
        content = operation["requestBody"]["content"]["application/json"]
        assert not faults_by(document, content["schema"], dict(example.body))
    answer = world.try_out(name, method, path, example)
    assert answer.status_code == example.status, answer.content
    if example.answer is None:
        assert name == "openapi" or not answer.content
        return
    told, found = dict(example.answer), answer.json()
    response = operation["responses"][str(example.status)]
    schema = (
        {"$ref": "#/components/schemas/Problem"}
        if "$ref" in response
        else response["content"]["application/json"]["schema"]
    )
    assert not faults_by(document, schema, told)
    assert not faults_by(document, schema, found)
    assert not list(differences(shape_of(told), shape_of(found)))
    for header in response.get("headers", ()):
        assert header in answer or header.startswith(("Idempotent", "RateLimit"))


# --- this installation's event types


@pytest.mark.django_db
def test_event_types_are_a_union_told_apart_by_type(world: World) -> None:
    other = factories.make_event_type(
        name="cart.abandoned", contract_mode="warn", sample={"cart": [1, 2, 3]}
    )
    document = assemble([world.event_type, other])
    schemas = document["components"]["schemas"]
    union = schemas[UNION]
    assert union["discriminator"]["propertyName"] == "type"
    mapping = union["discriminator"]["mapping"]
    assert list(mapping) == ["order.confirmed", "cart.abandoned"]
    assert [each["$ref"] for each in union["oneOf"]] == list(mapping.values())
    assert schemas["Contract.order.confirmed"] == world.event_type.contract
    content = document["paths"]["/api/v1/events"]["post"]["requestBody"]["content"]
    shown = content["application/json"]["examples"]
    for name in mapping:
        body = shown[name]["value"]
        assert body["type"] == name
        reference = {"$ref": "#/components/schemas/EventRequest"}
        assert not faults_by(document, reference, body)
    assert (
        world.request(
            "POST", "/api/v1/events", body=shown["order.confirmed"]["value"]
        ).status_code
        == 202
    )


@pytest.mark.parametrize(
    ("fields", "is_taken"),
    [
        ({}, True),
        ({"type": "no.such"}, False),
        ({"ctx": {}}, False),
        ({"ctx": {"order": {"number": 5}}}, False),
        ({"recipient": {}}, False),
        ({"recipient": {"email": "ada@example.com", "phone": None}}, True),
        ({"recipient": {"email": None}}, False),
        ({"recipient": {"phone": "0612"}}, False),
        ({"metadata": {"a": 1.5}}, False),
        ({"metadata": {"a": "b", "c": 1, "d": True}}, True),
        ({"unknown": 1}, False),
        ({"lane": "express"}, False),
        ({"scheduled_at": "tomorrow"}, False),
        ({"scheduled_at": None, "external_id": "x"}, True),
    ],
)
@pytest.mark.django_db
def test_the_schema_of_an_event_says_what_the_door_says(
    world: World, fields: dict[str, Any], is_taken: bool
) -> None:
    document = assemble([world.event_type])
    body = {
        "type": "order.confirmed",
        "recipient": {"email": "ada@example.com"},
        "ctx": {"order": {"number": "1"}},
        **fields,
    }
    reference = {"$ref": f"#/components/schemas/{UNION}"}
    assert (not faults_by(document, reference, body)) == is_taken
    answer = world.request("POST", "/api/v1/events", body=body)
    assert (answer.status_code == 202) == is_taken


@pytest.mark.django_db
def test_references_inside_of_a_contract_still_lead_there() -> None:
    inside = {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/amount"}, "b": {"$ref": "#"}},
        "$defs": {"amount": {"type": "string", "pattern": "^[0-9]+$"}},
    }
    event_type = factories.make_event_type(contract=inside)
    document = assemble([event_type])
    reference = {"$ref": f"#/components/schemas/Contract.{event_type.name}"}
    for ctx in ({"a": "1"}, {"a": "x"}, {"b": {"a": "x"}}, {"b": {"a": "2"}}):
        found = not faults_by(document, reference, ctx)
        assert found == (not contract.faults_of(ctx, inside))


@pytest.mark.django_db
def test_a_contract_that_is_broken_does_not_break_the_document() -> None:
    event_type = factories.make_event_type(contract={"type": "nonsense"})
    document = assemble([event_type])
    schemas = document["components"]["schemas"]
    assert schemas[f"Contract.{event_type.name}"]["type"] == "object"
    faults_by(document, {"$ref": f"#/components/schemas/{UNION}"}, {})


# --- who is told what


def types_in(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    union = answer.json()["components"]["schemas"][UNION]
    return list(union.get("discriminator", {}).get("mapping", {}))


@pytest.mark.django_db
def test_a_key_is_told_of_the_types_that_it_may_post(world: World) -> None:
    factories.make_event_type(name="secret.type")
    answer = world.request("GET", DOCUMENT)
    assert types_in(answer) == ["order.confirmed", "secret.type"]
    assert answer.json()["servers"] == [{"url": "http://testserver"}]
    assert "private" in answer["Cache-Control"]
    assert {"Authorization", "Cookie"} <= set(answer["Vary"].split(", "))
    Source.objects.filter(pk=world.door.source.pk).update(
        allowed_types=["order.confirmed"]
    )
    assert types_in(world.request("GET", DOCUMENT)) == ["order.confirmed"]
    assert b"secret.type" not in world.request("GET", DOCUMENT).content


@pytest.mark.django_db
def test_nobody_in_particular_is_told_how_the_api_works_alone(
    world: World, client: Client
) -> None:
    answer = client.get(DOCUMENT)
    assert types_in(answer) == []
    assert "asked for with a key" in answer.json()["info"]["description"]
    assert b"10293" not in client.get(DOCUMENT.replace("openapi.json", "x")).content


@pytest.mark.django_db
def test_who_may_view_event_types_is_told_of_all(
    world: World, admin_client: Client, django_user_model: Any
) -> None:
    assert types_in(admin_client.get(DOCUMENT)) == ["order.confirmed"]
    other = Client()
    other.force_login(
        django_user_model.objects.create_user("clerk", is_staff=True, password="x")
    )
    assert types_in(other.get(DOCUMENT)) == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("header", "status", "code"),
    [("Bearer txk_1", 401, "malformed_api_key"), ("Basic x", 401, None)],
)
def test_a_key_that_is_none_is_refused(
    client: Client, header: str, status: int, code: str | None
) -> None:
    answer = client.get(DOCUMENT, headers={"Authorization": header})
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["WWW-Authenticate"]
    assert code in (None, answer.json()["code"])


@pytest.mark.django_db
def test_the_document_is_only_read(client: Client) -> None:
    answer = client.post(DOCUMENT, {}, content_type="application/json")
    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")
    assert client.head(DOCUMENT).status_code == 200
