"""`manage.py sample_event TYPE`: a valid request body, ready for curl."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from events import addresses, ids
from events.models import EventType
from txmsg.demo import events, loading


class Command(BaseCommand):
    """Print a valid request body and nothing else."""

    help = "Print a valid body for POST /api/v1/events as JSON, and nothing else."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the event type and the recipient."""
        parser.add_argument("type", help="the name of an event type")
        parser.add_argument("--to", help="the recipient's email address")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run."""
        name, to = options["type"], options["to"]
        if to is not None:
            try:
                addresses.email(to)
            except addresses.BadAddress as error:
                message = f"--to {error}"
                raise CommandError(message) from error
        event_type = EventType.objects.filter(name=name).first()
        if event_type is None:
            known = ", ".join(EventType.objects.values_list("name", flat=True))
            message = (
                f"There is no event type {name}. There are: {known or 'none yet'}."
            )
            raise CommandError(message)
        if name in loading.names():
            body = events.sample_request(name, to=to)
        else:
            body = {
                "type": name,
                "recipient": {"email": to or "ada@example.com", "name": "Ada"},
                "ctx": event_type.sample,
                "external_id": f"sample-{ids.new_event_id().hex}",
            }
        self.stdout.write(json.dumps(body, ensure_ascii=False, indent=2))
