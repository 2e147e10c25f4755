"""The circuit breaker: a provider that cannot be reached is left alone, then probed.

After a failure nobody tries a channel for a while, longer each time; then one worker
tries one message. When that arrives, waves grow again: 2, 4, 8 … messages, until the
breaker is closed. What is known of a channel stands in Valkey for all workers; without
it each process knows what it saw itself. Must not know how anything is sent.
"""

from __future__ import annotations

import contextlib
import random
import secrets
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings

from events import valkey

UNLIMITED = sys.maxsize
LONGEST_SECONDS = 60.0
# The ramp ends, and the breaker is closed, beyond the size of any wave.
RAMP_END = 64
# How long a closed breaker is held to be closed without asking: a wave takes longer
# when its provider is in trouble.
TRUST_SECONDS = 0.2
# While one probes, the others come back within this.
PATIENCE_SECONDS = 1.0
_KEPT_SECONDS = 3600
_WHY_CHARACTERS = 200

# What a channel has in Valkey: failures (in a row), since and until (Valkey's time),
# level (the ramp's; 0 while open), why. Closed is: nothing there.
_NOW = """
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
"""
_ASK = (
    _NOW
    + """
local kept = redis.call('HMGET', KEYS[1], 'until', 'level')
if not kept[1] then return {1, 0, '0'} end
if tonumber(kept[2]) > 0 then return {1, tonumber(kept[2]), '0'} end
local left = tonumber(kept[1]) - now
if left > 0 then return {0, 0, string.format('%.3f', left)} end
if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then return {1, 1, '0'} end
return {0, 0, ARGV[3]}
"""
)
_SUCCEEDED = """
local level = tonumber(redis.call('HGET', KEYS[1], 'level'))
if not level then return end
if level == 0 then
  if redis.call('GET', KEYS[2]) ~= ARGV[1] then return end
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[1], 'level', 2)
elseif level == tonumber(ARGV[2]) then
  if level * 2 >= tonumber(ARGV[3]) then redis.call('DEL', KEYS[1]) return end
  redis.call('HSET', KEYS[1], 'level', level * 2)
end
"""
_FAILED = (
    _NOW
    + """
local kept = redis.call('HMGET', KEYS[1], 'failures', 'until', 'level', 'since')
local is_probe = redis.call('GET', KEYS[2]) == ARGV[1]
if kept[1] and kept[3] == '0' and now < tonumber(kept[2]) and not is_probe then
  return
end
if is_probe then redis.call('DEL', KEYS[2]) end
local failures = tonumber(kept[1] or 0) + 1
local rest = math.min(tonumber(ARGV[2]), 2 ^ math.min(failures, 30)) * ARGV[3]
redis.call('HSET', KEYS[1], 'failures', failures, 'level', 0, 'why', ARGV[4],
           'since', kept[4] or string.format('%.3f', now),
           'until', string.format('%.6f', now + rest))
redis.call('EXPIRE', KEYS[1], ARGV[5])
"""
)
_LET_GO = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
"""
_FORGET = "redis.call('DEL', KEYS[1], KEYS[2])"
_LOOK = (
    _NOW
    + """
local kept = redis.call('HMGET', KEYS[1], 'since', 'until', 'level', 'why')
if not kept[1] then return nil end
return {kept[1], string.format('%.3f', tonumber(kept[2]) - now), kept[3], kept[4]}
"""
)


@dataclass(frozen=True, slots=True)
class Leave:
    """Whether a channel may be tried now, how many messages, or how long to wait."""

    may_try: bool
    limit: int = 0
    wait_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Opened:
    """A channel whose breaker is not closed; `level` 0 is open, else the ramp's."""

    channel: str
    since: datetime
    why: str
    level: int
    seconds_left: float


@dataclass(slots=True)
class _Own:
    """What this process saw of a channel itself; times are monotonic."""

    failures: int
    until: float
    level: int = 0
    is_probing: bool = False


_ME = secrets.token_hex(8)
_own: dict[str, _Own] = {}
_limits: dict[str, int] = {}
"""What this process was last granted, by channel."""
_trusted_until: dict[str, float] = {}


def ask(channel: str) -> Leave:
    """Say whether a channel may be tried, and how many messages at once.

    Who is let through with a limit must say `succeeded`, `failed` or `let_go` when the
    wave is through: a probe that is never heard of keeps the others waiting for as
    long as sending may take.
    """
    if time.monotonic() < _trusted_until.get(channel, 0):
        return Leave(may_try=True, limit=UNLIMITED)
    try:
        leave = _leave(
            *valkey.ask(
                _ASK,
                [_key(channel), _probe_key(channel)],
                [_ME, _probe_milliseconds(), PATIENCE_SECONDS],
            )
        )
        _own.pop(channel, None)
    except valkey.Away:
        leave = _ask_own(channel)
    _limits[channel] = leave.limit
    if leave.limit == UNLIMITED:
        _trusted_until[channel] = time.monotonic() + TRUST_SECONDS
    return leave


