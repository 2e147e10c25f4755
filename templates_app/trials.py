"""A version tried on one past event or sample: rendered, and nothing is sent.

Reads events and samples; writes nothing and knows no run.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format

from events import ids, routing, strict_json
from events.facts import EventFacts, facts_of
from events.masking import mask_context
from events.models import Channel, EventSample
from templates_app import simulation, versions
from templates_app.models import Message
from templates_app.rendering import RenderedMessage, RenderError
from templates_app.rendering.sms import segments
from templates_app.versions import LoadedVersion

logger = logging.getLogger(__name__)

OWN, TYPE = "own", "type"
_SAMPLE = "sample:"
_PLACE = ("code", "part", "line", "column")
_NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a version is tried on; `key` is the id of an event or names a sample.

    `at` is what templates see as now.
    """

    key: str
    label: str
    facts: EventFacts
    at: datetime


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of it: a message, or an error as RenderError.as_dict.

    `size` is the HTML's in bytes for email, in segments for SMS, of all for push.
    """

    message: RenderedMessage | None = None
    error: Mapping[str, Any] | None = None
    size: int | None = None


def samples_of(message: Message) -> list[tuple[str, str]]:
    """Return key and label of each sample that a message can be tried on.

    Its own, its event type's and the named ones; those that are empty are left out,
    since no event looks like them.
    """
    found = [(OWN, "Context sample")] if message.context_sample else []
    event_type = message.event_type
    if event_type is None:
        return found
    if event_type.sample:
        found.append((TYPE, f"Sample of {event_type.name}"))
    named = EventSample.objects.filter(event_type=event_type).exclude(ctx={})
    found += [(f"{_SAMPLE}{each.pk}", each.name) for each in named]
    return found


def load(keys: Iterable[str], message: Message) -> dict[str, Subject]:
    """Return subjects by key; what was purged or deleted meanwhile is left out."""
    keys = list(keys)
    samples = dict(samples_of(message))
    found = {key: _sample(key, samples[key], message) for key in keys if key in samples}
    event_ids = [UUID(key) for key in keys if key not in samples and _is_id(key)]
    for event_id, facts in facts_of(event_ids).items():
        if facts.ctx is not None:
            found[str(event_id)] = _event(event_id, facts)
    return found


def masked(subject: Subject, paths: Sequence[str]) -> Subject:
    """Return a subject whose values at the sensitive paths are hidden."""
    ctx = mask_context(subject.facts.ctx or {}, paths)
    return replace(subject, facts=replace(subject.facts, ctx=ctx))


def render(version: LoadedVersion, subject: Subject) -> Trial:
    """Render a version for a subject; what fails is said, never raised."""
    is_sample = not _is_id(subject.key)
    try:
        message = versions.render(
            version,
            subject.facts,
            delivery_id=_NOBODY if is_sample else ids.delivery_id(UUID(subject.key), 1),
            address=routing.address_for(version.channel, subject.facts.recipient),
            frozen_at=subject.at,
        )
    except RenderError as error:
        return Trial(error=error.as_dict())
    except Exception as error:
        # A fault of ours must not end the whole run: it is one failing subject.
        logger.exception("trying %s on %s failed", version.label, subject.key)
        words = f"A fault of txmsg itself: {type(error).__name__}."
        return Trial(error=RenderError(words, code="render_limit").as_dict())
    return Trial(message=message, size=_size(message))


def presentable(
    version: LoadedVersion, trial: Trial, subject: Subject, paths: Sequence[str]
) -> dict[str, Any] | None:
    """Return why a trial failed without values at the sensitive paths; else None.

    An error may quote the value that it is about.
    """
    if trial.error is None:
        return None
    shown = masked(subject, paths)
    if shown.facts.ctx == subject.facts.ctx:
        return dict(trial.error)
    again = render(version, shown).error or {}
    if all(again.get(name) == trial.error[name] for name in _PLACE):
        return dict(again)
    return {**trial.error, "message": "a value that is hidden here does not fit"}


def size_in_words(channel: str, size: int | None) -> str:
    """Return a size as people say it, such as ``14.2 KB`` or ``2 segments``."""
    if size is None:
        return "–"
    if channel == Channel.SMS:
        return f"{size} segment{'' if size == 1 else 's'}"
    return f"{size / 1024:.1f} KB" if size >= 1024 else f"{size} bytes"


def _size(message: RenderedMessage) -> int:
    if message.channel == Channel.EMAIL:
        return len(message.parts["html"].encode())
    if message.channel == Channel.SMS:
        return segments(message.parts["text"]).parts
    return sum(len(part.encode()) for part in message.parts.values())


def _is_id(key: str) -> bool:
    try:
        UUID(key)
    except ValueError:
        return False
    return True


def _event(event_id: UUID, facts: EventFacts) -> Subject:
    at = parse_datetime(facts.event["received_at"]) or ids.moment_of(event_id)
    when = date_format(timezone.localtime(at), "j M Y, H:i")
    name = facts.event["external_id"] or f"event {str(event_id)[:18]}…"
    return Subject(str(event_id), f"{name[:120]} ({when})", facts, at)


def _sample(key: str, label: str, message: Message) -> Subject:
    event_type = message.event_type
    ctx: dict[str, Any] = message.context_sample
    if key == TYPE and event_type is not None:
        ctx = event_type.sample
    elif key.startswith(_SAMPLE):
        ctx = EventSample.objects.get(pk=key.removeprefix(_SAMPLE)).ctx
    sample = simulation.Sample(
        # Fractions are Decimal, as in a real event.
        ctx=strict_json.read(json.dumps(ctx)),
        event_type=event_type.name if event_type else "",
    )
    at = message.modified_at
    made_up = simulation.context_of(
        sample, about={}, at=at, language=message.default_language
    )
    facts = EventFacts(
        ctx=dict(made_up.ctx),
        recipient=dict(made_up.recipient),
        metadata={},
        event=dict(made_up.event),
    )
    return Subject(key, label, facts, at)
