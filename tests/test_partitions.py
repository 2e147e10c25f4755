"""Month partitions: made ahead, found by the catalogue, indexed without blocking."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, migrations, models
from django.db.migrations.state import ModelState, ProjectState

from events import ids, partitions
from events.models import Event, EventType
from events.partitions import AddPartitionedIndex, CreatePartitionedModel

pytestmark = pytest.mark.django_db

PARENTS = {
    "events_event",
    "events_eventcontext",
    "history_delivery",
    "history_attempt",
}


def test_this_month_and_three_more_stand_ready_for_every_table() -> None:
    found = partitions.listing()
    assert {partition.parent for partition in found} == PARENTS
    for parent in PARENTS:
        assert len([p for p in found if p.parent == parent]) == 4
    assert partitions.days_ahead() > 85


def test_making_them_again_makes_nothing() -> None:
    assert partitions.ensure() == []


def test_a_year_later_the_missing_months_are_made() -> None:
    later = datetime.now(UTC) + timedelta(days=365)
    assert partitions.days_ahead(now=later) < 0
    made = partitions.ensure(now=later)
    assert len(made) == 4 * len(PARENTS)
    assert f"events_event_{later:%Y_%m}" in made
    assert partitions.days_ahead(now=later) > 85


def test_december_is_followed_by_january() -> None:
    made = partitions.ensure(now=datetime(2031, 12, 31, 23, 59, tzinfo=UTC), months=1)
    assert "events_event_2031_12" in made
    assert "events_event_2032_01" in made


def test_an_event_lies_in_the_partition_of_its_month() -> None:
    event_type = EventType.objects.create(name="partitioned", label="Partitioned")
    now = datetime.now(UTC)
    event = Event.objects.create(
        id=ids.new_event_id(),
        type=event_type,
        lane="normal",
        received_at=now,
        expires_at=now,
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tableoid::regclass::text FROM events_event WHERE id = %s",
            [event.pk],
        )
        assert cursor.fetchone()[0] == f"events_event_{now:%Y_%m}"


def test_a_partition_has_its_own_storage_parameters() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT reloptions FROM pg_class WHERE relname = %s",
            [f"events_event_{datetime.now(UTC):%Y_%m}"],
        )
        assert cursor.fetchone()[0] == ["fillfactor=90"]


@pytest.mark.django_db(transaction=True)
def test_an_index_is_added_partition_by_partition_and_attached() -> None:
    create = CreatePartitionedModel(
        name="Probe",
        fields=[
            ("id", models.UUIDField(primary_key=True)),
            ("name", models.CharField(max_length=20)),
        ],
        partition_by="id",
        partition_storage={"fillfactor": 80},
    )
    add = AddPartitionedIndex(
        "probe", models.Index(fields=["name"], name="events_probe_by_name")
    )
    empty = ProjectState()
    made = empty.clone()
    create.state_forwards("events", made)
    indexed = made.clone()
    add.state_forwards("events", indexed)
    assert isinstance(made.models["events", "probe"], ModelState)
    assert isinstance(create, migrations.CreateModel)
    try:
        with connection.schema_editor() as editor:
            create.database_forwards("events", editor, empty, made)
        partitions.ensure()
        with connection.schema_editor(atomic=False) as editor:
            add.database_forwards("events", editor, made, indexed)
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT i.indisvalid, (SELECT count(*) FROM pg_inherits
                                      WHERE inhparent = i.indexrelid)
                FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
                WHERE c.relname = 'events_probe_by_name'
                """
            )
            assert cursor.fetchone() == (True, 4)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS events_probe")
