"""Claimed rows made ready: those that end here are told apart, the others rendered.

It must not know channels, waves or what is recorded when; an error in rendering ends
its own row and no other.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from events import failpoints
from events.facts import StoredFacts
from events.models import EventOutcome, Stage
from events.work import Item
from history import recording
from history.models import DeliveryStatus, Reason
from history.recording import Ending
from history.suppressions import normalized, suppressed
from templates_app import publishing, versions
from templates_app.rendering import RenderedMessage, RenderError
from templates_app.versions import LoadedVersion

logger = logging.getLogger(__name__)

RENDER_ERRORS_ALLOWED = 20


@dataclass(slots=True)
class Executions:
    """The executions that the rows of one batch belong to, each looked up once."""

    month: datetime
    known: dict[int, int] = field(default_factory=dict)

    def of(self, item: Item) -> int | None:
        """Return the id of a row's execution; None if it was never pinned."""
        if item.version_id is None:
            return None
        if item.version_id not in self.known:
            version = versions.load(item.version_id)
            self.known[version.id] = recording.execution_for(
                version.id, version.message_id, at=self.month
            )
        return self.known[item.version_id]


@dataclass(frozen=True, slots=True)
class Ready:
    """A row with its rendered message."""

    item: Item
    message: RenderedMessage
    version: LoadedVersion
    execution_id: int | None


@dataclass(slots=True)
class RenderErrors:
    """How many errors in a row each version has had; twenty pause its message."""

    in_a_row: dict[int, int] = field(default_factory=dict)

    def forget(self, version: LoadedVersion) -> None:
        """Note that the version was rendered."""
        self.in_a_row.pop(version.id, None)

    def count(self, version: LoadedVersion) -> None:
        """Note an error; pause the message after twenty."""
        count = self.in_a_row.get(version.id, 0) + 1
        self.in_a_row[version.id] = count
        if count < RENDER_ERRORS_ALLOWED:
            return
        del self.in_a_row[version.id]
        note = f"Paused by txmsg: {count} events in a row could not be rendered."
        logger.error("%s: %s", version.internal_name, note)
        try:
            publishing.pause_version(version.id, note=note)
        except publishing.PublishError as error:
            logger.info("%s was not paused: %s", version.internal_name, error)


def check(
    items: Sequence[Item], executions: Executions
) -> tuple[list[Item], list[Ending]]:
    """Part the rows worth sending from those that end here, and why."""
    live = [item for item in items if not (item.expired or item.crashed)]
    listed = suppressed((item.channel, item.address) for item in live)
    sendable: list[Item] = []
    endings: list[Ending] = []
    for item in items:
        if item.crashed:
            ending = Ending(item.id, DeliveryStatus.FAILED, Reason.CRASH)
        elif item.expired:
            ending = _expired(item)
        elif listed and (item.channel, normalized(item.address)) in listed:
            ending = Ending(item.id, DeliveryStatus.EXCLUDED, Reason.SUPPRESSED)
        else:
            sendable.append(item)
            continue
        endings.append(replace(ending, execution_id=executions.of(item)))
    return sendable, endings


def render(
    items: Sequence[Item],
    facts: Mapping[UUID, StoredFacts],
    executions: Executions,
    errors: RenderErrors,
) -> tuple[list[Ready], list[Ending]]:
    """Render each row with its pinned version; an error ends that row only.

    Its time stands still at the moment it was pinned.
    """
    ready: list[Ready] = []
    endings: list[Ending] = []
    for item in items:
        failpoints.reach("P3", (item.id,))
        version = versions.load(item.version_id or 0)
        event = facts.get(item.event_id)
        reason, detail = Reason.CONTEXT_GONE, ""
        if event is not None and event.ctx is not None:
            try:
                message = versions.render(
                    version,
                    event.read(),
                    delivery_id=item.id,
                    address=item.address,
                    frozen_at=item.pinned_at or executions.month,
                )
            except RenderError as error:
                reason, detail = Reason.RENDER_ERROR, str(error)
            except Exception as error:
                # A fault of ours must not keep the neighbours of this row.
                logger.exception("rendering %s failed", item.id)
                reason = Reason.RENDER_ERROR
                detail = f"A fault of txmsg itself: {type(error).__name__}."
            else:
                errors.forget(version)
                ready.append(Ready(item, message, version, executions.of(item)))
                continue
            errors.count(version)
        ending = Ending(item.id, DeliveryStatus.FAILED, reason, detail=detail)
        endings.append(replace(ending, execution_id=executions.of(item)))
    return ready, endings


def _expired(item: Item) -> Ending:
    if item.stage == Stage.HELD:
        return Ending(item.id, DeliveryStatus.UNCERTAIN, Reason.UNKNOWN_OUTCOME)
    if item.stage == Stage.NOT_COVERED:
        return Ending(
            item.id,
            DeliveryStatus.EXPIRED,
            Reason.NO_PUBLISHED_MESSAGE,
            event_outcome=EventOutcome.NOT_COVERED,
        )
    return Ending(
        item.id,
        DeliveryStatus.EXPIRED,
        Reason.EXPIRED,
        event_outcome=EventOutcome.EXPIRED,
    )
