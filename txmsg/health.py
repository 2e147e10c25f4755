"""Is the machine well: what is there, what is missing, in words for an operator."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from redis.exceptions import RedisError

from events import partitions, pressure, valkey
from events.models import Lane
from txmsg import breaker, sweeper, worker
from txmsg.models import Heartbeat
from txmsg.webhooks import settling

logger = logging.getLogger(__name__)

SWEEPER_SILENCE = timedelta(seconds=15)
PARTITION_DAYS = 40


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `problem` is empty when it is well.

    A `warning` is what an operator should know although everything does its work.
    """

    name: str
    problem: str = ""
    warning: str = ""


def findings() -> list[Finding]:
    """Look at everything that `/readyz` needs: database, queue, sweeper, workers."""
    database = _look("database", _database)
    found = [database]
    if not database.problem:
        found += [
            _look("migrations", _migrations),
            _look("partitions", _partitions),
            _look("sweeper", _sweeper),
            _look("backlog", warn=_backlog),
            _look("webhooks", warn=_webhooks),
        ]
    found.append(_look("storage", _storage))
    queue = _look("queue", _queue)
    found.append(queue)
    if not queue.problem:
        found.append(_look("workers", _workers))
        found.append(_look("providers", warn=_providers))
    return found


def _nothing() -> str:
    return ""


def _look(
    name: str,
    check: Callable[[], str] = _nothing,
    *,
    warn: Callable[[], str] = _nothing,
) -> Finding:
    try:
        return Finding(name, problem=check(), warning=warn())
    except (DatabaseError, InterfaceError, RedisError, OSError) as error:
        logger.warning("%s: %s", name, error)
        return Finding(name, f"{name} does not answer: {type(error).__name__}")


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return ""


def _migrations() -> str:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if not missing:
        return ""
    return f"{len(missing)} migrations are not applied: run manage.py migrate"


def _partitions() -> str:
    days = partitions.days_ahead()
    if days >= PARTITION_DAYS:
        return ""
    return f"partitions reach only {days:.0f} days ahead: run manage.py partitions"


def _sweeper() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (now,) = cursor.fetchone()
    beat = Heartbeat.objects.filter(name=sweeper.NAME).first()
    if beat is None:
        return "the sweeper has never run"
    silence = now - beat.at
    if silence <= SWEEPER_SILENCE:
        return ""
    return f"the sweeper has been silent for {silence.total_seconds():.0f} s"


def _queue() -> str:
    worker.queue_connection().ping()
    return ""


def _workers() -> str:
    missing = set(Lane.values) - worker.served_lanes(worker.queue_connection())
    if not missing:
        return ""
    return f"no worker serves {', '.join(sorted(missing))}"


def _backlog() -> str:
    """Say that the bulk lane is behind; the others go on, so this is no problem."""
    age = pressure.bulk_age()
    if age <= settings.TXMSG_BACKLOG_SECONDS:
        return ""
    return f"the bulk lane is {age:.0f} s behind, and takes no more events (503)"


def _webhooks() -> str:
    """Say which receivers take nothing; what they are told waits, so no problem."""
    return "; ".join(settling.warnings(now=timezone.now()))


def _storage() -> str:
    if not pressure.is_storage_low():
        return ""
    return (
        f"only {pressure.free_megabytes():.0f} MB are free, under "
        f"{settings.TXMSG_FREE_DISK_MB} (TXMSG_FREE_DISK_MB): no event is taken in"
    )


def _providers() -> str:
    """Say which channels are left alone; their messages wait, so this is no problem."""
    try:
        found = breaker.opened()
    except valkey.Away:
        return ""
    return "; ".join(
        f"{opened.channel}: {opened.why} Since {opened.since:%H:%M:%S} UTC, "
        + (
            f"recovering by {opened.level} at a time"
            if opened.level
            else f"tried again in {opened.seconds_left:.0f} s"
        )
        for opened in found
    )
