"""Email over SMTP: hands a wave to one server over one kept-open connection.

It knows what a server's answers mean for a message; it must not know the database,
the queue or how retries are decided.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parseaddr
from typing import Self

from django.conf import settings

from templates_app.rendering.message import RenderedMessage
from txmsg.channels.attachments import Fetcher, NotFetched
from txmsg.channels.base import Outcome, OutcomeKind, now
from txmsg.channels.mime import AddressError, Letter, compose, normalized
from txmsg.channels.server import Server
from txmsg.channels.smtp import Answer, Conversation, Stage, described

logger = logging.getLogger(__name__)

UNCONFIGURED = (
    "No mail server is configured: set EMAIL_URL, or run `manage.py up`, which brings "
    "an inbox of its own."
)
_LOSSES_THAT_BREAK_A_ROUTE = 2

# Answers that speak of the dialogue or the login, not of a recipient or a content.
# https://www.rfc-editor.org/rfc/rfc5321#section-4.2.3, RFC 4954 section 6
_ABOUT_THE_DIALOGUE = frozenset({421, 500, 502, 503, 530, 534, 535, 538})

# How servers name a mail they have taken: Postfix, Exim, Exchange, sendmail, SES.
_QUEUE_ID = re.compile(
    r"queued as <?([\w.-]+)|\bid=([\w.-]+)|InternalId=(\d+)"
    r"|([\w-]{8,}) Message accepted|^(?:2\.\d\.\d )?Ok:? ([\w-]{16,})$",
    re.IGNORECASE,
)


@dataclass(slots=True)
class _Wave:
    """What handing over one wave has taught so far."""

    deadline: float
    broken: str = ""
    """Why nothing more of this wave is tried."""
    losses: int = 0
    """Connections lost one after the other, with no answered mail between."""
    slowest: float = 0.0
    """Seconds the slowest mail took: another is not begun with less than that left."""
    refused_senders: dict[str, str] = field(default_factory=dict)


class EmailChannel:
    """Hands a wave to one SMTP server over one kept-open connection.

    Not for several threads at once.
    """

    is_remote = True

    def __init__(
        self, url: str, *, default_from: str, attachment_hosts: Collection[str] = ()
    ) -> None:
        """Take the server's address (`EMAIL_URL`) and the sender for messages without.

        `attachment_hosts` may give attachments from private networks and over http.
        Nothing is connected yet. With an empty URL every message is answered with
        what is missing. Raise ValueError for a URL or a sender that cannot serve.
        """
        self.default_from = default_from
        self._fetcher = Fetcher(attachment_hosts)
        sender = normalized(parseaddr(default_from)[1])
        self._our_name = sender.rpartition("@")[2]
        self._server = Server.from_url(url) if url else None
        self._tls = self._server.tls_context() if self._server else None
        self._provider = (
            f"{self._server.host}:{self._server.port}"[:40] if self._server else "smtp"
        )
        self._conversation: Conversation | None = None

    @classmethod
    def from_settings(cls) -> Self:
        """Build the channel that `EMAIL_URL` and `DEFAULT_FROM_EMAIL` describe."""
        return cls(
            settings.EMAIL_URL,
            default_from=settings.DEFAULT_FROM_EMAIL,
            attachment_hosts=settings.TXMSG_ATTACHMENT_HOSTS,
        )

    def send(
        self, wave: Sequence[RenderedMessage], *, deadline: float
    ) -> Sequence[Outcome]:
        """Hand each message over; return one outcome each, in order.

        An end of the connection between two mails is mended by a new connection and
        is no outcome. Once the route is broken the rest of the wave is not tried.
        """
        state = _Wave(deadline)
        self._fetcher.forget()
        if self._conversation and not self._conversation.is_alive(deadline=deadline):
            self._conversation = None
        return [self._outcome(message, state) for message in wave]

    def close(self) -> None:
        """Take leave of the server; sending again connects anew."""
        if self._conversation:
            self._conversation.leave()
        self._conversation = None
        self._fetcher.close()

    def _outcome(self, message: RenderedMessage, state: _Wave) -> Outcome:
        """Say what became of one message, and remember what it teaches for the next."""
        if state.broken:
            return self._not_sent(OutcomeKind.ROUTE, f"Not tried: {state.broken}")
        begun = time.monotonic()
        if begun + state.slowest >= state.deadline:
            return self._not_sent(OutcomeKind.NOT_STARTED, "The wave ran out of time.")
        started_at = now()
        try:
            files = self._fetcher.fetch(message.attachments, deadline=state.deadline)
            letter = compose(message, default_from=self.default_from, files=files)
        except NotFetched as error:
            return self._without_files(error, started_at)
        except AddressError as error:
            return self._refused("invalid_address", str(error), started_at)
        except Exception as error:
            # Whatever the reason, this mail cannot be written and its neighbours can.
            if not isinstance(error, ValueError):
                logger.exception("delivery %s: mail not written", message.delivery_id)
            return self._refused("rejected", f"Not sent: {error}", started_at)
        outcome = self._hand_over(letter, state, started_at)
        state.slowest = max(state.slowest, time.monotonic() - begun)
        return outcome

    def _hand_over(self, letter: Letter, state: _Wave, started_at: datetime) -> Outcome:
        if refusal := state.refused_senders.get(letter.sender):
            return self._not_sent(OutcomeKind.ROUTE, f"Not tried: {refusal}")
        try:
            conversation = self._conversation or self._connect(state)
            if not_sent := self._beyond_the_server(letter, conversation, started_at):
                return not_sent
            used = conversation.carried > 0
            answer = conversation.hand_over(letter)
            if used and answer.gone and answer.stage is Stage.MAIL:
                # The server had only enough of this connection (idle, or its count).
                answer = self._connect(state).hand_over(letter)
        except (OSError, ValueError) as error:
            state.broken = described(error)
            return self._not_sent(OutcomeKind.ROUTE, state.broken, started_at)
        self._learn(answer, letter, state)
        kind, reason = classify(answer)
        return Outcome(
            kind=kind,
            provider=self._provider,
            provider_id=queue_id(answer.text) if kind is OutcomeKind.SENT else "",
            answer=_for_an_operator(answer),
            reason=reason,
            started_at=started_at,
            ended_at=now(),
        )

    def _connect(self, state: _Wave) -> Conversation:
        self._conversation = None
        if self._server is None:
            raise ValueError(UNCONFIGURED)
        conversation = Conversation(
            self._server, tls=self._tls, our_name=self._our_name
        )
        conversation.open(deadline=state.deadline)
        self._conversation = conversation
        return conversation

    def _beyond_the_server(
        self, letter: Letter, conversation: Conversation, started_at: datetime
    ) -> Outcome | None:
        """Refuse what the server has told us it cannot take."""
        if letter.utf8 and not conversation.has_extn("smtputf8"):
            return self._refused(
                "invalid_address",
                "Not sent: the mail server takes no addresses outside ASCII "
                "(it has no SMTPUTF8).",
                started_at,
            )
        limit = conversation.esmtp_features.get("size", "")
        if limit.isdecimal() and 0 < int(limit) < len(letter.content):
            return self._refused(
                "rejected",
                f"Not sent: its {len(letter.content)} bytes are more than the "
                f"{limit} that the mail server takes.",
                started_at,
            )
        return None

    def _learn(self, answer: Answer, letter: Letter, state: _Wave) -> None:
        if self._conversation and not self._conversation.sock:
            self._conversation = None
        said = _for_an_operator(answer)
        if answer.stage is Stage.MAIL and not answer.gone:
            state.refused_senders[letter.sender] = said
        elif answer.gone and (answer.code is None or answer.stage is Stage.DOT):
            # One mail may have broken the connection; two in a row are the server.
            state.losses += 1
            if state.losses >= _LOSSES_THAT_BREAK_A_ROUTE or answer.stage is Stage.MAIL:
                state.broken = said
        elif classify(answer)[0] is OutcomeKind.ROUTE:
            state.broken = said
        else:
            state.losses = 0

    def _refused(self, reason: str, why: str, started_at: datetime) -> Outcome:
        """Refuse a message that no try can send."""
        return Outcome(
            OutcomeKind.PERMANENT,
            provider=self._provider,
            answer=why[:500],
            reason=reason,
            started_at=started_at,
            ended_at=now(),
        )

    def _without_files(self, error: NotFetched, started_at: datetime) -> Outcome:
        """Say that an attachment is missing, for now or for good."""
        kind = OutcomeKind.TRANSIENT if error.is_passing else OutcomeKind.PERMANENT
        return Outcome(
            kind,
            provider=self._provider,
            answer=f"Not sent: {error}"[:500],
            reason="attachment",
            started_at=started_at,
            ended_at=now(),
        )

    def _not_sent(
        self, kind: OutcomeKind, why: str, started_at: datetime | None = None
    ) -> Outcome:
        return Outcome(
            kind,
            provider=self._provider,
            answer=why[:500],
            reason="route_down" if kind is OutcomeKind.ROUTE else "",
            started_at=started_at,
            ended_at=now() if started_at else None,
        )


def classify(answer: Answer) -> tuple[OutcomeKind, str]:
    """Say what an answer means for its message: the kind and the reason."""
    stage, code = answer.stage, answer.code
    if code is None:
        if stage is Stage.DOT:
            return OutcomeKind.UNKNOWN, "unknown_outcome"
        if stage is Stage.CONTENT:
            # Certainly not sent. It counts: a mail that breaks every connection would
            # else stand before all others for ever.
            return OutcomeKind.TRANSIENT, "soft_bounce"
        return OutcomeKind.ROUTE, "route_down"
    if stage is Stage.DOT and code // 100 == 2:
        return OutcomeKind.SENT, ""
    if stage is Stage.MAIL or (stage is not Stage.DOT and code in _ABOUT_THE_DIALOGUE):
        return OutcomeKind.ROUTE, "route_down"
    if code // 100 == 4:
        return OutcomeKind.TRANSIENT, "soft_bounce"
    if code // 100 == 5:
        hard = stage is Stage.RCPT
        return OutcomeKind.PERMANENT, "hard_bounce" if hard else "rejected"
    # A server that says 3xx after the content, or 2xx before it, is out of step.
    if stage is Stage.DOT:
        return OutcomeKind.UNKNOWN, "unknown_outcome"
    return OutcomeKind.ROUTE, "route_down"


def queue_id(text: str) -> str:
    """Return the id under which the server has queued a mail, if it names one."""
    found = _QUEUE_ID.search(text)
    return next(filter(None, found.groups()), "")[:200] if found else ""


def _for_an_operator(answer: Answer) -> str:
    if answer.code is None:
        return f"At {answer.stage.value}: {answer.text}"[:500]
    return f"{answer.code} {answer.text}".strip()[:500]
