"""Batches: many events in one request, all or none of them, or each by itself.

What one event must fulfil and how it is stored is said elsewhere; here stands what
the events of a batch have in common: one transaction, one answer, and twins inside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.db import transaction

from events import (
    admission,
    failpoints,
    identities,
    ids,
    intake,
    rates,
    ringing,
    storing,
    strict_json,
)
from events.admission import Checked
from events.api_keys import Caller
from events.identities import Claim, Key, Request
from events.intake import Accepted
from events.problems import Fault, Refused

MAX_EVENTS = 500
MAX_EVENT_BYTES = 256 * 1024
MODES = ("strict", "permissive")
# What was taken and is free again is odd when it happens more than a few times.
_TRIES = 5

Result = Accepted | Refused


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of each event of a batch, in their order."""

    results: list[Result]
    is_replay: bool = False


@dataclass(slots=True)
class _Batch:
    """A batch on its way; everything by the number of the event."""

    caller: Caller
    bodies: list[Any]
    results: dict[int, Result] = field(default_factory=dict)
    to_store: dict[int, Checked] = field(default_factory=dict)
    requests: dict[int, Request] = field(default_factory=dict)
    # A later event with the key of an earlier one has that one's answer.
    twins: dict[int, int] = field(default_factory=dict)


def accept(
    raw: bytes,
    *,
    caller: Caller,
    idempotency_key: str = "",
    charge: Callable[[int], None] = lambda _count: None,
) -> Answer:
    """Take in the events of a batch; in the mode strict, all of them or none.

    ``{"mode": "strict" or "permissive", "events": […]}``. Raises Refused when it is no
    batch; strict, also when one event is refused (422), with the faults of all. What
    an event repeats, in the batch too, answers with the event of the first time. The
    same idempotency key and body take nothing in. Commits, then rings once a lane.
    `charge` is told how many events there are before any is looked at, and may refuse.
    """
    parsed = strict_json.parse(raw)
    mode, bodies = _read(parsed)
    charge(len(bodies))
    batch = _Batch(caller, bodies)
    readable = _readable(batch, parsed, may_be_long=len(raw) > MAX_EVENT_BYTES)
    whole = _request_of(batch, mode, readable, idempotency_key)
    if (first := identities.earlier(whole)) is not None:
        return _replayed(batch, readable, first.id)
    _judge(batch, readable)
    event_ids = ids.new_event_ids(len(bodies))
    # Each try that fails settles an event that somebody else took in meanwhile.
    for _ in range(len(bodies) + _TRIES):
        if mode == "strict":
            _require_all(batch)
        lost = _store(batch, event_ids, whole)
        if not lost:
            return _answer(batch)
        if lost.intersection(whole.keys) and (first := identities.earlier(whole)):
            return _replayed(batch, readable, first.id)
        _settle(batch, lost)
    raise intake.freed()


def _read(parsed: strict_json.Parsed) -> tuple[str, list[Any]]:
    """Return mode and events of a batch; raise Refused when it is none."""
    body = parsed.value
    bodies = body.pop("events", None)
    strict_json.check(body, parsed)
    if not isinstance(bodies, list):
        detail = "/events is required, a list of events."
        fault = Fault("/events", "events_required", detail)
        raise Refused(400, "events_required", detail, errors=[fault])
    if not bodies:
        detail = "/events is empty; a batch has at least one event."
        fault = Fault("/events", "empty_batch", detail)
        raise Refused(400, "empty_batch", detail, errors=[fault])
    if len(bodies) > MAX_EVENTS:
        detail = f"/events has more than {MAX_EVENTS} events; send several batches."
        fault = Fault("/events", "batch_too_large", detail)
        raise Refused(413, "batch_too_large", detail, errors=[fault])
    mode = body.pop("mode", MODES[0])
    faults = [
        Fault(
            f"/{strict_json.escape(name)}",
            "unknown_field",
            f"/{strict_json.escape(name)} is no field; the fields are mode and events.",
        )
        for name in body
    ]
    if mode not in MODES:
        detail = f"/mode must be {' or '.join(MODES)}."
        faults.insert(0, Fault("/mode", "invalid_choice", detail))
    if faults:
        raise Refused(422, faults[0].code, faults[0].message, errors=faults)
    return mode, bodies


def _readable(
    batch: _Batch, parsed: strict_json.Parsed, *, may_be_long: bool
) -> list[int]:
    """Return the numbers of the events that are sound JSON; refuse the others."""
    readable = []
    for number, body in enumerate(batch.bodies):
        try:
            if not isinstance(body, dict):
                raise Refused(400, "object_required", "An event must be an object.")
            strict_json.check(body, parsed)
            if may_be_long and len(strict_json.compact(body)) > MAX_EVENT_BYTES:
                detail = f"An event is over {MAX_EVENT_BYTES // 1024} KB."
                raise Refused(413, "body_too_large", detail)
        except Refused as refused:
            batch.results[number] = refused
        else:
            readable.append(number)
    return readable


def _request_of(
    batch: _Batch, mode: str, readable: Sequence[int], idempotency_key: str
) -> Request:
    """Return what tells this batch from others; what cannot be read is left out."""
    sound = {number: batch.bodies[number] for number in readable}
    return identities.request_of(
        {"mode": mode, "count": len(batch.bodies), "events": sound},
        source_id=batch.caller.source_id,
        type_id=0,
        external_id="",
        idempotency_key=idempotency_key,
    )


