"""What RQ runs: one function a doorbell. A job carries a lane's name or nothing."""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import InterfaceError, OperationalError, connection

from events import doorbell, work
from events.models import Lane
from txmsg import errands, pipeline, proofs
from txmsg.pipeline import Drain

logger = logging.getLogger(__name__)

DRAIN_SECONDS = 30.0
LINGER_SECONDS = 2.0


@dataclass(slots=True)
class Place:
    """Where this process stands: its name as the owner of leases, and its lanes."""

    owner: str
    lanes: Sequence[str] = ()
    is_stopping: bool = False
    has_left_rows: bool = False
    """Whether a drain ended over a database error with rows still in its name."""

    @property
    def serves_authors(self) -> bool:
        """Whether authors may wait here: anywhere but at the critical lane alone."""
        return any(lane != Lane.CRITICAL for lane in self.lanes)


here = Place(owner=f"{platform.node()}:{os.getpid()}")
_runs: dict[str, Drain] = {}


def drain(lane: str) -> int:
    """Handle what is due in a lane; return how many deliveries were handled.

    What a worker remembers of a lane (where to look, broken routes) outlives the job.
    """
    run = _runs.get(lane)
    if run is None:
        run = _runs[lane] = Drain(
            lane=lane,
            owner=here.owner,
            others=_others(lane),
            should_stop=lambda: here.is_stopping,
            should_yield=lambda: doorbell.is_waited_for(*_others(lane)),
        )
    run.finished = 0
    try:
        if here.has_left_rows:
            work.give_up(here.owner)
            here.has_left_rows = False
        return pipeline.drain(run, seconds=DRAIN_SECONDS, linger=LINGER_SECONDS)
    except (OperationalError, InterfaceError):
        # No fault of the job: the sweeper rings again when the database is back.
        logger.exception("%s: the database failed; the drain ends", lane)
        connection.close()
        here.has_left_rows = True
        return run.finished


def serve_authors() -> bool:
    """Do what authors wait for, as long as no lane does; return whether any is left.

    For what is left a new ring stands in the queue, behind those of the lanes.
    """
    doorbell.answer(doorbell.AUTHORING)
    try:
        is_left = errands.serve(
            lambda: (
                here.is_stopping or doorbell.is_waited_for(*_others(doorbell.AUTHORING))
            ),
            seconds=DRAIN_SECONDS,
        )
    except (OperationalError, InterfaceError):
        logger.exception("authors: the database failed; the sweeper rings again")
        connection.close()
        return True
    if is_left:
        doorbell.ring_authors()
    return is_left


def finish() -> None:
    """Let what is still on its way arrive, when the worker ends."""
    proofs.finish()


def _others(lane: str) -> list[str]:
    """Return the bells that this worker answers besides one."""
    bells = [*here.lanes, doorbell.AUTHORING] if here.serves_authors else here.lanes
    return [bell for bell in bells if bell != lane]
