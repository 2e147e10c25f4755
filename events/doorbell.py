"""The doorbell: tells the workers that something is due in a lane, or for authors.

A ring wakes a worker that lingers at the lane; when none does, it is an RQ job that
carries the lane's name or nothing at all. Rings are coalesced: a flag a bell says that
a ring is on its way, and one job in a queue stands for every ring of its lane. Losing
a ring, or all of Redis, loses nothing: the sweeper rings again from the tables. So a
failure is counted and logged, never raised. What is said of a lane here holds for
`AUTHORING` too, where a proof or a shadow render waits.
"""

from __future__ import annotations

import functools
import logging
import secrets
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

import django_rq
from django.conf import settings
from django.db import transaction
from redis import Redis
from redis.exceptions import RedisError

from events import valkey
from events.models import Lane

logger = logging.getLogger(__name__)

T = TypeVar("T")

AUTHORING = "authoring"
_BELLS = (*Lane.values, AUTHORING)
DRAIN = "txmsg.jobs.drain"
SERVE_AUTHORS = "txmsg.jobs.serve_authors"
FLAG_SECONDS = 10
# After a failure the bell rests for a moment, so that a Redis which does not answer
# costs one time-out and not one a request.
REST_SECONDS = 1.0
# How long a worker listens before it looks whether it is to stop, and how long it
# counts as listening after it said so: one that died gets no ring after that.
STEP_SECONDS = 0.2
LISTENING_SECONDS = 0.5

_WOKEN = b"woken"

failures: Counter[str] = Counter()
_resting_until = 0.0

_RING = """
-- flag, queue, those at this lane, those elsewhere, then all places where somebody can
-- listen; lane, again, seconds of the flag
local is_first = redis.call('SET', KEYS[1], 1, 'NX', 'EX', ARGV[3])
if not is_first and ARGV[2] == '0' then return 'known' end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local function wake(places)
  local found = redis.call('ZPOPMAX', places)
  if not found[1] or tonumber(found[2]) < now then return false end
  local place = 'txmsg:wake:' .. found[1]
  redis.call('RPUSH', place, ARGV[1])
  redis.call('PEXPIRE', place, 10000)
  -- Who is called listens nowhere any more, and need not say so.
  for i = 5, #KEYS do redis.call('ZREM', KEYS[i], found[1]) end
  return true
end
if wake(KEYS[3]) then
  -- It claims as soon as it hears: whoever rings from now on calls anew.
  redis.call('DEL', KEYS[1])
  return 'woken'
end
if redis.call('LLEN', KEYS[2]) > 0 then return 'known' end
wake(KEYS[4])
return 'enqueue'
"""
_LISTEN = """
-- flag, those at this lane, then a queue and those elsewhere for each other bell;
-- place, milliseconds
if redis.call('DEL', KEYS[1]) == 1 then return 'here' end
for i = 3, #KEYS, 2 do
  if redis.call('LLEN', KEYS[i]) > 0 then return 'elsewhere' end
end
local clock = redis.call('TIME')
local till = clock[1] * 1000 + math.floor(clock[2] / 1000) + ARGV[2]
for i = 2, #KEYS, 2 do
  redis.call('ZADD', KEYS[i], till, ARGV[1])
  redis.call('PEXPIRE', KEYS[i], ARGV[2])
end
return 'listen'
"""
_LEAVE = """
-- its wake list, those at this lane, those elsewhere for each other bell; place
for i = 2, #KEYS do redis.call('ZREM', KEYS[i], ARGV[1]) end
local rung = redis.call('LRANGE', KEYS[1], 0, -1)
redis.call('DEL', KEYS[1])
return rung
"""


_WAITING = """
for _, key in ipairs(KEYS) do
  if redis.call('LLEN', key) > 0 then return 1 end
end
return 0
"""


def flag_key(lane: str) -> str:
    """Return the name of the flag that says a ring is on its way."""
    return f"txmsg:doorbell:{lane}"


def ring(lane: str, *, again: bool = False) -> bool:
    """Ring for a lane unless a ring is on its way; return whether this one called.

    It calls a worker that lingers there, else by a job. `again` rings in any case: for
    the sweeper, when the earlier ring came to nothing, and for a worker that leaves
    before all is done.
    """
    return _ring(lane, DRAIN, (lane,), again=again)


def ring_authors(*, again: bool = False) -> bool:
    """Ring for what authors wait for; return whether this ring called."""
    return _ring(AUTHORING, SERVE_AUTHORS, (), again=again)


def _ring(lane: str, job: str, arguments: tuple[str, ...], *, again: bool) -> bool:
    keys = [flag_key(lane), _queue_key(lane), _here_key(lane), _elsewhere_key(lane)]
    keys += [key(bell) for bell in _BELLS for key in (_here_key, _elsewhere_key)]

    def call() -> bool:
        said = valkey.run(_RING, keys, [lane, int(again), FLAG_SECONDS])
        if said == b"enqueue":
            _enqueue(lane, job, arguments)
        return bool(said != b"known")

    called = _ask(lane, call)
    if called is None:
        failures[lane] += 1
    return bool(called)


