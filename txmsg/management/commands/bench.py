"""`manage.py bench`: our speed beside the yardsticks', on this machine, now."""

from __future__ import annotations

import json
import signal
import sys
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from txmsg.bench import machine
from txmsg.bench.conducting import PARTS, conduct
from txmsg.bench.environment import BenchError
from txmsg.bench.report import table
from txmsg.bench.sizes import Sizes
from txmsg.embedded import EmbeddedError


class Command(BaseCommand):
    """Measure, and print medians, ratios and the machine."""

    help = "Measure speed beside other systems, on services and data of its own."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the part, the form of the result and its size."""
        parser.add_argument("part", nargs="?", default="all", choices=[*PARTS, "all"])
        parser.add_argument(
            "--json", action="store_true", help="the last line is one JSON object"
        )
        parser.add_argument(
            "--rows", type=int, help="at most so many of everything (history: 1000000)"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run; exit 1 when it could not, or when a yardstick is crippled."""
        if options["rows"] is not None and options["rows"] < 1:
            message = "--rows takes a number greater than 0"
            raise CommandError(message)
        signal.signal(signal.SIGTERM, _leave)
        parts = PARTS if options["part"] == "all" else [options["part"]]
        try:
            report = conduct(
                parts,
                sizes=Sizes.of(options["rows"]),
                folder=settings.TXMSG_HOME / "bench",
                write=self._say,
            )
        except (BenchError, EmbeddedError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(machine.describe())
        for line in [*report.lines, *table(report.values)]:
            self.stdout.write(line)
        if options["json"]:
            self.stdout.write(json.dumps(report.values))

    def _say(self, line: str) -> None:
        self.stderr.write(line)
        self.stderr.flush()


def _leave(which: int, _frame: FrameType | None) -> None:
    # By an exception, so that everything that was started ends.
    sys.exit(128 + which)
