"""What an operator can do to an event or a delivery: asked, done and answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser

from events import ids
from events.models import Event
from history import cancelling, retrying
from history.models import Resolution
from history.retrying import NotPossible


@dataclass(frozen=True, slots=True)
class Verb:
    """Something an operator can do: how it is asked, done and answered."""

    question: str
    explanation: tuple[str, ...]
    button: str
    do: Callable[[UUID, AbstractBaseUser], str]
    danger: bool = False
    foresee: Callable[[UUID], Sequence[str]] = lambda _target: ()
    """Returns what more is known before it is done; raises NotPossible."""


def _cancel(event_id: UUID, actor: AbstractBaseUser) -> str:
    done = cancelling.cancel(event_id, actor=actor)
    if done.too_late:
        return f"{done.cancelled} cancelled; {len(done.too_late)} had left already."
    return "It is cancelled." if done.cancelled else "There was nothing to cancel."


def _reroute(event_id: UUID, actor: AbstractBaseUser) -> str:
    retrying.reroute(event_id, actor=actor)
    if _has_message(event_id):
        return "It is routed again."
    return "It waits: no message is published for its event type."


def _foresee_reroute(event_id: UUID) -> Sequence[str]:
    if _has_message(event_id):
        return ()
    return ("No message is published for this event type now: it would wait.",)


def _has_message(event_id: UUID) -> bool:
    event = Event.objects.select_related("type").get(pk=event_id)
    return bool(event.type.live_channels)


def _retry(delivery_id: UUID, actor: AbstractBaseUser) -> str:
    new = ids.ordinal_of(retrying.retry(delivery_id, actor=actor))
    if _waits(delivery_id):
        return f"It waits as delivery {new}, until its message is resumed."
    return f"It is sent again, as delivery {new}."


def _waits(delivery_id: UUID) -> bool:
    live = retrying.live_for(delivery_id)
    return live is not None and live.is_paused


def _foresee_sending(delivery_id: UUID) -> Sequence[str]:
    live = retrying.live_for(delivery_id)
    if live is None:
        raise NotPossible(retrying.NOTHING_PUBLISHED)
    if live.is_paused:
        return (
            "Its message is paused now: it waits, and is sent when the message is "
            "resumed, unless it expires before.",
        )
    return ()


def _arrived(delivery_id: UUID, actor: AbstractBaseUser) -> str:
    retrying.resolve(delivery_id, Resolution.SENT, actor=actor)
    return "It is noted that it arrived."


def _lost(delivery_id: UUID, actor: AbstractBaseUser) -> str:
    retrying.resolve(delivery_id, Resolution.NOT_SENT, actor=actor)
    return "It is noted that it did not arrive."


def _send_held(work_id: UUID, actor: AbstractBaseUser) -> str:
    retrying.send_held(work_id, actor=actor)
    if _waits(work_id):
        return "It waits until its message is resumed."
    return "It is being sent."


def _end_held(work_id: UUID, actor: AbstractBaseUser) -> str:
    retrying.end_held(work_id, actor=actor)
    return "It has ended, as uncertain."


EVENT_VERBS = {
    "cancel": Verb(
        "Cancel this event?",
        (
            "What has not left yet is never sent. What is being handed over at this "
            "moment still arrives.",
        ),
        "Cancel event",
        _cancel,
        danger=True,
    ),
    "reroute": Verb(
        "Route this event again?",
        (
            "It ended without any message. It is taken up as if it came now: sent if a "
            "message is published for it, else it waits for one.",
        ),
        "Route it again",
        _reroute,
        foresee=_foresee_reroute,
    ),
}
DELIVERY_VERBS = {
    "retry": Verb(
        "Send this message again?",
        (
            "A new delivery is made, to the same address, with the version of the "
            "message that is published now. This one stays in history as it is.",
            "If the first one arrived, the recipient gets a second copy.",
        ),
        "Send again",
        _retry,
        foresee=_foresee_sending,
    ),
    "arrived": Verb(
        "Did it arrive?",
        ("Note it only if you know, for example from the recipient. This is final.",),
        "It arrived",
        _arrived,
    ),
    "not-arrived": Verb(
        "Did it not arrive?",
        (
            "Note it only if you know, for example from the recipient. This is final; "
            "you can send the message again afterwards.",
        ),
        "It did not arrive",
        _lost,
    ),
    "send-held": Verb(
        "Send this message although it may have arrived?",
        ("It may be the second copy that the recipient gets; it is flagged as such.",),
        "Send it",
        _send_held,
        foresee=_foresee_sending,
    ),
    "end-held": Verb(
        "End this message without sending it again?",
        ("It ends as uncertain: nobody knows whether the first try arrived.",),
        "End it",
        _end_held,
        danger=True,
    ),
}
