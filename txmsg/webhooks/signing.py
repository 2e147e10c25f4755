"""Signatures of Standard Webhooks 1.0, and the secrets that they are made with.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

No secret is stored. It is derived from a seed of its own, which is stored, and the
secret key of the installation; a short digest beside the seed tells which of the
present and the earlier secret keys it was.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.utils.crypto import salted_hmac

_PREFIX = "whsec_"
_PURPOSE = "txmsg.webhooks.signing"


class SecretLost(Exception):
    """The secret cannot be made any more: the secret key is another."""


def new_seed() -> str:
    """Return the seed of a new secret, to be stored."""
    seed = secrets.token_hex(24)
    return f"{seed}:{_digest(_derived(seed, settings.SECRET_KEY))}"


def secret_of(stored: str) -> str:
    """Return the secret of a stored seed, as the receiver has it; raise SecretLost."""
    seed, _, digest = stored.partition(":")
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        secret = _derived(seed, key)
        if hmac.compare_digest(_digest(secret), digest):
            return f"{_PREFIX}{base64.b64encode(secret).decode()}"
    raise SecretLost(
        "The signing secret cannot be made any more, for SECRET_KEY has changed: put "
        "the earlier one into SECRET_KEY_FALLBACKS, or rotate the secret."
    )


def headers(
    *, webhook_id: str, moment: datetime, body: bytes, with_secrets: Iterable[str]
) -> dict[str, str]:
    """Return the three headers of a request, signed with each secret."""
    timestamp = int(moment.timestamp())
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(
            signature(secret, webhook_id=webhook_id, timestamp=timestamp, body=body)
            for secret in with_secrets
        ),
    }


def signature(secret: str, *, webhook_id: str, timestamp: int, body: bytes) -> str:
    """Return the signature of the version v1."""
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    made = hmac.new(key, signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(made).decode()}"


def _derived(seed: str, key: str) -> bytes:
    return salted_hmac(_PURPOSE, seed, secret=key, algorithm="sha256").digest()


def _digest(secret: bytes) -> str:
    return hashlib.sha256(secret).hexdigest()[:16]
