"""The machine that runs the three apps: claim, check, render, send, record.

It reads like prose: each stage calls one function of the app it belongs to, and holds
no SQL of its own. No lock and no transaction is held while it renders or sends. While
one wave is with its provider, the next is rendered. The rules it keeps, and the holes
they close, stand in docs/explanation/pipeline.md.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import InterfaceError, OperationalError, connection

from events import doorbell, failpoints, work
from events.facts import facts_of
from events.work import Claim, Item
from templates_app import publishing, versions
from txmsg import outcomes
from txmsg.channels import get_channel
from txmsg.preparing import Executions, Ready, RenderErrors, check, render
from txmsg.sending import Batch

logger = logging.getLogger(__name__)

RESCAN_SECONDS = 5.0
YIELD_SECONDS = 1.0
LINGER_STEP_SECONDS = 0.01


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
    render_errors: RenderErrors = field(default_factory=RenderErrors)
    finished: int = 0

    def floor(self) -> datetime:
        """Return where the next claim starts looking; every 5 s from the start."""
        if time.monotonic() >= self.rescan_at:
            self.rescan_at = time.monotonic() + RESCAN_SECONDS
            return work.BEGINNING
        return self.low_water


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
    batch = Batch(run.lane, claim.lease_no, {item.id for item in claim.items})
    try:
        if len(claim.items) == 1:
            work.begin(claim.items[0].id, lease_no=claim.lease_no)
        executions = Executions(month=datetime.now(UTC))
        sendable, endings = check(claim.items, executions)
        batch.end(endings)
        _send_all(run, batch, sendable, executions)
    except (OperationalError, InterfaceError):
        logger.exception("the database failed; handing back what was not marked")
        connection.close()
        raise
    finally:
        batch.land()
        batch.hand_back()
        run.finished += batch.finished
        for channel in batch.reached - batch.broken.keys():
            run.route_failures.pop(channel, None)


def _send_all(
    run: Drain, batch: Batch, items: Sequence[Item], executions: Executions
) -> None:
    """Send rows wave by wave, as long as nothing tells us to leave."""
    facts = facts_of(sorted({item.event_id for item in items}))
    began = renewed = time.monotonic()
    for channel, wave in waves(items):
        if run.should_stop() or (
            run.should_yield() and time.monotonic() - began > YIELD_SECONDS
        ):
            return
        if time.monotonic() - renewed > settings.TXMSG_LEASE_SECONDS / 4:
            batch.renew()
            renewed = time.monotonic()
        if channel not in batch.broken:
            ready, failed = render(wave, facts, executions, run.render_errors)
            batch.land(failed)
            if channel not in batch.broken and ready:
                _launch(batch, channel, ready)
        _leave_broken_alone(run, batch, items)
    batch.land()
    _leave_broken_alone(run, batch, items)


def _launch(batch: Batch, channel: str, ready: Sequence[Ready]) -> None:
    try:
        way = get_channel(channel)
    except (ValueError, ImproperlyConfigured) as error:
        logger.error("%s cannot be used: %s", channel, error)
        batch.broken[channel] = str(error)
    else:
        batch.launch(channel, way, ready)


def waves(items: Sequence[Item]) -> Iterator[tuple[str, list[Item]]]:
    """Cut rows into waves of one channel; a possible duplicate travels alone."""
    flagged = [item for item in items if item.possible_duplicate]
    plain = [item for item in items if not item.possible_duplicate]
    for channel in sorted({item.channel for item in plain}):
        rows = iter([item for item in plain if item.channel == channel])
        while wave := list(itertools.islice(rows, settings.TXMSG_WAVE_SIZE)):
            yield channel, wave
    for item in flagged:
        yield item.channel, [item]


def _leave_broken_alone(run: Drain, batch: Batch, items: Sequence[Item]) -> None:
    """Hand back what would go a broken way, with a delay that grows meanwhile."""
    for channel in batch.broken:
        left = {
            item.id
            for item in items
            if item.channel == channel and item.id in batch.unmarked
        }
        if left:
            failures = run.route_failures.get(channel, 0) + 1
            batch.hand_back(left, delay_seconds=outcomes.route_delay(failures))
            run.route_failures[channel] = failures


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