def _enqueue(lane: str, job: str, arguments: tuple[str, ...]) -> None:
    """Let RQ call a worker; without a job the flag must not stand."""
    try:
        django_rq.get_queue(lane).enqueue_call(
            job,
            args=arguments,
            timeout=-1,
            result_ttl=0,
            failure_ttl=3600,
            description=f"{job} {lane}",
        )
    except (RedisError, OSError):
        valkey.client().delete(flag_key(lane))
        raise


def ring_all() -> None:
    """Ring for every lane."""
    for lane in Lane.values:
        ring(lane)


def ring_on_commit(lane: str) -> None:
    """Ring once the current transaction has committed; at once outside of one."""
    transaction.on_commit(functools.partial(ring, lane), robust=True)


def ring_authors_on_commit() -> None:
    """Ring for what authors wait for, once the current transaction has committed."""
    transaction.on_commit(ring_authors, robust=True)


def answer(lane: str) -> None:
    """Take down the flag, before claiming: a ring from now on is a new one."""
    _ask(lane, lambda: valkey.client().delete(flag_key(lane)))


def is_rung(lane: str) -> bool:
    """Return whether somebody rang since the flag was last taken down."""
    return bool(_ask(lane, lambda: valkey.client().exists(flag_key(lane))))


def is_waited_for(*lanes: str) -> bool:
    """Return whether a ring for one of these lanes waits in its queue for a worker."""
    keys = [_queue_key(lane) for lane in lanes]
    return bool(keys and _ask(lanes[0], lambda: valkey.run(_WAITING, keys, [])))


def wait(
    lane: str,
    *,
    others: Sequence[str] = (),
    seconds: float,
    should_stop: Callable[[], bool] = lambda: False,
) -> bool:
    """Linger at a lane until it is rung for; return whether it was.

    Whoever gets True claims next: this ring called nobody else, and its flag is down.
    False: the time is up, or `should_stop` says so (asked five times a second), or a
    job waits at one of the `others`, which this worker serves besides. Without Redis it
    is a sleep.
    """
    deadline = time.monotonic() + seconds
    place = secrets.token_hex(8)
    said = b""
    rung: list[str] = []
    while not rung and not should_stop():
        left = deadline - time.monotonic()
        if left <= 0:
            break
        try:
            said, rung = _listen(place, lane, others, min(left, STEP_SECONDS))
        except (RedisError, OSError) as error:
            logger.warning("cannot listen at the doorbell of %s: %s", lane, error)
            time.sleep(min(left, STEP_SECONDS))
            continue
        if said == b"elsewhere":
            break
    if said != _WOKEN:
        rung += _leave(place, lane, others)
    if lane not in rung:
        return False
    if should_stop():
        ring(lane, again=True)
        return False
    return True


def _listen(
    place: str, lane: str, others: Sequence[str], seconds: float
) -> tuple[bytes, list[str]]:
    """Say that we listen, then do; return what was said, and the bell that rang.

    What rang before we said it stands in the flag, or waits in a queue; what rings
    after it comes to our own list: nothing falls in between.
    """
    keys = [flag_key(lane), _here_key(lane)]
    for other in others:
        keys += [_queue_key(other), _elsewhere_key(other)]
    said = valkey.run(_LISTEN, keys, [place, int(LISTENING_SECONDS * 1000)])
    if said == b"here":
        return said, [lane]
    if said == b"elsewhere":
        return said, []
    url = str(settings.REDIS_URL)
    found = valkey.say(_patient(url), "BLPOP", _wake_key(place), max(seconds, 0.01))
    return (_WOKEN, [found[1].decode()]) if found else (said, [])


def _leave(place: str, lane: str, others: Sequence[str]) -> list[str]:
    """Listen no more; return the bells that rang for us meanwhile."""
    keys = [_wake_key(place), _here_key(lane), *map(_elsewhere_key, others)]
    rung = _ask(lane, lambda: valkey.run(_LEAVE, keys, [place]))
    return [bell.decode() for bell in rung or ()]


def _ask(lane: str, question: Callable[[], T]) -> T | None:
    """Return an answer of Redis; None when there is none, and for a second after."""
    global _resting_until
    if time.monotonic() < _resting_until:
        return None
    try:
        return question()
    except (RedisError, OSError) as error:
        _resting_until = time.monotonic() + REST_SECONDS
        logger.warning("the doorbell of %s is out of order: %s", lane, error)
        return None


@functools.lru_cache(maxsize=8)
def _patient(url: str) -> Redis:
    """Return connections that may be silent for as long as a worker listens."""
    made: Redis = Redis.from_url(
        url,
        socket_connect_timeout=0.1,
        socket_timeout=STEP_SECONDS + 0.3,
        retry=valkey.once_more(),
    )
    return made


def _queue_key(lane: str) -> str:
    """Return the name of RQ's list of waiting jobs."""
    return f"rq:queue:{lane}"


def _here_key(lane: str) -> str:
    return f"txmsg:listening:{lane}"


def _elsewhere_key(lane: str) -> str:
    return f"txmsg:elsewhere:{lane}"


def _wake_key(place: str) -> str:
    return f"txmsg:wake:{place}"
