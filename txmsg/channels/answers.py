"""What a mail server says to a mail, and what that means for it. Pure rules.

It knows the codes of RFC 5321 and the words of the usual servers; it must not know
connections or messages.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

from txmsg.channels.base import OutcomeKind

# Answers that speak of the dialogue or the login, not of a recipient or a content.
# https://www.rfc-editor.org/rfc/rfc5321#section-4.2.3, RFC 4954 section 6
_ABOUT_THE_DIALOGUE = frozenset({421, 500, 502, 503, 530, 534, 535, 538})

# How servers name a mail they have taken: Postfix, Exim, Exchange, sendmail, SES.
_QUEUE_ID = re.compile(
    r"queued as <?([\w.-]+)|\bid=([\w.-]+)|InternalId=(\d+)"
    r"|([\w-]{8,}) Message accepted|^(?:2\.\d\.\d )?Ok:? ([\w-]{16,})$",
    re.IGNORECASE,
)


class Stage(enum.Enum):
    """How far one mail got."""

    MAIL = "MAIL FROM"
    RCPT = "RCPT TO"
    DATA = "DATA"
    CONTENT = "the content"
    DOT = "the end of the content"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said to the last step taken, and which step that was."""

    stage: Stage
    code: int | None
    """None when the connection was lost instead."""
    text: str

    @property
    def gone(self) -> bool:
        """Whether the server has ended, or is ending, the connection."""
        return self.code is None or self.code == 421

    @property
    def shown(self) -> str:
        """The answer as an operator reads it."""
        if self.code is None:
            return f"At {self.stage.value}: {self.text}"[:500]
        return f"{self.code} {self.text}".strip()[:500]


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
    if stage is not Stage.DOT and code in _ABOUT_THE_DIALOGUE:
        return OutcomeKind.ROUTE, "route_down"
    if stage is Stage.MAIL:
        return OutcomeKind.SENDER, "route_down"
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


def words(said: bytes) -> str:
    """Return an answer on one line, for people; controls become spaces."""
    text = said.decode("utf-8", "replace")
    if text.isprintable() and "  " not in text:
        return text.strip()
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
