"""A past delivery as it was sent: rendered again, and compared with its digest.

No body is stored: version, context, recipient and the frozen time make the same parts
again. Values at sensitive paths are hidden in what is shown; the digest is over the
parts as they were sent, so everything is rendered twice. Knows no admin.
"""

from __future__ import annotations

import enum
import json
import shlex
from dataclasses import dataclass, field, replace
from uuid import UUID

from events import strict_json
from events.facts import EventFacts, facts_of
from events.masking import mask_context
from events.models import Event
from history.models import Delivery
from templates_app import versions
from templates_app.rendering import RenderedMessage, RenderError
from txmsg.inbox import parse_mail
from txmsg.models import InboxMessage


class Match(enum.Enum):
    """How a message rendered again compares with what was sent."""

    SAME = "This is the message exactly as it was sent."
    DIFFERENT = "This differs from what was sent."
    NOT_SENT = "It was not handed over, so there is nothing to compare it with."


@dataclass(frozen=True, slots=True)
class Preview:
    """A message as people may see it; `message` is None if it cannot be shown.

    `differs` names parts that differ, as far as a copy in the inbox tells.
    """

    delivery: Delivery
    message: RenderedMessage | None
    match: Match | None
    problem: str = ""
    differs: list[str] = field(default_factory=list)
    has_hidden_values: bool = False
    is_purged: bool = False


def of_delivery(delivery_id: UUID) -> Preview:
    """Return the preview of an ended delivery; raise Delivery.DoesNotExist."""
    delivery = Delivery.objects.select_related("execution__version").get(pk=delivery_id)
    if delivery.execution is None:
        return _none(delivery, "It ended before a version of a message was chosen.")
    event = facts_of([delivery.event_id]).get(delivery.event_id)
    if event is None or event.ctx is None:
        problem = "The event's data was purged, so it cannot be shown."
        return Preview(delivery, None, None, problem, is_purged=True)
    version = versions.load(delivery.execution.version_id)
    try:
        sent = _rendered(version, event, delivery)
    except RenderError as error:
        return _none(delivery, f"It could not be rendered: {error}")
    match = _match(delivery, sent)
    differs = _differing_parts(sent) if match == Match.DIFFERENT else []
    paths = sensitive_paths(delivery.event_id, also=version.sensitive_paths)
    masked = masked_facts(event, paths)
    if masked.ctx == event.ctx:
        return Preview(delivery, sent, match, differs=differs)
    try:
        shown = _rendered(version, masked, delivery)
    except RenderError as error:
        problem = f"It cannot be shown with its secret values hidden: {error.message}"
        return Preview(delivery, None, match, problem, differs, has_hidden_values=True)
    return Preview(delivery, shown, match, differs=differs, has_hidden_values=True)


def sensitive_paths(event_id: UUID, *, also: list[str] | None = None) -> list[str]:
    """Return the paths in an event's context that are never shown."""
    paths = Event.objects.values_list("type__sensitive_paths", flat=True)
    found: list[str] = paths.filter(pk=event_id).first() or []
    return sorted({*found, *(also or [])})


def masked_facts(event: EventFacts, paths: list[str]) -> EventFacts:
    """Return an event's data with the values at these paths hidden."""
    if event.ctx is None:
        return event
    return replace(event, ctx=mask_context(event.ctx, paths))


def request_as_curl(event: Event, facts: EventFacts, *, address: str) -> str:
    """Return the command that would post an event like this one.

    The caller's key is left to the shell; `address` is that of this server.
    """
    body = {
        "type": event.type.name,
        "channel": event.channel,
        "recipient": facts.recipient,
        "ctx": facts.ctx,
        "metadata": facts.metadata,
        "correlation_id": event.correlation_id,
        "origin": event.origin,
    }
    # Its own external id would be answered with the event of the first time.
    given = {name: value for name, value in body.items() if value}
    text = strict_json.dumps(given, indent=2)
    return (
        f"curl -sS {shlex.quote(f'{address}/api/v1/events')} \\\n"
        '  -H "Authorization: Bearer $TXMSG_KEY" \\\n'
        "  -H 'Content-Type: application/json' \\\n"
        f"  --data {shlex.quote(text)}"
    )


def _none(delivery: Delivery, problem: str) -> Preview:
    return Preview(delivery, None, None, problem)


def _rendered(
    version: versions.LoadedVersion, event: EventFacts, delivery: Delivery
) -> RenderedMessage:
    return versions.render(
        version,
        event,
        delivery_id=delivery.pk,
        address=delivery.address,
        frozen_at=delivery.claimed_at or delivery.finished_at,
    )


def _match(delivery: Delivery, again: RenderedMessage) -> Match:
    if delivery.digest is None:
        return Match.NOT_SENT
    same = bytes(delivery.digest) == again.digest
    return Match.SAME if same else Match.DIFFERENT


def _differing_parts(again: RenderedMessage) -> list[str]:
    """Name the parts that differ from the copy in the inbox, if one is there."""
    copy = InboxMessage.objects.filter(delivery_id=again.delivery_id).first()
    if copy is None:
        return []
    raw = bytes(copy.raw)
    if copy.channel == "email":
        mail = parse_mail(raw)
        kept = {"subject": mail.subject, "html": mail.html, "text": mail.text}
    else:
        kept = json.loads(raw)
    return [
        name
        for name, text in again.parts.items()
        if _words(kept.get(name, "")) != _words(text)
    ]


def _words(text: str) -> list[str]:
    """Return text without the line ends and blanks that transport may change."""
    return text.split()
