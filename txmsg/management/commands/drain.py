"""`manage.py drain`: handle what is due without RQ, for when Redis is away."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from events.models import Lane
from txmsg import jobs, pipeline, sweeper
from txmsg.pipeline import Drain


class Command(BaseCommand):
    """Handle everything due, then end."""

    help = "Handle everything due in some lanes and end; works without Redis."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the lanes and a bound on the time."""
        parser.add_argument("--lanes", default=",".join(Lane.values))
        parser.add_argument("--seconds", type=float, default=300.0)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run."""
        total = 0
        for lane in options["lanes"].split(","):
            sweeper.resolve_unknown(lane)
            run = Drain(lane=lane, owner=jobs.here.owner)
            total += pipeline.drain(run, seconds=options["seconds"], linger=0)
        self.stdout.write(f"{total} deliveries handled")
