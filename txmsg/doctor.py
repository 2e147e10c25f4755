"""What is configured, reachable, migrated, and what is wrong, in words for an operator.

Looks and says; changes nothing.
"""

from __future__ import annotations

import enum
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import DatabaseError, connection
from django.utils.module_loading import import_string
from redis.exceptions import RedisError

from events import partitions, work
from events.models import ApiKey, Stage, Work
from templates_app.models import Message, MessageStatus
from txmsg import errands, health, worker
from txmsg.channels.capture import CaptureChannel
from txmsg.channels.server import Security, Server, dial
from txmsg.embedded import Home, up_runs

LEAST_POSTGRES = 160_000
CLOCK_SECONDS = 2.0
WAITING_SECONDS = 60.0
FREE_BYTES = 512 * 2**20
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Level(enum.Enum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warn"
    PROBLEM = "bad"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was looked at, and what there is to say."""

    level: Level
    name: str
    text: str


def examine() -> Iterator[Line]:
    """Look at everything, the foundations first."""
    yield _home()
    for name, look in (
        ("database", _database),
        ("schema", _schema),
        ("queue", _queue),
        ("processes", _processes),
        ("email", _email),
        ("waiting", _waiting),
        ("content", _content),
        ("access", _access),
        ("disk", _disk),
    ):
        yield from _safely(name, look)


def _safely(name: str, look: Callable[[], Iterator[Line]]) -> Iterator[Line]:
    try:
        yield from look()
    except (DatabaseError, RedisError, OSError) as error:
        text = str(error).strip().split("\n")[0]
        yield Line(Level.PROBLEM, name, f"not reachable: {text}")


def _home() -> Line:
    kinds = [
        "embedded PostgreSQL" if settings.TXMSG_EMBEDDED_DATABASE else "DATABASE_URL",
        "embedded Valkey" if settings.TXMSG_EMBEDDED_REDIS else "REDIS_URL",
        "the built-in inbox" if settings.TXMSG_EMBEDDED_INBOX else "EMAIL_URL",
    ]
    return Line(Level.OK, "home", f"{settings.TXMSG_HOME} with {', '.join(kinds)}")


def _database() -> Iterator[Line]:
    before = time.time()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('server_version'),"
            " current_setting('server_version_num')::int, clock_timestamp(),"
            " current_setting('fsync'), current_setting('synchronous_commit')"
        )
        version, number, now, fsync, commit = cursor.fetchone()
    if number < LEAST_POSTGRES:
        yield Line(Level.PROBLEM, "database", f"PostgreSQL {version}: 16 is the least")
    else:
        yield Line(Level.OK, "database", f"PostgreSQL {version}")
    if fsync != "on" or commit == "off":
        yield Line(
            Level.PROBLEM,
            "database",
            f"fsync is {fsync}, synchronous_commit is {commit}: an accepted event may "
            "be lost in a crash",
        )
    skew = abs((before + time.time()) / 2 - now.timestamp())
    if skew > CLOCK_SECONDS:
        yield Line(
            Level.WARNING,
            "clock",
            f"this machine and the database differ by {skew:.1f} s; the database's "
            "clock decides",
        )


def _schema() -> Iterator[Line]:
    problems = [
        finding
        for finding in health.findings()
        if finding.name in ("migrations", "partitions") and finding.problem
    ]
    for finding in problems:
        yield Line(Level.PROBLEM, finding.name, finding.problem)
    if not problems:
        days = partitions.days_ahead()
        yield Line(
            Level.OK, "schema", f"migrated; partitions reach {days:.0f} days ahead"
        )


def _queue() -> Iterator[Line]:
    redis = worker.queue_connection()
    info = redis.info()
    name = info.get("server_name") or "redis"
    version = info.get(f"{name}_version") or info["redis_version"]
    policy = redis.config_get("maxmemory-policy").get("maxmemory-policy", "")
    if policy and policy != "noeviction":
        yield Line(
            Level.WARNING,
            "queue",
            f"maxmemory-policy is {policy}: RQ's jobs may vanish; set noeviction "
            "(nothing is lost, the sweeper rings again)",
        )
    yield Line(Level.OK, "queue", f"{name} {version}")


def _email() -> Iterator[Line]:
    if not settings.EMAIL_URL and _lacks_up():
        yield Line(
            Level.WARNING,
            "email",
            "no EMAIL_URL: mail goes to the inbox of `manage.py up`, once that runs",
        )
        return
    if not settings.EMAIL_URL:
        yield Line(
            Level.PROBLEM,
            "email",
            "no EMAIL_URL, and `manage.py up` with its inbox does not run: mail waits",
        )
        return
    try:
        server = Server.from_url(settings.EMAIL_URL)
        server.tls_context()
    except ValueError as error:
        yield Line(Level.PROBLEM, "email", str(error))
        return
    where = f"{server.host}:{server.port}"
    if server.security is Security.PLAIN and server.host not in _LOOPBACK:
        yield Line(
            Level.WARNING,
            "email",
            f"smtp:// to {where} sends in the clear over the network: use smtp+tls:// "
            "or smtp+ssl://",
        )
    try:
        dial(server.host, server.port, deadline=time.monotonic() + 5).close()
    except OSError as error:
        yield Line(Level.PROBLEM, "email", f"{where} takes no connection: {error}")
    else:
        yield Line(Level.OK, "email", f"{where} takes connections")


def _lacks_up() -> bool:
    """Say whether `up` is needed here, and does not run."""
    return settings.TXMSG_EMBEDDED_DATABASE and not up_runs(Home(settings.TXMSG_HOME))


def _processes() -> Iterator[Line]:
    if _lacks_up():
        inbox = ", and its inbox is down" if settings.TXMSG_EMBEDDED_INBOX else ""
        yield Line(
            Level.PROBLEM,
            "processes",
            f"`manage.py up` is not running: nothing is sent{inbox}",
        )
        return
    bad = [
        finding
        for finding in health.findings()
        if finding.name in ("workers", "sweeper") and finding.problem
    ]
    for finding in bad:
        yield Line(Level.PROBLEM, finding.name, finding.problem)
    if not bad:
        yield Line(Level.OK, "processes", "sweeper and a worker for each lane")


def _waiting() -> Iterator[Line]:
    ages = work.due_lanes()
    late = {lane: age for lane, age in ages.items() if age > WAITING_SECONDS}
    for lane, age in late.items():
        yield Line(
            Level.PROBLEM, "waiting", f"{lane}: the oldest has been due for {age:.0f} s"
        )
    authors = errands.waiting_seconds() or 0
    if authors > WAITING_SECONDS:
        yield Line(
            Level.PROBLEM,
            "waiting",
            f"authors: a proof or a shadow render has waited for {authors:.0f} s: no "
            "worker is rung for it, or none serves another lane than critical",
        )
    held = Work.objects.filter(stage=Stage.HELD).count()
    if held:
        yield Line(
            Level.WARNING, "waiting", f"{held} deliveries are held for an operator"
        )
    warnings = [
        finding
        for finding in health.findings()
        if finding.name in ("backlog", "providers") and finding.warning
    ]
    for finding in warnings:
        yield Line(Level.WARNING, finding.name, finding.warning)
    if not late and not held and authors <= WAITING_SECONDS:
        yield Line(Level.OK, "waiting", "nothing is late")


def _content() -> Iterator[Line]:
    live = Message.objects.filter(status=MessageStatus.PUBLISHED).count()
    paused = Message.objects.filter(status=MessageStatus.PAUSED).count()
    if live:
        yield Line(Level.OK, "content", f"{live} messages published, {paused} paused")
    else:
        yield Line(
            Level.WARNING,
            "content",
            "no message is published: make one in the admin, or run load_demo",
        )
    for channel, path in sorted(settings.TXMSG_CHANNELS.items()):
        if not issubclass(import_string(path), CaptureChannel):
            continue
        kept = Message.objects.filter(
            status=MessageStatus.PUBLISHED, channel=channel
        ).count()
        if kept:
            yield Line(
                Level.WARNING,
                "content",
                f"{kept} published on {channel}, which has no provider: kept in the "
                "Inbox, not sent (TXMSG_CHANNELS)",
            )


def _access() -> Iterator[Line]:
    if not get_user_model().objects.filter(is_staff=True, is_active=True).exists():
        yield Line(
            Level.WARNING,
            "access",
            "nobody can log in to the admin: run manage.py createsuperuser",
        )
    if not ApiKey.objects.filter(revoked_at=None).exists():
        yield Line(
            Level.WARNING,
            "access",
            "no API key: run manage.py create_api_key --source …",
        )
    if settings.DEBUG:
        yield Line(Level.WARNING, "access", "DEBUG is on: errors show settings")
    if not settings.TXMSG_EMBEDDED_DATABASE and not settings.TXMSG_HTTPS:
        yield Line(Level.WARNING, "access", "HTTPS is not required (TXMSG_HTTPS)")


def _disk() -> Iterator[Line]:
    usage = shutil.disk_usage(settings.TXMSG_HOME)
    free = f"{usage.free / 2**30:.1f} GiB free"
    if usage.free < max(FREE_BYTES, usage.total // 20):
        yield Line(
            Level.PROBLEM, "disk", f"only {free}: PostgreSQL stops on a full disk"
        )
    else:
        yield Line(Level.OK, "disk", free)
