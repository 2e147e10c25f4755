"""The connections kept to one mail server: opened one by one, checked before use.

The first is opened when there is none; further ones beside, while mails go out over
those there are, so that a server that lets no more in delays nobody. It must not know
mails. For one thread at a time: a thread that sends beside another, as that of proofs
does, has a pool of its own, so that a server sees up to `size` connections of each.
"""

from __future__ import annotations

import logging
import ssl
import threading
import time
from dataclasses import dataclass, field

from txmsg.channels import leaving
from txmsg.channels.replies import lost
from txmsg.channels.server import Server
from txmsg.channels.smtp import Conversation, described

logger = logging.getLogger(__name__)

IDLE_SECONDS = 5.0
"""A connection quiet for longer is asked whether it is still there."""
OPENING_SECONDS = 20.0
"""For a further connection, with greeting and login."""
NOOP_SECONDS = 5.0
"""For all that are asked together."""
FULL_SECONDS = 60.0
"""So long no further connection is tried after one was not let in."""
LEAVE_SECONDS = 1.0
_ASK_SECONDS = 0.2
"""So often it is asked whether this process is to leave."""


@dataclass(slots=True)
class _Opening:
    """A connection being opened by a thread of its own."""

    conversation: Conversation
    is_over: threading.Event = field(default_factory=threading.Event)
    error: Exception | None = None
    is_abandoned: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, deadline: float) -> None:
        """Run in a thread of its own; raise RuntimeError when there can be none."""
        threading.Thread(
            target=self.run, args=[deadline], name="connect", daemon=True
        ).start()

    def run(self, deadline: float) -> None:
        """Open; close again if nobody waits for it any more."""
        try:
            self.conversation.open(deadline=deadline)
        except Exception as error:
            # Whatever it is, somebody may wait for the end of this.
            self.error = error
            self.conversation.close()
        with self._lock:
            self.is_over.set()
            if self.is_abandoned:
                self.conversation.close()

    def wait(self, deadline: float) -> None:
        """Wait until it is over, or the deadline, or this process is to leave."""
        while not (self.is_over.is_set() or leaving.is_near()):
            left = deadline - time.monotonic()
            if left <= 0:
                return
            self.is_over.wait(min(left, _ASK_SECONDS))

    def abandon(self) -> None:
        """Have it closed, now or when it is open."""
        with self._lock:
            self.is_abandoned = True
            if self.is_over.is_set():
                self.conversation.close()


class Pool:
    """At most `size` connections to one server."""

    def __init__(
        self, server: Server, *, tls: ssl.SSLContext | None, our_name: str, size: int
    ) -> None:
        """Prepare; nothing is connected yet."""
        self.size = size
        self._server = server
        self._tls = tls
        self._our_name = our_name
        self._conversations: list[Conversation] = []
        self._opening: _Opening | None = None
        self._full_until = 0.0

    @property
    def is_opening(self) -> bool:
        """Whether a further connection is being opened."""
        return self._opening is not None

    def ready(self, count: int, *, deadline: float) -> list[Conversation]:
        """Return up to `count` connections that were kept and can be used."""
        self.opened()
        asked_at = time.monotonic()
        until = min(deadline, asked_at + NOOP_SECONDS)
        found: list[Conversation] = []
        for conversation in self._conversations:
            if len(found) < count and conversation.is_alive(
                must_answer=asked_at - conversation.last_heard_at > IDLE_SECONDS,
                deadline=until,
            ):
                conversation.is_fresh = False
                found.append(conversation)
        self._forget_closed()
        return found

    def open(self, *, deadline: float) -> Conversation:
        """Open a connection and wait for it; or take one that was being opened.

        Raise OSError or ValueError when the server cannot be reached, or when this
        process is to leave before.
        """
        if self._opening is not None:
            self._opening.wait(deadline)
            if opened := self.opened():
                return opened
        opening = _Opening(self._new())
        try:
            opening.begin(deadline)
        except RuntimeError:
            # No thread can be had for it.
            opening.run(deadline)
        opening.wait(deadline)
        if not opening.is_over.is_set():
            opening.abandon()
            raise lost("the server did not answer in time")
        if opening.error is not None:
            raise opening.error
        self._conversations.append(opening.conversation)
        return opening.conversation

    def open_beside(self) -> None:
        """Begin to open a further connection, if the server may let one in."""
        self._forget_closed()
        if self._opening is not None or len(self._conversations) >= self.size:
            return
        if time.monotonic() < self._full_until:
            return
        opening = _Opening(self._new())
        # It may outlive this wave, and serve the next.
        try:
            opening.begin(time.monotonic() + OPENING_SECONDS)
        except RuntimeError as error:
            self._stay_as_it_is(error)
        else:
            self._opening = opening

    def let_down(self) -> None:
        """Learn that a further connection was open and took no mail."""
        self._stay_as_it_is(ConnectionError("it was let in, but took no mail"))

    def opened(self) -> Conversation | None:
        """Return the further connection once it is open."""
        opening = self._opening
        if opening is None or not opening.is_over.is_set():
            return None
        self._opening = None
        if opening.error is not None:
            self._stay_as_it_is(opening.error)
            return None
        self._conversations.append(opening.conversation)
        return opening.conversation

    def close(self) -> None:
        """Take leave of the server; opening again is possible."""
        if self._opening is not None:
            self._opening.abandon()
            self._opening = None
        deadline = time.monotonic() + LEAVE_SECONDS
        for conversation in self._conversations:
            conversation.leave(deadline=deadline)
        self._conversations.clear()

    def _stay_as_it_is(self, error: Exception) -> None:
        # No outcome of any mail: those connections that are open carry them.
        self._full_until = time.monotonic() + FULL_SECONDS
        logger.info("no further connection for a while: %s", described(error))

    def _new(self) -> Conversation:
        return Conversation(self._server, tls=self._tls, our_name=self._our_name)

    def _forget_closed(self) -> None:
        self._conversations = [each for each in self._conversations if each.sock]
