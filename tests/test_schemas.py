"""The body of an event: what is taken, in which form, and what a fault says."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from events.problems import Refused
from events.schemas import event_id, parse_event

LEAST = {"type": "order.confirmed", "recipient": {"email": "ada@example.com"}}


def body(**fields: Any) -> dict[str, Any]:
    return {**LEAST, **fields}


def refused(**fields: Any) -> Refused:
    with pytest.raises(Refused) as raised:
        parse_event(body(**fields))
    return raised.value


def test_a_type_and_one_address_are_enough() -> None:
    event = parse_event(LEAST)
    assert event.recipient.email == "ada@example.com"
    assert (event.ctx, event.metadata) == ({}, {})
    assert (event.lane, event.channel, event.scheduled_at) == (None, None, None)


def test_null_is_the_same_as_nothing_for_what_is_optional() -> None:
    optional = dict.fromkeys(
        (
            "external_id",
            "correlation_id",
            "origin",
            "channel",
            "lane",
            "scheduled_at",
            "expires_at",
        )
    )
    recipient = {**dict.fromkeys(("phone", "push", "name")), "email": "ada@example.com"}
    assert parse_event(body(**optional, recipient=recipient)) == parse_event(LEAST)


@pytest.mark.parametrize(
    ("given", "moment"),
    [
        ("2026-11-23T10:15:00Z", datetime(2026, 11, 23, 10, 15, tzinfo=UTC)),
        ("2026-11-23t10:15:00z", datetime(2026, 11, 23, 10, 15, tzinfo=UTC)),
        ("2026-11-23T10:15:00+02:00", datetime(2026, 11, 23, 8, 15, tzinfo=UTC)),
        ("2026-11-23 10:15:00-05:30", datetime(2026, 11, 23, 15, 45, tzinfo=UTC)),
        ("2026-11-23T10:15:00.5Z", datetime(2026, 11, 23, 10, 15, 0, 500_000, UTC)),
        (
            "2026-11-23T10:15:00.123456789Z",
            datetime(2026, 11, 23, 10, 15, 0, 123_456, UTC),
        ),
    ],
)
def test_a_time_is_read_with_its_zone(given: str, moment: datetime) -> None:
    assert parse_event(body(scheduled_at=given)).scheduled_at == moment


@pytest.mark.parametrize(
    "given",
    [
        "",
        "now",
        "2026-11-23",
        "2026-11-23T10:15:00",
        "2026-13-23T10:15:00Z",
        "2026-02-30T10:15:00Z",
        "2026-11-23T25:61:00Z",
        "2026-11-23T10:15:00+99:00",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "294276-01-01T00:00:00Z",
        "٢٠٢٦-11-23T10:15:00Z",
        "2026-11-23T10:15:00Z\n",
        1_795_428_900,
        Decimal("1.5"),
        True,
        [],
    ],
)
def test_a_time_that_is_none_is_refused(given: Any) -> None:
    error = refused(expires_at=given)
    assert (error.code, error.errors[0].pointer) == ("invalid_datetime", "/expires_at")
    assert "RFC 3339" in error.detail


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("fr", "fr"),
        ("pt-BR", "pt-BR"),
        ("pt_BR", "pt-BR"),
        ("zh-Hant-TW", "zh-Hant-TW"),
    ],
)
def test_a_language_is_kept_with_hyphens(given: str, kept: str) -> None:
    recipient = {"email": "ada@example.com", "language": given}
    assert parse_event(body(recipient=recipient)).recipient.language == kept


def test_an_unknown_field_is_refused_with_the_near_one() -> None:
    assert "did you mean recipient" in refused(recipent=1).detail
    inner = refused(recipient={"email": "a@example.com", "nme": "x"})
    assert inner.errors[0].pointer == "/recipient/nme"
    assert "did you mean name" in inner.detail
    device = {"platform": "fcm", "token": "t", "tokn": 1}
    push = refused(recipient={"push": [device]})
    assert push.errors[0].pointer == "/recipient/push/0/tokn"
    assert "did you mean token" in push.detail


def test_an_unknown_field_that_is_near_to_none_is_answered_with_those_there_are() -> (
    None
):
    detail = refused(zzz=1).detail
    assert "the fields are type, recipient, ctx, external_id" in detail
    assert "your own data go into ctx" in detail
    inner = refused(recipient={"email": "a@example.com", "zzz": 1}).detail
    assert inner.endswith(
        "the fields are email, phone, push, name, language, timezone."
    )
    assert "did you mean" not in refused(zzz=1).detail


def test_the_place_of_an_unknown_field_is_a_json_pointer() -> None:
    assert refused(**{"a/b~é": 1}).errors[0].pointer == "/a~1b~0é"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"external_id": "x" * 201}, "/external_id is longer than 200."),
        ({"external_id": ""}, "/external_id is shorter than 1."),
        ({"lane": "fast"}, "/lane must be 'critical', 'normal' or 'bulk'."),
        ({"ctx": []}, "/ctx must be an object."),
        ({"origin": 5}, "/origin must be a string."),
        ({"recipient": {}}, "/recipient needs one of email, phone and push."),
        ({"recipient": []}, "/recipient is required, an object"),
        ({"recipient": {"email": 5}}, "/recipient/email must be one address"),
        ({"recipient": {"email": "a@b"}}, "/recipient/email is not a valid"),
        (
            {"recipient": {"push": [{"platform": "fcm", "token": "t"}] * 11}},
            "/recipient/push is longer than 10.",
        ),
        ({"metadata": {"k": []}}, "/metadata takes at most 20 keys"),
    ],
)
def test_a_fault_names_the_field_and_the_limit(
    fields: dict[str, Any], words: str
) -> None:
    assert refused(**fields).detail.startswith(words)


def test_a_type_that_is_missing_is_a_fault() -> None:
    with pytest.raises(Refused) as raised:
        parse_event({"recipient": {"email": "ada@example.com"}})
    fault = raised.value.errors[0]
    assert (fault.pointer, fault.code) == ("/type", "missing_field")


def test_numbers_are_no_texts_and_texts_are_no_numbers() -> None:
    assert refused(external_id=5).code == "wrong_type"
    assert parse_event(body(metadata={"n": 1, "b": True, "s": "1"})).metadata == {
        "n": 1,
        "b": True,
        "s": "1",
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "xyz",
        "\x00",
        "01934b2c000070008000000000000000",
        "{01934b2c-0000-7000-8000-000000000000}",
        "urn:uuid:01934b2c-0000-7000-8000-000000000000",
        "01934b2c-0000-7000-8000-000000000000\n",
        "0193_b2c-0000-7000-8000-000000000000",
        "\u06601934b2c-0000-7000-8000-000000000000",
    ],
)
def test_only_the_usual_form_of_an_id_is_one(text: str) -> None:
    assert event_id(text) is None


def test_an_id_is_read_in_either_case() -> None:
    text = "01934b2c-0000-7000-8000-00000000ab00"
    assert event_id(text) == event_id(text.upper()) == UUID(text)
