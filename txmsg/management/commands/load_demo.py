"""`manage.py load_demo`: the demonstration's types, templates and messages alone."""

from typing import Any

from django.core.management.base import BaseCommand

from txmsg.demo import loading


class Command(BaseCommand):
    """Load the demonstration's content; repeating it changes nothing."""

    help = "Load five event types with templates and published messages (repeatable)."

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run."""
        loaded = loading.load()
        if not options["verbosity"]:
            return
        self.stdout.write(
            f"made {len(loaded.event_types)} event types, {len(loaded.templates)} "
            f"templates, {len(loaded.messages)} messages; "
            f"published {len(loaded.published)}"
        )
