"""Email over SMTP: hands a wave to one server over a pool of kept-open connections.

It knows what a server's answers teach about the rest of a wave; it must not know the
database, the queue or how retries are decided.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Collection, Sequence
from datetime import datetime
from email.utils import parseaddr
from typing import Self

from django.conf import settings

from templates_app.rendering.message import RenderedMessage
from txmsg.channels import leaving
from txmsg.channels.addresses import AddressError, normalized
from txmsg.channels.answers import Answer, Stage, classify, queue_id
from txmsg.channels.attachments import Fetcher, NotFetched
from txmsg.channels.base import Outcome, OutcomeKind, now
from txmsg.channels.carrying import Mail
from txmsg.channels.mime import Letter, compose
from txmsg.channels.pool import Pool
from txmsg.channels.rounds import Round
from txmsg.channels.server import Server
from txmsg.channels.smtp import Conversation, described

logger = logging.getLogger(__name__)

UNCONFIGURED = (
    "No mail server is configured: set EMAIL_URL, or run `manage.py up`, which brings "
    "an inbox of its own."
)
DEFAULT_CONNECTIONS = 4
_LOSSES_THAT_BREAK_A_ROUTE = 2


class EmailChannel:
    """Hands waves to one SMTP server over connections that it keeps open.

    Not for several threads at once.
    """

    is_remote = True
    repeats_are_safe = False

    def __init__(
        self,
        url: str,
        *,
        default_from: str,
        attachment_hosts: Collection[str] = (),
        connections: int = DEFAULT_CONNECTIONS,
    ) -> None:
        """Take the server's address (`EMAIL_URL`) and the sender for messages without.

        `attachment_hosts` may give attachments from private networks and over http.
        At most so many `connections` are kept, unless the URL names another number.
        Nothing is connected yet. With an empty URL every message is answered with
        what is missing. Raise ValueError for a URL or a sender that cannot serve.
        """
        self.default_from = default_from
        self.provider = "smtp"
        self._fetcher = Fetcher(attachment_hosts)
        self._in_use = threading.Lock()
        self._pool: Pool | None = None
        our_name = normalized(parseaddr(default_from)[1]).rpartition("@")[2]
        if url:
            server = Server.from_url(url)
            self.provider = f"{server.host}:{server.port}"[:40]
            self._pool = Pool(
                server,
                tls=server.tls_context(),
                our_name=our_name,
                size=server.connections or connections,
            )

    @classmethod
    def from_settings(cls) -> Self:
        """Build the channel that `EMAIL_URL` and `DEFAULT_FROM_EMAIL` describe."""
        return cls(
            settings.EMAIL_URL,
            default_from=settings.DEFAULT_FROM_EMAIL,
            attachment_hosts=settings.TXMSG_ATTACHMENT_HOSTS,
            connections=settings.TXMSG_CONNECTIONS.get("email", DEFAULT_CONNECTIONS),
        )

    def send(
        self, wave: Sequence[RenderedMessage], *, deadline: float
    ) -> Sequence[Outcome]:
        """Hand each message over; return one outcome each, in order.

        An end of a connection before a mail's content is mended by another one and is
        no outcome. Once the route is broken the rest of the wave is not tried.
        Messages with attachments come after the others, one by one: their files are
        fetched first, and nothing else waits meanwhile.
        """
        self._fetcher.forget()
        desk = _Desk(self, wave, deadline=deadline)
        places = range(len(wave))
        with self._in_use:
            self._carry(desk, [at for at in places if not wave[at].attachments])
            for place in places:
                if wave[place].attachments:
                    begun = time.monotonic()
                    self._carry(desk, [place])
                    desk.took(time.monotonic() - begun)
        return [desk.outcomes[place] for place in places]

    def close(self) -> None:
        """Take leave of the server; sending again connects anew.

        While another thread sends (the worker was told twice to stop) nothing is
        done: a word of leave would stand in the middle of a mail.
        """
        if not self._in_use.acquire(blocking=False):
            logger.warning("%s: not closed, a wave is under way", self.provider)
            return
        try:
            if self._pool is not None:
                self._pool.close()
            self._fetcher.close()
        finally:
            self._in_use.release()

    def letter(self, message: RenderedMessage, *, deadline: float) -> Letter:
        """Write a message with its files; raise NotFetched or ValueError."""
        files = (
            self._fetcher.fetch(message.attachments, deadline=deadline)
            if message.attachments
            else ()
        )
        return compose(message, default_from=self.default_from, files=files)

    def _carry(self, desk: _Desk, places: Sequence[int]) -> None:
        desk.add(places)
        try:
            if self._pool is not None:
                Round(desk, self._pool, deadline=desk.deadline).run()
            elif desk.has_mail():
                desk.unreachable(ValueError(UNCONFIGURED))
        except Exception as error:
            # What is answered stays answered, whatever fails in the middle of a wave.
            logger.exception("%s: a wave broke off", self.provider)
            desk.failed(error)


class _Desk:
    """The mails of one wave: those that wait, and what became of the others."""

    def __init__(
        self,
        channel: EmailChannel,
        wave: Sequence[RenderedMessage],
        *,
        deadline: float,
    ) -> None:
        self._deadline = deadline
        self.outcomes: dict[int, Outcome] = {}
        self._channel = channel
        self._wave = wave
        self._added: list[int] = []
        self._places: deque[int] = deque()
        # Written already: certainly not sent over the connection they were given to.
        self._returned: deque[Mail] = deque()
        # Why nothing more of this wave is tried.
        self._broken = ""
        # Mails lost with their connections, with no answered one between.
        self._losses = 0
        # Whether any mail of this wave was answered.
        self._has_answer = False
        # Seconds the slowest mail took: none is begun with less than that left.
        self._slowest = 0.0
        self._refused_senders: dict[str, str] = {}

    @property
    def deadline(self) -> float:
        """Until when the wave must be over."""
        return leaving.sooner(self._deadline)

    def add(self, places: Sequence[int]) -> None:
        """Put messages of the wave in line."""
        self._added.extend(places)
        self._places.extend(places)

    def took(self, seconds: float) -> None:
        """Learn how long a mail took."""
        self._slowest = max(self._slowest, seconds)

    def count(self) -> int:
        """Return how many messages wait."""
        return len(self._places) + len(self._returned)

    def has_mail(self) -> bool:
        """Say whether a mail waits that can be sent."""
        mail = self._take(spare=self._slowest)
        if mail is not None:
            self._returned.appendleft(mail)
        return mail is not None

    def next(self, conversation: Conversation, *, is_ahead: bool) -> Mail | None:
        """Return the next mail that the server can take."""
        # One that goes ahead waits for another, which may take as long.
        spare = self._slowest * 2 if is_ahead else self._slowest
        while mail := self._take(spare=spare):
            if why := _beyond_the_server(mail.letter, conversation):
                self._refuse(mail.place, *why, mail.started_at)
            else:
                return mail
        return None

    def is_too_late(self) -> bool:
        """Say whether a mail could not end in time any more, or is not to begin."""
        return leaving.is_near() or time.monotonic() + self._slowest >= self.deadline

    def again(self, mail: Mail) -> None:
        """Take back a mail that was certainly not sent."""
        self._returned.append(mail)

    def done(self, mail: Mail, answer: Answer, *, is_fresh: bool) -> None:
        """Take the answer to a mail: what became of it, and what that teaches."""
        if answer.gone and answer.stage is Stage.MAIL:
            if not is_fresh:
                # The server had only enough of this connection (idle, or its count).
                return self.again(mail)
            if self._has_answer and self._losses + 1 < _LOSSES_THAT_BREAK_A_ROUTE:
                # One connection of several is bad: it has not even heard of the mail.
                self._losses += 1
                return self.again(mail)
        self.took(time.monotonic() - mail.foremost_at)
        kind, reason = classify(answer)
        self._learn(answer, kind, mail.letter.sender)
        self.outcomes[mail.place] = Outcome(
            kind=kind,
            provider=self._channel.provider,
            provider_id=queue_id(answer.text) if kind is OutcomeKind.SENT else "",
            answer=answer.shown,
            reason=reason,
            started_at=mail.started_at,
            ended_at=now(),
        )
        return None

    def unreachable(self, error: Exception) -> None:
        """End what waits: there is no way to the server."""
        self._broken = described(error)
        if self._returned:
            mail = self._returned.popleft()
            self._not_sent(mail.place, OutcomeKind.ROUTE, self._broken, mail.started_at)
        self.has_mail()

    def failed(self, error: Exception) -> None:
        """End all after a fault of our own: what was given out may have been sent."""
        self._broken = f"The channel failed: {type(error).__name__}."
        self._end_waiting(OutcomeKind.ROUTE, f"Not tried: {self._broken}")
        for place in self._added:
            if place not in self.outcomes:
                self.outcomes[place] = Outcome(
                    OutcomeKind.UNKNOWN,
                    provider=self._channel.provider,
                    answer=self._broken,
                    reason="unknown_outcome",
                )

    def _take(self, *, spare: float) -> Mail | None:
        """Return the next mail that is worth a try, if it can end in time."""
        while self._returned or self._places:
            if self._broken:
                self._end_waiting(OutcomeKind.ROUTE, f"Not tried: {self._broken}")
                return None
            # One look at the clock: who has time for the first has it for the second.
            left = self.deadline - time.monotonic()
            if left <= self._slowest or leaving.is_near():
                self._end_waiting(OutcomeKind.NOT_STARTED, _too_late())
                return None
            if left <= spare:
                return None
            if self._returned:
                mail: Mail | None = self._returned.popleft()
            else:
                mail = self._written(self._places.popleft())
            if mail is None:
                continue
            if refusal := self._refused_senders.get(mail.letter.sender):
                why = f"Not tried: {refusal}"
                self._not_sent(mail.place, OutcomeKind.SENDER, why)
                continue
            return mail
        return None

    def _written(self, place: int) -> Mail | None:
        """Write the mail of a place; None, and an outcome, if it cannot be."""
        message, started_at = self._wave[place], now()
        try:
            letter = self._channel.letter(message, deadline=self.deadline)
        except NotFetched as error:
            kind = OutcomeKind.TRANSIENT if error.is_passing else OutcomeKind.PERMANENT
            self._refuse(place, "attachment", f"Not sent: {error}", started_at, kind)
        except AddressError as error:
            self._refuse(place, "invalid_address", str(error), started_at)
        except Exception as error:
            # Whatever the reason, this mail cannot be written and its neighbours can.
            if not isinstance(error, ValueError):
                logger.exception("delivery %s: mail not written", message.delivery_id)
            self._refuse(place, "rejected", f"Not sent: {error}", started_at)
        else:
            return Mail(place, message.delivery_id, letter, started_at)
        return None

    def _learn(self, answer: Answer, kind: OutcomeKind, sender: str) -> None:
        self._has_answer = self._has_answer or answer.stage is Stage.DOT
        if kind is OutcomeKind.SENDER:
            self._refused_senders[sender] = answer.shown
        elif answer.gone and (answer.code is None or answer.stage is Stage.DOT):
            # One mail may have broken the connection; two in a row are the server.
            self._losses += 1
            if self._losses >= _LOSSES_THAT_BREAK_A_ROUTE or answer.stage is Stage.MAIL:
                self._broken = answer.shown
        elif kind is OutcomeKind.ROUTE:
            self._broken = answer.shown
        else:
            self._losses = 0

    def _end_waiting(self, kind: OutcomeKind, why: str) -> None:
        """End all that wait, certainly not sent."""
        for place in [*(mail.place for mail in self._returned), *self._places]:
            self._not_sent(place, kind, why)
        self._returned.clear()
        self._places.clear()

    def _not_sent(
        self,
        place: int,
        kind: OutcomeKind,
        why: str,
        started_at: datetime | None = None,
    ) -> None:
        self.outcomes[place] = Outcome(
            kind,
            provider=self._channel.provider,
            answer=why[:500],
            reason="route_down" if kind is OutcomeKind.ROUTE else "",
            started_at=started_at,
            ended_at=now() if started_at else None,
        )

    def _refuse(
        self,
        place: int,
        reason: str,
        why: str,
        started_at: datetime,
        kind: OutcomeKind = OutcomeKind.PERMANENT,
    ) -> None:
        """End a message that this try cannot send, without asking the server."""
        self.outcomes[place] = Outcome(
            kind,
            provider=self._channel.provider,
            answer=why[:500],
            reason=reason,
            started_at=started_at,
            ended_at=now(),
        )


def _too_late() -> str:
    if leaving.is_near():
        return "This process of txmsg was about to end."
    return "The wave ran out of time."


def _beyond_the_server(
    letter: Letter, conversation: Conversation
) -> tuple[str, str] | None:
    """Return reason and words if the server has told us it cannot take a mail."""
    if letter.utf8 and not conversation.has_extn("smtputf8"):
        return (
            "invalid_address",
            "Not sent: the mail server takes no addresses outside ASCII "
            "(it has no SMTPUTF8).",
        )
    limit = conversation.esmtp_features.get("size", "")
    if limit.isdecimal() and 0 < int(limit) < len(letter.content):
        return (
            "rejected",
            f"Not sent: its {len(letter.content)} bytes are more than the "
            f"{limit} that the mail server takes.",
        )
    return None
