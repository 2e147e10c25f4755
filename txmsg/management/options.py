"""What several commands read from their options, and how they print their lines."""

from __future__ import annotations

from datetime import datetime

from django.core.management.base import CommandError

from events.models import Lane


def read_lanes(text: str) -> list[str]:
    """Return the lanes of `--lanes`, in the order given; raise CommandError."""
    lanes = [lane.strip() for lane in text.split(",") if lane.strip()]
    if not lanes or set(lanes) - set(Lane.values):
        message = f"--lanes takes some of {', '.join(Lane.values)}"
        raise CommandError(message)
    return lanes


def stamped(line: str) -> str:
    """Return a line of the supervisor as the operator sees it, with the local time."""
    return f"{datetime.now().astimezone():%H:%M:%S} txmsg: {line}"
