"""`manage.py doctor`: what is configured, reachable, migrated, and what is wrong."""

from typing import Any

from django.core.management.base import BaseCommand

from txmsg import doctor
from txmsg.doctor import Level


class Command(BaseCommand):
    """Say how things stand; exit 1 if something is bad."""

    help = "Say what is configured, reachable and migrated, and what is wrong."
    requires_system_checks = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Run."""
        styles = {
            Level.OK: self.style.SUCCESS,
            Level.WARNING: self.style.WARNING,
            Level.PROBLEM: self.style.ERROR,
        }
        bad = 0
        for line in doctor.examine():
            bad += line.level is Level.PROBLEM
            mark = styles[line.level](f"{line.level.value:<5}")
            self.stdout.write(f"{mark}{line.name:<11}{line.text}")
        if bad:
            raise SystemExit(1)
