"""How many messages a second all workers together may hand to a provider.

A bucket of tokens a channel, in Valkey, so that workers on several machines share one
pace; the clock is Valkey's own, since theirs may differ. When Valkey does not answer,
each process goes on with a bucket of its own at its part of the pace: slower, never
unlimited. Must not know what a token is spent on.
"""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass

from django.conf import settings

from events import valkey

# Into how many parts the pace falls when workers do not see each other: `up` runs
# three, one of them for the critical lane alone.
WORKERS_ASSUMED = 3
# Nobody should come back for single tokens when the pace is high.
SLICE_SECONDS = 0.1
_KEPT_SECONDS = 3600

# A bucket that nobody remembers begins with one token: what was sent a moment ago is
# not known. A clock that was set back adds nothing.
_TAKE = """
local pace, size, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, at = tonumber(kept[1] or 1), tonumber(kept[2] or now)
tokens = math.min(size, tokens + math.max(0, now - at) * pace)
local count = math.max(0, math.min(wanted, math.floor(tokens)))
redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens - count),
           'at', string.format('%.6f', now))
redis.call('EXPIRE', KEYS[1], ARGV[4])
return {count, string.format('%.6f', tokens - count)}
"""
_GIVE_BACK = """
local tokens = tonumber(redis.call('HGET', KEYS[1], 'tokens'))
if tokens then
  redis.call('HSET', KEYS[1], 'tokens',
             string.format('%.6f', math.min(tonumber(ARGV[1]), tokens + ARGV[2])))
end
"""


@dataclass(frozen=True, slots=True)
class Grant:
    """How many may go now; if fewer than wanted, when it is worth asking again."""

    count: int
    wait_seconds: float = 0.0


@dataclass(slots=True)
class _Bucket:
    """This process's own tokens of a channel, for when Valkey is away."""

    tokens: float
    at: float


_buckets: dict[str, _Bucket] = {}
_lock = threading.Lock()


def take(channel: str, wanted: int) -> Grant:
    """Take up to `wanted` tokens of a channel.

    A bucket holds what a second brings, at least one: after a quiet moment so many may
    go at once. Without a limit for the channel all are granted, and nobody is asked.
    """
    pace = settings.TXMSG_PACE.get(channel)
    if pace is None:
        return Grant(wanted)
    if wanted <= 0:
        return Grant(0)
    if pace <= 0:
        return Grant(0, 1.0)
    try:
        count, left = valkey.ask(
            _TAKE, [_key(channel)], [pace, _size(pace), wanted, _KEPT_SECONDS]
        )
    except valkey.Away:
        pace /= WORKERS_ASSUMED
        count, left = _take_own(channel, wanted, pace)
    return Grant(count, _wait(wanted - count, float(left), pace))


def give_back(channel: str, count: int) -> None:
    """Return tokens that were not used; without Valkey they are lost, and that is all.

    More than a bucket holds is spilt.
    """
    pace = settings.TXMSG_PACE.get(channel)
    if pace is None or count <= 0:
        return
    try:
        valkey.ask(_GIVE_BACK, [_key(channel)], [_size(pace), count])
    except valkey.Away:
        return


def _take_own(channel: str, wanted: int, pace: float) -> tuple[int, float]:
    """Take from this process's own bucket; return how many, and what is left."""
    now = time.monotonic()
    with _lock:
        bucket = _buckets.setdefault(channel, _Bucket(tokens=1, at=now))
        bucket.tokens += (now - bucket.at) * pace
        bucket.tokens = min(_size(pace), bucket.tokens)
        bucket.at = now
        count = min(wanted, math.floor(bucket.tokens))
        bucket.tokens -= count
        return count, bucket.tokens


def _wait(missing: int, left: float, pace: float) -> float:
    """Return the seconds until there are enough tokens to come back for."""
    if missing <= 0:
        return 0.0
    enough = min(missing, _size(pace), max(1.0, pace * SLICE_SECONDS))
    return max(0.0, (enough - left) / pace)


def _size(pace: float) -> float:
    return max(1.0, pace)


def _key(channel: str) -> str:
    return f"txmsg:pace:{channel}"
