"""`manage.py export_message NAME`: a message and all it stands on, as one JSON file."""

import difflib
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from templates_app import packages
from templates_app.models import Message


class Command(BaseCommand):
    """Print a message's package, or the names of all messages."""

    help = "Print a message with event type, template and blocks as one JSON file."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the message's internal name, or the wish for all names."""
        parser.add_argument(
            "name", nargs="?", help="the internal name of a message (see --list)"
        )
        parser.add_argument(
            "--list",
            action="store_true",
            help="print the internal names of all messages, one a line",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run."""
        messages = Message.objects.filter(deleted_at=None).order_by("internal_name")
        names = list(messages.values_list("internal_name", flat=True))
        if options["list"]:
            for name in names:
                self.stdout.write(name)
            return
        name = options["name"]
        if name is None:
            message = "Name a message, or ask for all names with --list."
            raise CommandError(message)
        found = messages.filter(internal_name=name).first()
        if found is None:
            near = difflib.get_close_matches(name, names, n=1)
            advice = f"Did you mean {near[0]}?" if near else "--list prints all names."
            message = f"There is no message {name}. {advice}"
            raise CommandError(message)
        self.stdout.write(packages.export_message(found), ending="")
