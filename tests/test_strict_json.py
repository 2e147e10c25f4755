"""Strict JSON: what comes in is exactly what was sent, or is refused with its place."""

from __future__ import annotations

import json
import random
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from events import strict_json
from events.problems import Refused
from events.strict_json import faults, reading


def refused(raw: bytes) -> Refused:
    with pytest.raises(Refused) as raised:
        strict_json.loads(raw)
    return raised.value


def test_plain_data_come_out_as_they_were_sent() -> None:
    data = {"a": [1, -5, True, None, "é🎉\u2028"], "b": {"c": {}, "d": []}}
    assert strict_json.loads(json.dumps(data).encode()) == data
    assert strict_json.loads(json.dumps(data, ensure_ascii=False).encode()) == data


@pytest.mark.parametrize(
    "digits",
    ["10.10", "0.1", "1.0", "1e2", "1E+2", "-0.0", "1e308", "1e-308", "0.000", "0e5"],
)
def test_a_number_with_a_fraction_is_an_exact_decimal(digits: str) -> None:
    value = strict_json.loads(f'{{"n": {digits}}}'.encode())["n"]
    assert isinstance(value, Decimal)
    assert str(value) == str(Decimal(digits))


@pytest.mark.parametrize("number", [0, 2**53 - 1, -(2**53 - 1)])
def test_a_whole_number_that_every_language_has_is_taken(number: int) -> None:
    assert strict_json.loads(f'{{"n": {number}}}'.encode()) == {"n": number}


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (str(2**53), "unsafe_integer"),
        ("9" * 40, "unsafe_integer"),
        ("9" * 41, "number_too_long"),
        ("9" * 5000, "number_too_long"),
        ("0." + "1" * 60, "number_too_long"),
        ("1e309", "number_out_of_range"),
        ("1e-309", "number_out_of_range"),
        ("0e-20000", "number_out_of_range"),
        ("1e99999999999999999999", "number_out_of_range"),
    ],
)
def test_a_number_that_somebody_would_lose_is_refused(number: str, code: str) -> None:
    error = refused(f'{{"a": {{"n": {number}}}}}'.encode())
    assert (error.code, error.errors[0].pointer) == (code, "/a/n")


def test_the_limits_themselves_are_taken() -> None:
    deep: Any = 1
    for _ in range(strict_json.MAX_DEPTH - 1):
        deep = [deep]
    data = {
        "deep": deep,
        "k" * strict_json.MAX_KEY_LENGTH: 1,
        "string": "x" * strict_json.MAX_STRING_LENGTH,
        "array": [0] * strict_json.MAX_ARRAY_LENGTH,
    }
    assert strict_json.loads(json.dumps(data).encode()) == data
    keys = {f"k{n}": 1 for n in range(strict_json.MAX_KEYS)}
    assert strict_json.loads(json.dumps(keys).encode()) == keys
    for one_more in (
        {"deep": [deep]},
        {"k" * (strict_json.MAX_KEY_LENGTH + 1): 1},
        {"string": "x" * (strict_json.MAX_STRING_LENGTH + 1)},
        {"array": [0] * (strict_json.MAX_ARRAY_LENGTH + 1)},
        {**keys, "more": 1},
    ):
        refused(json.dumps(one_more).encode())


def test_keys_are_counted_through_the_whole_body_and_reported_once() -> None:
    body = {f"k{n}": {f"j{m}": 1 for m in range(100)} for n in range(100)}
    error = refused(json.dumps(body).encode())
    assert [fault.code for fault in error.errors] == ["too_many_keys"]


def test_every_fault_is_reported_with_its_place() -> None:
    error = refused(b'{"a": [1e999, "x\\u0000"], "b": {"c": 1, "c": 2}, "d": NaN}')
    assert [(fault.pointer, fault.code) for fault in error.errors] == [
        ("/a/0", "number_out_of_range"),
        ("/a/1", "nul_character"),
        ("/b/c", "duplicate_key"),
        ("/d", "non_finite_number"),
    ]
    assert error.status == 400


def test_a_flood_of_faults_is_cut() -> None:
    error = refused(b'{"a": [%s]}' % b",".join([b"NaN"] * 900))
    assert len(error.errors) == 20


def test_faults_of_a_value_alone_are_a_422() -> None:
    error = refused(b'{"a": "\\u0000", "b": 9007199254740993}')
    assert (error.status, error.code) == (422, "nul_character")


@pytest.mark.parametrize(
    ("raw", "line", "column"),
    [(b"{", 1, 2), (b'{"a": 1,\n  b}', 2, 3), (b'{"a": 01}', 1, 8)],
)
def test_broken_json_is_refused_with_its_place(
    raw: bytes, line: int, column: int
) -> None:
    error = refused(raw)
    assert error.code == "invalid_json"
    assert f"line {line}, column {column}:" in error.detail


