"""Masked bodies: the shape of what was sent, and nothing that was in it."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from events import body_masking
from events.body_masking import OMITTED, MaskedBody, masked, masked_problem
from events.masking import MASK


def of(value: Any, *pointers: str) -> Any:
    return json.loads(masked(json.dumps(value).encode(), pointers).text)


def test_keys_and_shape_stay_and_values_go() -> None:
    body = {
        "type": "order.confirmed",
        "channel": "email",
        "lane": "critical",
        "recipient": {"email": "ada@example.com", "name": "", "language": None},
        "ctx": {"total": "49.90", "count": 3, "price": 1.5, "paid": True, "items": [1]},
    }
    assert of(body) == {
        "type": "order.confirmed",
        "channel": "email",
        "lane": "critical",
        "recipient": {"email": MASK, "name": "", "language": None},
        "ctx": {"total": MASK, "count": 0, "price": 0, "paid": True, "items": [0]},
    }
    assert masked(json.dumps(body).encode()).types == ("order.confirmed",)


@pytest.mark.parametrize(
    "body",
    [
        {"type": "ada@example.com"},
        {"type": "33612345678"},
        {"type": "txk_abc_def"},
        {"type": "d41d8cd98f00b204e9800998ecf8427e"},
        {"channel": "my secret", "lane": "high", "mode": "x"},
        {"ctx": {"type": "order.confirmed", "lane": "bulk"}},
        {"type": ["order.confirmed"]},
    ],
)
def test_only_names_stay_and_only_where_names_belong(body: dict[str, Any]) -> None:
    kept = masked(json.dumps(body).encode())
    values = {"ada@example.com", "33612345678", "txk_abc_def", "my secret", "high"}
    values |= {"d41d8cd98f00b204e9800998ecf8427e", "order.confirmed"}
    assert not [value for value in values if value in kept.text]
    assert kept.types == ()


@pytest.mark.parametrize(
    ("name", "is_kept"),
    [
        ("number", True),
        ("shippingAddressLine2Something", True),
        ("order_lines.v2", True),
        ("$ref", True),
        ("ada@example.com", False),
        ("+33612345678", False),
        ("phone33612345678", False),
        ("Ada Lovelace", False),
        ("", False),
        ("q8Zk2mX94bTf7LpW", False),
        ("é", False),
        ("x" * 65, False),
    ],
)
def test_a_key_that_is_no_name_is_a_value_too(name: str, is_kept: bool) -> None:
    assert of({"ctx": {name: 1}})["ctx"] == {name if is_kept else MASK: 0}


def test_masked_keys_stay_apart_and_lead_to_their_faults() -> None:
    raw = json.dumps({"ctx": {"a@b.c": 1, "d@e.f": {"g/h": 2}}}).encode()
    pointers = ["/ctx/a@b.c", "/ctx/d@e.f/g~1h", "/ctx/d@e.f/total"]
    body = masked(raw, pointers)
    assert json.loads(body.text) == {"ctx": {MASK: 0, f"{MASK} 2": {MASK: 0}}}
    problem = {
        "detail": "/ctx/a@b.c must be text.",
        "errors": [
            {"pointer": pointer, "code": "x", "message": f"{pointer} must be text."}
            for pointer in pointers
        ],
    }
    shown = masked_problem(problem, body)
    assert [fault["pointer"] for fault in shown["errors"]] == [
        f"/ctx/{MASK}",
        f"/ctx/{MASK} 2/{MASK}",
        f"/ctx/{MASK} 2/total",
    ]
    assert "@" not in json.dumps(shown)
    assert problem["detail"] == "/ctx/a@b.c must be text.", "the answer stays as it was"


def test_a_pointer_to_what_is_not_there_names_only_names() -> None:
    problem = {
        "detail": "",
        "errors": [{"pointer": "/ctx/order/a@b.c/3", "code": "x", "message": ""}],
    }
    (fault,) = masked_problem(problem, MaskedBody("", is_json=False))["errors"]
    assert fault["pointer"] == f"/ctx/order/{MASK}/3"


@pytest.mark.parametrize(
    ("pointer", "shown"), [("?limit", "?limit"), ("?ada@example.com", f"?{MASK}")]
)
def test_what_stands_in_a_query_keeps_its_name(pointer: str, shown: str) -> None:
    problem = {
        "detail": "",
        "errors": [{"pointer": pointer, "code": "x", "message": ""}],
    }
    (fault,) = masked_problem(problem, MaskedBody("", is_json=False))["errors"]
    assert fault["pointer"] == shown


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b'{"a": "Ada",\n "b": 12', '{"x": "xxx",\n "x": xx'),
        (b'{"a": 1} {"b": 2}', '{"x": x} {"x": x}'),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b'"a\x00b"', '"x\ufffdx"'),
        (b"", ""),
        ("Ünïcödé 42".encode(), "xxxxxxx xx"),
    ],
)
def test_what_is_no_json_shows_where_its_letters_are(raw: bytes, shown: str) -> None:
    body = masked(raw)
    assert (body.text, body.is_json) == (shown, False)


def test_of_a_batch_the_events_at_fault_stay_in_their_places() -> None:
    events = [{"type": "a.b", "ctx": {"n": number}} for number in range(500)]
    shown = of({"events": events}, "/events/17/ctx/n", "/events/499/recipient")
    kept = [n for n, event in enumerate(shown["events"]) if event != OMITTED]
    assert kept == [0, 17, 499]
    assert len(shown["events"]) == 500
    assert shown["events"][17] == {"type": "a.b", "ctx": {"n": 0}}


def test_a_large_body_is_cut_and_what_is_at_fault_is_not() -> None:
    ctx = {f"k{number}": {"a": [1] * 50} for number in range(1_900)}
    body = masked(json.dumps({"ctx": ctx}).encode(), ["/ctx/k1800/a/42"])
    shown = json.loads(body.text)["ctx"]
    assert len(body.text) < 60_000
    assert shown["k1800"]["a"][42] == 0
    assert shown[OMITTED].endswith(" more")
    long = of({"ctx": [1] * 100_000})["ctx"]
    assert (len(long), long[0], long[-1]) == (1_000, 0, OMITTED)
    deep = b'{"a":' * 500 + b"1" + b"}" * 500
    assert OMITTED in masked(deep).text


@pytest.mark.parametrize(
    "raw", [b'{"a": NaN}', b'{"a": 1e999}', b'{"a": 1, "a": 2}', b'{"a": "\\ud800"}']
)
def test_what_the_door_refuses_for_a_value_is_still_json(raw: bytes) -> None:
    body = masked(raw)
    assert body.is_json
    assert set(json.loads(body.text)) == {"a"}


def test_no_body_however_bad_gives_anything_away() -> None:
    """Cut, doubled and overwritten at random places; the seed makes it repeatable."""
    chance = random.Random(5)
    canary = "ada@example"
    whole = json.dumps(
        {
            "type": "order.confirmed",
            "recipient": {"email": f"{canary}.com", "name": canary},
            "ctx": {f"{canary} x": [canary, {"a": canary}], "b": canary},
            "metadata": {"c": canary},
        }
    ).encode()
    for _ in range(400):
        raw = bytearray(whole)
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(len(raw))
            match chance.randrange(4):
                case 0:
                    raw[at] = chance.randrange(256)
                case 1:
                    del raw[at + 1 : at + chance.randrange(2, 9)]
                case 2:
                    raw[at:at] = chance.choice([b'"', b"{", b"}", b"\\u0000", b"]"])
                case _:
                    del raw[at:]
                    raw += b" x"
        assert canary not in body_masking.masked(bytes(raw)).text
