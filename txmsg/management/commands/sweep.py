"""`manage.py sweep`: what the sweeper does every second, once."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db.models.functions import Now

from events import work
from events.models import Stage, Work
from txmsg import sweeper


class Command(BaseCommand):
    """Sweep once, and say what there was to do."""

    help = "Ring for what is due and resolve what a dead worker left, once."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Run."""
        unknown = Work.objects.filter(stage=Stage.SENDING, due_at__lte=Now()).count()
        sweeper.sweep()
        due = [
            f"{lane} (for {max(age, 0):.0f} s)"
            for lane, age in sorted(work.due_lanes().items())
        ]
        rung = f"rang for what is due in {', '.join(due)}" if due else "nothing is due"
        self.stdout.write(f"swept: {unknown} of unknown outcome resolved, {rung}")
