"""Paths and filters against a contract: unknown, optional, nullable, mistyped."""

from __future__ import annotations

from typing import Any

import pytest

from templates_app.checking import contracts
from templates_app.checking.contracts import Known
from templates_app.checking.filters import filter_faults, output_faults
from templates_app.checking.findings import Fault
from templates_app.checking.syntax import read
from templates_app.checking.variables import Vocabulary, path_faults
from templates_app.rendering.paths import walked

CONTRACT: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["order", "items", "either", "sum", "names", "address"],
    "properties": {
        "order": {
            "type": "object",
            "required": ["number", "note"],
            "properties": {
                "number": {"type": "string"},
                "total": {"type": "number"},
                "note": {"type": ["string", "null"]},
                "postal code": {"type": "string"},
            },
        },
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["sku", "tags"],
                "properties": {
                    "sku": {"type": "string"},
                    "price": {"type": "number"},
                    "tags": {"type": "array", "items": {"type": "string"}},
                },
            },
        },
        "names": {"type": "array", "minItems": 1, "items": {"type": "string"}},
        "sum": {"type": ["number", "null"]},
        "paid": {"type": "boolean"},
        "amount": {"type": "string", "pattern": r"^\d+\.\d\d$"},
        "address": {"$ref": "#/$defs/address"},
        "either": {
            "anyOf": [
                {"type": "object", "required": ["x"], "properties": {"x": {}}},
                {"type": "object", "required": ["x"], "properties": {"x": {}, "y": {}}},
            ]
        },
        "free": {"type": "object"},
        "anything": {},
        "loose": {
            "type": "object",
            "additionalProperties": True,
            "properties": {"known": {"type": "string"}},
        },
        "byname": {"type": "object", "additionalProperties": {"type": "number"}},
        "bypattern": {"type": "object", "patternProperties": {"^p_": {}}},
    },
    "$defs": {
        "address": {
            "allOf": [
                {"type": "object", "required": ["city"]},
                {"properties": {"city": {"type": "string"}}},
            ]
        }
    },
}


def _faults(source: str, **about: Any) -> list[Fault]:
    vocabulary = Vocabulary(about.pop("contract", CONTRACT), **about)
    reading = read(source)
    found = walked(reading, unknown=reading.unknown)
    faults = list(reading.faults)
    for use in found.uses:
        faults += [*path_faults(use, vocabulary), *output_faults(use, vocabulary)]
    for each in found.filters:
        faults += filter_faults(each, vocabulary)
    return faults


def _codes(source: str, **about: Any) -> list[tuple[str, str]]:
    return [(each.severity, each.code) for each in _faults(source, **about)]


@pytest.mark.parametrize(
    "source",
    [
        "{{ ctx['order']['number'] }}{{ rtEvent.ctx.order.number }}",
        "{{ ctx.order.total | default: 0 }}",
        "{% if ctx.order.total %}{{ ctx.order.total | money: 'EUR' }}{% endif %}",
        "{% for i in ctx.items %}{{ i.tags | join }}{{ forloop.index }}{% endfor %}",
        "{{ ctx.items | map: 'sku' | join: ', ' }}{{ ctx.items.size }}",
        "{{ ctx.items | size | plus: 1 }}{{ ctx.items | sum: 'price' }}",
        "{% if ctx.items.size > 0 %}{{ ctx.items[0].sku }}{% endif %}",
        "{% if ctx.items.size > 0 %}{{ ctx.items.first.sku }}{% endif %}",
        "{{ ctx.names[0] }}{{ ctx.names.first | upcase }}",
        "{{ ctx.address.city }}{{ ctx.either.x }}",
        "{% if ctx.order['postal code'] %}{{ ctx.order['postal code'] }}{% endif %}",
        "{% if ctx.free %}{{ ctx.free.a.b.c }}{% endif %}",
        "{% if ctx.anything %}{{ ctx.anything.a[0] | money: 'EUR' }}{% endif %}",
        "{% if ctx.amount %}{{ ctx.amount | money: 'EUR' }}{% endif %}",
        "{% if ctx.byname.a %}{{ ctx.byname.a | round }}{% endif %}",
        "{% if ctx.bypattern.p_x %}{{ ctx.bypattern.p_x }}{% endif %}",
        "{% if ctx.paid %}a{% elsif ctx.order.total %}b{% endif %}",
        "{{ recipient.name | default: 'you' }}{{ recipient.email }}{{ now | date }}",
        "{{ message.label }}{{ event.id }}{{ profile.x.y }}{{ event.metadata.x }}",
        "{% assign a = 'b' %}{{ a }}{% capture c %}d{% endcapture %}{{ c | upcase }}",
    ],
)
def test_what_the_contract_allows_has_no_findings(source: str) -> None:
    assert _faults(source) == []


