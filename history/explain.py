"""Plain sentences for people: what a status or a reason means, and what to do next.

Works on values, reads nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from events.models import Channel, EventOutcome, Stage
from history.models import DeliveryStatus, Reason

_STAGES = {
    Stage.PENDING: "It waits to be routed to a message.",
    Stage.PAUSED: "Its message is paused: it goes out when that is resumed.",
    Stage.NOT_COVERED: "No message is published for it: it waits, and goes out when "
    "one is.",
    Stage.QUEUED: "It waits for its turn to be sent.",
    Stage.SENDING: "It is being handed over now.",
    Stage.RETRY: "It was refused for now and is tried again.",
    Stage.HELD: "It may have been sent: somebody has to decide what is done.",
}
_OUTCOMES = {
    EventOutcome.PROCESSED: "Handed over to the provider.",
    EventOutcome.IGNORED: "Not sent on purpose.",
    EventOutcome.FAILED: "Not sent.",
    EventOutcome.EXPIRED: "Not sent: its time was over.",
    EventOutcome.CANCELLED: "Not sent: it was cancelled.",
    EventOutcome.NOT_COVERED: "Not sent: no message was published for it.",
}
_NEXT_STEPS = {
    Reason.RENDER_ERROR: "Correct the message, publish it again, then retry.",
    Reason.HARD_BOUNCE: "Ask the recipient for another address.",
    Reason.SOFT_BOUNCE: "Retry later.",
    Reason.REJECTED: "Read the answer of the server, then change the message.",
    Reason.ATTACHMENT: "Make the file reachable, or change the message; then retry.",
    Reason.INVALID_ADDRESS: "Have the caller post the event with a valid address.",
    Reason.NO_ADDRESS: "Have the caller post the event with an address.",
    Reason.SUPPRESSED: "Take the address off the suppression list, then retry.",
    Reason.EXHAUSTED: "Retry when the recipient's server is well again.",
    Reason.EXPIRED: "Retry, if it is still worth sending.",
    Reason.CANCELLED: "Retry, if it should be sent after all.",
    Reason.CRASH: "Look in the log of the workers before retrying.",
    Reason.UNKNOWN_OUTCOME: "Ask the recipient, then say whether it arrived.",
    Reason.ROUTE_DOWN: "Check the connection to the provider, then retry.",
    Reason.NO_PUBLISHED_MESSAGE: "Publish a message for it, then route it again.",
    Reason.CONTEXT_GONE: "Have the caller post the event again.",
    Reason.ENDED_BY_OPERATOR: "Send it again, if it should be sent after all.",
}
_TONES = {
    EventOutcome.PROCESSED: "success",
    EventOutcome.FAILED: "danger",
    EventOutcome.EXPIRED: "warning",
    EventOutcome.NOT_COVERED: "warning",
    DeliveryStatus.SENT: "success",
    DeliveryStatus.UNCERTAIN: "danger",
    Stage.PENDING: "info",
    Stage.QUEUED: "info",
    Stage.SENDING: "info",
    Stage.RETRY: "warning",
    Stage.HELD: "danger",
    Stage.PAUSED: "warning",
    Stage.NOT_COVERED: "warning",
}
_KEEPER = "capture"


def tone(status: str) -> str:
    """Return the colour of a status: success, info, warning, danger or nothing."""
    return {str(key): value for key, value in _TONES.items()}.get(status, "")


def reason(code: str) -> str:
    """Return the sentence of a reason; nothing for no reason."""
    return str(Reason(code).label) if code in Reason.values else code


def next_step(code: str) -> str:
    """Return what one can do about a reason; nothing if nothing is known."""
    return _NEXT_STEPS[Reason(code)] if code in Reason.values else ""


def open_event(stage: str, *, next_at: datetime | None, now: datetime) -> str:
    """Return what an event waits for whose row of work is in a stage.

    `next_at` is when it is next tried; None while a worker has it, or nothing is due.
    """
    if next_at is not None and next_at > now:
        wait = duration(next_at - now)
        if stage == Stage.PENDING:
            return f"It is scheduled, and sent in {wait}."
        if stage == Stage.QUEUED:
            return f"The provider could not be reached; it is tried again in {wait}."
        if stage == Stage.RETRY:
            return f"It was refused for now and is tried again in {wait}."
    return _STAGES[Stage(stage)]


def kept(provider: str, channel: str) -> str:
    """Return the sentence of a message that was kept, not sent; nothing if it was."""
    if provider != _KEEPER:
        return ""
    name = Channel(channel).label
    return f"Kept in the Inbox: no provider is set up for {name}."


def ended_event(
    outcome: str,
    code: str,
    *,
    received_at: datetime,
    handed_over_at: datetime | None,
    kept: str = "",
) -> str:
    """Return in one sentence how an event ended; `kept` if nothing really left."""
    if outcome == EventOutcome.PROCESSED and kept:
        return kept
    if outcome == EventOutcome.PROCESSED and handed_over_at is not None:
        after = duration(handed_over_at - received_at)
        return f"Handed over to the provider {after} after it was accepted."
    why = reason(code)
    if not why or outcome in (EventOutcome.CANCELLED, EventOutcome.EXPIRED):
        return _OUTCOMES[EventOutcome(outcome)]
    return f"Not sent: {_as_clause(why)}"


def duration(span: timedelta) -> str:
    """Return a span in words with one unit: 0.3 s, 4 min, 2 h, 3 days."""
    seconds = max(0.0, span.total_seconds())
    if seconds < 0.995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    if seconds < 7_200:
        return f"{seconds / 60:.0f} min"
    if seconds < 172_800:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86_400:.0f} days"


def _as_clause(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
