"""healthz and readyz: alive is one thing, able to send another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from redis.exceptions import ConnectionError as RedisConnectionError

from events import partitions, pressure
from events.models import Lane
from txmsg import breaker, doctor, health, sweeper, worker
from txmsg.models import Heartbeat


@pytest.fixture
def ready(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the sweeper have run just now, and a worker serve every lane."""
    Heartbeat.objects.create(name=sweeper.NAME, at=datetime.now(UTC), detail={})
    monkeypatch.setattr(worker, "served_lanes", lambda _redis: set(Lane.values))


def missing(client: Client) -> dict[str, str]:
    answer = client.get("/readyz")
    body = answer.json()
    assert answer.status_code == (503 if body["missing"] else 200)
    assert body["status"] == ("unready" if body["missing"] else "ready")
    found: dict[str, str] = body["missing"]
    return found


def test_alive_is_answered_without_asking_anybody(client: Client) -> None:
    """No database mark: a query would fail this test."""
    answer = client.get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


@pytest.mark.usefixtures("ready")
def test_when_all_is_there_it_is_ready(client: Client) -> None:
    assert missing(client) == {}
    assert [finding.name for finding in health.findings()] == [
        "database",
        "migrations",
        "partitions",
        "sweeper",
        "backlog",
        "webhooks",
        "storage",
        "queue",
        "workers",
        "providers",
    ]


@pytest.mark.usefixtures("ready")
@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_without_the_database_nothing_more_is_asked_of_it(
    client: Client, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error("secret of the house")

    with monkeypatch.context() as patch:
        patch.setattr("django.db.backends.utils.CursorWrapper.execute", fail)
        found = missing(client)
    assert found == {"database": f"database does not answer: {error.__name__}"}


@pytest.mark.usefixtures("ready")
def test_a_migration_that_is_not_applied_is_named(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MigrationExecutor, "migration_plan", lambda *_: [1, 2])
    assert missing(client) == {
        "migrations": "2 migrations are not applied: run manage.py migrate"
    }


@pytest.mark.usefixtures("ready")
@pytest.mark.parametrize(("days", "is_ready"), [(39.9, False), (40.0, True)])
def test_months_ahead_are_needed(
    client: Client, monkeypatch: pytest.MonkeyPatch, days: float, is_ready: bool
) -> None:
    monkeypatch.setattr(partitions, "days_ahead", lambda: days)
    found = missing(client)
    assert ("partitions" not in found) is is_ready
    if not is_ready:
        assert "40 days ahead" in found["partitions"]


@pytest.mark.usefixtures("ready")
def test_a_silent_sweeper_is_named(client: Client) -> None:
    Heartbeat.objects.update(at=datetime.now(UTC) - timedelta(seconds=20))
    assert missing(client).keys() == {"sweeper"}
    Heartbeat.objects.all().delete()
    assert missing(client) == {"sweeper": "the sweeper has never run"}


@pytest.mark.usefixtures("ready")
def test_a_lane_without_a_worker_is_named(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "served_lanes", lambda _redis: {"normal"})
    assert missing(client) == {"workers": "no worker serves bulk, critical"}


@pytest.mark.usefixtures("ready")
def test_without_redis_the_queue_is_named(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RedisConnectionError("nobody there")

    monkeypatch.setattr(worker, "queue_connection", fail)
    assert missing(client) == {"queue": "queue does not answer: ConnectionError"}


@pytest.mark.usefixtures("ready")
def test_a_full_disk_is_no_readiness(
    client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is taken in then: a load balancer may look elsewhere."""
    settings.TXMSG_EMBEDDED_DATABASE, settings.TXMSG_FREE_DISK_MB = True, 512
    monkeypatch.setattr(pressure, "free_megabytes", lambda: 100.4)
    assert missing(client) == {
        "storage": "only 100 MB are free, under 512 (TXMSG_FREE_DISK_MB): no event is "
        "taken in"
    }


@pytest.mark.usefixtures("ready")
def test_a_late_bulk_lane_and_a_broken_provider_are_warned_of_only(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pressure, "bulk_age", lambda: 1000.0)
    since = datetime(2026, 11, 23, 9, 5, tzinfo=UTC)
    left_alone = [
        breaker.Opened("email", since, "connection refused.", 0, 12.4),
        breaker.Opened("sms", since, "421 busy.", 4, 0),
    ]
    monkeypatch.setattr(breaker, "opened", lambda: left_alone)
    assert missing(client) == {}
    assert client.get("/readyz").json()["warnings"] == {
        "backlog": "the bulk lane is 1000 s behind, and takes no more events (503)",
        "providers": "email: connection refused. Since 09:05:00 UTC, tried again in "
        "12 s; sms: 421 busy. Since 09:05:00 UTC, recovering by 4 at a time",
    }
    said = [line for line in doctor.examine() if line.level is doctor.Level.WARNING]
    assert {"backlog", "providers"} <= {line.name for line in said}


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_only_reading_is_allowed(client: Client, path: str) -> None:
    assert client.post(path).status_code == 405
