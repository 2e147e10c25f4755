"""`manage.py openapi`: the API of this installation as an OpenAPI document."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from events import catalogue
from txmsg.api.document import markdown
from txmsg.api.document.assembling import assemble


class Command(BaseCommand):
    """Print the document, or write the pages of the reference that are made of it."""

    help = (
        "Print the OpenAPI document of the API, with this installation's event types."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what is printed, or where to write."""
        parser.add_argument(
            "--general",
            action="store_true",
            help="leave the event types of this installation out",
        )
        parser.add_argument(
            "--server", default="/", help="the address that callers reach it at"
        )
        parser.add_argument(
            "--reference",
            type=Path,
            metavar="FOLDER",
            help="write api.md and errors.md there instead, for those who change the "
            "API: docs/reference",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run."""
        if options["reference"] is not None:
            for path, text in markdown.pages(options["reference"]).items():
                path.write_text(text, encoding="utf-8")
                self.stdout.write(f"wrote {path}")
            return
        types = None if options["general"] else catalogue.listed(None)
        document = assemble(types, server=options["server"])
        self.stdout.write(json.dumps(document, indent=2, ensure_ascii=False))
