"""`manage.py sweeper`: the sweeper process; `up` runs it."""

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from txmsg import sweeper


class Command(BaseCommand):
    """Sweep every second until stopped."""

    help = "Ring for what is due and resolve what a dead worker left, every second."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take a name, to be seen in the list of processes."""
        parser.add_argument("--name", default="txmsg-sweeper")

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Run."""
        stopped = threading.Event()
        for which in (signal.SIGTERM, signal.SIGINT):
            signal.signal(which, lambda *_: stopped.set())
        sweeper.run(stopped.wait)
