"""Bad input at the door: each gets its answer, is never a 500, and nothing is stored.

The numbers are those of the list of bad inputs that the API promises to answer.
"""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.test import Client, RequestFactory

from events import api_keys
from events.models import (
    ApiKey,
    Event,
    EventContext,
    EventType,
    Source,
    Work,
)
from tests import factories
from tests.api_door import PATH, Door, assert_refused, open_door
from txmsg.requests import Request

pytestmark = pytest.mark.django_db


@pytest.fixture
def door(client: Client) -> Door:
    return open_door(client)


# A. HTTP and authentication


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        pytest.param(None, "missing_api_key", id="1-none"),
        pytest.param("", "missing_api_key", id="1-empty"),
        pytest.param("Basic YTpi", "unsupported_scheme", id="2-basic"),
        pytest.param("txk_abc_def", "unsupported_scheme", id="2-no-scheme"),
        pytest.param("Bearer ", "malformed_api_key", id="3-empty"),
        pytest.param("Bearer {key}x", "malformed_api_key", id="3-longer"),
        pytest.param("Bearer {cut}", "malformed_api_key", id="3-cut-off"),
        pytest.param("Bearer {typo}", "malformed_api_key", id="3-checksum"),
        pytest.param("Bearer txk_a\x00b_c", "malformed_api_key", id="3-nul"),
        pytest.param("Bearer txk_é_ü", "malformed_api_key", id="3-not-ascii"),
        pytest.param("Bearer " + "x" * 9000, "malformed_api_key", id="3-long"),
    ],
)
def test_a_key_that_is_none_is_refused_without_a_query(
    door: Door,
    authorization: str | None,
    code: str,
    django_assert_num_queries: Any,
) -> None:
    typo = door.key[:-10] + ("a" if door.key[-10] != "a" else "b") + door.key[-9:]
    headers = {}
    if authorization is not None:
        given = authorization.format(key=door.key, cut=door.key[:-1], typo=typo)
        headers["Authorization"] = given
    with django_assert_num_queries(0):
        answer = door.client.post(
            PATH, door.body(), content_type="application/json", headers=headers
        )
    assert_refused(answer, 401, code)
    assert answer["WWW-Authenticate"] == "Bearer"


def test_row_4_an_unknown_key_and_a_wrong_secret_get_the_same_answer(
    door: Door,
) -> None:
    other = factories.make_key()
    prefix, secret = door.key.split("_")[1], other.split("_")[2][:40]
    wrong = f"txk_{prefix}_{secret}{api_keys._checksum(prefix + secret)}"
    ApiKey.objects.get(prefix=other.split("_")[1]).delete()
    answers = [
        assert_refused(
            door.post(headers={"Authorization": f"Bearer {key}"}),
            401,
            "invalid_api_key",
        )
        for key in (other, wrong)
    ]
    assert answers[0]["detail"] == answers[1]["detail"]


@pytest.mark.parametrize(
    ("of_key", "of_source", "status", "code"),
    [
        pytest.param({"revoked_at": -1}, {}, 401, "key_revoked", id="5-revoked"),
        pytest.param({"expires_at": -1}, {}, 401, "key_expired", id="5-expired"),
        pytest.param({}, {"is_active": False}, 401, "key_revoked", id="5-source"),
        pytest.param({"scopes": ["events:read"]}, {}, 403, "missing_scope", id="6-key"),
        pytest.param(
            {}, {"scopes": ["events:read"]}, 403, "missing_scope", id="6-source"
        ),
        pytest.param(
            {},
            {"allowed_types": ["another.type"]},
            403,
            "event_type_not_allowed",
            id="7",
        ),
        pytest.param(
            {}, {"allowed_networks": ["10.0.0.0/8"]}, 403, "ip_not_allowed", id="10"
        ),
        pytest.param(
            {}, {"allowed_networks": ["no network"]}, 403, "ip_not_allowed", id="10-bad"
        ),
    ],
)
def test_rows_5_to_10_a_key_that_may_not(
    door: Door,
    of_key: dict[str, Any],
    of_source: dict[str, Any],
    status: int,
    code: str,
) -> None:
    key, source = door.api_key, door.source
    for name, value in of_key.items():
        moment = datetime.now(UTC) + timedelta(seconds=value) if value == -1 else value
        setattr(key, name, moment)
    for name, value in of_source.items():
        setattr(source, name, value)
    key.save()
    source.save()
    problem = assert_refused(door.post(), status, code)
    if code == "missing_scope":
        assert "events:write" in problem["detail"]


