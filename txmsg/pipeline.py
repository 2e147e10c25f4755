"""The machine that runs the three apps: claim, check, render, send, record.

It reads like prose: each stage calls one function of the app it belongs to, and holds
no SQL of its own. No lock and no transaction is held while it renders or sends. While
one wave is with its provider, the next is rendered. The rules it keeps, and the holes
they close, stand in docs/explanation/pipeline.md.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import InterfaceError, OperationalError, connection

from events import doorbell, failpoints, work
from events.routing import LiveVersion, RouteKey
from events.work import Claim, Item
from templates_app import publishing, versions
from txmsg import gate
from txmsg.channels import get_channel
from txmsg.preparing import Executions, Ready, RenderErrors, check, render
from txmsg.sending import BACK_SECONDS, Batch

logger = logging.getLogger(__name__)

RESCAN_SECONDS = 5.0
YIELD_SECONDS = 1.0
ASK_SECONDS = 0.1
# How long a wave is waited with for its pace before the rest of the batch goes first.
PACE_SECONDS = 1.0
PACE_STEP_SECONDS = 0.2
# After a batch of which nothing could go, others wait too: no claim follows at once.
IDLE_SECONDS = 0.2


@dataclass(slots=True)
class Drain:
    """One worker at one lane: who it is, when it stops, and what it remembers."""

    lane: str
    owner: str
    others: Sequence[str] = ()
    """The other bells that this worker answers."""
    should_stop: Callable[[], bool] = lambda: False
    should_yield: Callable[[], bool] = lambda: False
    """Whether another lane of this worker waits."""
    low_water: datetime = work.BEGINNING
    rescan_at: float = 0.0
    saw_all: bool = True
    """Whether the last claim looked at everything that was due."""
    ask_at: float = 0.0
    broken: set[str] = field(default_factory=set)
    """Channels whose provider was not reached of late."""
    render_errors: RenderErrors = field(default_factory=RenderErrors)
    finished: int = 0

    def floor(self) -> datetime:
        """Return where the next claim starts looking; every 5 s from the start."""
        if time.monotonic() >= self.rescan_at:
            self.rescan_at = time.monotonic() + RESCAN_SECONDS
            return work.BEGINNING
        return self.low_water

    def is_waited_for(self) -> bool:
        """Return whether another lane waits for this worker; asked at most so often."""
        now = time.monotonic()
        if now < self.ask_at:
            return False
        self.ask_at = now + ASK_SECONDS
        return self.should_yield()


def drain(run: Drain, *, seconds: float, linger: float) -> int:
    """Handle everything due in a lane until nothing is, or the time is up.

    Lingers on the doorbell for `linger` seconds before it ends. Returns how many
    deliveries were handled.
    """
    deadline = time.monotonic() + seconds
    doorbell.answer(run.lane)
    # A ring that woke us here called nobody else: a claim must follow it.
    while not run.should_stop():
        is_all_done = _take_batch(run)
        if run.is_waited_for():
            deadline = min(deadline, time.monotonic() + YIELD_SECONDS)
        if not is_all_done:
            doorbell.answer(run.lane)
        elif not doorbell.wait(
            run.lane,
            others=run.others,
            seconds=linger,
            should_stop=run.should_stop,
        ):
            break
        if time.monotonic() >= deadline:
            doorbell.ring(run.lane, again=True)
            break
    return run.finished


def _take_batch(run: Drain) -> bool:
    """Claim and handle a batch; return whether what is due now has rung."""
    failpoints.reach("P1")
    claim = claim_batch(run)
    failpoints.reach("P2", (item.id for item in claim.items))
    if claim.is_full:
        doorbell.ring(run.lane)
    if not claim.items:
        if not claim.parked:
            versions.warm(live.id for live in publishing.live_versions().values())
        return not claim.parked
    before = run.finished
    handle(run, claim)
    if run.finished == before:
        time.sleep(IDLE_SECONDS)
    is_batch_done = run.finished - before >= len(claim.items)
    return is_batch_done and run.saw_all and not claim.is_full


def claim_batch(run: Drain) -> Claim:
    """Claim a batch of the lane, routed to the versions that are live now."""
    live = publishing.live_versions()
    caps = _caps(live)
    claim = work.claim(
        run.lane,
        owner=run.owner,
        limit=_limit(live),
        lease_seconds=settings.TXMSG_LEASE_SECONDS,
        live=live,
        live_pins=publishing.versions_of_live_messages,
        caps=caps,
        floor=run.floor(),
    )
    run.saw_all = not caps
    # What was not even looked at may have been due before all that was seen.
    is_any_left_out = 0 in caps.values()
    run.low_water = (not is_any_left_out and claim.low_water) or work.BEGINNING
    return claim


def _limit(live: Mapping[RouteKey, LiveVersion]) -> int:
    """Return how many rows a batch takes: no more than leave in a few seconds."""
    channels = {channel for _, channel in live}
    size: int = settings.TXMSG_BATCH_SIZE
    return min(size, sum(gate.room(channel) for channel in channels) or size)


def _caps(live: Mapping[RouteKey, LiveVersion]) -> dict[int, int]:
    """Return how many rows of an event type are worth claiming, where it is limited."""
    room: dict[int, int] = defaultdict(int)
    for (type_id, channel), version in live.items():
        room[type_id] += gate.UNLIMITED if version.is_paused else gate.room(channel)
    return {type_id: cap for type_id, cap in room.items() if cap < gate.UNLIMITED}


def handle(run: Drain, claim: Claim) -> None:
    """Take one batch through check, render, send and record.

    After a database error the rows that were not marked are handed back.
    """
    batch = Batch(run.lane, claim.lease_no, {item.id for item in claim.items})
    try:
        executions = Executions(month=datetime.now(UTC))
        sendable, endings = check(claim.items, executions)
        batch.end(endings)
        _send_all(run, batch, waves(sendable), claim, executions)
    except (OperationalError, InterfaceError):
        logger.exception("the database failed; handing back what was not marked")
        connection.close()
        raise
    finally:
        try:
            batch.land()
        finally:
            batch.hand_back()
            run.finished += batch.finished
            run.broken = batch.broken


def _send_all(
    run: Drain, batch: Batch, line: deque[Wave], claim: Claim, executions: Executions
) -> None:
    """Send wave by wave, each rendered while a slow provider has the one before."""
    began = time.monotonic()
    while line:
        is_long = time.monotonic() - began > YIELD_SECONDS
        if run.should_stop() or (is_long and run.should_yield()):
            return
        batch.renew()
        wave = line.popleft()
        leave = _admission(run, wave)
        if not leave.count:
            _put_off(batch, claim, line, wave.channel, leave.wait_seconds)
            continue
        if leave.count < len(wave.items):
            # Behind the waves of other channels, which need not wait for this pace.
            line.append(Wave(wave.channel, wave.items[leave.count :]))
        items = wave.items[: leave.count]
        try:
            ready, failed = render(items, claim.facts, executions, run.render_errors)
            batch.land(failed)
            _launch(run, batch, wave.channel, ready, asked=leave.count)
        except BaseException:
            # A probe that nobody lets go is waited for as long as sending may take.
            gate.unused(wave.channel, leave.count, was_all=True)
            raise
        if leave.is_probing or batch.is_to_land or not line:
            batch.land()
        if wave.channel in batch.broken:
            _put_off(batch, claim, line, wave.channel, BACK_SECONDS)


@dataclass(frozen=True, slots=True)
class Wave:
    """Rows of one channel that go out together."""

    channel: str
    items: Sequence[Item]


def waves(items: Sequence[Item]) -> deque[Wave]:
    """Cut rows into waves of one channel; a possible duplicate travels alone."""
    by_channel: dict[str, list[Item]] = defaultdict(list)
    alone = []
    for item in items:
        if item.possible_duplicate:
            alone.append(Wave(item.channel, [item]))
        else:
            by_channel[item.channel].append(item)
    size = settings.TXMSG_WAVE_SIZE
    cut = [
        Wave(channel, rows[start : start + size])
        for channel, rows in sorted(by_channel.items())
        for start in range(0, len(rows), size)
    ]
    return deque([*cut, *alone])


def _admission(run: Drain, wave: Wave) -> gate.Admission:
    """Ask leave for a wave; wait a moment for its pace."""
    deadline = time.monotonic() + PACE_SECONDS
    while True:
        leave = gate.ask(wave.channel, len(wave.items))
        left = deadline - time.monotonic()
        if leave.count or leave.wait_seconds > left or run.should_stop():
            return leave
        time.sleep(min(leave.wait_seconds, PACE_STEP_SECONDS))


def _launch(
    run: Drain, batch: Batch, channel: str, ready: Sequence[Ready], *, asked: int
) -> None:
    if channel in batch.broken or not ready or run.should_stop():
        gate.unused(channel, asked, was_all=True)
        return
    gate.unused(channel, asked - len(ready))
    try:
        way = get_channel(channel)
    except (ValueError, ImproperlyConfigured) as error:
        batch.cannot_go(channel, str(error), unsent=len(ready))
    else:
        batch.launch(channel, way, ready)


def _put_off(
    batch: Batch, claim: Claim, line: deque[Wave], channel: str, seconds: float
) -> None:
    """Hand back what cannot go by a channel now; it comes due again when it may."""
    left = {item.id for item in claim.items if item.channel == channel}
    batch.hand_back(left & batch.unmarked, delay_seconds=max(BACK_SECONDS, seconds))
    others = [wave for wave in line if wave.channel != channel]
    line.clear()
    line.extend(others)
