"""One POST to an endpoint, with mistrust: bounded in time, size and where it may go.

It must not know the database. Redirects are not followed, nothing but the beginning
of an answer is read, and a connection serves one request.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
from django.conf import settings

from txmsg import outside
from txmsg.webhooks import schedule

SECONDS = 15.0
ANSWER_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status, or the problem that left none."""

    started_at: datetime
    seconds: float
    code: int | None = None
    text: str = ""
    problem: str = ""
    retry_after: float | None = None

    @property
    def is_success(self) -> bool:
        """Whether the endpoint has taken it: any 2xx."""
        return self.code is not None and 200 <= self.code < 300


def rules() -> outside.Rules:
    """Return what endpoints may be: public and https, but for hosts of the settings."""
    return outside.Rules("webhook", "TXMSG_WEBHOOK_HOSTS", settings.TXMSG_WEBHOOK_HOSTS)


class Poster:
    """Posts to endpoints; for several threads at once. Never raises for an endpoint."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        # No connection is kept: it would serve another name of the same number, whose
        # certificate nobody looked at.
        self._client = httpx.Client(
            trust_env=False,
            verify=tls or ssl.create_default_context(),
            limits=httpx.Limits(max_keepalive_connections=0, max_connections=None),
            headers={"User-Agent": "txmsg-webhooks"},
        )

    def close(self) -> None:
        """Give back what posting has taken."""
        self._client.close()

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post a body; return what came of it, within `SECONDS` of calling."""
        started_at, clock = datetime.now(UTC), time.monotonic()

        def answer(problem: str = "", **facts: object) -> Answer:
            seconds = time.monotonic() - clock
            shown = problem.replace("\x00", "")[:300]
            return Answer(started_at, seconds, problem=shown, **facts)  # type: ignore[arg-type]

        try:
            target = outside.look_up(url, rules())
        except outside.NotCalled as error:
            return answer(str(error))
        watch = outside.Watch(SECONDS)
        try:
            with self._client.stream(
                "POST",
                target.address,
                content=body,
                headers={
                    "Host": target.host,
                    "Accept-Encoding": "identity",
                    "Content-Type": "application/json",
                    **headers,
                },
                extensions={"sni_hostname": target.name, "trace": watch.trace},
                timeout=SECONDS,
            ) as response:
                text = _beginning(response, until=clock + SECONDS)
        except (httpx.InvalidURL, UnicodeError):
            return answer("The address of the webhook cannot be read.")
        except httpx.HTTPError as error:
            if time.monotonic() - clock >= SECONDS - 0.05:
                return answer(f"No answer within {SECONDS:.0f} s.")
            return answer(f"{target.name}: {str(error) or type(error).__name__}")
        finally:
            watch.end()
        return answer(
            problem=_problem(response.status_code),
            code=response.status_code,
            text=text,
            retry_after=_asked_for(response),
        )


def _beginning(response: httpx.Response, *, until: float) -> str:
    """Return the first kilobyte of an answer, as text that can be stored."""
    data = bytearray()
    try:
        for chunk in response.iter_raw():
            data += chunk
            if len(data) >= ANSWER_BYTES or time.monotonic() > until:
                break
    except httpx.HTTPError:
        # The status has come, and it is what counts.
        pass
    text = bytes(data[:ANSWER_BYTES]).decode("utf-8", "replace")
    return text.replace("\x00", "")[:ANSWER_BYTES]


def _problem(code: int) -> str:
    if 200 <= code < 300:
        return ""
    if 300 <= code < 400:
        return f"It answered {code}, a redirect, which is not followed."
    return f"It answered {code}."


def _asked_for(response: httpx.Response) -> float | None:
    given = response.headers.get("retry-after")
    return schedule.retry_after(given, now=datetime.now(UTC)) if given else None
