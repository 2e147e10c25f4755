"""One round: mails over the connections of a pool, all in one thread, by a deadline.

It knows when to read, write and give up; it must not know what is said, nor what an
answer means for a mail.
"""

from __future__ import annotations

import selectors
import time
from typing import Protocol

from txmsg.channels import carrying, leaving
from txmsg.channels.carrying import Carrier
from txmsg.channels.pool import Pool
from txmsg.channels.smtp import Conversation

MAILS_A_CONNECTION = 8
"""A round of fewer takes one connection, and one more for each so many."""
_LOOK_SECONDS = 0.02
"""So often a connection that is being opened is looked after."""
_ASK_SECONDS = 0.2
"""So often it is asked whether this process is to leave."""
_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Desk(carrying.Desk, Protocol):
    """Gives mails out, and says how many there are."""

    def count(self) -> int:
        """Return how many mails wait, some of which may turn out not to be sent."""
        ...

    def has_mail(self) -> bool:
        """Say whether a mail waits that can be sent."""
        ...

    def unreachable(self, error: Exception) -> None:
        """Learn that no connection can be had."""
        ...


class Round:
    """Carries the mails of a desk until none waits and none is under way."""

    def __init__(self, desk: Desk, pool: Pool, *, deadline: float) -> None:
        """Prepare."""
        self._desk = desk
        self._pool = pool
        self._deadline = deadline
        self._wanted = min(pool.size, 1 + desk.count() // MAILS_A_CONNECTION)
        self._carriers: list[Carrier] = []
        # Those waited for until there is room.
        self._full: set[Carrier] = set()
        self._selector = selectors.DefaultSelector()

    def run(self) -> None:
        """Carry them all; what broke off in between closes its connections."""
        try:
            for conversation in self._pool.ready(self._wanted, deadline=self._deadline):
                self._take_on(conversation)
            while self._is_under_way():
                self._open_further()
                self._turn()
        finally:
            self._selector.close()
            for carrier in self._carriers:
                if carrier.is_busy:
                    carrier.conversation.close()

    def _is_under_way(self) -> bool:
        """Set idle connections to work; get one where there is work and none."""
        for carrier in self._carriers:
            if not carrier.is_busy:
                carrier.begin()
        self._dismiss_closed()
        while not any(carrier.is_busy for carrier in self._carriers):
            if not self._desk.has_mail():
                return False
            try:
                conversation = self._pool.open(deadline=self._deadline)
            except (OSError, ValueError) as error:
                # Whoever is to leave does not know whether there would be a way.
                if not leaving.is_near() or self._desk.has_mail():
                    self._desk.unreachable(error)
                return False
            self._take_on(conversation).begin()
            self._dismiss_closed()
        return True

    def _open_further(self) -> None:
        """Have as many connections as the mails that still wait are worth."""
        if opened := self._pool.opened():
            self._take_on(opened, is_further=True).begin()
        if (
            len(self._carriers) < self._wanted
            and self._desk.count() >= MAILS_A_CONNECTION
            # Where one takes no mail, the next would not either.
            and not any(carrier.is_on_trial for carrier in self._carriers)
        ):
            self._pool.open_beside()

    def _turn(self) -> None:
        """Wait for a connection to have something to say or room; act upon it."""
        first = min((each.until for each in self._carriers if each.is_busy), default=0)
        seconds = min(max(0.0, first - time.monotonic()), _ASK_SECONDS)
        if self._pool.is_opening:
            seconds = min(seconds, _LOOK_SECONDS)
        for key, _ in self._selector.select(seconds):
            key.data.go_on()
        now = time.monotonic()
        for carrier in self._carriers:
            if carrier.is_busy and now >= leaving.sooner(carrier.until):
                carrier.time_out()
        self._dismiss_closed()

    def _take_on(
        self, conversation: Conversation, *, is_further: bool = False
    ) -> Carrier:
        carrier = Carrier(
            conversation,
            desk=self._desk,
            deadline=self._deadline,
            is_further=is_further,
        )
        self._selector.register(carrier.wire.sock, _READ, carrier)
        self._carriers.append(carrier)
        return carrier

    def _dismiss_closed(self) -> None:
        """Forget closed connections; wait for room where a connection was full."""
        for carrier in self._carriers:
            sock = carrier.wire.sock
            if not carrier.is_open:
                self._selector.unregister(sock)
                self._full.discard(carrier)
                if carrier.conversation.is_fresh:
                    # It may be one of a bad kind: no other is tried in its place.
                    self._wanted -= 1
                    if carrier.is_further:
                        self._pool.let_down()
            elif carrier.wire.is_full and carrier not in self._full:
                self._selector.modify(sock, _READ | _WRITE, carrier)
                self._full.add(carrier)
            elif self._full and carrier in self._full and not carrier.wire.is_full:
                self._selector.modify(sock, _READ, carrier)
                self._full.discard(carrier)
        if not all(carrier.is_open for carrier in self._carriers):
            self._carriers = [each for each in self._carriers if each.is_open]