@pytest.mark.parametrize(
    ("forwarded", "is_allowed"),
    [("192.0.2.7", True), ("192.0.2.7, 203.0.113.1", False), ("", False)],
)
def test_row_10_behind_a_proxy_the_address_it_names_counts(
    door: Door, settings: Any, forwarded: str, is_allowed: bool
) -> None:
    settings.TXMSG_PROXIES = ["127.0.0.0/8"]
    Source.objects.update(allowed_networks=["192.0.2.0/24"])
    answer = door.post(headers={"X-Forwarded-For": forwarded})
    if is_allowed:
        assert answer.status_code == 202
    else:
        assert_refused(answer, 403, "ip_not_allowed")


@pytest.mark.parametrize("query", ["key=txk_abc_def", "key=txk%5fabc", "txk_"])
def test_row_8_a_key_in_the_address_is_refused_and_named_in_the_log(
    door: Door, query: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert_refused(door.post(path=f"{PATH}?{query}"), 400, "key_in_url")
    assert "replace it: txk_" in caplog.text
    assert "_def" not in caplog.text


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "FOO"])
def test_row_11_another_method_is_refused_with_those_allowed(
    door: Door, method: str
) -> None:
    answer = door.client.generic(method, PATH)
    assert_refused(answer, 405, "method_not_allowed")  # type: ignore[arg-type]
    assert answer["Allow"] == "GET, POST, HEAD"
    of_one = door.client.generic("DELETE", f"{PATH}/{uuid4()}")
    assert of_one["Allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    ("content_type", "code"),
    [
        pytest.param("text/plain", "json_required", id="12-text"),
        pytest.param("application/x-www-form-urlencoded", "json_required", id="12-f"),
        pytest.param("multipart/form-data; boundary=x", "json_required", id="12-m"),
        pytest.param("", "json_required", id="12-none"),
        pytest.param("application/json; charset=utf-16", "utf8_required", id="13-16"),
        pytest.param("application/json; charset=latin-1", "utf8_required", id="13-l"),
        pytest.param('application/json; charset="', "utf8_required", id="13-quote"),
    ],
)
def test_rows_12_and_13_other_content_is_refused(
    door: Door, content_type: str, code: str
) -> None:
    assert_refused(door.post(content_type=content_type), 415, code)


def test_a_charset_that_no_codec_has_breaks_no_request() -> None:
    environ = RequestFactory()._base_environ(
        CONTENT_TYPE="application/json; charset*=nope''utf-8"
    )
    assert Request(environ).content_type == ""
    application = WSGIHandler()
    application.request_class = Request
    statuses: list[str] = []
    environ.update(PATH_INFO=PATH, REQUEST_METHOD="PUT")
    application(environ, lambda status, _headers: statuses.append(status))
    assert statuses == ["405 Method Not Allowed"]


def test_row_14_a_compressed_body_is_refused(door: Door) -> None:
    answer = door.post(headers={"Content-Encoding": "gzip"})
    assert_refused(answer, 415, "encoding_not_supported")


class Endless(io.RawIOBase):
    """A body that never ends; counts what was read of it."""

    def __init__(self) -> None:
        self.taken = 0

    def read(self, size: int = -1) -> bytes:
        assert size > 0, "everything is asked for"
        part = b"[" * min(size, 4096)
        self.taken += len(part)
        return part


