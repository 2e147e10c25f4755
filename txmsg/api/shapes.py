"""What the API answers, as models: they are what its document says, and are held to.

An answer is checked before it leaves: a field that is not here cannot slip out.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Id = Annotated[str, Field(json_schema_extra={"format": "uuid"})]
Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class Shape(BaseModel):
    """A model of what is answered."""

    model_config = ConfigDict(extra="forbid")


class Finding(Shape):
    """A fault or a warning; `pointer` is a JSON Pointer into the body."""

    pointer: str
    code: str
    message: str


class State(Shape):
    """A status of an event, and since when."""

    status: str
    at: Moment


class Attempt(Shape):
    """One try to hand a message over."""

    number: int
    started_at: Moment
    ended_at: Moment
    outcome: str
    answer: str | None


class Delivery(Shape):
    """One message to one recipient on one channel; its status may be a stage."""

    id: Id
    channel: str
    address: str
    status: str
    reason: str | None
    detail: str | None
    possible_duplicate: bool
    retry_of: Id | None
    message: str | None
    version: int | None
    sent_at: Moment | None
    provider_id: str | None
    resolved_as: str | None
    resolved_at: Moment | None
    delivered_at: Moment | None
    bounced_at: Moment | None
    complained_at: Moment | None
    attempts: list[Attempt]


class DeliveryOfEvent(Delivery):
    """A delivery by itself: with the event that it belongs to."""

    event_id: Id
    type: str
    external_id: str | None
    links: dict[str, str]


class EventLine(Shape):
    """An event in a list."""

    id: Id
    status: str
    reason: str | None
    type: str
    external_id: str | None
    correlation_id: str | None
    origin: str | None
    channel: str | None
    lane: str
    replay_of: Id | None
    received_at: Moment
    scheduled_at: Moment | None
    expires_at: Moment
    finished_at: Moment | None
    links: dict[str, str]


class Event(EventLine):
    """An event with all that became of it; `recipient` is null once it was purged."""

    recipient: dict[str, Any] | None
    metadata: dict[str, Any] | None
    warnings: list[Finding]
    states: list[State]
    deliveries: list[Delivery]


class EventPage(Shape):
    """Events, newest first; `next_cursor` is null on the last page."""

    data: list[EventLine]
    next_cursor: str | None


class AcceptedEvent(Shape):
    """An event that was taken in."""

    id: Id
    status: str
    type: str
    external_id: str | None
    received_at: Moment
    warnings: list[Finding]
    links: dict[str, str]


class ReplayedEvent(AcceptedEvent):
    """An event that repeats another."""

    replay_of: Id


class RenderFault(Shape):
    """Why a message cannot be rendered, and where in its content."""

    code: str
    message: str
    part: str
    line: int | None
    column: int | None
    path: str


class WouldSend(Shape):
    """A message that an event would bring about, were it posted now."""

    channel: str
    address: str
    message: str
    version: int
    suppressed: bool
    paused: bool
    renders: bool
    render_fault: RenderFault | None


class Verdict(Shape):
    """What POST /events would answer, and what would be sent."""

    valid: bool
    status: int
    problems: list[Finding]
    warnings: list[Finding]
    duplicate_of: Id | None
    would_send: list[WouldSend]


class AttachedFile(Shape):
    """A file that travels with an email."""

    name: str
    url: str


class Content(Shape):
    """A message as it was sent, rendered again and compared with its digest."""

    id: Id
    event_id: Id
    channel: str
    address: str
    message: str
    version: int
    match: str
    differs: list[str]
    has_hidden_values: bool
    headers: dict[str, str]
    parts: dict[str, str]
    attachments: list[AttachedFile]
