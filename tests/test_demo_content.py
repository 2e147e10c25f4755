"""Demo data holds what the product asks of real senders: valid, consistent, diverse."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from html import escape
from typing import Any
from uuid import UUID

import jsonschema_rs
import pytest

from templates_app.rendering import RenderContext, compile_content, program
from txmsg.demo.event_types import DemoType, event_types
from txmsg.demo.events import sample_request, stream

SEED = datetime(2026, 11, 23, 9, 15, tzinfo=UTC)
TYPES = {demo.name: demo for demo in event_types()}
LIQUID = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
EVERY_TYPE = pytest.mark.parametrize("demo", TYPES.values(), ids=TYPES.keys())


def bodies() -> list[dict[str, Any]]:
    return stream(SEED, run="test")


def contexts(type_name: str) -> list[dict[str, Any]]:
    """The sample of a type, then every ctx of it in the stream."""
    streamed = [body["ctx"] for body in bodies() if body["type"] == type_name]
    return [TYPES[type_name].sample, *streamed]


def total(amounts: list[str]) -> Decimal:
    return sum((Decimal(amount) for amount in amounts), Decimal(0))


@EVERY_TYPE
def test_sample_and_streamed_events_fit_the_contract(demo: DemoType) -> None:
    validator = jsonschema_rs.Draft202012Validator(demo.contract, validate_formats=True)
    for ctx in contexts(demo.name):
        assert [error.message for error in validator.iter_errors(ctx)] == []


@EVERY_TYPE
def test_contract_describes_and_closes_every_object(demo: DemoType) -> None:
    def walk(schema: dict[str, Any]) -> None:
        assert schema["description"]
        if schema["type"] == "object":
            assert schema["additionalProperties"] is False
            for child in schema["properties"].values():
                walk(child)
        if schema["type"] == "array":
            assert schema["maxItems"] <= 200
            walk(schema["items"])

    walk(demo.contract)


@EVERY_TYPE
def test_template_names_only_what_the_contract_has(demo: DemoType) -> None:
    message = demo.message
    for text in (message.subject, message.preheader, message.source, message.text):
        roots = {"ctx": demo.contract}
        # Loops first: they give `item` its meaning.
        for name, path in re.findall(r"{%-? for (\w+) in ([\w.]+)", text):
            roots[name] = _schema_at(roots, path)["items"]
        for token in LIQUID.findall(text):
            bare = re.sub(r'"[^"]*"', "", token)
            for path in re.findall(r"\b\w+(?:\.\w+)+", bare):
                if not path.startswith("recipient."):
                    _schema_at(roots, path)


def _schema_at(roots: dict[str, Any], path: str) -> dict[str, Any]:
    root, *steps = path.split(".")
    schema: dict[str, Any] = roots[root]
    for step in steps:
        schema = schema["properties"][step]
    return schema


@EVERY_TYPE
def test_sensitive_paths_exist_in_the_contract(demo: DemoType) -> None:
    for path in demo.sensitive_paths:
        assert _schema_at({"ctx": demo.contract}, f"ctx.{path}")


@EVERY_TYPE
def test_every_event_renders_small_and_asks_for_nothing_outside(demo: DemoType) -> None:
    compiled = compile_content("email", asdict(demo.message))
    email = program("email", compiled)
    for body in bodies():
        if body["type"] == demo.name:
            parts = email.render(
                context_of(body), delivery_id=UUID(int=1), address="a@example.com"
            ).parts
            assert len(parts["html"].encode()) < 60_000
            assert not re.search(r"<img|<script|@import|<link|url\(", parts["html"])
            assert parts["subject"]
            assert "{%" not in parts["text"]


def test_a_name_with_markup_or_liquid_stays_a_name() -> None:
    for body in bodies():
        name = body["recipient"].get("name", "")
        if "<b>" in name or "{{" in name:
            message = asdict(TYPES[body["type"]].message)
            parts = (
                program("email", compile_content("email", message))
                .render(
                    context_of(body), delivery_id=UUID(int=1), address="a@example.com"
                )
                .parts
            )
            assert escape(name, quote=False) in parts["html"]
            assert name in parts["text"]


def context_of(body: dict[str, Any]) -> RenderContext:
    return RenderContext(
        ctx=body["ctx"],
        recipient=body["recipient"],
        event={"type": body["type"]},
        message={"internal_name": "demo"},
        frozen_at=SEED,
    )


def test_password_reset_lives_half_an_hour_and_hides_its_secrets() -> None:
    reset = TYPES["password.reset"]
    assert (reset.lane, reset.ttl_seconds) == ("critical", 1800)
    assert reset.sensitive_paths == ["reset.link", "reset.code"]


def test_orders_add_up() -> None:
    for ctx in contexts("order.confirmed"):
        order = ctx["order"]
        for item in order["items"]:
            assert total([item["unit_price"]] * item["quantity"]) == total(
                [item["total"]]
            )
        assert total([item["total"] for item in order["items"]]) == total(
            [order["subtotal"]]
        )
        charged = total([order["subtotal"], order["shipping"], order["tax"]])
        assert charged - Decimal(order.get("discount", 0)) == Decimal(order["total"])


def test_carts_add_up() -> None:
    for ctx in contexts("cart.abandoned"):
        cart = ctx["cart"]
        assert total([item["total"] for item in cart["items"]]) == total(
            [cart["subtotal"]]
        )


def test_invoices_add_up() -> None:
    for ctx in contexts("invoice.due"):
        invoice = ctx["invoice"]
        nets = total([line["net"] for line in invoice["lines"]])
        assert nets == Decimal(invoice["net_total"])
        assert nets == total([vat["base"] for vat in invoice["vat"]])
        with_vat = nets + total([vat["amount"] for vat in invoice["vat"]])
        assert with_vat == Decimal(invoice["total"])
        owed = with_vat - Decimal(invoice.get("paid", 0))
        assert owed == Decimal(invoice["amount_due"])


def test_stream_is_forty_events_of_all_types_each_with_its_own_external_id() -> None:
    events = bodies()
    assert len({event["external_id"] for event in events}) == len(events) == 40
    assert {event["type"] for event in events} == set(TYPES)


def test_stream_follows_from_its_arguments() -> None:
    assert stream(SEED, run="test") == bodies()
    others = {event["external_id"] for event in stream(SEED, run="other")}
    assert others.isdisjoint(event["external_id"] for event in bodies())


def test_stream_writes_to_reserved_domains_only() -> None:
    for event in bodies():
        domain = event["recipient"]["email"].partition("@")[2]
        assert domain in {"example.com", "example.org", "example.net"}


def test_names_come_in_many_scripts_and_hostile_shapes() -> None:
    names = [event["recipient"].get("name", "") for event in bodies()]
    letters = {char for name in names for char in name if char.isalpha()}
    assert len({unicodedata.name(char).split()[0] for char in letters}) >= 12
    for piece in ("'", '"', "<b>", "&", "{{", "-", "\N{SUNFLOWER}"):
        assert any(piece in name for name in names), piece
    assert max(len(name) for name in names) > 100
    assert "" in names


def test_orders_range_from_one_to_twelve_articles_in_many_currencies() -> None:
    orders = [event["ctx"]["order"] for event in bodies() if "payment" in event["ctx"]]
    sizes = [len(order["items"]) for order in orders]
    assert (min(sizes), max(sizes)) == (1, 12)
    assert len({order["currency"] for order in orders}) >= 6


@EVERY_TYPE
def test_sample_request_is_valid_fresh_and_addressed(demo: DemoType) -> None:
    first = sample_request(demo.name, to="someone@example.com")
    second = sample_request(demo.name)
    assert first["recipient"]["email"] == "someone@example.com"
    assert first["external_id"] != second["external_id"]
    jsonschema_rs.validate(demo.contract, first["ctx"], validate_formats=True)


def test_sample_request_names_the_types_it_knows() -> None:
    with pytest.raises(LookupError, match=r"order\.confirmed"):
        sample_request("order.lost")
