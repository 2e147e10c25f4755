"""Rates at the door: how many events a source may post, and one recipient may get.

Buckets of tokens in Valkey, so that all web processes count together; the clock is
Valkey's own. A bucket holds what its whole time brings: after a quiet moment so many
may come at once. While Valkey is away everything is let in, for a limit guards against
too much and must not become the reason for nothing. Without a limit nobody is asked.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.conf import settings

from events import valkey
from events.admission import Checked, Judged
from events.api_keys import Caller
from events.problems import Refused

MINUTE = 60

# KEYS: the buckets. ARGV, three for each: how many it holds, how many seconds it takes
# to fill, how many are wanted. Returns for each whether they are granted, and what is
# left. Who wants more than a bucket holds gets it when it is full, and leaves a debt.
# A clock that was set back adds nothing. A bucket is forgotten when it is full again.
_TAKE = """
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local answer = {}
for number, key in ipairs(KEYS) do
  local size = tonumber(ARGV[3 * number - 2])
  local pace = size / tonumber(ARGV[3 * number - 1])
  local wanted = tonumber(ARGV[3 * number])
  local kept = redis.call('HMGET', key, 'tokens', 'at')
  local tokens, at = tonumber(kept[1] or size), tonumber(kept[2] or now)
  tokens = math.min(size, tokens + math.max(0, now - at) * pace)
  local is_granted = tokens >= math.min(wanted, size)
  if is_granted then tokens = tokens - wanted end
  redis.call('HSET', key, 'tokens', string.format('%.6f', tokens),
             'at', string.format('%.6f', now))
  redis.call('EXPIRE', key, math.ceil((size - tokens) / pace) + 1)
  table.insert(answer, is_granted and 1 or 0)
  table.insert(answer, string.format('%.6f', tokens))
end
return answer
"""


@dataclass(frozen=True, slots=True)
class _Bucket:
    """A bucket, and how much is wanted of it."""

    key: str
    size: int
    seconds: int
    wanted: int = 1


@dataclass(frozen=True, slots=True)
class _Grant:
    """What a bucket answered; `left` is below nothing after a large batch."""

    is_granted: bool
    left: float


def take(caller: Caller, count: int) -> dict[str, str]:
    """Count events against the source's rate; return the headers that say so.

    Empty without a limit, and while Valkey is away. Raises Refused (429) when there
    are too many; a batch larger than a minute's worth waits for a full bucket.
    """
    limit = caller.rate_per_minute
    if limit is None:
        return {}
    bucket = _Bucket(f"txmsg:rate:source:{caller.source_id}", limit, MINUTE, count)
    try:
        (grant,) = _ask([bucket])
    except valkey.Away:
        return {}
    headers = _headers("events", bucket, grant)
    if not grant.is_granted:
        raise Refused(
            429,
            "rate_limited",
            f"This source may post {limit:,} events a minute.",
            retryable=True,
            headers={**headers, "Retry-After": _wait(bucket, grant)},
        )
    return headers


def throttled(judged: list[Judged]) -> list[Judged]:
    """Return events as they were judged, those refused that a recipient may not get.

    By the limit of the event's type; one question to Valkey for all of them. An event
    that does not fit anyhow counts for nobody.
    """
    limited = [
        (number, one.checked)
        for number, one in enumerate(judged)
        if one.checked is not None and one.checked.type.recipient_limit is not None
    ]
    if not limited:
        return judged
    buckets = [_bucket_of(checked) for _, checked in limited]
    try:
        grants = _ask(buckets)
    except valkey.Away:
        return judged
    answer = list(judged)
    for (number, _), bucket, grant in zip(limited, buckets, grants, strict=True):
        if not grant.is_granted:
            refused = _too_many(bucket, grant)
            answer[number] = replace(judged[number], checked=None, refused=refused)
    return answer


def _bucket_of(checked: Checked) -> _Bucket:
    """Return the bucket of an event's type and first address."""
    # Nobody finds an address in Valkey: it is hashed with what only we know.
    address = checked.route.address.casefold().encode()
    secret = settings.SECRET_KEY.encode()
    hashed = hmac.digest(secret, address, hashlib.sha256).hex()[:32]
    return _Bucket(
        f"txmsg:rate:recipient:{checked.type.pk}:{hashed}",
        checked.type.recipient_limit or 0,
        max(1, checked.type.recipient_limit_seconds),
    )


def _ask(buckets: Sequence[_Bucket]) -> list[_Grant]:
    """Take from buckets; raise Away. One that holds nothing gives nothing."""
    asked = [bucket for bucket in buckets if bucket.size > 0]
    answers: list[_Grant] = []
    if asked:
        arguments = [n for one in asked for n in (one.size, one.seconds, one.wanted)]
        found = valkey.ask(_TAKE, [one.key for one in asked], arguments)
        answers = [
            _Grant(bool(granted), float(left))
            for granted, left in zip(found[::2], found[1::2], strict=True)
        ]
    nothing = _Grant(is_granted=False, left=0.0)
    rest = iter(answers)
    return [next(rest) if bucket.size > 0 else nothing for bucket in buckets]


def _too_many(bucket: _Bucket, grant: _Grant) -> Refused:
    headers = _headers("recipient", bucket, grant)
    return Refused(
        429,
        "recipient_rate_limited",
        f"A recipient gets {bucket.size:,} events of this type in "
        f"{bucket.seconds:,} seconds at most.",
        retryable=True,
        headers={**headers, "Retry-After": _wait(bucket, grant)},
    )


def _wait(bucket: _Bucket, grant: _Grant) -> str:
    """Return in how many seconds there will be enough."""
    if not bucket.size:
        return str(MINUTE)
    missing = min(bucket.wanted, bucket.size) - grant.left
    return str(max(1, math.ceil(missing * bucket.seconds / bucket.size)))


def _headers(name: str, bucket: _Bucket, grant: _Grant) -> dict[str, str]:
    """Return RateLimit headers (draft-ietf-httpapi-ratelimit-headers).

    `r` is what may come at once, `t` in how many seconds the bucket is full again.
    """
    left = math.floor(max(0.0, grant.left))
    full = (bucket.size - grant.left) * bucket.seconds / max(1, bucket.size)
    return {
        "RateLimit-Policy": f'"{name}";q={bucket.size};w={bucket.seconds}',
        "RateLimit": f'"{name}";r={left};t={max(0, math.ceil(full))}',
    }
