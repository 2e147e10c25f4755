"""What would become of a request body, were it posted now; nothing is stored.

The same checks as the door's, then the same routing, suppression and rendering as the
pipeline's, once each.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from events import admission, identities, ids
from events.admission import Checked, Judged
from events.api_keys import Caller
from events.facts import EventFacts
from events.identities import Earlier
from events.problems import Fault, Refused, rfc3339
from events.routing import Route, TypeRules, choose_routes
from history.suppressions import normalized, suppressed
from templates_app import publishing, versions
from templates_app.rendering import RenderError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DryRun:
    """What the door would answer, and the messages that would go out."""

    status: int
    problems: list[dict[str, str]] = field(default_factory=list)
    warnings: list[dict[str, str]] = field(default_factory=list)
    duplicate_of: UUID | None = None
    would_send: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_valid(self) -> bool:
        """Whether the event would be taken in, or was before."""
        return not self.problems


def dry_run(body: dict[str, Any], *, caller: Caller) -> DryRun:
    """Return what would become of a body."""
    (judged,) = admission.judge([body], caller)
    try:
        earlier = _earlier(body, judged, caller)
    except Refused as refused:
        return _refused(refused)
    if earlier is not None:
        return DryRun(200, warnings=earlier.warnings, duplicate_of=earlier.id)
    if judged.refused is not None:
        return _refused(judged.refused)
    if judged.checked is None:
        raise AssertionError
    return DryRun(
        202, warnings=judged.checked.warnings, would_send=_would_send(judged.checked)
    )


def _earlier(body: dict[str, Any], judged: Judged, caller: Caller) -> Earlier | None:
    """Return the event that has the external id; raise Refused if it may not."""
    if judged.event is None or judged.type is None or not judged.event.external_id:
        return None
    request = identities.request_of(
        body,
        source_id=caller.source_id,
        type_id=judged.type.pk,
        external_id=judged.event.external_id,
        idempotency_key="",
    )
    return identities.earlier(request)


def _refused(refused: Refused) -> DryRun:
    faults = refused.errors or [Fault("", refused.code, refused.detail)]
    return DryRun(refused.status, problems=[asdict(fault) for fault in faults])


def _would_send(checked: Checked) -> list[dict[str, Any]]:
    """Return the messages that an event would bring about, by channel."""
    live = publishing.live_versions()
    type_id = checked.type.pk
    routes = choose_routes(
        TypeRules(tuple(checked.type.channel_order), checked.type.fan_out),
        wished=checked.event.channel or "",
        recipient=checked.recipient,
        has_message=lambda channel: (type_id, channel) in live,
    )
    listed = suppressed((route.channel, route.address) for route in routes)
    facts = _facts(checked)
    found = []
    for route in routes:
        now_live = live[type_id, route.channel]
        version = versions.load(now_live.id)
        fault = _render_fault(version, facts, route)
        found.append(
            {
                "channel": route.channel,
                "address": route.address,
                "message": version.internal_name,
                "version": version.number,
                "suppressed": (route.channel, normalized(route.address)) in listed,
                "paused": now_live.is_paused,
                "renders": fault is None,
                "render_fault": fault,
            }
        )
    return found


def _render_fault(
    version: versions.LoadedVersion, facts: EventFacts, route: Route
) -> dict[str, Any] | None:
    """Return why a version cannot be rendered for an event; None if it can."""
    try:
        versions.render(
            version,
            facts,
            delivery_id=ids.delivery_id(UUID(facts.event["id"]), 1),
            address=route.address,
            frozen_at=datetime.now(UTC),
        )
    except RenderError as error:
        return dict(error.as_dict())
    except Exception as error:
        # As when it is sent: a fault of ours is that of one message.
        logger.exception("rendering %s failed in a dry run", version.internal_name)
        sentence = f"A fault of txmsg itself: {type(error).__name__}."
        return dict(RenderError(sentence, code="bad_value").as_dict())
    return None


def _facts(checked: Checked) -> EventFacts:
    """Return an event as it would be read for rendering."""
    event = checked.event
    return EventFacts(
        ctx=event.ctx,
        recipient=checked.recipient,
        metadata=event.metadata,
        event={
            "id": str(ids.new_event_id()),
            "type": checked.type.name,
            "external_id": event.external_id or "",
            "correlation_id": event.correlation_id or "",
            "origin": event.origin or "",
            "received_at": rfc3339(datetime.now(UTC)),
        },
    )
