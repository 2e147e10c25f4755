"""`manage.py import_message FILE`: a package becomes a message, whole or not at all."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from templates_app import packages
from templates_app.packages import BrokenPackage

_MAX_BYTES = 10_000_000


class Command(BaseCommand):
    """Import a package, or say everything that is wrong with it."""

    help = "Import a message from a package file; refused whole if anything is wrong."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the file and what to do with it."""
        parser.add_argument("file", help="the package's file; - reads standard input")
        parser.add_argument(
            "--publish", action="store_true", help="publish the message as well"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="check everything, change nothing"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run."""
        name = options["file"]
        text = _text_of(name)
        try:
            imported = packages.import_package(
                packages.read(text),
                is_published=options["publish"],
                is_dry_run=options["dry_run"],
            )
        except BrokenPackage as error:
            for fault in error.faults:
                at = f"{name}:{fault.file_line}" if fault.file_line else name
                self.stderr.write(f"{at}: {fault}")
            count = len(error.faults)
            faults = "1 fault" if count == 1 else f"{count} faults"
            message = f"{name} has {faults}; nothing was imported."
            raise CommandError(message) from error
        for finding in imported.warnings:
            self.stderr.write(f"{name}: warning: {finding}")
        for line in imported.lines:
            self.stdout.write(line)
        if not imported.lines:
            self.stdout.write("everything stands here as in the package already")
        if options["dry_run"]:
            self.stdout.write("a dry run: nothing was changed")


def _text_of(name: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        message = f"{name} cannot be read: {error.strerror}"
        raise CommandError(message) from error
    if len(raw) > _MAX_BYTES:
        message = f"{name} is larger than {_MAX_BYTES // 1_000_000} MB: no package is."
        raise CommandError(message)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"{name} is not UTF-8 text (byte {error.start})."
        raise CommandError(message) from error
