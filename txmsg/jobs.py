"""What RQ runs: one function a doorbell. A job carries a lane's name, never data."""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import InterfaceError, OperationalError, connection

from events import doorbell, work
from txmsg import pipeline
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
            should_stop=lambda: here.is_stopping,
            should_yield=lambda: _other_lane_waits(lane),
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


def _other_lane_waits(lane: str) -> bool:
    return any(other != lane and doorbell.is_waited_for(other) for other in here.lanes)
