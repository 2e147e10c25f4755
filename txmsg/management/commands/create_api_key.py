"""`manage.py create_api_key`: make a key for a source, and the source if it is new."""

from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_slug
from django.utils import timezone

from events import api_keys
from events.models import ApiKey, Scope, Source

_MOST_DAYS = 3_650


class Command(BaseCommand):
    """Make an API key and print it, alone on the last line."""

    help = "Make an API key for a source (made when new); it is shown this once only."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the source's name and, to restrict the key, scopes."""
        parser.add_argument("--source", required=True, help="the calling system")
        parser.add_argument(
            "--scope",
            action="append",
            choices=Scope.values,
            help="may be given several times; all scopes unless given",
        )
        parser.add_argument(
            "--expires-in-days", type=int, help="after so many days; never unless given"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run."""
        name = options["source"]
        try:
            validate_slug(name)
        except ValidationError as error:
            message = "--source takes letters, digits, hyphens and underscores"
            raise CommandError(message) from error
        days = options["expires_in_days"]
        if days is not None and not 1 <= days <= _MOST_DAYS:
            message = f"--expires-in-days takes 1 to {_MOST_DAYS:,}"
            raise CommandError(message)
        source, is_new = Source.objects.get_or_create(name=name)
        expires_at = timezone.now() + timedelta(days=days) if days else None
        key, text = api_keys.create(
            source, scopes=options["scope"], expires_at=expires_at
        )
        self.stdout.write(
            f"{'New source' if is_new else 'Source'} {source.name}, key {key}, scopes: "
            f"{', '.join(key.scopes)}; it expires {_end_of(key)}. The key is shown "
            "this once only:"
        )
        self.stdout.write(text)


def _end_of(key: ApiKey) -> str:
    if key.expires_at is None:
        return "never"
    return f"on {timezone.localtime(key.expires_at):%Y-%m-%d at %H:%M %Z}"