def succeeded(channel: str) -> None:
    """Say that a provider was reached: the ramp goes on, and ends.

    Costs nothing while the breaker is closed.
    """
    limit = _limits.get(channel, UNLIMITED)
    if limit == UNLIMITED:
        return
    try:
        valkey.ask(
            _SUCCEEDED,
            [_key(channel), _probe_key(channel)],
            [_ME, limit, RAMP_END],
        )
    except valkey.Away:
        _succeeded_own(channel, limit)


def failed(channel: str, why: str) -> None:
    """Say that a provider could not be reached: it is left alone, longer each time.

    What fails while it is left alone was under way before, and counts as one.
    """
    _trusted_until.pop(channel, None)
    share = random.uniform(0.5, 1)  # noqa: S311
    try:
        valkey.ask(
            _FAILED,
            [_key(channel), _probe_key(channel)],
            [_ME, LONGEST_SECONDS, share, why[:_WHY_CHARACTERS], _KEPT_SECONDS],
        )
    except valkey.Away:
        _failed_own(channel, share)


def is_recovering(channel: str) -> bool:
    """Say whether this process was last let through as a probe, or on the ramp."""
    return _limits.get(channel, UNLIMITED) != UNLIMITED


def let_go(channel: str) -> None:
    """Say that leave was not used: nothing was tried, so another may."""
    if channel in _own:
        _own[channel].is_probing = False
    if _limits.get(channel, UNLIMITED) != 1:
        return
    try:
        valkey.ask(_LET_GO, [_probe_key(channel)], [_ME])
    except valkey.Away:
        return


def opened() -> list[Opened]:
    """Return the channels that are left alone, or just recovering, by name.

    Raises valkey.Away when nobody can tell.
    """
    found: list[Opened] = []
    for channel in sorted(settings.TXMSG_CHANNELS):
        kept = valkey.ask(_LOOK, [_key(channel)], [])
        if kept is None:
            continue
        since, left, level, why = (value.decode() for value in kept)
        found.append(
            Opened(
                channel=channel,
                since=datetime.fromtimestamp(float(since), tz=UTC),
                why=why,
                level=int(level),
                seconds_left=max(0.0, float(left)),
            )
        )
    return found


def forget() -> None:
    """Close every breaker that this process knows of, as if nothing had failed."""
    for channel in _limits:
        with contextlib.suppress(valkey.Away):
            valkey.ask(_FORGET, [_key(channel), _probe_key(channel)], [])
    _own.clear()
    _limits.clear()
    _trusted_until.clear()


def _leave(may_try: int, limit: int, wait: bytes | str) -> Leave:
    if may_try and not limit:
        return Leave(may_try=True, limit=UNLIMITED)
    return Leave(may_try=bool(may_try), limit=limit, wait_seconds=float(wait))


def _ask_own(channel: str) -> Leave:
    own = _own.get(channel)
    if own is None:
        return Leave(may_try=True, limit=UNLIMITED)
    if own.level:
        return Leave(may_try=True, limit=own.level)
    left = own.until - time.monotonic()
    if left > 0:
        return Leave(may_try=False, wait_seconds=left)
    # There is nobody else in this process who could be probing.
    own.is_probing = True
    return Leave(may_try=True, limit=1)


def _succeeded_own(channel: str, limit: int) -> None:
    own = _own.get(channel)
    if own is None:
        return
    if own.is_probing:
        own.is_probing, own.level = False, 2
    elif own.level == limit:
        own.level *= 2
        if own.level >= RAMP_END:
            del _own[channel]


def _failed_own(channel: str, share: float) -> None:
    own = _own.setdefault(channel, _Own(failures=0, until=0))
    now = time.monotonic()
    if own.failures and not own.level and now < own.until and not own.is_probing:
        return
    own.failures += 1
    own.level, own.is_probing = 0, False
    own.until = now + min(LONGEST_SECONDS, 2.0 ** min(own.failures, 30)) * share


def _probe_milliseconds() -> int:
    """Return how long a probe is waited for: longer than any sending takes."""
    return int((settings.TXMSG_SEND_TIMEOUT_SECONDS + 5) * 1000)


def _key(channel: str) -> str:
    return f"txmsg:breaker:{channel}"


def _probe_key(channel: str) -> str:
    return f"txmsg:probe:{channel}"
