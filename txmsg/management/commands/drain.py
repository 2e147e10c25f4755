"""`manage.py drain`: handle what is due without RQ, for when Redis is away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Count, Q
from django.db.models.functions import Now

from events.models import Channel, Lane, Stage, Work
from txmsg import errands, gate, jobs, pipeline, sweeper
from txmsg.channels import get_channel
from txmsg.management.options import read_lanes
from txmsg.pipeline import Drain


class Command(BaseCommand):
    """Handle everything due, say what is left and why, then end."""

    help = "Handle what is due in some lanes and for authors; works without Redis."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the lanes and a bound on the time."""
        parser.add_argument("--lanes", default=",".join(Lane.values))
        parser.add_argument("--seconds", type=float, default=300.0)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run; exit 1 if something due was left."""
        lanes, seconds = read_lanes(options["lanes"]), options["seconds"]
        if not seconds > 0:
            message = "--seconds takes a number greater than 0"
            raise CommandError(message)
        total = 0
        broken: set[str] = set()
        for lane in lanes:
            sweeper.resolve_unknown(lane)
            run = Drain(lane=lane, owner=jobs.here.owner)
            total += pipeline.drain(run, seconds=seconds, linger=0)
            broken |= run.broken
        self.stdout.write(f"{total} deliveries handled")
        is_left = self._serve_authors(seconds)
        if self._say_what_is_left(lanes, broken) or is_left:
            raise SystemExit(1)

    def _serve_authors(self, seconds: float) -> bool:
        """Send proofs and render shadows that wait; return whether some are left."""
        if errands.waiting_seconds() is None:
            return False
        is_left = errands.serve(lambda: False, seconds=seconds)
        said = "some are left: the time was up" if is_left else "none is left"
        self.stdout.write(f"proofs and shadow renders handled; {said}")
        return is_left

    def _say_what_is_left(self, lanes: Sequence[str], broken: set[str]) -> bool:
        """Print it with its reason; return whether it was due."""
        rows = Work.objects.filter(lane__in=lanes)
        # What would go by these is not even claimed.
        resting = [channel for channel in Channel.values if not gate.room(channel)]
        is_waiting = Q(due_at__gt=Now()) | Q(channel__in=resting)
        due = rows.exclude(is_waiting).count()
        if due:
            self.stdout.write(
                f"{due} still due: the time was up, or they came just now"
            )
        is_left = due > 0
        # Nobody has these, and they are routed: a refusal or a broken route put them
        # off. Only what was never tried tells of a broken route by itself.
        waiting = (
            rows.filter(
                is_waiting, lease_owner="", stage__in=[Stage.QUEUED, Stage.RETRY]
            )
            .order_by("channel", "stage")
            .values_list("channel", "stage")
            .annotate(number=Count("id"))
        )
        for channel, stage, number in waiting:
            if stage == Stage.QUEUED or channel in {*broken, *resting}:
                is_left = True
                self.stdout.write(f"{number} still wait: {_why(channel)}")
            else:
                self.stdout.write(f"{number} wait for their next try ({channel})")
        return is_left


def _why(channel: str) -> str:
    """Say why nothing leaves on a channel."""
    if channel == Channel.EMAIL and not settings.EMAIL_URL:
        return (
            "there is no mail server: EMAIL_URL is not set, and the inbox of "
            "`manage.py up` does not run"
        )
    try:
        get_channel(channel)
    except (ValueError, ImproperlyConfigured) as error:
        return f"{channel} cannot be used: {error}"
    return f"{channel} was not reached (the log says why); tried again by itself"
