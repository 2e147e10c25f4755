"""Addresses: one form for each, and a reason for each that is refused."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable
from typing import Any

import pytest

from events import addresses
from events.addresses import BadAddress


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("ada@example.com", "ada@example.com"),
        (" ada@example.com ", "ada@example.com"),
        ("Ada.L+tag@EXAMPLE.Com", "Ada.L+tag@example.com"),
        ("o'brien@example.com", "o'brien@example.com"),
        ("ada@x.test", "ada@x.test"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("ada@例え.jp", "ada@xn--r8jz45g.jp"),
        ("a" * 64 + "@example.com", "a" * 64 + "@example.com"),
    ],
)
def test_an_email_address_is_kept_with_its_domain_in_ascii(
    given: str, kept: str
) -> None:
    assert addresses.email(given) == kept


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("", "recipient_required"),
        ("   ", "recipient_required"),
        ("ada", "invalid_email"),
        ("a@b", "invalid_email"),
        ("a@x..test", "invalid_email"),
        (".a@x.test", "invalid_email"),
        ("a.@x.test", "invalid_email"),
        ("a@-x.test", "invalid_email"),
        ("a@x.test.", "invalid_email"),
        ("a@test", "invalid_email"),
        ("a@localhost", "invalid_email"),
        ("a@[127.0.0.1]", "invalid_email"),
        ("a@[IPv6:::1]", "invalid_email"),
        ('"a b"@x.test', "invalid_email"),
        ("a(comment)@x.test", "invalid_email"),
        ("a@x.test\n", "control_character"),
        ("a@x.test\r\nBcc: b@x.test", "control_character"),
        ("a\x00@x.test", "control_character"),
        ("a\u2028@x.test", "control_character"),
        ("a@x.test,b@x.test", "single_recipient_only"),
        ("a@x.test; b@x.test", "single_recipient_only"),
        ("Ada <a@x.test>", "invalid_email"),
        ("a" * 65 + "@x.test", "too_long"),
        ("a@" + "b." * 130 + "test", "too_long"),
        ("é@x.test", "smtputf8_unsupported"),
        ("a@x\u200b.test", "invalid_email"),
        ("a\u00ad@x.test", "invalid_email"),
        ("\uff41@x.test", "invalid_email"),
        ("a@\ud800.test", "invalid_email"),
    ],
)
def test_an_email_address_that_cannot_be_used_has_a_reason(
    given: str, code: str
) -> None:
    with pytest.raises(BadAddress) as raised:
        addresses.email(given)
    assert raised.value.code == code
    assert "x.test" not in str(raised.value), "the value is echoed"


def test_an_email_address_asks_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    monkeypatch.setattr(socket.socket, "connect", fail)
    assert addresses.email("ada@no-such-domain.example")


@pytest.mark.parametrize("given", ["+33612345678", " +33612345678 ", "+12125550123"])
def test_a_phone_number_is_kept_in_e164(given: str) -> None:
    assert addresses.phone(given) == given.strip()


@pytest.mark.parametrize(
    "given",
    [
        "",
        "0612345678",
        "0033612345678",
        "+1",
        "+0612345678",
        "+33 6 12 34 56 78",
        "+336123ABCDE",
        "+33612345678x12",
        "+12345678901234567890",
        "+999123456789",
        "+33612345678\n",
        "+٣٣٦١٢٣٤٥٦٧٨",
    ],
)
def test_a_phone_number_that_is_not_e164_is_refused(given: str) -> None:
    with pytest.raises(BadAddress) as raised:
        addresses.phone(given)
    assert raised.value.code == "e164_required"


def test_the_token_of_a_device_fits_the_column_of_an_address() -> None:
    for platform in addresses.PLATFORMS:
        addresses.push_token(platform, "t" * addresses.MAX_TOKEN)
        assert len(f"{platform}:{'t' * addresses.MAX_TOKEN}") <= 512


@pytest.mark.parametrize(
    ("platform", "token"),
    [("fcm", ""), ("fcm", "t" * 501), ("fcm", "a\nb"), ("pigeon", "t")],
)
def test_a_token_of_no_device_is_refused(platform: str, token: str) -> None:
    with pytest.raises(BadAddress) as raised:
        addresses.push_token(platform, token)
    assert raised.value.code == "invalid_push_token"


def test_control_and_direction_are_told_from_letters() -> None:
    assert addresses.has_control("a\tb")
    assert addresses.has_control("a\u2029b")
    assert not addresses.has_control("Ада 👩\u200d👧")
    assert addresses.has_bidi_override("a\u202eb")
    assert not addresses.has_bidi_override("مريم")


def test_the_quick_way_of_plain_addresses_comes_to_the_same() -> None:
    pick = random.Random(5)
    letters = "abZ09._+-@ ;<é\"'!x\u200b\r"
    ends = ["@ex.com", "@x-.com", "@EX.co.uk", "@xn--a.com", "@local", "@a.test"]
    ends += ["@bücher.de", "", " ", "@1.1", "@a..b", f"@{'l' * 64}.de", "@[::1]"]

    def outcome(judge: Callable[[str], str], text: str) -> object:
        try:
            return judge(text)
        except addresses.BadAddress as error:
            return error.code, str(error)

    texts = ["Postmaster@ex.com", f"{'a' * 65}@ex.com", f"a@{'b.' * 127}com"]
    for _ in range(3_000):
        local = "".join(pick.choice(letters) for _ in range(pick.randint(0, 6)))
        texts.append(local + pick.choice(ends))
    for text in texts:
        slowly = outcome(lambda t: addresses._any_email(t.strip(" ")), text)
        assert outcome(addresses.email, text) == slowly