@pytest.mark.parametrize(
    ("source", "path", "suggestion"),
    [
        ("{{ ctx.order.nubmer }}", "ctx.order.nubmer", "mean ctx.order.number?"),
        ("{{ ctx.ordr.number }}", "ctx.ordr.number", "did you mean ctx.order.number?"),
        ("{{ ctx.number }}", "ctx.number", "did you mean ctx.order.number?"),
        ("{{ ctx.qqqq }}", "ctx.qqqq", "ctx has order, items"),
        ("{{ order.number }}", "order.number", "did you mean ctx.order.number?"),
        ("{{ recipent.email }}", "recipent.email", "did you mean recipient.email?"),
        ("{{ recipient.nam }}", "recipient.nam", "did you mean recipient.name?"),
        ("{{ xyz }}", "xyz", "paths begin with ctx, recipient"),
        ("{{ ctx.address.ctiy }}", "ctx.address.ctiy", "ctx.address.city?"),
        ("{{ ctx.order.number.x }}", "ctx.order.number.x", ""),
        ("{{ ctx.paid[0] }}", "ctx.paid[]", ""),
        ("{% for i in ctx.items %}{{ i.skuu }}{% endfor %}", "ctx.items[].skuu",
         "did you mean i.sku?"),
        ("{{ ctx.items | map: 'skuu' | join }}", "ctx.items[].skuu",
         "did you mean sku?"),
        ("{% for i in ctx.items %}{{ ii.sku }}{% endfor %}", "ii.sku",
         "did you mean i.sku?"),
        ("{% for i in ctx.items %}{{ sku }}{% endfor %}", "sku", "did you mean i.sku?"),
        ("{{ ctx.items.sku }}", "ctx.items.sku",
         "item.sku inside {% for item in ctx.items %}?"),
        ("{% if ctx.nix %}{% endif %}", "ctx.nix", ""),
        ("{{ 'a' | append: ctx.nix }}", "ctx.nix", ""),
        ("{{ ctx.nix | default: 'a' }}", "ctx.nix", ""),
        ("{{ forloop.index }}", "forloop.index", "inside {% for %}"),
        ("{% for i in ctx.items %}{{ forloop.indx }}{% endfor %}", "forloop.indx",
         "did you mean forloop.index?"),
    ],
)  # fmt: skip
def test_an_unknown_path_is_an_error_with_a_suggestion(
    source: str, path: str, suggestion: str
) -> None:
    (fault,) = _faults(source)
    assert (fault.severity, fault.code) == ("error", "unknown_variable")
    assert fault.path == path
    assert suggestion in fault.suggestion
    assert fault.length


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ ctx.order.total }}", "ctx.order.total is optional"),
        ("{{ ctx.order.total | money: 'EUR' }}", "ctx.order.total is optional"),
        ("{{ 'a' | append: ctx.paid }}", "ctx.paid is optional"),
        ("{% for i in ctx.byname.a %}{% endfor %}", "ctx.byname is optional"),
        ("{{ ctx.items[0].sku }}", "ctx.items may be empty"),
        ("{{ ctx.items.first.sku }}", "ctx.items may be empty"),
        ("{% for i in ctx.items %}{{ i.price }}{% endfor %}", "ctx.items[].price is"),
        ("{% assign a = ctx.order.total %}{{ a }}", "ctx.order.total is optional"),
        ("{{ recipient.name }}", "recipient.name is optional"),
        ("{{ ctx.order.total | upcase | default: 'x' }}", "ctx.order.total is opt"),
    ],
)
def test_a_value_that_may_be_missing_is_a_warning(source: str, message: str) -> None:
    faults = [each for each in _faults(source) if each.code == "optional_variable"]
    assert [each.severity for each in faults] == ["warning"]
    assert faults[0].message.startswith(message)
    assert "sending fails" in faults[0].message
    assert "{% if " in faults[0].suggestion


@pytest.mark.parametrize(
    ("source", "effect"),
    [
        ("{{ ctx.order.note }}", "nothing is shown"),
        ("{{ ctx.sum | money: 'EUR' }}", "sending fails"),
    ],
)
def test_a_value_that_may_be_null_is_a_warning(source: str, effect: str) -> None:
    (fault,) = _faults(source)
    assert (fault.severity, fault.code) == ("warning", "nullable_variable")
    assert effect in fault.message


@pytest.mark.parametrize(
    ("source", "severity", "message"),
    [
        ("{{ ctx.order }}", "error", "ctx.order is an object"),
        ("{{ ctx.items }}", "error", "list of objects"),
        ("{{ ctx.names }}", "warning", "ctx.names is a list"),
        ("{% for i in ctx.order %}{% endfor %}", "warning", "goes through its fields"),
        ("{% for i in ctx.order.number %}{% endfor %}", "error", "a loop needs a list"),
        ("{{ ctx.address | money: 'EUR' }}", "error", "money needs a number"),
        ("{{ ctx.names | number }}", "error", "number needs a number"),
        ("{{ ctx.names | date }}", "error", "date needs a date"),
        ("{{ ctx.order.number | join }}", "error", "join needs a list"),
        ("{{ ctx.order | upcase }}", "error", "upcase needs a text"),
        ("{{ ctx.names | upcase }}", "warning", "put together without blanks"),
        ("{{ ctx.order.number | money: 'EUR' }}", "warning", "looks like a number"),
        ("{{ ctx.items | size | join }}", "error", "join needs a list"),
        ("{{ ctx.names | join | sum }}", "error", "sum needs a list"),
    ],
)
def test_a_value_of_a_wrong_type_is_named(
    source: str, severity: str, message: str
) -> None:
    (fault,) = _faults(source)
    assert (fault.severity, message in fault.message) == (severity, True), fault


