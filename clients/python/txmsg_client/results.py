"""What goes in and what comes out, typed; what is not known here stands in `raw`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from txmsg_client.errors import Fault, Problem, problem_of

Channel = Literal["email", "sms", "push"]
Lane = Literal["critical", "normal", "bulk"]
FINAL = frozenset({"processed", "ignored", "failed", "expired", "cancelled"})
"""The statuses of an event that is over; ``not_covered`` may still be sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device that push messages go to."""

    platform: Literal["fcm", "apns", "webpush"]
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Who an event is for: at least one address. `phone` is E.164."""

    email: str | None = None
    phone: str | None = None
    push: Sequence[Device] = ()
    name: str | None = None
    language: str | None = None
    timezone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An event to send. Times need a zone; amounts are texts or Decimals."""

    type: str
    recipient: Recipient
    ctx: Mapping[str, Any] = field(default_factory=dict)
    external_id: str | None = None
    correlation_id: str | None = None
    origin: str | None = None
    channel: Channel | None = None
    lane: Lane | None = None
    scheduled_at: datetime | None = None
    expires_at: datetime | None = None
    metadata: Mapping[str, str | int | bool] = field(default_factory=dict)


def body_of(event: NewEvent | Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an event as the API takes it: without the fields that are not set."""
    if isinstance(event, Mapping):
        return event
    body = set_fields(event)
    recipient = set_fields(event.recipient)
    if event.recipient.push:
        recipient["push"] = [set_fields(device) for device in event.recipient.push]
    # An empty context is data too: the contract may ask for nothing.
    return {**body, "recipient": recipient, "ctx": event.ctx}


def set_fields(value: Any) -> dict[str, Any]:
    """Return the fields of a value that are set."""
    given = {each.name: getattr(value, each.name) for each in fields(value)}
    return {name: it for name, it in given.items() if it not in (None, (), {})}


@dataclass(frozen=True, slots=True)
class Accepted:
    """An event that was taken in, durably, now or by an earlier request.

    `is_replay`: this Idempotency-Key was used before, for the same body.
    `is_duplicate`: this external_id was.
    """

    id: UUID
    type: str
    status: str
    external_id: str | None
    received_at: datetime
    warnings: list[Fault]
    is_replay: bool
    is_duplicate: bool
    raw: Mapping[str, Any] = field(repr=False)

    @property
    def is_new(self) -> bool:
        """Whether this request is what made the event."""
        return not (self.is_replay or self.is_duplicate)

    @classmethod
    def of(cls, data: Mapping[str, Any], *, is_replay: bool = False) -> Self:
        """Return what an answer says."""
        return cls(
            id=UUID(data["id"]),
            type=data["type"],
            status=data["status"],
            external_id=data.get("external_id"),
            received_at=datetime.fromisoformat(data["received_at"]),
            warnings=_faults(data.get("warnings")),
            is_replay=is_replay,
            is_duplicate=bool(data.get("duplicate", False)),
            raw=data,
        )


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of a batch: for each event, in their order, one of both."""

    results: list[Accepted | Problem]
    is_replay: bool

    @property
    def accepted(self) -> list[Accepted]:
        """The events that were taken in."""
        return [each for each in self.results if isinstance(each, Accepted)]

    @property
    def refused(self) -> list[tuple[int, Problem]]:
        """Those that were refused, each with its place in the batch."""
        return [(n, it) for n, it in enumerate(self.results) if isinstance(it, Problem)]

    @classmethod
    def of(cls, data: Mapping[str, Any], *, is_replay: bool) -> Self:
        """Return what an answer says."""
        results: list[Accepted | Problem] = [
            Accepted.of(each["event"])
            if "event" in each
            else problem_of(each["status"], each["problem"], None)
            for each in data["results"]
        ]
        return cls(results, is_replay)


@dataclass(frozen=True, slots=True)
class Validation:
    """What would become of an event; nothing was stored.

    `would_send` says what would go out, as txmsg shows it: channel, address, message.
    `duplicate_of` is the event that has this external_id and these data already.
    """

    valid: bool
    problems: list[Fault]
    warnings: list[Fault]
    would_send: list[Mapping[str, Any]]
    duplicate_of: UUID | None
    raw: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Return what an answer says."""
        return cls(
            valid=bool(data["valid"]),
            problems=_faults(data.get("problems")),
            warnings=_faults(data.get("warnings")),
            would_send=list(data.get("would_send") or []),
            duplicate_of=_id(data.get("duplicate_of")),
            raw=data,
        )


