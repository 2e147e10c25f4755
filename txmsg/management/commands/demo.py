"""`manage.py demo`: `up` with content, a user, and forty events through the API."""

from __future__ import annotations

import secrets
import threading
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from txmsg.demo import loading
from txmsg.demo.run import Result, run
from txmsg.embedded import EmbeddedError
from txmsg.management.commands.up import add_installation_arguments
from txmsg.management.options import stamped
from txmsg.supervisor import Installation, Supervisor, running

USER = "admin"
LONGEST_SECONDS = 200.0


class Command(BaseCommand):
    """Run everything with sample content and show that it works."""

    help = "Run everything, with sample content and forty events; --once ends after."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options of `up`, and --once."""
        add_installation_arguments(parser)
        parser.add_argument(
            "--once",
            action="store_true",
            help="end when the events are delivered: 0 if all were, else 1",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run."""
        installation = Installation(
            host=options["host"], port=options["port"], workers=options["workers"]
        )
        try:
            with running(installation, say=self._say, log_to_files=True) as supervisor:
                password = _make_user()
                result = self._post_and_watch(installation, supervisor)
                self._print_table(result)
                if not options["once"]:
                    self._print_invitation(installation, password)
                    self._print_summary(result)
                    supervisor.run_until_stopped()
        except (EmbeddedError, TimeoutError) as error:
            raise CommandError(str(error)) from error
        if options["once"]:
            self._print_summary(result)
            if result.failed:
                raise SystemExit(1)

    def _post_and_watch(
        self, installation: Installation, supervisor: Supervisor
    ) -> Result:
        """Load and post in a thread, while this one keeps the children alive."""
        done: list[Result] = []
        failures: list[BaseException] = []

        def work() -> None:
            try:
                loading.load()
                done.append(run(installation.url, say=self._say))
            except BaseException as error:
                failures.append(error)
            finally:
                connection.close()

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        supervisor.run_until(lambda: not thread.is_alive(), longest=LONGEST_SECONDS)
        if failures:
            raise failures[0]
        if not done:
            message = "the demonstration was stopped before it was done"
            raise CommandError(message)
        return done[0]

    def _print_table(self, result: Result) -> None:
        head = ("event", "type", "channel", "recipient", "status", "ms")
        lines = [head] + [
            (
                str(row.event_id or "-"),
                row.type,
                row.channel or "-",
                row.recipient,
                row.status,
                "-" if row.milliseconds is None else str(row.milliseconds),
            )
            for row in result.rows
        ]
        widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
        for line in lines:
            cells = [
                cell.ljust(width) for cell, width in zip(line, widths, strict=True)
            ]
            self.stdout.write("  ".join(cells).rstrip())

    def _print_invitation(self, installation: Installation, password: str) -> None:
        lines = [f"open {installation.url}/admin/  (Ctrl-C ends everything)"]
        if password:
            lines.append(f"log in as {USER} with the password {password}")
        for line in lines:
            self.stdout.write(f"txmsg: {line}")

    def _print_summary(self, result: Result) -> None:
        self.stdout.write(
            f"demo: {result.accepted} events accepted, {result.delivered} delivered, "
            f"{result.failed} failed"
        )
        self.stdout.flush()

    def _say(self, line: str) -> None:
        self.stdout.write(stamped(line))
        self.stdout.flush()


def _make_user() -> str:
    """Make the first user if there is none; return the password we made, if any."""
    path = settings.TXMSG_HOME / "admin-password"
    users = get_user_model().objects
    if not users.exists():
        password = secrets.token_urlsafe(12)
        users.create_superuser(USER, password=password)
        path.touch(mode=0o600)
        path.write_text(password + "\n")
    return path.read_text().strip() if path.exists() else ""