def test_a_byte_that_is_not_utf_8_is_named_by_its_place() -> None:
    assert "byte 6" in refused(b'{"a":"\xff"}').detail


@pytest.mark.parametrize("depth", [100, 1_100, 50_000])
@pytest.mark.parametrize("brackets", [(b"[", b"]"), (b'{"a":', b"}")])
def test_depth_breaks_nothing(depth: int, brackets: tuple[bytes, bytes]) -> None:
    opened, closed = brackets
    raw = b'{"a":' + opened * depth + b"1" + closed * depth + b"}"
    assert refused(raw).code == "too_deep"


@pytest.mark.parametrize("surrogate", ["\\ud800", "\\udfff", "a\\udc00b"])
def test_half_of_a_surrogate_pair_is_refused(surrogate: str) -> None:
    assert refused(f'{{"a": "{surrogate}"}}'.encode()).code == "invalid_unicode"
    assert refused(f'{{"{surrogate}": 1}}'.encode()).code == "invalid_unicode"
    assert strict_json.loads(b'{"a": "\\ud83c\\udf89"}') == {"a": "🎉"}


def test_written_data_keep_the_digits_and_are_read_back() -> None:
    data = {"n": Decimal("10.10"), "big": Decimal("1E+300"), "s": "10.10", "é": ["🎉"]}
    text = strict_json.dumps(data)
    assert text == '{"n":10.10,"big":1E+300,"s":"10.10","é":["🎉"]}'
    assert strict_json.read(text) == data
    assert strict_json.read(None) is None
    assert '"n": 10.10' in strict_json.dumps(data, indent=2)


def test_only_plain_data_are_written() -> None:
    with pytest.raises(TypeError, match="set is not plain data"):
        strict_json.dumps({"a": {1}}, indent=2)
    with pytest.raises(TypeError, match="set"):
        strict_json.dumps({"a": {1}})


def test_the_canonical_form_knows_data_and_not_their_order() -> None:
    one = strict_json.loads(b'{"a": 1.10, "b": {"c": 2, "d": "x"}}')
    two = strict_json.loads(b'{ "b": {"d": "x", "c": 2}, "a":1.10 }')
    assert strict_json.canonical(one) == strict_json.canonical(two)
    assert strict_json.canonical(one) == b'{"a":1.10,"b":{"c":2,"d":"x"}}'
    for other in ({"a": Decimal("1.1")}, {"a": "1.10"}, {"a": 1}):
        assert strict_json.canonical({**one, **other}) != strict_json.canonical(one)


@pytest.mark.parametrize(
    ("key", "step"),
    [
        ("a/b~c", "a~1b~0c"),
        ("é", "é"),
        ("a\nb\u202e", "a\\u000ab\\u202e"),
        ("k" * 900, "k" * 200),
    ],
)
def test_a_key_becomes_a_step_of_a_pointer(key: str, step: str) -> None:
    assert strict_json.escape(key) == step


def test_a_pointer_in_a_sentence_is_short_and_visible() -> None:
    assert strict_json.printable("/a\x00\u200b") == "/a\\u0000\\u200b"
    assert len(strict_json.printable("/" + "x" * 900)) == 200


def test_the_quick_look_never_misses_a_fault() -> None:
    """It passes nothing that the close look would refuse, and most that is sound."""
    pick = random.Random(7)
    leaves = ["1", '"x"', '"\\u0000"', '"\\ud800"', '"\\u00e9"', "NaN", "1e999", "true"]
    leaves += ["null", "1.5", str(2**60), f'"{"y" * 65_537}"', "[]", "{}"]
    keys = ["a", "b", "", "k" * 129, "\\u0000", "é", "c"]

    def made(depth: int) -> str:
        kind = pick.random()
        if depth > 18 or kind < 0.3:
            sound = pick.random() < 0.9
            return pick.choice(["1", '"x"', "{}"] if sound else leaves)
        count = pick.randint(1, 2)
        if kind < 0.5:
            return f"[{','.join(made(depth + 1) for _ in range(count))}]"
        names = [pick.choice(keys[:2] if pick.random() < 0.97 else keys) for _ in "12"]
        pairs = [f'"{name}":{made(depth + 1)}' for name in names[:count]]
        return f"{{{','.join(pairs)}}}"

    seen = Counter[bool]()
    for _ in range(2_000):
        parsed = strict_json.parse(f'{{"a":{made(2)}}}'.encode())
        is_sound = not list(faults.faults_of(parsed.value))
        passed = reading._is_clean(parsed.value, parsed)
        assert passed == is_sound
        seen[passed] += 1
    assert min(seen.values()) > 100
