"""The machine that runs the three apps: claim, check, render, send, record.

It reads like prose: each stage calls one function of the app it belongs to, and holds
no SQL of its own. No lock and no transaction is held while it renders or sends. The
rules it keeps, and the holes they close, stand in docs/explanation/pipeline.md.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import (
    DatabaseError,
    InterfaceError,
    OperationalError,
    connection,
    transaction,
)

from events import doorbell, failpoints, work
from events.facts import facts_of
from events.models import EventOutcome, Stage
from events.work import Claim, Item
from history import recording
from history.models import DeliveryStatus, Reason
from history.recording import Ending, Results
from history.suppressions import normalized, suppressed
from templates_app import publishing, versions
from templates_app.rendering import RenderedMessage, RenderError
from templates_app.versions import LoadedVersion
from txmsg import outcomes
from txmsg.channels import get_channel
from txmsg.channels.base import Channel, Outcome, OutcomeKind
from txmsg.outcomes import Sent

logger = logging.getLogger(__name__)

T = TypeVar("T")

RESCAN_SECONDS = 5.0
YIELD_SECONDS = 1.0
LINGER_STEP_SECONDS = 0.01
RENDER_ERRORS_ALLOWED = 20
_PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 5.0, 5.0, 5.0, 5.0)


@dataclass(slots=True)
class Drain:
    """One worker at one lane: who it is, when it stops, and what it remembers."""

    lane: str
    owner: str
    should_stop: Callable[[], bool] = lambda: False
    should_yield: Callable[[], bool] = lambda: False
    """Whether another lane of this worker waits."""
    low_water: datetime = work.BEGINNING
    rescan_at: float = 0.0
    route_failures: dict[str, int] = field(default_factory=dict)
    render_errors: dict[int, int] = field(default_factory=dict)
    finished: int = 0

    def floor(self) -> datetime:
        """Return where the next claim starts looking; every 5 s from the start."""
        if time.monotonic() >= self.rescan_at:
            self.rescan_at = time.monotonic() + RESCAN_SECONDS
            return work.BEGINNING
        return self.low_water


@dataclass(slots=True)
class Executions:
    """The executions that the rows of one batch belong to, each looked up once."""

    month: datetime
    known: dict[int, int] = field(default_factory=dict)

    def of(self, item: Item) -> int | None:
        """Return the id of a row's execution; None if it was never pinned."""
        if item.version_id is None:
            return None
        if item.version_id not in self.known:
            version = versions.load(item.version_id)
            self.known[version.id] = recording.execution_for(
                version.id, version.message_id, at=self.month
            )
        return self.known[item.version_id]


@dataclass(frozen=True, slots=True)
class Ready:
    """A row with its rendered message."""

    item: Item
    message: RenderedMessage
    version: LoadedVersion
    execution_id: int | None


def drain(run: Drain, *, seconds: float, linger: float) -> int:
    """Handle everything due in a lane until nothing is, or the time is up.

    Lingers on the doorbell for `linger` seconds before it ends. Returns how many
    deliveries were handled.
    """
    deadline = time.monotonic() + seconds
    while not run.should_stop() and time.monotonic() < deadline:
        doorbell.answer(run.lane)
        failpoints.reach("P1")
        claim = claim_batch(run)
        failpoints.reach("P2", (item.id for item in claim.items))
        if claim.is_full:
            doorbell.ring(run.lane)
        if claim.items:
            handle(run, claim)
            if run.should_yield():
                deadline = min(deadline, time.monotonic() + 1)
        elif not claim.parked:
            versions.warm(live.id for live in publishing.live_versions().values())
            if run.should_yield() or not _wait_for_ring(run, linger):
                break
    return run.finished


def claim_batch(run: Drain) -> Claim:
    """Claim a batch of the lane, routed to the versions that are live now."""
    claim = work.claim(
        run.lane,
        owner=run.owner,
        limit=settings.TXMSG_BATCH_SIZE,
        lease_seconds=settings.TXMSG_LEASE_SECONDS,
        live=publishing.live_versions(),
        live_pins=publishing.versions_of_live_messages,
        floor=run.floor(),
    )
    run.low_water = claim.low_water or work.BEGINNING
    return claim


