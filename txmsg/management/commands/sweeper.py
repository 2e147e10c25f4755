"""`manage.py sweeper`: the sweeper process, which sends webhooks too; `up` runs it."""

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from txmsg import sweeper
from txmsg.webhooks import courier


class Command(BaseCommand):
    """Sweep every second until stopped; send webhooks beside."""

    help = (
        "Ring for what is due and resolve what a dead worker left, every second; "
        "send webhooks."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take a name, to be seen in the list of processes."""
        parser.add_argument("--name", default="txmsg-sweeper")

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Run."""
        stopped = threading.Event()
        for which in (signal.SIGTERM, signal.SIGINT):
            signal.signal(which, lambda *_: stopped.set())
        with courier.running():
            sweeper.run(stopped.wait)
