"""Rendering alone: our compiled templates beside python-liquid, processor time."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from events.facts import EventFacts
from templates_app import versions
from templates_app.models import Version
from templates_app.rendering import RenderContext, program
from txmsg.bench import mail

_ADDRESS = "ada@example.com"
_RECIPIENT = {"email": _ADDRESS, "name": "Ada"}
_NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
_CONTEXTS = 50


def render(count: int = 2000, rounds: int = 5, postgres_pid: int = 0) -> dict[str, Any]:
    """Return the µs that a message costs: ours, and by python-liquid's interpreter."""
    loaded = versions.load(Version.objects.latest("pk").pk)
    contexts = [_as_stored(mail.context(number)) for number in range(_CONTEXTS)]
    # A program that nobody has prepared interprets; so this one comes first.
    plain = program(loaded.channel, loaded.compiled[loaded.default_language])

    def interpreted(ctx: dict[str, Any]) -> None:
        context = RenderContext(
            ctx=ctx,
            recipient=_RECIPIENT,
            event={},
            message=loaded.facts(),
            frozen_at=_NOW,
            content_language=loaded.default_language,
        )
        plain.render(context, delivery_id=UUID(int=1), address=_ADDRESS)

    def compiled(ctx: dict[str, Any]) -> None:
        facts = EventFacts(ctx=ctx, recipient=_RECIPIENT, metadata={}, event={})
        versions.render(
            loaded, facts, delivery_id=UUID(int=1), address=_ADDRESS, frozen_at=_NOW
        )

    theirs = _microseconds(interpreted, contexts, count=max(1, count // 5))
    slow = [theirs() for _ in range(rounds)]
    ours = _microseconds(compiled, contexts, count=count)
    fast = [ours() for _ in range(rounds)]
    return {
        "us": round(statistics.median(fast), 1),
        "python_liquid_us": round(statistics.median(slow), 1),
    }


def _microseconds(
    act: Callable[[dict[str, Any]], None],
    contexts: list[dict[str, Any]],
    *,
    count: int,
) -> Callable[[], float]:
    def measure() -> float:
        began = time.process_time()
        for number in range(count):
            act(contexts[number % len(contexts)])
        return (time.process_time() - began) / count * 1e6

    act(contexts[0])
    return measure


def _as_stored(ctx: dict[str, Any]) -> dict[str, Any]:
    """Return a context as the pipeline reads it from the database."""
    found: dict[str, Any] = json.loads(json.dumps(ctx), parse_float=Decimal)
    return found