def _judge(batch: _Batch, numbers: Sequence[int]) -> None:
    """Sort events into those to store and those with a result."""
    judged = admission.judge([batch.bodies[n] for n in numbers], batch.caller)
    judged = rates.throttled(judged)
    holders: dict[Key, int] = {}
    repeats: list[int] = []
    for number, one in zip(numbers, judged, strict=True):
        if one.event is not None and one.type is not None:
            batch.requests[number] = request = identities.request_of(
                batch.bodies[number],
                source_id=batch.caller.source_id,
                type_id=one.type.pk,
                external_id=one.event.external_id or "",
                idempotency_key="",
            )
            if one.checked is None and request.keys:
                repeats.append(number)
        if one.refused is not None:
            batch.results[number] = one.refused
        elif one.checked is not None:
            _place(batch, number, one.checked, holders)
    # A repeated event may be one that would be refused by now: it is answered as ever.
    found = _look_up(batch, repeats)
    for number in repeats:
        for key in batch.requests[number].keys:
            if (earlier := found.get(key)) is not None:
                batch.results[number] = earlier


def _place(
    batch: _Batch, number: int, checked: Checked, holders: dict[Key, int]
) -> None:
    """Have an event stored, unless an earlier one of the batch has its key."""
    request = batch.requests[number]
    for key in request.keys:
        holder = holders.setdefault(key, number)
        if holder == number:
            continue
        if batch.requests[holder].fingerprint == request.fingerprint:
            batch.twins[number] = holder
        else:
            batch.results[number] = identities.conflict(key, None)
        return
    batch.to_store[number] = checked


def _look_up(batch: _Batch, numbers: Iterable[int]) -> dict[Key, Result]:
    """Return what was stored earlier under the keys of some events."""
    asked = [
        (batch.requests[number], key)
        for number in numbers
        for key in batch.requests[number].keys
    ]
    return {
        key: found if isinstance(found, Refused) else intake.replayed(found)
        for key, found in identities.look_up(asked).items()
    }


def _require_all(batch: _Batch) -> None:
    """Raise Refused when any event is refused, with the faults of all."""
    refused = {
        number: result
        for number, result in sorted(batch.results.items())
        if isinstance(result, Refused)
    }
    if not refused:
        return
    if all(one.status in (429, 503) for one in refused.values()):
        raise next(iter(refused.values()))
    raise Refused(
        422,
        "batch_refused",
        f"{len(refused)} of {len(batch.bodies)} events are refused; nothing is stored.",
        errors=[fault for n, one in refused.items() for fault in faults_of(n, one)],
        retryable=all(one.retryable for one in refused.values()),
    )


def faults_of(number: int, refused: Refused) -> list[Fault]:
    """Return the faults of an event with pointers into the batch."""
    place = f"/events/{number}"
    if not refused.errors:
        return [Fault(place, refused.code, refused.detail)]
    return [replace(one, pointer=f"{place}{one.pointer}") for one in refused.errors]


def _store(batch: _Batch, event_ids: Sequence[UUID], whole: Request) -> set[Key]:
    """Write what is to be stored, commit and ring; or return the keys that are taken.

    Then nothing was stored.
    """
    if not batch.to_store:
        return set()
    events = {event_ids[number]: one for number, one in batch.to_store.items()}
    claims = [Claim(whole, key, next(iter(events))) for key in whole.keys]
    claims += [
        Claim(batch.requests[number], key, event_ids[number])
        for number in batch.to_store
        for key in batch.requests[number].keys
    ]
    with storing.orphans_refused():
        if not claims:
            received_at = storing.store_all(events, batch.caller)
        else:
            with transaction.atomic():
                lost = {claim.key for claim in claims} - identities.take(claims)
                if lost:
                    # What this transaction inserted so far belongs to no event.
                    transaction.set_rollback(True)
                    return lost
                received_at = storing.store_all(events, batch.caller)
    failpoints.reach("P0", events)
    due = {one.lane for one in events.values() if intake.is_due(one, received_at)}
    for lane in sorted(due):
        ringing.ring_on_commit(lane)
    for number, one in batch.to_store.items():
        accepted = intake.taken_in(one, event_ids[number], received_at)
        batch.results[number] = accepted
    return set()


def _settle(batch: _Batch, lost: set[Key]) -> None:
    """Give the events whose keys are taken the answer of those that have them."""
    numbers = [
        number
        for number in batch.to_store
        if lost.intersection(batch.requests[number].keys)
    ]
    found = _look_up(batch, numbers)
    for number in numbers:
        for key in batch.requests[number].keys:
            if key in found:
                del batch.to_store[number]
                batch.results[number] = found[key]


def _answer(batch: _Batch) -> Answer:
    """Return the results, those of twins too."""
    for number, holder in batch.twins.items():
        result = batch.results[holder]
        if isinstance(result, Accepted):
            result = replace(result, is_duplicate=True)
        batch.results[number] = result
    return Answer([batch.results[number] for number in range(len(batch.bodies))])


def _replayed(batch: _Batch, readable: Sequence[int], first: UUID) -> Answer:
    """Return the answer to a batch that came before; take nothing in.

    What it did not take in then was a repetition or refused, and is so again.
    """
    stored = identities.of_batch(first)
    for number, earlier in stored.items():
        batch.results[number] = intake.replayed(earlier)
    _judge(batch, [number for number in readable if number not in stored])
    _settle(batch, {key for n in batch.to_store for key in batch.requests[n].keys})
    for number in batch.to_store:
        batch.results[number] = Refused(
            409,
            "refused_before",
            "This event was refused when the batch first came: send it in another "
            "batch, under another Idempotency-Key.",
        )
    return replace(_answer(batch), is_replay=True)
