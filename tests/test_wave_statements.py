"""What a claim and a wave cost the database: few statements, and plans that last."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from events import arrays, statements, work
from events.models import Event, EventType, Work
from events.webhooks import outbox
from events.work import Claim, claiming
from history import recording
from history.models import DeliveryStatus, Tally
from history.recording import Ending, Results
from templates_app import publishing
from templates_app.models import Version
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def version() -> Version:
    return factories.publish()


def accept(version: Version, count: int) -> None:
    event_type = EventType.objects.get(pk=version.message.event_type_id or 0)
    caller = factories.make_caller()
    for _ in range(count):
        factories.accept(event_type, caller)


def claim() -> Claim:
    return work.claim(
        "normal",
        owner="worker",
        limit=500,
        lease_seconds=60,
        live=publishing.live_versions(),
    )


def mark(claimed: Claim) -> set[Any]:
    marked, _ = publishing.mark(
        {item.id: item.version_id or 0 for item in claimed.items},
        lease_no=claimed.lease_no,
        send_timeout=30,
        lease_seconds=60,
    )
    return marked


def sent(claimed: Claim) -> Results:
    item = claimed.items[0]
    version = Version.objects.get(pk=item.version_id or 0)
    execution = recording.execution_for(
        version.pk, version.message_id, at=datetime.now(UTC)
    )
    return Results(
        endings=[
            Ending(
                item.id,
                DeliveryStatus.SENT,
                execution_id=execution,
                answer="250 2.0.0 Ok",
                was_tried=True,
            )
            for item in claimed.items
        ]
    )


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], int]]:
    """Count statements, those of the ORM and the prepared ones; not BEGIN, COMMIT."""
    prepared: list[str] = []
    rows = statements.rows

    def spy(statement: str, values: Any) -> list[tuple[Any, ...]]:
        prepared.append(statement)
        return rows(statement, values)

    with monkeypatch.context() as patch, CaptureQueriesContext(connection) as queries:
        patch.setattr(statements, "rows", spy)
        yield lambda: len(prepared) + sum("SAVEPOINT" not in q["sql"] for q in queries)


@pytest.mark.parametrize("size", [1, 40])
def test_a_wave_takes_a_bounded_number_of_statements_whatever_its_size(
    version: Version, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(version, size)
    live = publishing.live_versions()
    monkeypatch.setattr(publishing, "live_versions", lambda: live)

    with counted(monkeypatch) as claiming_took:
        claimed = claim()
    with counted(monkeypatch) as marking_took:
        marked = mark(claimed)
    results = sent(claimed)
    # Asked once a second, by whoever comes first.
    assert not outbox.is_wanted()
    with counted(monkeypatch) as recording_took:
        recorded = recording.record(results, lease_no=claimed.lease_no)

    assert len(claimed.items) == len(marked) == len(recorded.own) == size
    assert claiming_took() <= 4
    assert marking_took() == 1
    assert recording_took() <= 4


@pytest.mark.django_db(transaction=True)
def test_a_claim_does_not_wait_for_the_disk_and_a_record_does(
    version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(version, 1)
    waits: list[str] = []
    tell = statements._tell

    def spy(raw: Any, command: bytes) -> None:
        if command == b"COMMIT":
            waits.append(raw.execute("SHOW synchronous_commit").fetchone()[0])
        tell(raw, command)

    with connection.cursor() as cursor:
        # Of tests none waits.
        cursor.execute("SET synchronous_commit = on")
    try:
        monkeypatch.setattr(statements, "_tell", spy)
        claimed = claim()
        mark(claimed)
        recording.record(sent(claimed), lease_no=claimed.lease_no)
    finally:
        connection.close()
    assert waits == ["off", "on"]


def test_a_plan_made_when_the_queue_was_said_to_be_empty_does_not_read_the_backlog(
    version: Version,
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE events_work")
    accept(version, 30)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('enable_seqscan', 'on', false),"
            " set_config('enable_bitmapscan', 'on', false)"
        )
    claimed = claim()
    values = claiming._columns(claimed.items)  # type: ignore[arg-type]
    values |= {"owner": "worker", "size": 30, "seconds": 60.0, "alone": False}
    update = explained(claiming._UPDATE, values)
    due = explained(
        claiming._DUE_OF_ALL,
        {
            "types": arrays.bigints([]),
            "rooms": arrays.bigints([]),
            "limit": 10.0,
            "lane": "normal",
            "floor": work.BEGINNING,
            "sending": False,
            "taken": arrays.uuids([]),
            "deaths": 3,
        },
    )
    assert "Seq Scan on events_work" not in update + due
    assert "Index Scan using events_work_due" in due
    assert "(id = ANY (" in update
    assert "Hash Join" in update


def explained(statement: str, values: dict[str, Any]) -> str:
    """Return a plan as a session makes it that claims."""
    statements.turn_off(*claiming._DONE_WITHOUT)
    return "\n".join(row[0] for row in statements.rows("EXPLAIN " + statement, values))


def test_the_mark_of_a_fresh_lease_leaves_the_indexes_alone(version: Version) -> None:
    accept(version, 1)
    claimed = claim()
    ends = Work.objects.get().due_at
    mark(claimed)
    assert Work.objects.get().due_at == ends


def test_a_lease_that_has_run_for_long_begins_anew_with_the_mark(
    version: Version,
) -> None:
    accept(version, 1)
    claimed = work.claim(
        "normal",
        owner="worker",
        limit=1,
        lease_seconds=40,
        live=publishing.live_versions(),
    )
    ends = Work.objects.get().due_at
    assert mark(claimed)
    assert (Work.objects.get().due_at - ends).total_seconds() > 15


def test_an_event_whose_delivery_was_sent_is_processed_and_counted(
    version: Version,
) -> None:
    accept(version, 3)
    claimed = claim()
    recording.record(sent(claimed), lease_no=claimed.lease_no)
    assert {e.outcome for e in Event.objects.all()} == {"processed"}
    assert Tally.objects.get().count == 3


def test_a_claim_brings_the_facts_of_its_events_unread(version: Version) -> None:
    accept(version, 2)
    claimed = claim()
    for item in claimed.items:
        facts = claimed.facts[item.event_id].read()
        assert facts.ctx == {"order": {"number": "10293"}}
        assert facts.recipient["email"] == "ada@example.com"
        assert facts.event["id"] == str(item.event_id)
        assert facts.event["type"] == EventType.objects.get().name
