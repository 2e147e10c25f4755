"""`manage.py crashdrill`: proves by kills, freezes and cuts that nothing is lost."""

from __future__ import annotations

import argparse
import contextlib
import json
import secrets
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from txmsg import embedded
from txmsg.crashdrill import drill, report
from txmsg.crashdrill.installation import environment


class Command(BaseCommand):
    """Run the drill in an installation of its own, which ends with it."""

    help = (
        "Kill, freeze and cut an installation of its own; exit 1 on a broken promise."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        size = parser.add_mutually_exclusive_group()
        size.add_argument(
            "--short", action="store_true", help="one kill a cell (the default)"
        )
        size.add_argument("--full", action="store_true", help="20 kills a cell")
        parser.add_argument(
            "--json", action="store_true", help="end with one object for machines"
        )
        parser.add_argument("--seed", type=int, help="repeat the run of this seed")
        parser.add_argument(
            "--only",
            type=_runs,
            default=[],
            metavar="RUN,…",
            help=f"only these runs: {', '.join(drill.RUNS | drill.SAMPLES)}",
        )
        parser.add_argument("--keep", help="a folder to use and to leave for a look")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run; exits 1 when an invariant was broken or a number deviates."""
        seed = options["seed"]
        if seed is None:
            seed = secrets.randbelow(2**31)
        if settings.TXMSG_FAILPOINTS:
            raise SystemExit(self._drill(seed, options))
        raise SystemExit(self._apart(seed, options))

    def _apart(self, seed: int, options: dict[str, Any]) -> int:
        """Run this command again with the settings of a throw-away installation."""
        with contextlib.ExitStack() as stack:
            name = options["keep"] or stack.enter_context(
                tempfile.TemporaryDirectory(prefix="txmsg-drill-")
            )
            Path(name).mkdir(parents=True, exist_ok=True)
            if any(Path(name).iterdir()):
                message = f"{name} is not empty: the drill needs a folder of its own"
                raise CommandError(message)
            arguments = [f"--seed={seed}"]
            arguments += [f"--{o}" for o in ("full", "json") if options[o]]
            if options["only"]:
                arguments.append(f"--only={','.join(options['only'])}")
            process = embedded.spawn(
                [sys.executable, sys.argv[0], "crashdrill", *arguments],
                death_signal=signal.SIGTERM,
                env=environment(Path(name)),
            )
            # Asked to end, it ends what it started, and then we remove the folder.
            stack.callback(process.wait)
            for which in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(which, lambda *_: process.terminate())
            return process.wait()

    def _drill(self, seed: int, options: dict[str, Any]) -> int:
        for which in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(which, lambda *_: sys.exit(1))
        self._say(f"seed {seed}")
        self._say(report.HEAD)
        done: list[report.Run] = []
        for run in drill.runs(seed=seed, full=options["full"], only=options["only"]):
            done.append(run)
            self._say(run.line())
            for line in run.details():
                self._say(line)
        for line in report.table(done):
            self._say(line)
        told = report.summary(done, seed=seed)
        self._say(json.dumps(told) if options["json"] else _verdict(told))
        return 0 if told["ok"] else 1

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _runs(text: str) -> list[str]:
    """Read the names of runs."""
    names = text.split(",")
    if unknown := set(names) - (drill.RUNS | drill.SAMPLES).keys():
        message = f"there is no run {', '.join(sorted(unknown))}"
        raise argparse.ArgumentTypeError(message)
    return names


def _verdict(told: dict[str, Any]) -> str:
    ends = "every promise kept" if told["ok"] else "promises were BROKEN"
    return f"{told['accepted']} events: {ends}; seed {told['seed']}"
