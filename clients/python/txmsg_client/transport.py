"""One request, asked until it is answered: connections, waiting, trying again.

Every request that changes something carries an Idempotency-Key, so that asking twice
does not do twice. Knows HTTP and JSON, and nothing of events.
"""

from __future__ import annotations

import email.utils
import http.client
import itertools
import json
import os
import random
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from email.message import Message
from enum import Enum
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from txmsg_client.errors import NoAnswer, Problem, problem_of

PASSING = frozenset({429, 502, 503, 504})
"""Answers after which the same request may be taken a moment later."""
_MOST_IDLE = 8
_FAILURES = (OSError, http.client.HTTPException)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to ask: at most `attempts` times and `seconds` in all.

    Between two tries it waits a random part of a time that doubles from `first_wait`
    up to `longest_wait`, or as long as Retry-After says.
    """

    attempts: int = 6
    seconds: float = 60.0
    first_wait: float = 0.2
    longest_wait: float = 10.0

    def wait_before(self, attempt: int, retry_after: float | None) -> float:
        """Return how long to wait before a try, counted from 1; never before it."""
        longest = min(self.longest_wait, self.first_wait * 2 ** (attempt - 1))
        jitter = random.uniform(0, longest)  # noqa: S311  # spreads callers, no secret
        return jitter if retry_after is None else retry_after + jitter * 0.1


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered, with the JSON of its body."""

    status: int
    headers: Message
    data: Any


@dataclass
class Transport:
    """Connections to one server, kept open and shared by all threads of a process."""

    base_url: str
    key: str = field(repr=False)
    timeout: float
    patience: Patience
    ssl_context: ssl.SSLContext | None = None
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        """Take the address apart; raise ValueError if it is none."""
        parts = urlsplit(self.base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            message = (
                f"{self.base_url!r} is no address such as https://mail.example.com"
            )
            raise ValueError(message)
        self._is_tls = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        self._prefix = parts.path.rstrip("/")
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()
        self._pid = os.getpid()
        if self._is_tls and self.ssl_context is None:
            self.ssl_context = ssl.create_default_context()

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        idempotency_key: str = "",
    ) -> Answer:
        """Return the answer to a request; raise Problem or NoAnswer.

        It is asked again when nobody answered, or with one of `PASSING`; so it must
        either change nothing or have an Idempotency-Key.
        """
        target = f"{self._prefix}{path}"
        given = {
            name: value for name, value in (query or {}).items() if value is not None
        }
        if given:
            target += "?" + urlencode({n: _plain_text(v) for n, v in given.items()})
        headers = {
            "Authorization": f"Bearer {self.key}",
            "Accept": "application/json",
            "User-Agent": "txmsg-client-python",
        }
        if idempotency_key:
            headers["Idempotency-Key"] = idempotency_key
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = to_json(body)
        elif method == "POST":
            content = b""
        return self._ask_patiently(method, target, content, headers)

    def close(self) -> None:
        """Close all connections that are not in use."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _ask_patiently(
        self, method: str, target: str, content: bytes | None, headers: dict[str, str]
    ) -> Answer:
        deadline = time.monotonic() + self.patience.seconds
        error: NoAnswer | Problem
        for attempt in itertools.count(1):
            retry_after = None
            is_hopeless = False
            try:
                return self._ask_once(method, target, content, headers)
            except Problem as problem:
                if problem.status not in PASSING:
                    raise
                error, retry_after = problem, problem.retry_after
            except _FAILURES as failure:
                error = self._unanswered(
                    f"{method} {target}", attempt, headers, failure
                )
                is_hopeless = isinstance(failure, ssl.SSLCertVerificationError)
            wait = self.patience.wait_before(attempt, retry_after)
            is_late = time.monotonic() + wait > deadline
            if is_hopeless or is_late or attempt >= self.patience.attempts:
                raise error
            self.sleep(wait)
        raise AssertionError

    def _unanswered(
        self, what: str, attempt: int, headers: Mapping[str, str], failure: Exception
    ) -> NoAnswer:
        error = NoAnswer(
            f"{what} at {self._host} got no answer in {attempt} tries, at last: "
            f"{type(failure).__name__}: {failure}",
            attempts=attempt,
            idempotency_key=headers.get("Idempotency-Key", ""),
        )
        error.__cause__ = failure
        return error

    def _ask_once(
        self, method: str, target: str, content: bytes | None, headers: dict[str, str]
    ) -> Answer:
        connection = self._idle_one()
        if connection is not None:
            try:
                return self._exchange(connection, method, target, content, headers)
            except ConnectionError:
                pass  # Closed by the server while it was idle, most likely.
        return self._exchange(self._new(), method, target, content, headers)

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        target: str,
        content: bytes | None,
        headers: dict[str, str],
    ) -> Answer:
        try:
            connection.request(method, target, content, headers)
            response = connection.getresponse()
            raw = response.read()
        except BaseException:
            connection.close()
            raise
        if response.will_close:
            connection.close()
        else:
            self._keep(connection)
        answer = Answer(response.status, response.headers, _json_in(raw))
        if answer.status < 300 and (answer.data is not None or not raw):
            return answer
        retry_after = _retry_after(answer.headers)
        raise problem_of(answer.status, _fields(answer), retry_after)

    def _new(self) -> http.client.HTTPConnection:
        if self._is_tls:
            return http.client.HTTPSConnection(
                self._host, self._port, timeout=self.timeout, context=self.ssl_context
            )
        return http.client.HTTPConnection(self._host, self._port, timeout=self.timeout)

    def _idle_one(self) -> http.client.HTTPConnection | None:
        with self._lock:
            if self._pid != os.getpid():
                # A connection of before the fork is also the other process's.
                self._idle, self._pid = [], os.getpid()
            return self._idle.pop() if self._idle else None

    def _keep(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            if len(self._idle) < _MOST_IDLE and self._pid == os.getpid():
                self._idle.append(connection)
                return
        connection.close()


def to_json(value: Any) -> bytes:
    """Return data as JSON; raise ValueError or TypeError for what JSON does not have.

    Decimals become text with their digits, as txmsg wants amounts; times must have a
    zone.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain)
    return text.encode()


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            message = f"{value!r} has no zone: nobody knows when that is"
            raise ValueError(message)
        return value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return dict(value)
    message = f"{type(value).__name__} cannot be written as JSON"
    raise TypeError(message)


def _plain_text(value: Any) -> str:
    plain = value if isinstance(value, str | int) else _plain(value)
    return str(plain)


def _json_in(raw: bytes) -> Any:
    """Return the JSON of a body; None when it is none, such as a proxy's page."""
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return None


def _fields(answer: Answer) -> Mapping[str, Any]:
    """Return the fields of a problem; some words when it is none of txmsg's."""
    if isinstance(answer.data, dict):
        return answer.data
    words = "an answer that is not of txmsg: something before it?"
    if 300 <= answer.status < 400:
        words = f"moved to {answer.headers.get('Location')}: correct the base address"
    return {"detail": words, "retryable": answer.status in PASSING}


def _retry_after(headers: Message) -> float | None:
    """Return how many seconds Retry-After asks for, given in seconds or as a date."""
    text = (headers.get("Retry-After") or "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