@pytest.mark.parametrize(
    ("source", "code", "suggestion"),
    [
        ("{{ 'a' | upcse }}", "unknown_filter", "did you mean | upcase?"),
        ("{{ 1 | currency: 'EUR' }}", "unknown_filter", "did you mean | money?"),
        ("{{ 'a' | qqqq }}", "unknown_filter", ""),
        ("{{ 1 | money }}", "filter_arguments", "write | money: currency"),
        ("{{ 'a' | upcase: 1 }}", "filter_arguments", "write | upcase"),
        ("{{ 'a' | truncate: 1, 2, 3 }}", "filter_arguments", "truncate: length, end"),
        (
            "{{ 'a' | default: 1, allow_flase: true }}",
            "filter_arguments",
            "allow_false",
        ),
    ],
)
def test_filters_are_known_and_have_their_arguments(
    source: str, code: str, suggestion: str
) -> None:
    (fault,) = _faults(source)
    assert (fault.severity, fault.code) == ("error", code)
    assert suggestion in fault.suggestion
    assert source[fault.offset :].startswith(source.split("| ")[1][:3])


def test_a_contract_that_says_nothing_has_no_unknown_paths() -> None:
    assert (
        _faults("{{ ctx.a.b }}{{ ctx.c | money: 'EUR' }}", contract={"type": "object"})
        == []
    )


@pytest.mark.parametrize(
    ("source", "about"),
    [
        ("{% if ctx.loose %}{{ ctx.loose.other }}{% endif %}", {}),
        ("{{ ctx.ordr }}", {"is_open": True}),
    ],
)
def test_where_the_contract_is_open_an_unknown_path_is_a_warning(
    source: str, about: dict[str, Any]
) -> None:
    assert _codes(source, **about) == [("warning", "unknown_variable")]


def test_an_open_contract_leaves_the_other_roots_closed() -> None:
    assert _codes("{{ recipient.nix }}", is_open=True) == [
        ("error", "unknown_variable")
    ]


def test_the_address_of_the_channel_is_always_there() -> None:
    assert _codes("{{ recipient.phone }}", channel="sms") == []
    assert _codes("{{ recipient.phone }}", channel="email") == [
        ("warning", "optional_variable")
    ]


@pytest.mark.parametrize(
    ("schema", "key", "known", "is_required"),
    [
        ({"properties": {"a": {}}, "required": ["a"]}, "a", Known.NAMED, True),
        ({"properties": {"a": {}}}, "a", Known.NAMED, False),
        ({"properties": {"a": {}}}, "b", Known.UNKNOWN, False),
        ({"properties": {"a": False}}, "a", Known.UNKNOWN, False),
        ({"required": ["a"]}, "a", Known.NAMED, True),
        ({}, "a", Known.SILENT, False),
        ({"additionalProperties": False}, "a", Known.UNKNOWN, False),
        ({"additionalProperties": True}, "a", Known.OPEN, False),
        ({"type": "string"}, "a", Known.UNKNOWN, False),
        ({"$ref": "#/nowhere"}, "a", Known.SILENT, False),
        ({"$ref": "#"}, "a", Known.SILENT, False),
        ({"items": {"type": "string"}}, "[]", Known.NAMED, False),
        ({"items": {}, "minItems": 1, "type": "array"}, "[]", Known.NAMED, True),
        ({"type": "array"}, "[]", Known.SILENT, False),
        (
            {"oneOf": [{"properties": {"a": {}}, "required": ["a"]}, {"type": "null"}]},
            *("a", Known.NAMED, True),
        ),
        (
            {"anyOf": [{"properties": {"a": {}}, "required": ["a"]},
                       {"properties": {"b": {}}}]},
            *("a", Known.NAMED, False),
        ),
        ({"if": {}, "then": {"properties": {"a": {}}}}, "a", Known.NAMED, False),
    ],
)  # fmt: skip
def test_a_contract_says_how_much_it_knows_of_a_step(
    schema: dict[str, Any], key: str, known: Known, is_required: bool
) -> None:
    found = contracts.step(contracts.start(schema), key)
    assert (found.known, found.is_required) == (known, is_required)


def test_a_schema_that_contains_itself_has_an_end() -> None:
    schema = {"properties": {"child": {"$ref": "#"}, "name": {"type": "string"}}}
    vocabulary = Vocabulary(schema)
    assert "ctx.child.child.name" in vocabulary.paths
    assert _codes("{{ ctx.child.child.nam }}", contract=schema) == [
        ("error", "unknown_variable")
    ]
