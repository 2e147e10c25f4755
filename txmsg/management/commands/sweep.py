"""`manage.py sweep`: what the sweeper does every second, once."""

from typing import Any

from django.core.management.base import BaseCommand

from txmsg import sweeper


class Command(BaseCommand):
    """Sweep once."""

    help = "Ring for what is due and resolve what a dead worker left, once."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Run."""
        sweeper.sweep()
