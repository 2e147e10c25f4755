"""`manage.py worker`: one worker process; `up` runs these."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from events.models import Lane
from txmsg import worker
from txmsg.management.options import read_lanes


class Command(BaseCommand):
    """Serve some lanes until stopped."""

    help = "Serve some lanes until stopped. `up` starts as many of these as it needs."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take a name, which must be this process's alone, and the lanes."""
        parser.add_argument("--name", default="txmsg-worker-1")
        parser.add_argument("--lanes", default=",".join(Lane.values))

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run."""
        worker.run(options["name"], read_lanes(options["lanes"]))