def test_row_15_a_long_body_is_refused_before_it_is_read(door: Door) -> None:
    stream = Endless()
    answer = door.post(**{"wsgi.input": stream, "CONTENT_LENGTH": "300000"})
    problem = assert_refused(answer, 413, "body_too_large")
    assert "256 KB" in problem["detail"]
    assert stream.taken == 0


def test_row_16_a_chunked_body_is_read_up_to_the_limit(door: Door) -> None:
    stream = Endless()
    chunked = {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}
    answer = door.post(**{"wsgi.input": stream, **chunked})
    assert_refused(answer, 413, "body_too_large")
    assert stream.taken == 256 * 1024 + 1
    whole = io.BytesIO(json.dumps(door.body()).encode())
    assert door.post(**{"wsgi.input": whole, **chunked}).status_code == 202


def test_a_body_shorter_than_it_says_is_refused(door: Door) -> None:
    raw = json.dumps(door.body()).encode()
    length = str(len(raw) + 9)
    answer = door.post(**{"wsgi.input": io.BytesIO(raw), "CONTENT_LENGTH": length})
    assert_refused(answer, 400, "incomplete_body")


def test_a_body_that_breaks_off_is_refused(door: Door) -> None:
    class Broken(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise ConnectionResetError

    answer = door.post(**{"wsgi.input": Broken(), "CONTENT_LENGTH": "500"})
    assert_refused(answer, 400, "incomplete_body")


@pytest.mark.parametrize("raw", [b"", b" \r\n\t "])
def test_row_18_an_empty_body_is_refused(door: Door, raw: bytes) -> None:
    answer = door.post(raw, CONTENT_TYPE="application/json")
    assert_refused(answer, 400, "empty_body")


@pytest.mark.parametrize(
    "key", ["", " ", "x" * 256, "a\x01b", "a b", "é", "a,b", 'a"b', '"ab', '""']
)
def test_rows_19_and_20_an_idempotency_key_that_is_none(door: Door, key: str) -> None:
    answer = door.post(headers={"Idempotency-Key": key})
    assert_refused(answer, 400, "invalid_idempotency_key")


def test_an_idempotency_key_may_stand_in_quotes(door: Door) -> None:
    bare = door.post(headers={"Idempotency-Key": "k" * 255})
    quoted = door.post(headers={"Idempotency-Key": f'"{"k" * 255}"'})
    assert (bare.status_code, quoted.status_code) == (202, 200)
    assert bare.json() == quoted.json()


def test_row_21_a_key_is_for_one_body(door: Door) -> None:
    first = door.post(headers={"Idempotency-Key": "k1"})
    again = door.post(headers={"Idempotency-Key": "k1"})
    other = door.post(door.body(correlation_id="x"), headers={"Idempotency-Key": "k1"})
    assert (first.status_code, again.status_code) == (202, 200)
    assert again.json() == first.json()
    assert again["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    assert other.json()["event_id"] == first.json()["id"]
    assert Event.objects.count() == 1


@pytest.mark.parametrize("host", ["evil.example", "a b", "", "testserver,evil"])
def test_row_24_another_host_is_refused_as_a_problem(door: Door, host: str) -> None:
    answer = door.post(SERVER_NAME="evil.example", HTTP_HOST=host)
    assert_refused(answer, 400, "bad_host")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"{PATH}/%00", 400, "bad_request"),
        (f"{PATH}/xyz", 404, "not_found"),
        (f"{PATH}/%ff%fe", 404, "not_found"),
        (f"{PATH}/{'a' * 20_000}", 404, "not_found"),
        (f"{PATH}/\u06601934b2c-0000-7000-8000-000000000000", 404, "not_found"),
        (f"{PATH}/{{01934b2c-0000-7000-8000-000000000000}}", 404, "not_found"),
        (f"{PATH}/01934b2c-0000-7000-8000-000000000000", 404, "not_found"),
        (f"{PATH}/ffffffff-ffff-ffff-ffff-ffffffffffff", 404, "not_found"),
        (f"{PATH}/00000000-0000-0000-0000-000000000000", 404, "not_found"),
        (f"{PATH}/", 404, "not_found"),
        ("/api/", 404, "not_found"),
        ("/api/v2/events", 404, "not_found"),
        ("/api/%00", 404, "not_found"),
        ("/api/v1/../../etc/passwd", 404, "not_found"),
    ],
)
def test_row_25_an_odd_address_is_refused_as_a_problem(
    door: Door, path: str, status: int, code: str
) -> None:
    headers = {"Authorization": f"Bearer {door.key}"}
    assert_refused(door.client.get(path, headers=headers), status, code)  # type: ignore[arg-type]


