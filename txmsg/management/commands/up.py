"""`manage.py up`: everything the product needs, as the children of one process."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from txmsg.embedded import EmbeddedError
from txmsg.management.options import stamped
from txmsg.supervisor import Installation, running


def at_least_two(text: str) -> int:
    """Read a number of workers: one is for the critical lane alone."""
    if not text.isdigit() or int(text) < 2:
        message = "must be 2 or more: one worker serves the critical lane alone"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def add_installation_arguments(parser: CommandParser) -> None:
    """Add what `up` and `demo` have in common."""
    parser.add_argument("--host", default="127.0.0.1", help="where to listen")
    parser.add_argument("--port", type=int, default=8000, help="default: 8000")
    parser.add_argument(
        "--workers",
        type=at_least_two,
        default=3,
        help="how many; the first serves the critical lane alone (default: 3)",
    )


class Command(BaseCommand):
    """Start the services, migrate, and keep web, workers, sweeper and inbox alive."""

    help = "Run everything until SIGTERM or Ctrl-C; data lies in TXMSG_HOME."
    # `up` migrates, and checks run in the children.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        add_installation_arguments(parser)
        parser.add_argument(
            "--log-files",
            action="store_true",
            help="write the processes' output to TXMSG_HOME/log instead of here",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until a signal; leaves nothing running."""
        installation = Installation(
            host=options["host"], port=options["port"], workers=options["workers"]
        )
        try:
            with running(
                installation, say=self._say, log_to_files=options["log_files"]
            ) as supervisor:
                supervisor.run_until_stopped()
                self._say("ending")
        except EmbeddedError as error:
            raise CommandError(str(error)) from error

    def _say(self, line: str) -> None:
        self.stdout.write(stamped(line))
        self.stdout.flush()
