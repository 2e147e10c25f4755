"""What the API answers where a view answers plain data, as models for its document.

What a route declares as its answer stands in `txmsg.api.shapes`, and is not repeated.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from events.models import (
    Channel,
    ContractMode,
    Lane,
    TypeKind,
    WhenUncovered,
)
from history.models import SuppressionReason
from templates_app.models import ProofStatus
from txmsg.api.shapes import AttachedFile, Finding, RenderFault


def one_of(values: list[str]) -> WithJsonSchema:
    """Return the schema of text that is one of some values."""
    return WithJsonSchema({"type": "string", "enum": list(dict.fromkeys(values))})


def _text(**rules: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", **rules})


Id = Annotated[str, _text(format="uuid")]
Moment = Annotated[
    str, _text(format="date-time", examples=["2026-11-23T09:15:00.131Z"])
]
Address = Annotated[str, _text(description="An address below this host.")]
ChannelName = Annotated[str, one_of(list(Channel.values))]
LaneName = Annotated[str, one_of(list(Lane.values))]
Data = Annotated[dict[str, Any], Field(description="An object of any members.")]


class Answer(BaseModel):
    """What every answer is: exactly its members."""

    model_config = ConfigDict(extra="forbid")


class Links(Answer):
    """Where to go on."""

    self: Address


class PostedEvent(Answer):
    """An event that was taken in."""

    id: Id
    status: Annotated[str, one_of(["pending", "not_covered"])]
    type: str
    external_id: str | None
    received_at: Moment
    warnings: list[Finding]
    links: Links
    duplicate: bool = Field(
        default=False,
        description="True when an event with this `external_id` was accepted before.",
    )


class BatchSummary(Answer):
    """How many events of a batch were taken, and how many not."""

    accepted: int = Field(ge=0)
    rejected: int = Field(ge=0)


class PartProblem(Answer):
    """Why one event of a batch was refused."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    retryable: bool
    errors: list[Finding]
    event_id: Id | None = None
    near: list[str] | None = None


class BatchResult(Answer):
    """What became of one event of a batch: `event`, or `problem`."""

    index: int = Field(ge=0, description="Its place in the batch, from 0.")
    status: int
    event: PostedEvent | None = None
    problem: PartProblem | None = None


class AcceptedBatch(Answer):
    """What became of a batch."""

    summary: BatchSummary
    results: list[BatchResult] = Field(description="In the order of the events.")


class TypeLinks(Links):
    """Where the contract of an event type stands."""

    schema_: Address = Field(alias="schema")


class EventType(Answer):
    """What may be posted, in short."""

    name: str
    label: str
    description: str | None
    kind: Annotated[str, one_of(list(TypeKind.values))]
    lane: LaneName
    channels: list[ChannelName] = Field(description="In the order they are tried.")
    fan_out: bool = Field(description="Whether it goes out on all of them.")
    live_channels: list[ChannelName] = Field(
        description="Those with a published message."
    )
    when_uncovered: Annotated[str, one_of(list(WhenUncovered.values))]
    contract_mode: Annotated[str, one_of(list(ContractMode.values))]
    ttl_seconds: int
    retention_days: int
    modified_at: Moment
    links: TypeLinks


class Sample(Answer):
    """A named example of the data of an event type."""

    name: str
    ctx: Data


class EventTypeDetails(EventType):
    """All of an event type."""

    sensitive_paths: list[str] = Field(description="Paths whose values are hidden.")
    samples: list[Sample]
    request: Data = Field(description="A body for `POST /api/v1/events`.")


class EventTypeSchema(Answer):
    """The contract of an event type, and a request that fits it."""

    type: str
    contract_mode: Annotated[str, one_of(list(ContractMode.values))]
    contract: Data = Field(description="The JSON Schema (2020-12) of `ctx`.")
    request: Data = Field(description="A body for `POST /api/v1/events`.")


class Page(Answer):
    """A page of a list."""

    next_cursor: str | None = Field(description="For the next page; null on the last.")


class EventTypes(Page):
    """A page of event types."""

    data: list[EventType]


class Suppression(Answer):
    """An address that gets nothing on a channel."""

    id: str
    channel: ChannelName
    address: str
    reason: Annotated[str, one_of(list(SuppressionReason.values))]
    note: str | None
    delivery_id: Id | None = Field(description="The delivery that bounced, if one did.")
    created_at: Moment
    links: Links


class Suppressions(Page):
    """A page of the suppression list."""

    data: list[Suppression]


class Size(Answer):
    """How large a message is; null where its channel has no such measure."""

    html_bytes: int | None
    push_bytes: int | None
    segments: int | None
    encoding: str | None


class CheckFinding(Answer):
    """What the checks say of a message."""

    severity: Literal["error", "warning"]
    code: str
    message: str
    suggestion: str
    part: str
    line: int | None
    column: int | None
    length: int | None
    path: str
    language: str


class Fit(Answer):
    """Whether the data fit the contract of the event type."""

    fits: bool
    would_be_refused: bool = Field(description="An event with these data.")
    errors: list[Finding]


class Preview(Answer):
    """A message as it would be sent with the given data."""

    message: str
    version: int | None = Field(description="Null for the draft.")
    channel: ChannelName
    language: str = Field(description="The language that was rendered.")
    is_rendered: bool
    parts: dict[str, str] = Field(
        description="Such as `subject`, `html` and `text` of an email."
    )
    headers: dict[str, str]
    attachments: list[AttachedFile]
    size: Size
    errors: list[RenderFault]
    findings: list[CheckFinding]
    contract: Fit
    warnings: list[str]


class ProofRecipient(Answer):
    """What became of a proof for one recipient."""

    address: str
    name: str | None
    status: Annotated[str, one_of(list(ProofStatus.values))]
    answer: str | None = Field(description="The provider's words, or what failed.")
    sent_at: Moment | None


class Proof(Answer):
    """Where a proof stands."""

    number: int
    message: str
    channel: ChannelName
    language: str
    status: Annotated[str, one_of(list(ProofStatus.values))]
    created_at: Moment
    finished_at: Moment | None
    recipients: list[ProofRecipient]
    links: Links


class Problem(Answer):
    """What is wrong with a request (RFC 9457); nothing was stored."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="`urn:txmsg:problem:` and the code.")
    title: str
    status: int
    detail: str
    code: str = Field(description="The code of the first fault.")
    retryable: bool = Field(description="Whether the same request may succeed later.")
    request_id: str = Field(description="Names this answer; also `X-Request-Id`.")
    errors: list[Finding]
    event_id: Id | None = None
    near: list[str] | None = None
