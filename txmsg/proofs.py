"""Sending proofs: a request is rendered as production would, marked, and handed over.

Stands beside the pipeline and shares nothing of it but rendering and channels: a proof
leaves no delivery, no attempt and no count behind. It is handed over in a thread of its
own, which also writes down what came of it: a server that takes its time, for a proof,
must not keep the lanes of this worker waiting.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from uuid import uuid4

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connection

from events import doorbell
from history.suppressions import suppressed
from templates_app import proofing
from templates_app.models import Proof, ProofRecipient, ProofStatus
from templates_app.rendering import RenderedMessage, RenderError, program
from txmsg.channels import get_channel
from txmsg.channels.base import Channel, Outcome, OutcomeKind

logger = logging.getLogger(__name__)

# Less than it takes until another worker holds us dead.
SEND_SECONDS = 10.0
ASK_SECONDS = 0.1

_WORDS = {
    OutcomeKind.ROUTE: "Not sent, for the way to the provider is broken: ",
    OutcomeKind.SENDER: "Not sent, the provider refuses this sender: ",
    OutcomeKind.TRANSIENT: "Not sent, refused for now: ",
    OutcomeKind.PERMANENT: "Not sent, refused: ",
    OutcomeKind.UNKNOWN: "It may have been sent; the outcome is unknown: ",
    OutcomeKind.NOT_STARTED: "Not sent: ",
}


_hands = ThreadPoolExecutor(max_workers=1, thread_name_prefix="proof")
_on_its_way: Future[None] | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one recipient."""

    is_sent: bool
    answer: str
    digest: bytes | None = None


def send_next(should_leave: Callable[[], bool]) -> bool:
    """Send the proof that waits longest; return whether there was one.

    Asks between recipients, and while a server takes its time, whether to leave. What
    is on its way then goes on by itself; what is left waits for the next call.
    """
    if not _has_arrived(should_leave):
        return True
    proof = proofing.claim()
    if proof is None:
        return False
    for recipient in proof.recipients.filter(status=ProofStatus.QUEUED).order_by("pk"):
        if should_leave():
            break
        if not proofing.mark(proof, recipient):
            logger.warning("proof %s: another worker has taken it over", proof.pk)
            return True
        _send_to(proof, recipient)
        if not _has_arrived(should_leave):
            _leave_behind(proof)
            return True
    proofing.settle(proof)
    return True


def finish() -> None:
    """Wait until what is on its way is written down: as long as one may take."""
    if _on_its_way is not None:
        _hands.submit(int).result()  # behind it, and behind what ends its proof


def _send_to(proof: Proof, recipient: ProofRecipient) -> None:
    """Render a proof for a recipient that was marked, and begin to hand it over."""
    global _on_its_way
    found = _ready(proof, recipient)
    if isinstance(found, Result):
        _record(recipient, found)
    elif not found.way.is_remote:
        # Nothing to wait for.
        _record(recipient, _handed_over(found))
    else:
        _on_its_way = _hands.submit(_hand_over_apart, found, recipient)


@dataclass(frozen=True, slots=True)
class _Ready:
    """A rendered proof and the way that it goes; `digest` is without the mark."""

    message: RenderedMessage
    digest: bytes
    way: Channel


def _ready(proof: Proof, recipient: ProofRecipient) -> _Ready | Result:
    """Return what is to be handed over, or why it is not sent; never raises for it."""
    if suppressed([(proof.channel, recipient.address)]):
        return Result(
            False,
            "Not sent: the address is on the suppression list, and proofs keep to it. "
            "Take it off the list, or choose another address.",
        )
    try:
        message = _rendered(proof, recipient)
    except RenderError as error:
        return Result(False, f"Not sent, it cannot be rendered: {error}")
    except Exception as error:
        logger.exception("rendering proof %s failed", proof.pk)
        name = type(error).__name__
        return Result(False, f"Not sent: a fault of txmsg itself, {name}.")
    try:
        way = get_channel(message.channel)
    except (ValueError, ImproperlyConfigured) as error:
        return Result(False, f"{_WORDS[OutcomeKind.ROUTE]}{error}", message.digest)
    return _Ready(proofing.marked(message, proof.number), message.digest, way)


def _rendered(proof: Proof, recipient: ProofRecipient) -> RenderedMessage:
    """Render as production does; only who it goes to is the proof's own."""
    message = program(proof.channel, proof.compiled).render(
        proofing.context_for(proof),
        # No event and no delivery has it, so nothing is found under it.
        delivery_id=uuid4(),
        address=recipient.address,
    )
    return replace(message, recipient_name=recipient.name)


def _hand_over_apart(ready: _Ready, recipient: ProofRecipient) -> None:
    """Hand over, and write down what came of it; runs in the thread of proofs.

    What cannot be written down is found to be lost by whoever takes the proof over.
    """
    try:
        # A connection serves one thread: here it is not the one of the lanes.
        own = replace(ready, way=get_channel(ready.message.channel))
        _record(recipient, _handed_over(own))
    except Exception:
        logger.exception("what became of a proof could not be written down")
    finally:
        connection.close()


def _handed_over(ready: _Ready) -> Result:
    seconds = min(SEND_SECONDS, settings.TXMSG_SEND_TIMEOUT_SECONDS)
    try:
        [outcome] = ready.way.send([ready.message], deadline=time.monotonic() + seconds)
    except Exception as error:
        logger.exception("a channel raised at a proof; its outcome is unknown")
        answer = f"the channel failed with {type(error).__name__}."
        outcome = Outcome(OutcomeKind.UNKNOWN, answer=answer)
    if outcome.kind is OutcomeKind.SENT:
        return Result(True, outcome.answer, ready.digest)
    return Result(False, f"{_WORDS[outcome.kind]}{outcome.answer}", ready.digest)


def _record(recipient: ProofRecipient, result: Result) -> None:
    proofing.record(
        recipient, is_sent=result.is_sent, answer=result.answer, digest=result.digest
    )


def _has_arrived(should_leave: Callable[[], bool]) -> bool:
    """Wait for what is on its way; return False if it is time to leave before."""
    global _on_its_way
    while _on_its_way is not None:
        if wait([_on_its_way], timeout=ASK_SECONDS).done:
            _on_its_way = None
        elif should_leave():
            return False
    return True


def _leave_behind(proof: Proof) -> None:
    """Let the thread of proofs end what it is at, and ring for the rest."""

    def end(_arrived: Future[None]) -> None:
        try:
            proofing.settle(proof)
        except Error:
            logger.exception("proof %s was not ended", proof.pk)
        finally:
            connection.close()
        doorbell.ring_authors()

    if _on_its_way is not None:
        _on_its_way.add_done_callback(end)
