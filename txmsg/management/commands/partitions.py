"""`manage.py partitions`: make the months that are missing, and list them."""

from typing import Any

from django.core.management.base import BaseCommand

from events import partitions


class Command(BaseCommand):
    """Make and list partitions."""

    help = "Make the month partitions that are missing, three months ahead; list all."

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run."""
        made = set(partitions.ensure())
        if not options["verbosity"]:
            return
        for partition in partitions.listing():
            note = "  made now" if partition.name in made else ""
            self.stdout.write(f"{partition.name}  to {partition.until:%Y-%m-%d}{note}")
        self.stdout.write(f"{partitions.days_ahead():.0f} days ahead")
