"""The courier: takes what is due out of the outbox, posts it, notes what came of it.

Runs beside the sweeper, in threads of their own, so that no lane waits for a receiver.
Each message is a row under a lease: who dies over one loses nothing, it is sent again
under the same id. A receiver that is slow or failing is given few threads, and all of
those together half, so that the others never wait for it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import queue as queues
import random
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from events.models import (
    EndpointStatus,
    WebhookEndpoint,
    WebhookMessage,
    WebhookStatus,
)
from events.problems import rfc3339
from events.webhooks import queue
from events.webhooks.queue import Claimed
from txmsg.webhooks import endpoints, settling, signing
from txmsg.webhooks.posting import SECONDS, Answer, Poster

logger = logging.getLogger(__name__)

THREADS = 64
# Of one endpoint, at the same time; of one that is held to be down, one.
PER_ENDPOINT = 8
LEASE_SECONDS = 4 * SECONDS
SLOW_SECONDS = 3.0
IDLE_SECONDS = 0.5
GATHER_SECONDS = 0.005
LEAVE_SECONDS = 4.0
PURGE_SECONDS = 60.0


class Courier:
    """Sends what is due; remembers what is on its way and who was slow."""

    def __init__(self, poster: Poster | None = None) -> None:
        self._poster = poster or Poster()
        self._done: queues.SimpleQueue[tuple[Claimed, Answer]] = queues.SimpleQueue()
        self._unnoted: list[tuple[Claimed, Answer]] = []
        self._busy: Counter[UUID] = Counter()
        self._slow: set[UUID] = set()
        self._purge_at = 0.0

    def run(self, stopped: threading.Event) -> None:
        """Send until stopped; then note what arrives within a few seconds."""
        while not stopped.is_set():
            try:
                if not self.step(IDLE_SECONDS):
                    stopped.wait(IDLE_SECONDS)
                self._purge()
            except (DatabaseError, InterfaceError):
                logger.exception("webhooks: the database failed; trying again")
                connection.close()
                stopped.wait(IDLE_SECONDS)
            except Exception:
                # A fault of ours: what is due stays due.
                logger.exception("webhooks: a fault; trying again")
                stopped.wait(10 * IDLE_SECONDS)
        until = time.monotonic() + LEAVE_SECONDS
        with contextlib.suppress(DatabaseError, InterfaceError):
            while self._busy and time.monotonic() < until:
                self._settle(IDLE_SECONDS)
        connection.close()

    def step(self, seconds: float) -> bool:
        """Begin what is due; wait up to so long for an answer, and note what came.

        Returns whether anything is on its way or came.
        """
        self._begin()
        return self._settle(seconds)

    def drain(self) -> None:
        """Send everything that is due now, for tests and commands."""
        while self.step(SECONDS):
            pass

    def _begin(self) -> None:
        if sum(self._busy.values()) >= THREADS:
            return
        # Who has nothing due must not have threads kept for it.
        due = WebhookMessage.objects.filter(
            endpoint=OuterRef("pk"), status=WebhookStatus.PENDING, due_at__lte=Now()
        )
        found = {
            endpoint.pk: endpoint
            for endpoint in WebhookEndpoint.objects.filter(
                Q(held_until=None) | Q(held_until__lte=Now()),
                Exists(due),
                status=EndpointStatus.ACTIVE,
            )
        }
        shares = self._shares(found.values())
        down = {
            pk: shares.pop(pk) for pk in list(shares) if settling.is_down(found[pk])
        }
        claimed = queue.claim(shares, lease_seconds=LEASE_SECONDS)
        # Else those that failed first would be what it is tried with for ever.
        claimed += queue.claim(down, lease_seconds=LEASE_SECONDS, newest_first=True)
        for message in claimed:
            self._busy[message.endpoint_id] += 1
            threading.Thread(
                target=self._send,
                args=(message, found[message.endpoint_id]),
                name="webhook",
                daemon=True,
            ).start()

    def _shares(self, found: Iterable[WebhookEndpoint]) -> dict[UUID, int]:
        """Return how many messages each endpoint may be sent now, the well ones first.

        By chance among equals, so that nobody is always the last.
        """
        shares: dict[UUID, int] = {}
        free = THREADS - sum(self._busy.values())
        in_trouble = {e.pk for e in found if e.failures or e.pk in self._slow}
        for_trouble = THREADS // 2 - sum(self._busy[pk] for pk in in_trouble)
        turns = sorted(found, key=lambda e: (e.pk in in_trouble, random.random()))  # noqa: S311
        for endpoint in turns:
            most = 1 if settling.is_down(endpoint) else PER_ENDPOINT
            share = min(most - self._busy[endpoint.pk], free)
            if endpoint.pk in in_trouble:
                share = min(share, for_trouble)
                for_trouble -= max(share, 0)
            if share > 0:
                shares[endpoint.pk] = share
                free -= share
        return shares

    def _send(self, message: Claimed, endpoint: WebhookEndpoint) -> None:
        """Post one message; runs in a thread of its own, without the database."""
        now, clock = datetime.now(UTC), time.monotonic()
        try:
            body = body_of(message)
            headers = signing.headers(
                webhook_id=str(message.webhook_id),
                moment=now,
                body=body,
                with_secrets=endpoints.secrets_of(endpoint, now=now),
            )
            answer = self._poster.post(endpoint.url, body, headers)
        except signing.SecretLost as error:
            answer = Answer(now, time.monotonic() - clock, problem=str(error))
        except Exception as error:
            logger.exception("webhook message %s", message.webhook_id)
            problem = f"A fault of txmsg itself: {type(error).__name__}."
            answer = Answer(now, time.monotonic() - clock, problem=problem)
        self._done.put((message, answer))

    def _settle(self, seconds: float) -> bool:
        """Wait for an answer, gather those that come with it, note them at once."""
        was_busy = bool(self._busy)
        if was_busy:
            with contextlib.suppress(queues.Empty):
                self._take(self._done.get(timeout=seconds))
                time.sleep(GATHER_SECONDS)
                while True:
                    self._take(self._done.get_nowait())
        if self._unnoted:
            settling.settle(self._unnoted)
            self._unnoted = []
        return was_busy

    def _take(self, came: tuple[Claimed, Answer]) -> None:
        message, answer = came
        self._unnoted.append(came)
        self._busy[message.endpoint_id] -= 1
        self._busy += Counter()  # forgets those at nought
        if answer.seconds > SLOW_SECONDS:
            self._slow.add(message.endpoint_id)
        else:
            self._slow.discard(message.endpoint_id)

    def _purge(self) -> None:
        if time.monotonic() < self._purge_at:
            return
        if queue.purge(days=settings.TXMSG_WEBHOOK_DAYS) < queue.PURGE_BATCH:
            self._purge_at = time.monotonic() + PURGE_SECONDS


def body_of(message: Claimed) -> bytes:
    """Return the body of a message, the same at each try."""
    data = {**json.loads(message.data), "sequence": message.id}
    whole = {
        "type": message.name,
        "timestamp": rfc3339(message.occurred_at),
        "data": data,
    }
    return json.dumps(whole, separators=(",", ":")).encode()


@contextlib.contextmanager
def running() -> Iterator[None]:
    """Have a courier run while the block does."""
    stopped = threading.Event()
    thread = threading.Thread(
        target=lambda: Courier().run(stopped), name="courier", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join(LEAVE_SECONDS + 1)