def handle(run: Drain, claim: Claim) -> None:
    """Take one batch through check, render, send and record.

    After a database error the rows that were not marked are handed back.
    """
    unmarked = {item.id for item in claim.items}
    broken: set[str] = set()
    try:
        if len(claim.items) == 1:
            work.begin(claim.items[0].id, lease_no=claim.lease_no)
        executions = Executions(month=datetime.now(UTC))
        sendable, endings = check(claim.items, executions)
        ready, failed = render(run, sendable, executions)
        endings += failed
        _record(run, Results(endings=endings), lease_no=claim.lease_no)
        unmarked -= {ending.id for ending in endings}
        began = renewed = time.monotonic()
        for wave in waves(ready):
            if run.should_stop() or (
                run.should_yield() and time.monotonic() - began > YIELD_SECONDS
            ):
                break
            channel = wave[0].item.channel
            if channel in broken:
                later = [row.item.id for row in wave]
                _leave_route_alone(run, channel, later, claim.lease_no)
                unmarked -= set(later)
                continue
            if time.monotonic() - renewed > settings.TXMSG_LEASE_SECONDS / 4:
                _renew(unmarked, claim.lease_no)
                renewed = time.monotonic()
            if not send(run, wave, unmarked, lease_no=claim.lease_no):
                run.route_failures[channel] = run.route_failures.get(channel, 0) + 1
                broken.add(channel)
    except (OperationalError, InterfaceError):
        logger.exception("the database failed; handing back what was not marked")
        connection.close()
        _hand_back(unmarked, claim.lease_no)
        raise
    _hand_back(unmarked, claim.lease_no)


def check(
    items: Sequence[Item], executions: Executions
) -> tuple[list[Item], list[Ending]]:
    """Part the rows worth sending from those that end here, and why."""
    live = [item for item in items if not (item.expired or item.crashed)]
    listed = suppressed((item.channel, item.address) for item in live)
    sendable: list[Item] = []
    endings: list[Ending] = []
    for item in items:
        if item.crashed:
            ending = Ending(item.id, DeliveryStatus.FAILED, Reason.CRASH)
        elif item.expired:
            ending = _expired(item)
        elif (item.channel, normalized(item.address)) in listed:
            ending = Ending(item.id, DeliveryStatus.EXCLUDED, Reason.SUPPRESSED)
        else:
            sendable.append(item)
            continue
        endings.append(replace(ending, execution_id=executions.of(item)))
    return sendable, endings


def render(
    run: Drain, items: Sequence[Item], executions: Executions
) -> tuple[list[Ready], list[Ending]]:
    """Render each row with its pinned version; an error ends that row only.

    Its time stands still at the moment it was pinned.
    """
    facts = facts_of(sorted({item.event_id for item in items}))
    ready: list[Ready] = []
    endings: list[Ending] = []
    for item in items:
        failpoints.reach("P3", [item.id])
        version = versions.load(item.version_id or 0)
        event = facts.get(item.event_id)
        reason, detail = Reason.CONTEXT_GONE, ""
        if event is not None and event.ctx is not None:
            try:
                message = versions.render(
                    version,
                    event,
                    delivery_id=item.id,
                    address=item.address,
                    frozen_at=item.pinned_at or executions.month,
                )
            except RenderError as error:
                reason, detail = Reason.RENDER_ERROR, str(error)
            except Exception as error:
                # A fault of ours must not keep the neighbours of this row.
                logger.exception("rendering %s failed", item.id)
                reason = Reason.RENDER_ERROR
                detail = f"A fault of txmsg itself: {type(error).__name__}."
            else:
                run.render_errors.pop(version.id, None)
                ready.append(Ready(item, message, version, executions.of(item)))
                continue
            _count_render_error(run, version)
        endings.append(
            Ending(
                item.id,
                DeliveryStatus.FAILED,
                reason,
                detail=detail,
                execution_id=executions.of(item),
            )
        )
    return ready, endings


def waves(ready: Sequence[Ready]) -> Iterator[list[Ready]]:
    """Cut rows into waves of one channel; a possible duplicate travels alone."""
    flagged = [row for row in ready if row.item.possible_duplicate]
    plain = [row for row in ready if not row.item.possible_duplicate]
    for channel in sorted({row.item.channel for row in plain}):
        rows = iter([row for row in plain if row.item.channel == channel])
        while wave := list(itertools.islice(rows, settings.TXMSG_WAVE_SIZE)):
            yield wave
    for row in flagged:
        yield [row]