def test_addresses_outside_the_api_keep_their_pages(client: Client) -> None:
    assert client.get("/nothing")["Content-Type"].startswith("text/html")
    answer = client.get("/nothing", HTTP_HOST="evil")
    assert (answer.status_code, b"<h1>" in answer.content) == (400, True)


# B. JSON and numbers


JSON_FAULTS: list[Any] = [
    pytest.param(b"{", 400, "invalid_json", None, id="26-open"),
    pytest.param(b'{"a": 1,}', 400, "invalid_json", None, id="26-comma"),
    pytest.param(b"{'a': 1}", 400, "invalid_json", None, id="26-quotes"),
    pytest.param(b"{} {}", 400, "trailing_data", None, id="27"),
    pytest.param(b'{"a": "\xff"}', 400, "invalid_utf8", None, id="29"),
    pytest.param('{"a": 1}'.encode("utf-16"), 400, "invalid_utf8", None, id="13"),
    *(
        pytest.param(raw, 400, "object_required", None, id=f"30-{raw.decode()}")
        for raw in (b"1", b'"a"', b"null", b"[]", b"true")
    ),
    *(
        pytest.param(
            b'{"a": %s}' % raw, 400, "non_finite_number", "/a", id=raw.decode()
        )
        for raw in (b"NaN", b"Infinity", b"-Infinity")
    ),
    *(
        pytest.param(
            b'{"a": [%s]}' % raw,
            400,
            "number_out_of_range",
            "/a/0",
            id=raw.decode(),
        )
        for raw in (
            b"1e999",
            b"1e400",
            b"-1e400",
            b"1e200000",
            b"1e-400",
            b"0e-20000",
            b"0e999999999",
            b"1e9999999999999999999",
        )
    ),
    pytest.param(b'{"a": %s}' % (b"9" * 5000), 400, "number_too_long", "/a", id="35"),
    pytest.param(
        b'{"a": 0.%s}' % (b"9" * 5000), 400, "number_too_long", "/a", id="35-frac"
    ),
    pytest.param(b'{"a": 9007199254740993}', 422, "unsafe_integer", "/a", id="36"),
    pytest.param(b'{"a": -9007199254740993}', 422, "unsafe_integer", "/a", id="36"),
    pytest.param(b'{"to": {"a": 1, "a": 2}}', 400, "duplicate_key", "/to/a", id="38"),
    *(
        pytest.param(
            b'{"a":' + b"[" * n + b"]" * n + b"}",
            400,
            "too_deep",
            None,
            id=f"39-{n}",
        )
        for n in (16, 100, 1100, 50_000)
    ),
    pytest.param(
        b"{%s}" % b",".join(b'"k%d":1' % n for n in range(20_000)),
        400,
        "too_many_keys",
        "",
        id="40",
    ),
    pytest.param(b'{"": 1}', 400, "invalid_key", "", id="41-empty"),
    pytest.param(b'{"%s": 1}' % (b"k" * 10_000), 400, "invalid_key", "", id="41"),
    pytest.param(b'{"a": "x\\u0000"}', 422, "nul_character", "/a", id="44"),
    pytest.param(b'{"a\\u0000": 1}', 422, "nul_character", "", id="44-key"),
    pytest.param(b'{"a": "\\ud800"}', 422, "invalid_unicode", "/a", id="45"),
    pytest.param(
        b'{"a": [%s]}' % b",".join([b"1"] * 100_000),
        422,
        "array_too_long",
        "/a",
        id="47",
    ),
    pytest.param(
        b'{"a": "%s"}' % (b"x" * 70_000), 422, "string_too_long", "/a", id="48"
    ),
]


