"""One claim on its way out, wave by wave: mark, hand over, judge, record, hand back.

While a wave is with a slow provider, the caller may prepare the next; never more than
one wave is marked and not recorded. It must not know how messages are made.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from django.conf import settings
from django.db import (
    DatabaseError,
    InterfaceError,
    OperationalError,
    connection,
)

from events import failpoints, work
from history import recording
from history.recording import Ending, Results
from templates_app import publishing
from templates_app.rendering import RenderedMessage
from txmsg import gate, outcomes
from txmsg.channels.base import Channel, Outcome, OutcomeKind
from txmsg.outcomes import Sent
from txmsg.preparing import Ready

logger = logging.getLogger(__name__)

T = TypeVar("T")

_REACHED = (
    OutcomeKind.SENT,
    OutcomeKind.SENDER,
    OutcomeKind.TRANSIENT,
    OutcomeKind.PERMANENT,
)
_UNSENT = (OutcomeKind.ROUTE, OutcomeKind.SENDER, OutcomeKind.NOT_STARTED)
_PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 5.0, 5.0, 5.0, 5.0)
# What cannot go at once comes due again after this at the earliest.
BACK_SECONDS = 0.5
# A wave that waits for its provider for longer than this goes out in another thread,
# and the next is rendered meanwhile. A near provider is not worth it: both would only
# take turns at the interpreter.
APART_SECONDS = 0.02
_took: dict[str, float] = {}
"""Seconds that the last wave of a channel took in this process."""
_hand = ThreadPoolExecutor(max_workers=1, thread_name_prefix="wave")


@dataclass(frozen=True, slots=True)
class Flight:
    """A wave that is marked and with its channel."""

    channel: str
    way: Channel
    rows: Sequence[Ready]
    answers: Callable[[], Sequence[Outcome]]
    is_apart: bool


@dataclass(slots=True)
class Batch:
    """What one claim brought, and what of it is neither marked nor given back."""

    lane: str
    lease_no: int
    unmarked: set[UUID]
    finished: int = 0
    """Deliveries that this batch ended or put off."""
    broken: set[str] = field(default_factory=set)
    """Channels whose provider was not reached."""
    _flight: Flight | None = None
    _renewed_at: float = field(default_factory=time.monotonic)

    @property
    def is_to_land(self) -> bool:
        """Whether the wave that is out should be recorded before anything else.

        It has its answers; or it is a single row, against which a death would be held.
        """
        flight = self._flight
        return flight is not None and (not flight.is_apart or len(flight.rows) == 1)

    def end(self, endings: Sequence[Ending]) -> None:
        """Record rows that end without being sent."""
        if endings:
            self._record(Results(endings=endings))

    def launch(self, channel: str, way: Channel, rows: Sequence[Ready]) -> None:
        """Mark a wave and hand it to its channel; `land` waits for what becomes of it.

        What was paused since the claim is parked, and not sent. The wave has taken
        leave (`gate.ask`); what is not sent after all gives it back.
        """
        self.land()
        # The wave before may have taken as long as this one needs.
        self.renew()
        failpoints.reach("P4", (row.item.id for row in rows))
        marked = self._mark(rows)
        sent = [row for row in rows if row.item.id in marked]
        gate.unused(channel, len(rows) - len(sent), was_all=not sent)
        if sent:
            self._flight = _flight(channel, way, sent)

    def land(self, endings: Sequence[Ending] = ()) -> None:
        """Wait for the wave that is out, if any, and record what became of it.

        `endings` of other rows are recorded with it.
        """
        flight, self._flight = self._flight, None
        if flight is None:
            self.end(endings)
            return
        answers = flight.answers()
        self._settle(flight.channel, answers)
        ids = [row.item.id for row in flight.rows]
        verdict = outcomes.judge(
            (
                Sent(
                    row.item,
                    outcome,
                    digest=row.message.digest,
                    execution_id=row.execution_id,
                    policy=row.version.unknown_outcome,
                    repeats_are_safe=flight.way.repeats_are_safe,
                )
                for row, outcome in zip(flight.rows, answers, strict=True)
            ),
            lane=self.lane,
            now=datetime.now(UTC),
        )
        verdict.endings += endings
        # Marked, but certainly not sent: no error below may leave them so.
        unsent = {*verdict.unsent, *verdict.route_down}
        refused = set(verdict.sender_refused)
        self.unmarked |= unsent | refused
        failpoints.reach("P7", ids)
        self._record(verdict.results())
        failpoints.reach("P8", ids)
        self._certainly_back(unsent, BACK_SECONDS if verdict.route_down else 0)
        self._certainly_back(refused, outcomes.sender_delay())

    def cannot_go(self, channel: str, why: str, *, unsent: int) -> None:
        """Note that the way to a provider is broken: nothing more of it is tried."""
        logger.warning("%s: provider not reached: %s", channel, why)
        self.broken.add(channel)
        gate.not_reached(channel, why, unsent=unsent)

    def hand_back(
        self, item_ids: Collection[UUID] | None = None, *, delay_seconds: float = 0
    ) -> None:
        """Give rows back that were certainly not sent: these, or all that are left.

        If that fails too, their lease runs out by itself.
        """
        rows = sorted(self.unmarked if item_ids is None else item_ids)
        self.unmarked -= set(rows)
        if not rows:
            return
        try:
            work.hand_back(rows, lease_no=self.lease_no, delay_seconds=delay_seconds)
        except DatabaseError:
            logger.exception("could not hand back %d rows", len(rows))
            connection.close()

    def renew(self) -> None:
        """Begin the lease anew of what is not marked, once a quarter has passed."""
        now = time.monotonic()
        if now - self._renewed_at < settings.TXMSG_LEASE_SECONDS / 4:
            return
        self._renewed_at = now
        work.renew(
            sorted(self.unmarked),
            lease_no=self.lease_no,
            lease_seconds=settings.TXMSG_LEASE_SECONDS,
        )

    def _settle(self, channel: str, answers: Sequence[Outcome]) -> None:
        """Tell the gate what the answers to a wave say of the provider."""
        kinds = [outcome.kind for outcome in answers]
        unsent = sum(kind in _UNSENT for kind in kinds)
        if OutcomeKind.ROUTE in kinds:
            why = answers[kinds.index(OutcomeKind.ROUTE)].answer
            self.cannot_go(channel, why, unsent=unsent)
            return
        if OutcomeKind.SENDER in kinds:
            why = answers[kinds.index(OutcomeKind.SENDER)].answer
            logger.warning("%s: a sender is refused: %s", channel, why)
        was_asked = any(kind is not OutcomeKind.NOT_STARTED for kind in kinds)
        gate.unused(channel, unsent, was_all=not was_asked)
        if any(kind in _REACHED for kind in kinds):
            gate.reached(channel)
        elif OutcomeKind.UNKNOWN in kinds:
            why = answers[kinds.index(OutcomeKind.UNKNOWN)].answer
            gate.unanswered(channel, why)

    def _certainly_back(self, item_ids: Collection[UUID], delay: float) -> None:
        """Hand back what was marked and not sent: left so, it would be flagged."""
        rows = sorted(item_ids)
        if rows:
            _repeat(
                lambda: work.hand_back(
                    rows, lease_no=self.lease_no, delay_seconds=delay
                )
            )
            self.unmarked -= set(rows)

    def _mark(self, rows: Sequence[Ready]) -> set[UUID]:
        marked, parked = publishing.mark(
            {row.item.id: row.version.id for row in rows},
            lease_no=self.lease_no,
            send_timeout=settings.TXMSG_SEND_TIMEOUT_SECONDS,
            lease_seconds=settings.TXMSG_LEASE_SECONDS,
        )
        if parked:
            work.park(sorted(parked), lease_no=self.lease_no)
        self.unmarked -= marked | parked
        return marked

    def _record(self, results: Results) -> None:
        """Record what became of rows, and count it."""
        recorded = _repeat(lambda: recording.record(results, lease_no=self.lease_no))
        self.finished += len(recorded.own)
        self.unmarked -= {ending.id for ending in results.endings}


def _flight(channel: str, way: Channel, rows: Sequence[Ready]) -> Flight:
    """Hand a wave to its channel: at once, or apart where that is worth it."""
    messages = [row.message for row in rows]
    if way.is_remote and _took.get(channel, 0) > APART_SECONDS:
        future: Future[Sequence[Outcome]] = _hand.submit(
            _handed_over, channel, way, messages
        )
        return Flight(channel, way, rows, future.result, is_apart=True)
    answers = _handed_over(channel, way, messages)
    return Flight(channel, way, rows, lambda: answers, is_apart=False)


def _handed_over(
    channel: str, way: Channel, messages: Sequence[RenderedMessage]
) -> Sequence[Outcome]:
    """Send by a channel; one that raises against its contract leaves all unknown."""
    began = time.monotonic()
    try:
        return way.send(messages, deadline=began + settings.TXMSG_SEND_TIMEOUT_SECONDS)
    except Exception as error:
        logger.exception("a channel raised; the outcome of its wave is unknown")
        answer = f"The channel failed: {type(error).__name__}."
        return [Outcome(OutcomeKind.UNKNOWN, answer=answer)] * len(messages)
    finally:
        _took[channel] = time.monotonic() - began


def _repeat(action: Callable[[], T]) -> T:
    """Do what is known by now and must be written; again after a database error."""
    for pause in _PAUSES:
        try:
            return action()
        except (OperationalError, InterfaceError) as error:
            connection.close()
            logger.warning("writing failed, repeating in %.1f s: %s", pause, error)
            time.sleep(pause)
    return action()