def send(
    run: Drain, wave: Sequence[Ready], unmarked: set[UUID], *, lease_no: int
) -> bool:
    """Mark a wave, hand it to its channel, and record what became of it.

    Takes what it marked, or parked, out of `unmarked`. Returns False when the way to
    the provider is broken.
    """
    channel = wave[0].item.channel
    try:
        way = get_channel(channel)
    except (ValueError, ImproperlyConfigured) as error:
        logger.error("%s cannot be used: %s", channel, error)
        later = [row.item.id for row in wave]
        _leave_route_alone(run, channel, later, lease_no)
        unmarked -= set(later)
        return False
    failpoints.reach("P4", (row.item.id for row in wave))
    with transaction.atomic():
        # A pause that has returned is seen here; one that comes later waits for us.
        live = publishing.sendable(row.version.id for row in wave)
        marked = work.mark(
            [row.item.id for row in wave if row.version.id in live],
            lease_no=lease_no,
            send_timeout=settings.TXMSG_SEND_TIMEOUT_SECONDS,
            lease_seconds=settings.TXMSG_LEASE_SECONDS,
        )
    parked = [row.item.id for row in wave if row.version.id not in live]
    if parked:
        work.park(parked, lease_no=lease_no)
    unmarked -= marked | set(parked)
    rows = [row for row in wave if row.item.id in marked]
    if not rows:
        return True
    answers = _hand_over(way, [row.message for row in rows])
    verdict = outcomes.judge(
        (
            Sent(
                row.item,
                outcome,
                digest=row.message.digest,
                execution_id=row.execution_id,
                policy=row.version.unknown_outcome,
            )
            for row, outcome in zip(rows, answers, strict=True)
        ),
        lane=run.lane,
        now=datetime.now(UTC),
    )
    failpoints.reach("P7", marked)
    _record(run, verdict.results(), lease_no=lease_no)
    failpoints.reach("P8", marked)
    if verdict.unsent:
        _repeat(lambda: work.hand_back(verdict.unsent, lease_no=lease_no))
    if not verdict.route_down:
        run.route_failures.pop(channel, None)
        return True
    why = next(o.answer for o in answers if o.kind is OutcomeKind.ROUTE)
    logger.warning("%s: provider not reached: %s", channel, why)
    _leave_route_alone(run, channel, verdict.route_down, lease_no)
    return False


def _hand_over(way: Channel, messages: Sequence[RenderedMessage]) -> Sequence[Outcome]:
    """Send by a channel; one that raises against its contract leaves all unknown."""
    deadline = time.monotonic() + settings.TXMSG_SEND_TIMEOUT_SECONDS
    try:
        return way.send(messages, deadline=deadline)
    except Exception as error:
        logger.exception("a channel raised; the outcome of its wave is unknown")
        answer = f"The channel failed: {type(error).__name__}."
        return [Outcome(OutcomeKind.UNKNOWN, answer=answer)] * len(messages)


def _expired(item: Item) -> Ending:
    if item.stage == Stage.HELD:
        return Ending(item.id, DeliveryStatus.UNCERTAIN, Reason.UNKNOWN_OUTCOME)
    if item.stage == Stage.NOT_COVERED:
        return Ending(
            item.id,
            DeliveryStatus.EXPIRED,
            Reason.NO_PUBLISHED_MESSAGE,
            event_outcome=EventOutcome.NOT_COVERED,
        )
    return Ending(
        item.id,
        DeliveryStatus.EXPIRED,
        Reason.EXPIRED,
        event_outcome=EventOutcome.EXPIRED,
    )


def _leave_route_alone(
    run: Drain, channel: str, item_ids: Sequence[UUID], lease_no: int
) -> None:
    """Hand rows back with a delay that grows as long as the route is broken."""
    delay = outcomes.route_delay(run.route_failures.get(channel, 0) + 1)
    _repeat(lambda: work.hand_back(item_ids, lease_no=lease_no, delay_seconds=delay))


def _count_render_error(run: Drain, version: LoadedVersion) -> None:
    """Pause a message after twenty render errors in a row."""
    count = run.render_errors.get(version.id, 0) + 1
    run.render_errors[version.id] = count
    if count < RENDER_ERRORS_ALLOWED:
        return
    del run.render_errors[version.id]
    note = f"Paused by txmsg: {count} events in a row could not be rendered."
    logger.error("%s: %s", version.internal_name, note)
    try:
        publishing.pause_version(version.id, note=note)
    except publishing.PublishError as error:
        logger.info("%s was not paused: %s", version.internal_name, error)


def _record(run: Drain, results: Results, *, lease_no: int) -> None:
    """Record what became of rows, and count it."""
    recorded = _repeat(lambda: recording.record(results, lease_no=lease_no))
    run.finished += len(recorded.own)


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


def _renew(item_ids: set[UUID], lease_no: int) -> None:
    work.renew(
        sorted(item_ids), lease_no=lease_no, lease_seconds=settings.TXMSG_LEASE_SECONDS
    )


def _hand_back(item_ids: Sequence[UUID] | set[UUID], lease_no: int) -> None:
    """Hand rows back; if that fails too, their lease runs out by itself."""
    if not item_ids:
        return
    try:
        work.hand_back(sorted(item_ids), lease_no=lease_no)
    except DatabaseError:
        logger.exception("could not hand back %d rows", len(item_ids))
        connection.close()


def _wait_for_ring(run: Drain, seconds: float) -> bool:
    """Wait at the door for a moment; return whether somebody rang."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if run.should_stop() or run.should_yield():
            return False
        if doorbell.is_rung(run.lane):
            return True
        time.sleep(LINGER_STEP_SECONDS)
    return False
