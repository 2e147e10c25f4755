"""Django's entry for this app."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from events import arrays as arrays  # known to the driver before it connects
from events import partitions


def make_partitions(*, using: str, **_kwargs: Any) -> None:
    """Make the months that are missing, whenever the schema was migrated."""
    partitions.ensure(using=using)


class EventsConfig(AppConfig):
    """Name and label of the app."""

    name = "events"
    verbose_name = "Events"

    def ready(self) -> None:
        """Make partitions after every migrate, tests' databases included."""
        post_migrate.connect(make_partitions, sender=self)
