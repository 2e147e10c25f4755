"""Which channels an event takes."""

from __future__ import annotations

from typing import Any

import pytest

from events.routing import Route, TypeRules, address_for, choose_routes

EMAIL = {"email": "ada@example.com"}
BOTH = {**EMAIL, "phone": "+33612345678"}
RULES = TypeRules(("email", "sms", "push"))


def routes(
    recipient: dict[str, Any], *, wished: str = "", fan_out: bool = False, live: str
) -> list[str]:
    chosen = choose_routes(
        TypeRules(RULES.channel_order, fan_out),
        wished=wished,
        recipient=recipient,
        has_message=lambda channel: channel in live.split(),
    )
    return [route.channel for route in chosen]


@pytest.mark.parametrize(
    ("recipient", "options", "chosen"),
    [
        (BOTH, {"live": "email sms"}, ["email"]),
        (BOTH, {"live": "sms"}, ["sms"]),
        (BOTH, {"live": "email sms", "wished": "sms"}, ["sms"]),
        (BOTH, {"live": "email", "wished": "sms"}, []),
        (EMAIL, {"live": "sms"}, []),
        (BOTH, {"live": "email sms", "fan_out": True}, ["email", "sms"]),
        (EMAIL, {"live": "email sms", "fan_out": True}, ["email"]),
        (BOTH, {"live": "email sms", "fan_out": True, "wished": "sms"}, ["sms"]),
        (BOTH, {"live": ""}, []),
    ],
)
def test_an_event_takes_the_wished_channel_else_the_first_with_address_and_message(
    recipient: dict[str, Any], options: dict[str, Any], chosen: list[str]
) -> None:
    assert routes(recipient, **options) == chosen


def test_a_push_address_is_platform_and_token_of_the_first_device() -> None:
    recipient = {"push": [{"platform": "fcm", "token": "t1"}, {"platform": "apns"}]}
    assert address_for("push", recipient) == "fcm:t1"
    assert address_for("push", {}) == ""
    assert Route("push", "fcm:t1").address == "fcm:t1"
