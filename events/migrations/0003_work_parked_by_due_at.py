"""Finds parked rows of work by their due time, so that marking changes no index."""

from django.contrib.postgres.operations import (
    AddIndexConcurrently,
    RemoveIndexConcurrently,
)
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("events", "0002_eventsample")]

    operations = [
        RemoveIndexConcurrently(model_name="work", name="events_work_parked"),
        AddIndexConcurrently(
            model_name="work",
            index=models.Index(
                fields=["type", "id"],
                condition=models.Q(due_at=models.F("expires_at")),
                name="events_work_parked",
            ),
        ),
    ]
