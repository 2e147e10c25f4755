"""Valkey, asked at once or not at all: short scripts over what workers share.

Must not know what the scripts are for. Nothing that is kept there is needed: whoever
asks goes on without when nobody answers.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import time
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError
from redis.retry import Retry

from events.models import Lane

logger = logging.getLogger(__name__)

# After a failure nobody is asked for a moment, so that a Valkey which does not answer
# costs one time-out and not one a question.
REST_SECONDS = 1.0

_resting_until = 0.0


class Away(Exception):
    """Valkey did not answer just now, or a moment ago."""


def client() -> Redis:
    """Return this process's connections to Valkey, which give up at once."""
    return _client(settings.RQ_QUEUES[Lane.NORMAL]["URL"])


def run(script: str, keys: Sequence[str], arguments: Sequence[str | float]) -> Any:
    """Run a Lua script; errors are those of redis, after a tenth of a second.

    It is sent by its hash, and in full when Valkey has forgotten it.
    """
    rest = (len(keys), *keys, *arguments)
    try:
        return say(client(), "EVALSHA", _hash_of(script), *rest)
    except NoScriptError:
        return say(client(), "EVAL", script, *rest)


def say(through: Redis, *command: str | float) -> Any:
    """Send a command and return its answer as it comes; errors are those of redis.

    The client's own way costs three times what the connection below it does.
    """
    pool = through.connection_pool
    lent: Any = pool.get_connection()

    def exchange() -> Any:
        lent.send_command(*command)
        return lent.read_response()

    try:
        return lent.retry.call_with_retry(exchange, lambda _error: lent.disconnect())
    finally:
        pool.release(lent)


def ask(script: str, keys: Sequence[str], arguments: Sequence[str | float]) -> Any:
    """Run a Lua script; raise Away when there is no answer, and for a second after."""
    global _resting_until
    if time.monotonic() < _resting_until:
        raise Away
    try:
        return run(script, keys, arguments)
    except (RedisError, OSError) as error:
        _resting_until = time.monotonic() + REST_SECONDS
        logger.warning("Valkey does not answer, going on without: %s", error)
        raise Away from error


def once_more() -> Retry:
    """Return when to ask again: over a connection that Valkey has closed meanwhile.

    Never after a time-out, which would come twice.
    """
    return Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,))


@functools.lru_cache(maxsize=8)
def _client(url: str) -> Redis:
    made: Redis = Redis.from_url(url, retry=once_more())
    return made


@functools.lru_cache(maxsize=64)
def _hash_of(script: str) -> str:
    # The name that Valkey gives to a script; it guards nothing.
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
