"""Events, as their source sees them: found, looked at, tried out, stopped, repeated."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from django.http import HttpResponse
from ninja import Body, Query, Router, Status
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from events import replaying, schemas, views
from events.bounded import READ_SECONDS, TookTooLong
from events.models import Scope
from events.problems import Fault, Refused
from history import cancelling
from txmsg import dry_run, event_listing, tracing
from txmsg.api import cursors, shapes
from txmsg.api.reading import KeyedRequest, KeyWith, not_found, refused

MAX_PAGE = 200
router = Router(tags=["Events"])
READ, WRITE = KeyWith(Scope.EVENTS_READ), KeyWith(Scope.EVENTS_WRITE)


def _whole(text: Any) -> int:
    if not (isinstance(text, str) and text.isascii() and text.isdigit()):
        raise PydanticCustomError("wrong_type", "must be a whole number")
    return int(text[:10])


def _with_plus(text: str) -> str:
    """Return a time with its plus, which reads as a blank when it is not escaped."""
    return f"{text[:-6]}+{text[-5:]}" if text[-6:-5] == " " else text


def _status(text: str) -> str:
    if text not in event_listing.STATUSES:
        raise PydanticCustomError(
            "invalid_choice",
            "must be one of {known}",
            {"known": ", ".join(event_listing.STATUSES)},
        )
    return text


def _never_null(schema: dict[str, Any]) -> None:
    """Have the API's document say that a parameter is left out, not null."""
    schema.update(schema.pop("anyOf")[0])
    schema.pop("default", None)


def _one_of_all(schema: dict[str, Any]) -> None:
    _never_null(schema)
    schema["enum"] = list(event_listing.STATUSES)


def _text(longest: int) -> Any:
    """Return what a text that may be left out has to be."""
    return Field(min_length=1, max_length=longest, json_schema_extra=_never_null)


_TIME = Field(json_schema_extra=_never_null)


class Asked(BaseModel):
    """What events are asked for; what is left out asks for nothing."""

    type: Annotated[str | None, _text(64)] = None
    status: Annotated[
        str | None, AfterValidator(_status), Field(json_schema_extra=_one_of_all)
    ] = None
    external_id: Annotated[str | None, _text(200)] = None
    recipient: Annotated[str | None, _text(512)] = None
    since: Annotated[schemas.When | None, BeforeValidator(_with_plus), _TIME] = None
    until: Annotated[schemas.When | None, BeforeValidator(_with_plus), _TIME] = None
    cursor: Annotated[str | None, _text(100)] = None
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE), BeforeValidator(_whole)] = 50


@router.get("/events", auth=READ, response=shapes.EventPage)
def list_events(request: KeyedRequest, asked: Query[Asked]) -> dict[str, Any]:
    """Search your source's events, newest first.

    `recipient` is an address that an event is for or that a message of it went to;
    `until` is exclusive. Ask for the next page with `cursor` and the same question.
    """
    if asked.since and asked.until and asked.since >= asked.until:
        raise refused([Fault("?until", "out_of_range", "?until is not after ?since.")])
    given = asked.model_dump(mode="json", exclude={"cursor", "limit"})
    question = {**given, "source": request.auth.source_id}
    before = cursors.read(asked.cursor, question=question) if asked.cursor else None
    try:
        page = event_listing.page(
            event_listing.Question(
                source_id=request.auth.source_id,
                type=asked.type or "",
                status=asked.status or "",
                external_id=asked.external_id or "",
                recipient=asked.recipient or "",
                since=asked.since,
                until=asked.until,
            ),
            limit=asked.limit,
            before=before,
        )
    except TookTooLong:
        raise _took_too_long() from None
    following = page.next_before
    return {
        "data": [tracing.line(one.event, one.status) for one in page.events],
        "next_cursor": cursors.make(following, question=question)
        if following
        else None,
    }


@router.post("/events/validate", auth=WRITE, response=shapes.Verdict)
def validate_event(
    request: KeyedRequest, event: Annotated[dict[str, Any], Body()]
) -> dict[str, Any]:
    """Check a body as `POST /events` does and say what would be sent; store nothing."""
    found = dry_run.dry_run(event, caller=request.auth)
    return {
        "valid": found.is_valid,
        "status": found.status,
        "problems": found.problems,
        "warnings": found.warnings,
        "duplicate_of": str(found.duplicate_of) if found.duplicate_of else None,
        "would_send": found.would_send,
    }


@router.get("/events/{event_id}", auth=READ, response=shapes.Event)
def get_event(request: KeyedRequest, event_id: str) -> dict[str, Any]:
    """Where an event stands, with its deliveries and their attempts."""
    return _event(request, _id(event_id))


@router.post("/events/{event_id}/cancel", auth=WRITE, response=shapes.Event)
def cancel_event(request: KeyedRequest, event_id: str) -> dict[str, Any]:
    """Stop what has not left yet; 409 `too_late` when nothing is left to stop.

    Stopped twice is stopped: that answers 200 too.
    """
    wanted = _id(event_id)
    _event(request, wanted)
    done = cancelling.cancel(wanted, actor=f"source {request.auth.source_name}")
    event = _event(request, wanted)
    if done.cancelled or event["status"] == "cancelled":
        return event
    raise Refused(
        409,
        "too_late",
        "Nothing of this event is left to be stopped: see its deliveries.",
        extra={"event": event},
    )


@router.post(
    "/events/{event_id}/replay",
    auth=WRITE,
    response={(200, 202): shapes.ReplayedEvent},
)
def replay_event(
    request: KeyedRequest, response: HttpResponse, event_id: str
) -> Status[dict[str, Any]]:
    """Take in the same data as a new event; the header Idempotency-Key is honoured."""
    views.charge(request, request.auth, 1)
    key = views.idempotency_key(request)
    made = replaying.replay(_id(event_id), caller=request.auth, idempotency_key=key)
    if made is None:
        raise not_found("event of this id")
    answer = views.shown(made.accepted)
    response["Location"] = answer["links"]["self"]
    if made.accepted.is_replay:
        response["Idempotent-Replayed"] = "true"
    status = 200 if made.accepted.is_replay else 202
    return Status(status, {**answer, "replay_of": str(made.replay_of)})


def _id(text: str) -> UUID:
    wanted = schemas.event_id(text)
    if wanted is None:
        raise not_found("event of this id")
    return wanted


def _event(request: KeyedRequest, event_id: UUID) -> dict[str, Any]:
    found = tracing.trace(event_id, source_id=request.auth.source_id)
    if found is None:
        raise not_found("event of this id")
    return found


def _took_too_long() -> Refused:
    return Refused(
        503,
        "took_too_long",
        f"This took longer than {READ_SECONDS} s and was stopped: ask for a shorter "
        "time (?since, ?until), or for a ?type, ?recipient or ?external_id.",
        retryable=True,
        headers={"Retry-After": "5"},
    )