@pytest.mark.parametrize(("raw", "status", "code", "pointer"), JSON_FAULTS)
def test_rows_26_to_48_json_that_is_refused(
    door: Door, raw: bytes, status: int, code: str, pointer: str | None
) -> None:
    problem = assert_refused(door.post(raw), status, code, pointer)
    if code == "invalid_json":
        assert "line 1, column" in problem["detail"]


@pytest.mark.parametrize(
    "ctx",
    [
        pytest.param({"__proto__": 1, "__class__": 2, "_private": 3}, id="42"),
        pytest.param({"a.b": 1, "a[0]": 2, "a b": 3, "🎉": 4, "a/b~c": 5}, id="43"),
        pytest.param({"name": "a\u202eb\u200dc\u2028d\te"}, id="46"),
    ],
)
def test_rows_42_to_46_odd_names_and_texts_are_data_in_ctx(
    door: Door, ctx: dict[str, Any]
) -> None:
    EventType.objects.update(contract={"type": "object"})
    assert door.post(door.body(ctx=ctx)).status_code == 202
    assert EventContext.objects.get().ctx == ctx


def test_row_28_a_byte_order_mark_is_taken(door: Door) -> None:
    raw = b"\xef\xbb\xbf" + json.dumps(door.body()).encode()
    assert door.post(raw).status_code == 202


# C. The event


@pytest.mark.parametrize(
    ("name", "near"),
    [
        pytest.param(None, False, id="49-missing"),
        pytest.param("nothing-like-it", False, id="49-unknown"),
        pytest.param(["a"], False, id="49-list"),
        pytest.param("x" * 1000, False, id="49-long"),
        pytest.param("ORDER.CONFIRMED", True, id="49-case"),
        pytest.param("order.confirmd", True, id="49-typo"),
    ],
)
def test_row_49_an_unknown_type_is_refused_with_near_names(
    door: Door, name: Any, near: bool
) -> None:
    EventType.objects.update(name="order.confirmed")
    problem = assert_refused(
        door.post({**door.body(), "type": name}), 404, "unknown_event_type", "/type"
    )
    assert problem["near"] == (["order.confirmed"] if near else [])


def test_near_names_are_only_those_that_the_source_may_post(door: Door) -> None:
    EventType.objects.update(name="order.confirmed")
    Source.objects.update(allowed_types=["another.type"])
    body = {**door.body(), "type": "order.confirmd"}
    assert assert_refused(door.post(body), 404, "unknown_event_type")["near"] == []


