"""`manage.py inbox`: the built-in SMTP server, on loopback."""

from __future__ import annotations

import socket
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from txmsg import inbox


class Command(BaseCommand):
    """Run the inbox until SIGTERM."""

    help = "Run the built-in SMTP server, which stores what it gets (`up` does this)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the port, or a socket that the parent process listens on."""
        where = parser.add_mutually_exclusive_group(required=True)
        where.add_argument("--port", type=int, help="a port of 127.0.0.1 to listen on")
        where.add_argument("--fd", type=int, help="a listening socket to take over")
        parser.add_argument(
            "--name", default="txmsg-inbox", help="shown in the list of processes"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Listen and serve."""
        try:
            if options["fd"] is not None:
                sock = socket.socket(fileno=options["fd"])
            else:
                sock = socket.create_server(("127.0.0.1", options["port"]))
        except (OSError, OverflowError) as error:
            raise CommandError(f"The inbox cannot listen: {error}") from error
        with sock:
            inbox.serve(sock, inbox.store_mails)
