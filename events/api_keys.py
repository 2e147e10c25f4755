"""API keys: made once, shown once, kept as a hash; and the question who is calling.

A key is ``txk_<prefix>_<secret><checksum>``. The checksum lets a mistyped key be told
without the database; the secret is 240 random bits, so a plain SHA-256 keeps it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from events import networks
from events.models import ApiKey, Scope, Source, all_scopes
from events.problems import Refused

_ALPHABET = string.digits + string.ascii_letters
_PREFIX_LENGTH = 10
_SECRET_LENGTH = 40
_CHECKSUM_LENGTH = 6
_KEY = re.compile(
    f"txk_([0-9A-Za-z]{{{_PREFIX_LENGTH}}})"
    f"_([0-9A-Za-z]{{{_SECRET_LENGTH}}})([0-9A-Za-z]{{{_CHECKSUM_LENGTH}}})"
)
_UNKNOWN_HASH = bytes(32)
_LAST_USED_STEP = timedelta(minutes=1)
_MOST_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Caller:
    """The source behind a request, and what its key may do.

    `key` names the key as people see it; two keys of a source are the same caller.
    """

    source_id: int
    source_name: str
    scopes: frozenset[str]
    allowed_types: frozenset[str]
    rate_per_minute: int | None = None
    key: str = field(default="", compare=False)

    def require(self, scope: Scope) -> None:
        """Raise Refused (403) unless the key has a scope."""
        if scope not in self.scopes:
            raise Refused(
                403, "missing_scope", f"This key lacks the scope {scope.value}."
            )

    def require_type(self, name: str) -> None:
        """Raise Refused (403) unless the source may post this event type."""
        if self.allowed_types and name not in self.allowed_types:
            raise Refused(
                403,
                "event_type_not_allowed",
                "This source may not post this event type.",
            )


@dataclass(frozen=True, slots=True)
class _Kept:
    """A key that was good a moment ago, and what is still asked at each request."""

    caller: Caller
    until: float
    expires_at: datetime | None
    networks: tuple[str, ...]


# By the SHA-256 of the whole header. It may only say yes: a no is always looked up.
_kept: dict[bytes, _Kept] = {}


def create(
    source: Source,
    *,
    scopes: Sequence[str] | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Make a key; return it with its text, which is shown this once only."""
    prefix = "".join(secrets.choice(_ALPHABET) for _ in range(_PREFIX_LENGTH))
    body = "".join(secrets.choice(_ALPHABET) for _ in range(_SECRET_LENGTH))
    secret = body + _checksum(prefix + body)
    key = ApiKey.objects.create(
        source=source,
        prefix=prefix,
        secret_hash=hashlib.sha256(secret.encode()).digest(),
        last_four=secret[-4:],
        scopes=list(scopes) if scopes is not None else all_scopes(),
        expires_at=expires_at,
    )
    return key, f"txk_{prefix}_{secret}"


def revoke(key: ApiKey) -> None:
    """Make a key useless from now on; it cannot be undone.

    Other processes may take it for `TXMSG_INTAKE_CACHE_SECONDS` more.
    """
    ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=Now())
    _kept.clear()


def rotate(
    key: ApiKey, *, hours: int, expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """Make a key that may do the same, beside the old one, which ends after some hours.

    An end of the old key that comes sooner stays. Return the new key with its text.
    """
    with transaction.atomic():
        made = create(key.source, scopes=key.scopes, expires_at=expires_at)
        end = Now() + timedelta(hours=hours)
        ApiKey.objects.filter(
            Q(expires_at=None) | Q(expires_at__gt=end), pk=key.pk, revoked_at=None
        ).update(expires_at=end)
    _kept.clear()
    return made


def authenticate(authorization: str | None, *, remote_address: str) -> Caller:
    """Return who calls, by the Authorization header; raise Refused (401, 403)."""
    given = (authorization or "").encode(errors="backslashreplace")
    digest = hashlib.sha256(given).digest()
    kept = _kept.get(digest)
    if (
        kept is not None
        and kept.until > time.monotonic()
        and (kept.expires_at is None or kept.expires_at > timezone.now())
        and _is_allowed(remote_address, kept.networks)
    ):
        return kept.caller
    _kept.pop(digest, None)
    kept = _look_up(authorization, remote_address)
    if len(_kept) >= _MOST_KEPT:
        _kept.clear()
    _kept[digest] = kept
    return kept.caller


def _look_up(authorization: str | None, remote_address: str) -> _Kept:
    until = time.monotonic() + settings.TXMSG_INTAKE_CACHE_SECONDS
    prefix, secret = _parse(authorization)
    key = ApiKey.objects.select_related("source").filter(prefix=prefix).first()
    # Compared for an unknown prefix too, so that both take the same time.
    kept = bytes(key.secret_hash) if key else _UNKNOWN_HASH
    given = hashlib.sha256(secret.encode()).digest()
    if not hmac.compare_digest(kept, given) or key is None:
        raise _unauthorized("invalid_api_key", "This API key is not known.")
    now = timezone.now()
    if key.revoked_at is not None or not key.source.is_active:
        raise _unauthorized("key_revoked", "This API key was revoked.")
    if key.expires_at is not None and key.expires_at <= now:
        raise _unauthorized("key_expired", "This API key has expired.")
    caller = Caller(
        source_id=key.source_id,
        source_name=key.source.name,
        scopes=frozenset(key.scopes) & frozenset(key.source.scopes),
        allowed_types=frozenset(key.source.allowed_types),
        rate_per_minute=key.source.rate_per_minute,
        key=str(key),
    )
    allowed = tuple(key.source.allowed_networks)
    if not _is_allowed(remote_address, allowed):
        raise _not_from_here(caller)
    _note_use(key, now)
    return _Kept(caller, until, key.expires_at, allowed)


def _note_use(key: ApiKey, now: datetime) -> None:
    """Write down that a key was used, unless a minute has not passed since.

    A statement of its own: what the request does comes after it.
    """
    if key.last_used_at is None or now - key.last_used_at > _LAST_USED_STEP:
        # Of many processes that come here at once, one writes.
        ApiKey.objects.filter(
            Q(last_used_at=None) | Q(last_used_at__lt=now - _LAST_USED_STEP), pk=key.pk
        ).update(last_used_at=Now())


def forget() -> None:
    """Forget every key: the source of one of them turned out to be gone."""
    _kept.clear()


def _parse(authorization: str | None) -> tuple[str, str]:
    if not authorization:
        raise _unauthorized(
            "missing_api_key", "Send the header Authorization: Bearer txk_…"
        )
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise _unauthorized(
            "unsupported_scheme", "Authorization takes the scheme Bearer only."
        )
    matched = _KEY.fullmatch(token.strip())
    if matched is not None:
        prefix, body, checksum = matched.groups()
        if checksum == _checksum(prefix + body):
            return prefix, body + checksum
    raise _unauthorized(
        "malformed_api_key", "This is no API key: it may be cut off or mistyped."
    )


def _checksum(text: str) -> str:
    number = zlib.crc32(text.encode())
    digits = []
    for _ in range(_CHECKSUM_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(digits)


def _is_allowed(remote_address: str, allowed: tuple[str, ...]) -> bool:
    return not allowed or networks.contains(networks.parsed(allowed), remote_address)


def _not_from_here(caller: Caller) -> Refused:
    refused = Refused(403, "ip_not_allowed", "This address may not use this API key.")
    refused.caller = caller
    return refused


def _unauthorized(code: str, detail: str) -> Refused:
    return Refused(401, code, detail, headers={"WWW-Authenticate": "Bearer"})