def test_row_50_a_type_without_a_message_refuses_or_stores(door: Door) -> None:
    EventType.objects.update(live_channels=[])
    problem = assert_refused(door.post(), 409, "not_published")
    assert problem["retryable"] is True
    EventType.objects.update(when_uncovered="store")
    answer = door.post(headers={"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json()["status"]) == (202, "not_covered")
    assert [w["code"] for w in answer.json()["warnings"]] == ["not_covered"]
    assert door.get(answer.json()["id"]).json()["status"] == "not_covered"
    replay = door.post(headers={"Idempotency-Key": "k"})
    assert (replay.status_code, replay.json()) == (200, answer.json())


@pytest.mark.parametrize("when_uncovered", ["reject", "store"])
def test_an_event_without_the_address_that_its_messages_need_is_the_callers_fault(
    door: Door, when_uncovered: str
) -> None:
    """It would never go out: neither a retry nor waiting helps."""
    EventType.objects.update(live_channels=["email"], when_uncovered=when_uncovered)
    body = door.body(recipient={"phone": "+33612345678"})
    problem = assert_refused(
        door.post(body), 422, "recipient_required", "/recipient/email"
    )
    assert problem["retryable"] is False


@pytest.mark.parametrize("live", [[], ["email"]])
def test_a_wished_channel_without_a_message_is_not_published(
    door: Door, live: list[str]
) -> None:
    EventType.objects.update(live_channels=live)
    body = door.body(recipient={"phone": "+33612345678"}, channel="sms")
    assert assert_refused(door.post(body), 409, "not_published")["retryable"] is True
    EventType.objects.update(when_uncovered="store")
    assert door.post(body).json()["status"] == "not_covered"


FAULTS: list[Any] = [
    pytest.param({"recipent": 1}, "unknown_field", "/recipent", id="52"),
    pytest.param({"a/b~": 1}, "unknown_field", "/a~1b~0", id="52-pointer"),
    pytest.param({"ctx": {}}, "missing_variable", "/ctx/order", id="53"),
    pytest.param({"ctx": {"order": {}}}, "missing_variable", "/ctx/order/number"),
    pytest.param({"ctx": {"order": []}}, "wrong_type", "/ctx/order", id="54-list"),
    pytest.param(
        {"ctx": {"order": {"number": 12}}}, "wrong_type", "/ctx/order/number", id="54"
    ),
    pytest.param({"ctx": []}, "wrong_type", "/ctx", id="54-ctx"),
    pytest.param({"ctx": None}, "wrong_type", "/ctx", id="54-null"),
    pytest.param({"metadata": 1}, "wrong_type", "/metadata", id="54-metadata"),
    pytest.param({"origin": 1}, "wrong_type", "/origin", id="54-origin"),
    pytest.param(
        {"ctx": {"order": {"number": "x" * 21}}},
        "violates_max_length",
        "/ctx/order/number",
        id="55",
    ),
    pytest.param(
        {"ctx": {"order": {"number": "1"}, "é/x": 1}},
        "unknown_variable",
        "/ctx/é~1x",
        id="55-unknown",
    ),
    *(
        pytest.param({name: value}, "invalid_datetime", f"/{name}", id=f"56-{value}")
        for name in ("scheduled_at", "expires_at")
        for value in (
            "tomorrow",
            "2026-11-23T10:15:00",
            "0000-01-01T00:00:00Z",
            "294276-01-01T00:00:00Z",
            "9999-12-31T23:59:59-14:00",
            "2026-01-01T25:61:00Z",
            1795428900,
            "2026-11-23",
        )
    ),
    pytest.param(
        {"scheduled_at": "+366d"}, "schedule_too_far", "/scheduled_at", id="58-far"
    ),
    pytest.param(
        {"scheduled_at": "+3d", "expires_at": "+2d"},
        "expires_before_schedule",
        "/scheduled_at",
        id="58-late",
    ),
    pytest.param(
        {"expires_at": "+366d"}, "expires_too_far", "/expires_at", id="59-far"
    ),
    pytest.param({"expires_at": "-1d"}, "already_expired", "/expires_at", id="60"),
    *(
        pytest.param(
            {"recipient": {"email": "a@example.com", "language": value}},
            "invalid_locale",
            "/recipient/language",
            id=f"62-{value[:9]}",
        )
        for value in ("xx_YY", "e" * 500, "../../", "", "fr FR")
    ),
    pytest.param(
        {"recipient": {"email": "a@example.com", "timezone": "../../etc/passwd"}},
        "invalid_timezone",
        "/recipient/timezone",
    ),
    *(
        pytest.param({"metadata": value}, "invalid_metadata", "/metadata", id=f"63-{n}")
        for n, value in enumerate(
            (
                {f"k{i}": 1 for i in range(21)},
                {"k" * 41: 1},
                {"k": "v" * 501},
                {"k": {}},
                {"k": 1.5},
                {"k": None},
            )
        )
    ),
    pytest.param({"external_id": ""}, "too_short", "/external_id", id="63-empty"),
    pytest.param({"external_id": "x" * 201}, "too_long", "/external_id", id="63-id"),
    pytest.param({"origin": "x" * 101}, "too_long", "/origin", id="63-origin"),
    pytest.param(
        {"correlation_id": "a\nb"}, "control_character", "/correlation_id", id="46-line"
    ),
    pytest.param({"channel": "fax"}, "invalid_choice", "/channel", id="channel"),
    pytest.param({"lane": "fast"}, "invalid_choice", "/lane", id="lane"),
    # D. Recipients
    *(
        pytest.param(
            {"recipient": value}, "recipient_required", pointer, id=f"65-{value}"
        )
        for value, pointer in (
            (None, "/recipient"),
            ({}, "/recipient"),
            ([], "/recipient"),
            ("ada@example.com", "/recipient"),
            ({"name": "Ada"}, "/recipient"),
            ({"email": None}, "/recipient"),
            ({"push": []}, "/recipient"),
            ({"email": ""}, "/recipient/email"),
            ({"email": "  "}, "/recipient/email"),
            ({"email": ["a@example.com"]}, "/recipient/email"),
            ({"phone": 33612345678}, "/recipient/phone"),
        )
    ),
    pytest.param(
        {"recipient": {"phone": "+33612345678"}, "channel": "email"},
        "recipient_required",
        "/recipient/email",
        id="65-channel",
    ),
    *(
        pytest.param(
            {"recipient": {"email": value}}, code, "/recipient/email", id=f"{row}-{n}"
        )
        for row, code, values in (
            (66, "invalid_email", ["a@b", "a@x..test", ".a@x.test", "a@-x.test"]),
            (66, "invalid_email", ["a.example.com", "@x.test", "a@", "a@@x.test"]),
            (67, "invalid_email", ["a@localhost", "a@[127.0.0.1]", "a@[::1]"]),
            (
                68,
                "control_character",
                [
                    "a@x.test\r\nBcc: e@y.test",
                    "a@x.test\n",
                    "a\r@x.test",
                    "a\x0b@x.test",
                ],
            ),
            (69, "single_recipient_only", ["b@x.test, e@y.test", "b@x.test;e@y.test"]),
            (70, "invalid_email", ["Name <a@x.test>"]),
            (71, "too_long", ["a" * 65 + "@x.test", "a@" + "b" * 250 + ".test"]),
            (72, "smtputf8_unsupported", ["é@x.test", "\u0430da@x.test"]),
            (73, "invalid_email", ["a@x\u200b.test", "a\u200d@x.test"]),
            (74, "invalid_email", ["\uff41@x.test", "a@\uff58.test"]),
            (75, "invalid_email", ["a@x.test.", "a @x.test"]),
        )
        for n, value in enumerate(values)
    ),
    *(
        pytest.param(
            {"recipient": {"email": "a@x.test", "name": value}},
            code,
            "/recipient/name",
            id=f"76-{n}",
        )
        for n, (value, code) in enumerate(
            (
                ("Ada\r\nBcc: e@y.test", "control_character"),
                ("Ada\u202egro.live", "control_character"),
                ("A" * 501, "too_long"),
            )
        )
    ),
    *(
        pytest.param(
            {"recipient": {"phone": value}},
            "e164_required",
            "/recipient/phone",
            id=f"77-{value}",
        )
        for value in (
            "0612345678",
            "+33ABCDEFGH",
            "+1",
            "+12345678901234567890",
            "+33612345678x12",
            "+33612345678;ext=1",
            "0033612345678",
            "+٣٣٦١٢٣٤٥٦٧٨",
        )
    ),
    *(
        pytest.param({"recipient": {"push": [value]}}, code, pointer, id=f"push-{n}")
        for n, (value, code, pointer) in enumerate(
            (
                ({"platform": "fcm", "token": ""}, "invalid_push_token", ""),
                ({"platform": "fcm", "token": "t" * 501}, "invalid_push_token", ""),
                ({"platform": "x", "token": "t"}, "invalid_choice", "/platform"),
                ({"token": "t"}, "missing_field", "/platform"),
                ("token", "wrong_type", ""),
            )
        )
        for pointer in [f"/recipient/push/0{pointer}"]
    ),
]


def moment(days: str) -> str:
    """Return a time so many days from now, given as ``+3d``."""
    return (datetime.now(UTC) + timedelta(days=int(days[:-1]), minutes=1)).isoformat()


def dated(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a fault, their times as such."""
    return {
        name: moment(value)
        if name.endswith("_at") and str(value)[-1:] == "d" and str(value)[0] in "+-"
        else value
        for name, value in fields.items()
    }


@pytest.mark.parametrize(("fields", "code", "pointer"), FAULTS)
def test_rows_52_to_77_fields_that_are_refused(
    door: Door, fields: dict[str, Any], code: str, pointer: str
) -> None:
    answer = door.post(door.body(**dated(fields)))
    problem = assert_refused(answer, 422, code, pointer)
    for value in ("Bcc", "etc/passwd", "gro.live", "x.test", "ABCDEFGH"):
        assert value not in json.dumps(problem), "a value is echoed"


def test_every_fault_of_a_body_is_named_at_once(door: Door) -> None:
    body = door.body(recipient={"email": "a@b", "phone": "1"}, lane="x", foo=1)
    problem = assert_refused(door.post(body), 422, "invalid_email")
    assert [fault["pointer"] for fault in problem["errors"]] == [
        "/recipient/email",
        "/recipient/phone",
        "/lane",
        "/foo",
    ]
    body = {f"field{n}": 1 for n in range(500)}
    problem = assert_refused(door.post(door.body(**body)), 422, "unknown_field")
    assert len(problem["errors"]) == 50


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        pytest.param("ada@bücher.example", "ada@xn--bcher-kva.example", id="73"),
        pytest.param("Ada+Tag@EXAMPLE.com", "Ada+Tag@example.com", id="66-case"),
        pytest.param("a@ex\u0430mple.com", "a@xn--exmple-4nf.com", id="74-homoglyph"),
    ],
)
def test_rows_73_and_74_a_domain_is_kept_in_ascii(
    door: Door, given: str, kept: str
) -> None:
    assert door.post(door.body(recipient={"email": given})).status_code == 202
    assert Event.objects.get().address == kept


def test_row_75_blanks_around_an_address_are_taken_off_with_a_warning(
    door: Door,
) -> None:
    recipient = {"email": " ada@example.com ", "phone": "+33612345678"}
    answer = door.post(door.body(recipient=recipient))
    assert answer.status_code == 202
    (warning,) = answer.json()["warnings"]
    assert (warning["code"], warning["pointer"]) == (
        "address_trimmed",
        "/recipient/email",
    )
    assert Event.objects.get().address == "ada@example.com"


def test_row_76_a_name_may_hold_quotes_and_commas(door: Door) -> None:
    name = 'O\'Brien, "Ada" <b> \u0645\u0631\u064a\u0645 👩\u200d👧'
    recipient = {"email": "ada@example.com", "name": name}
    assert door.post(door.body(recipient=recipient)).status_code == 202
    assert EventContext.objects.get().recipient["name"] == name


def test_row_58_a_schedule_in_the_past_is_sent_now_with_a_warning(door: Door) -> None:
    answer = door.post(door.body(scheduled_at="2024-01-01T00:00:00+02:00"))
    assert answer.status_code == 202
    assert [w["code"] for w in answer.json()["warnings"]] == ["scheduled_in_past"]
    row = Work.objects.get()
    assert abs(row.due_at - datetime.now(UTC)) < timedelta(seconds=30)


def test_row_64_the_critical_lane_needs_its_scope(door: Door) -> None:
    ApiKey.objects.update(scopes=["events:write"])
    problem = assert_refused(
        door.post(door.body(lane="critical")), 403, "missing_scope"
    )
    assert "events:critical" in problem["detail"]
    ApiKey.objects.update(scopes=["events:write", "events:critical"])
    assert door.post(door.body(lane="critical")).status_code == 202
    assert Work.objects.get().lane == "critical"
