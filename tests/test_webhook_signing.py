"""Signatures and secrets, held to the published vector."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pytest_django import Settings

from txmsg.webhooks import signing

# The vector of the reference implementation's own tests.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
VECTOR: dict[str, Any] = {
    "webhook_id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "timestamp": 1614265330,
    "body": b'{"test": 2432232314}',
}
SIGNED = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_published_vector_holds() -> None:
    assert signing.signature(SECRET, **VECTOR) == SIGNED


@pytest.mark.parametrize(
    "other", [{"webhook_id": "msg_2"}, {"timestamp": 1614265331}, {"body": b"{}"}]
)
def test_id_time_and_body_are_all_signed(other: dict[str, Any]) -> None:
    assert signing.signature(SECRET, **{**VECTOR, **other}) != SIGNED


def test_the_headers_carry_a_signature_for_each_secret() -> None:
    made = signing.headers(
        webhook_id=VECTOR["webhook_id"],
        moment=datetime.fromtimestamp(VECTOR["timestamp"], UTC),
        body=VECTOR["body"],
        with_secrets=[SECRET, "whsec_AAAA"],
    )
    assert made["webhook-id"] == VECTOR["webhook_id"]
    assert made["webhook-timestamp"] == "1614265330"
    first, second = made["webhook-signature"].split(" ")
    assert first == SIGNED
    assert second.startswith("v1,")


def test_a_secret_is_made_of_its_seed_and_not_stored_in_it() -> None:
    seed = signing.new_seed()
    secret = signing.secret_of(seed)
    assert secret == signing.secret_of(seed) != signing.secret_of(signing.new_seed())
    assert secret.startswith("whsec_")
    assert len(secret) == len("whsec_") + 44
    assert secret.removeprefix("whsec_") not in seed


def test_a_secret_outlives_a_new_secret_key_as_long_as_the_old_one_is_named(
    settings: Settings,
) -> None:
    seed = signing.new_seed()
    secret = signing.secret_of(seed)
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another"
    with pytest.raises(signing.SecretLost, match="SECRET_KEY_FALLBACKS"):
        signing.secret_of(seed)
    settings.SECRET_KEY_FALLBACKS = [old]
    assert signing.secret_of(seed) == secret