@dataclass(frozen=True, slots=True)
class State:
    """A status that an event had, and since when."""

    status: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to hand a message over; `answer` is what the provider said."""

    number: int
    started_at: datetime | None
    ended_at: datetime | None
    outcome: str
    answer: str | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message of an event to its recipient on one channel."""

    id: UUID
    channel: str
    address: str
    status: str
    reason: str | None
    message: str | None
    version: int | None
    sent_at: datetime | None
    provider_id: str | None
    possible_duplicate: bool
    retry_of: UUID | None
    attempts: list[Attempt]
    raw: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Return what an answer says."""
        return cls(
            id=UUID(data["id"]),
            channel=data["channel"],
            address=data.get("address", ""),
            status=data["status"],
            reason=data.get("reason"),
            message=data.get("message"),
            version=data.get("version"),
            sent_at=_when(data.get("sent_at")),
            provider_id=data.get("provider_id"),
            possible_duplicate=bool(data.get("possible_duplicate", False)),
            retry_of=_id(data.get("retry_of")),
            attempts=[_attempt(each) for each in data.get("attempts") or []],
            raw=data,
        )


@dataclass(frozen=True, slots=True)
class Event:
    """Where an event stands."""

    id: UUID
    type: str
    status: str
    reason: str | None
    external_id: str | None
    correlation_id: str | None
    recipient: Mapping[str, Any] | None
    received_at: datetime
    scheduled_at: datetime | None
    expires_at: datetime | None
    finished_at: datetime | None
    warnings: list[Fault]
    states: list[State]
    deliveries: list[Delivery]
    raw: Mapping[str, Any] = field(repr=False)

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen to it by itself."""
        return self.status in FINAL

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Return what an answer says; a search may say less than a look at one."""
        return cls(
            id=UUID(data["id"]),
            type=data["type"],
            status=data["status"],
            reason=data.get("reason"),
            external_id=data.get("external_id"),
            correlation_id=data.get("correlation_id"),
            recipient=data.get("recipient"),
            received_at=datetime.fromisoformat(data["received_at"]),
            scheduled_at=_when(data.get("scheduled_at")),
            expires_at=_when(data.get("expires_at")),
            finished_at=_when(data.get("finished_at")),
            warnings=_faults(data.get("warnings")),
            states=[
                State(each["status"], datetime.fromisoformat(each["at"]))
                for each in data.get("states") or []
            ],
            deliveries=[Delivery.of(each) for each in data.get("deliveries") or []],
            raw=data,
        )


@dataclass(frozen=True, slots=True)
class Preview:
    """A message rendered with given data; nothing was sent.

    `parts` are its texts by name, such as ``subject``, ``html`` and ``text``. `errors`
    say why it was not rendered: ``{"code", "message", "part", "line", "column",
    "path"}``. `misfits` are what does not fit the contract, which would have an event
    refused if `would_be_refused`.
    """

    message: str
    version: int | None
    channel: str
    language: str
    is_rendered: bool
    parts: Mapping[str, str]
    headers: Mapping[str, str]
    errors: list[Mapping[str, Any]]
    misfits: list[Fault]
    would_be_refused: bool
    raw: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Return what an answer says."""
        contract = data.get("contract") or {}
        return cls(
            message=data["message"],
            version=data.get("version"),
            channel=data["channel"],
            language=data["language"],
            is_rendered=bool(data["is_rendered"]),
            parts=data["parts"],
            headers=data.get("headers") or {},
            errors=list(data.get("errors") or []),
            misfits=_faults(contract.get("errors")),
            would_be_refused=bool(contract.get("would_be_refused", False)),
            raw=data,
        )


def _attempt(data: Mapping[str, Any]) -> Attempt:
    return Attempt(
        number=data["number"],
        started_at=_when(data.get("started_at")),
        ended_at=_when(data.get("ended_at")),
        outcome=data["outcome"],
        answer=data.get("answer"),
    )


def _faults(given: Sequence[Mapping[str, Any]] | None) -> list[Fault]:
    return [
        Fault(*(str(each.get(name, "")) for name in Fault.__slots__))
        for each in given or []
    ]


def _id(text: str | None) -> UUID | None:
    return UUID(text) if text else None


def _when(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
