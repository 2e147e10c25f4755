"""Claiming: due rows of a lane under a new lease, routed and pinned to a version."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

from events import arrays, ids, statements
from events.facts import StoredFacts, stored
from events.models import Stage
from events.routing import LiveVersion, Route, RouteKey, TypeRules, choose_routes
from events.work.leases import NEW_LEASE
from events.work.rows import DEATHS_ALLOWED, Claim, Item, Row

BEGINNING = datetime.min.replace(tzinfo=UTC)
# Plans are kept, and may have been made when a table was empty, or said to be: left to
# its estimates, such a plan would later read or sort the whole backlog, or compare each
# row with each. So a session that claims looks things up by index, also when it marks
# and records, and what is joined here is bounded by its ids on both sides, and hashed.
# Before PostgreSQL 18 a scan that is switched off and done all the same looks so dear
# that it would be compiled first.
_DONE_WITHOUT = (
    "enable_seqscan",
    "enable_bitmapscan",
    "enable_sort",
    "enable_nestloop",
    "enable_mergejoin",
    "jit",
)
# Of each event type so many of its oldest rows, with what the type says.
_DUE = """
    WITH type AS (
        SELECT t.id, t.name, array_to_string(t.channel_order, ' ') AS channels,
               t.fan_out, asked.room
        FROM events_eventtype t {among} unnest(%(types)b, %(rooms)b)
             AS asked(id, room) USING (id)
    ), turn AS (
        SELECT type.*, least(room, share) AS share FROM type CROSS JOIN (
            SELECT ceil(%(limit)b::float8 / greatest(1, count(*)))::bigint AS share
            FROM type) AS fair
    )
    SELECT w.id, w.event_id, w.type_id, w.stage, w.channel, w.address, w.version_id,
           w.pinned_at, w.expires_at, w.attempts, w.possible_duplicate, w.retry_of,
           w.marked_at, w.expires_at <= (SELECT clock_timestamp()),
           w.deaths >= %(deaths)b::int, w.due_at, w.lease_no, w.lease_owner,
           w.lease_size, w.begun, w.deaths,
           turn.name, turn.channels, turn.fan_out, turn.share,
           (SELECT clock_timestamp())
    FROM turn CROSS JOIN LATERAL (
        SELECT * FROM events_work
        WHERE lane = %(lane)b AND type_id = turn.id
          AND due_at <= (SELECT clock_timestamp()) AND due_at >= %(floor)b
          AND (stage = 'sending') = %(sending)b AND id <> ALL(%(taken)b)
        ORDER BY due_at LIMIT turn.share FOR UPDATE SKIP LOCKED
    ) AS w
"""
_DUE_OF_ALL = _DUE.format(among="LEFT JOIN")
_DUE_OF_SOME = _DUE.format(among="JOIN")
# How many columns are of the row itself.
_OF_ROW = 21


@dataclass(slots=True)
class _Due:
    """Locked rows, in the order in which they are taken, and what is said of them."""

    rows: list[Row] = field(default_factory=list)
    rules: dict[int, TypeRules] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    now: datetime = BEGINNING


def claim(
    lane: str,
    *,
    owner: str,
    limit: int,
    lease_seconds: float,
    live: Mapping[RouteKey, LiveVersion],
    live_pins: Callable[[set[int]], set[int]] = lambda version_ids: version_ids,
    caps: Mapping[int, int] | None = None,
    floor: datetime = BEGINNING,
) -> Claim:
    """Take up to `limit` due rows of a lane under a new lease, routed and pinned.

    Event types take turns. Rows of a worker that died are taken apart from the rest,
    half as many as it had, so that a message that kills its worker is found. Rows
    without a live message are parked in passing. One transaction.

    A retry keeps its version as long as `live_pins`, given version ids, returns it: as
    long as that version's message is live. A row that was never tried is pinned anew.
    `caps` says, by event type, of which no more than so many rows are worth taking.
    """
    statements.turn_off(*_DONE_WITHOUT)
    with statements.transaction():
        due = _select_due(lane=lane, limit=limit, caps=caps or {}, floor=floor)
        if not due.rows:
            return Claim()
        taken = _without_neighbours_of_a_death(due.rows)
        _unpin(taken, live_pins)
        facts = stored((row.event_id for row in taken if not row.expired), due.names)
        siblings = list(_route(taken, due, live, facts))
        lease_no = _lease(taken, siblings, owner, lease_seconds)
    items = [row for row in taken if not row.is_parked]
    items += [row for _, row in siblings if not row.is_parked]
    return Claim(
        lease_no=lease_no,
        items=items,
        low_water=min(row.due_at for row in due.rows),
        is_full=len(due.rows) >= limit or len(taken) < len(due.rows),
        parked=sum(row.is_parked for row in taken),
        facts=facts,
    )


def claim_run_out(
    lane: str, *, owner: str, limit: int, lease_seconds: float
) -> tuple[int, Sequence[Item]]:
    """Take over rows that were being sent when their lease ran out, under a new one.

    Nobody knows whether these were sent: the caller resolves each by policy.
    """
    statements.turn_off(*_DONE_WITHOUT)
    with statements.transaction():
        rows = _select_due(
            lane=lane, limit=limit, caps={}, floor=BEGINNING, sending=True
        ).rows
        if not rows:
            return 0, ()
        for row in rows:
            if row.begun == row.lease_no:
                row.count_death()
        return _lease(rows, [], owner, lease_seconds), rows


_due_at = attrgetter("due_at")


def _select_due(
    *,
    lane: str,
    limit: int,
    caps: Mapping[int, int],
    floor: datetime,
    sending: bool = False,
) -> _Due:
    """Lock due rows: the oldest of each type in turn, then of types that have more."""
    due = _Due()
    room: Mapping[int, int] = caps
    for statement in (_DUE_OF_ALL, _DUE_OF_SOME):
        values = {
            "types": arrays.bigints(room),
            "rooms": arrays.bigints(room.values()),
            "limit": float(limit - len(due.rows)),
            "lane": lane,
            "floor": floor,
            "sending": sending,
            "taken": arrays.uuids(row.id for row in due.rows),
            "deaths": DEATHS_ALLOWED,
        }
        shares = _take_in(due, statements.rows(statement, values), limit=limit)
        counts = Counter(row.type_id for row in due.rows)
        room = {
            type_id: min(limit, caps.get(type_id, limit)) - share
            for type_id, share in shares.items()
            if counts[type_id] == share
        }
        room = {type_id: left for type_id, left in room.items() if left > 0}
        if not room or len(due.rows) >= limit:
            break
    return due


def _take_in(
    due: _Due, found: Sequence[tuple[Any, ...]], *, limit: int
) -> dict[int, int]:
    """Note what was found; return how many rows of each type were asked for at most."""
    shares: dict[int, int] = {}
    rows: list[Row] = []
    for values in found:
        row = Row(*values[:_OF_ROW])
        rows.append(row)
        name, channels, fan_out, share, due.now = values[_OF_ROW:]
        if row.type_id not in shares:
            shares[row.type_id] = share
            due.names[row.type_id] = name
            due.rules[row.type_id] = TypeRules(tuple(channels.split()), fan_out)
    rows.sort(key=_due_at)
    due.rows += rows[: limit - len(due.rows)]
    return shares


def _without_neighbours_of_a_death(rows: list[Row]) -> list[Row]:
    """Keep, if a worker died over some of these rows, half of what it had; else all."""
    suspects = [row for row in rows if row.lease_owner]
    if not suspects:
        return rows
    first = min(suspects, key=_due_at)
    if first.lease_size == 1 and first.begun == first.lease_no:
        first.count_death()
    group = [row for row in suspects if row.lease_no == first.lease_no]
    return group[: max(1, first.lease_size // 2)]


def _unpin(rows: list[Row], live_pins: Callable[[set[int]], set[int]]) -> None:
    """Take the version off rows that were never tried, or whose message is not live."""
    pins = {row.version_id for row in rows if row.version_id and row.attempts}
    kept = live_pins({pin for pin in pins if pin}) if pins else set()
    for row in rows:
        if not row.expired and row.version_id not in kept:
            row.unpin()


def _route(
    rows: list[Row],
    due: _Due,
    live: Mapping[RouteKey, LiveVersion],
    facts: Mapping[UUID, StoredFacts],
) -> Iterator[tuple[Row, Row]]:
    """Choose channel, address and version of rows that lack them; park the others.

    Yields the rows of further channels, each behind the row of its event.
    """
    for row in rows:
        if row.expired or row.stage == Stage.HELD:
            continue
        if not row.channel:
            for sibling in _route_event(row, due, live, facts.get(row.event_id)):
                yield row, sibling
            continue
        version = live.get((row.type_id, row.channel))
        if version is not None:
            row.take(Route(row.channel, row.address), version, due.now)
        else:
            # Its message was unpublished: the row keeps its way and waits.
            row.stage, row.is_parked = Stage.NOT_COVERED.value, True


def _route_event(
    row: Row,
    due: _Due,
    live: Mapping[RouteKey, LiveVersion],
    facts: StoredFacts | None,
) -> Iterator[Row]:
    """Route an event: its row becomes the first delivery; yield the others."""
    routes = choose_routes(
        due.rules[row.type_id],
        wished=facts.channel if facts else "",
        recipient=facts.recipient_data() if facts else {},
        has_message=lambda channel: (row.type_id, channel) in live,
    )
    if not routes:
        row.wait(Stage.NOT_COVERED)
        return
    versions = [live[row.type_id, route.channel] for route in routes]
    if all(version.is_paused for version in versions):
        row.wait(Stage.PAUSED)
        return
    row.take(routes[0], versions[0], due.now)
    for number, (route, version) in enumerate(
        zip(routes[1:], versions[1:], strict=True), start=ids.ordinal_of(row.id) + 1
    ):
        sibling = replace(
            row,
            id=ids.delivery_id(row.event_id, number),
            stage=Stage.QUEUED.value,
            version_id=None,
            pinned_at=None,
            is_parked=False,
        )
        sibling.take(route, version, due.now)
        yield sibling


def _lease(
    rows: list[Row],
    siblings: Sequence[tuple[Row, Row]],
    owner: str,
    lease_seconds: float,
) -> int:
    """Write the lease, the routes and the pins; insert the rows of further channels.

    Returns the number of the lease, which is greater than every one before. The commit
    does not wait for the disk: the mark does, which comes before anything is sent.
    """
    size = sum(not row.is_parked for row in rows)
    lease = {"owner": owner, "size": size, "seconds": float(lease_seconds)}
    # A row claimed alone counts as begun: if its worker dies, the death counts.
    values = _columns(rows) | lease | {"alone": size == 1 and not siblings}
    [(lease_no,)] = statements.rows(_UPDATE, values)
    if siblings:
        values = _columns([row for _, row in siblings]) | lease
        values |= {
            "lease_no": lease_no,
            "leaders": arrays.uuids(leader.id for leader, _ in siblings),
        }
        statements.rows(_INSERT, values)
    return int(lease_no)


_ROWS = """
    unnest(%(ids)b, %(stages)b, %(channels)b, %(addresses)b, %(versions)b, %(pinned)b,
           %(deaths)b, %(parked)b)
    AS r(id, stage, channel, address, version_id, pinned_at, deaths, parked)
"""
_LEASE_COLUMNS = """
    CASE WHEN r.parked THEN '' ELSE %(owner)b::text END,
    CASE WHEN r.parked THEN 0 ELSE %(size)b::int END,
    CASE WHEN r.parked THEN w.expires_at
         ELSE clock_timestamp() + make_interval(secs => %(seconds)b) END
"""
_UPDATE = f"""
    WITH lease AS MATERIALIZED (
        SELECT {NEW_LEASE} AS number, set_config('synchronous_commit', 'off', true)
    ), written AS (
        UPDATE events_work w
        SET stage = r.stage, channel = r.channel, address = r.address,
            version_id = r.version_id, pinned_at = r.pinned_at, deaths = r.deaths,
            lease_no = (SELECT number FROM lease),
            begun = CASE WHEN %(alone)b::bool AND NOT r.parked
                         THEN (SELECT number FROM lease) ELSE w.begun END,
            (lease_owner, lease_size, due_at) = ROW({_LEASE_COLUMNS})
        FROM {_ROWS} WHERE w.id = r.id AND w.id = ANY(%(ids)b)
    )
    SELECT number FROM lease
"""
_INSERT = f"""
    INSERT INTO events_work
        (id, event_id, type_id, lane, stage, channel, address, version_id, pinned_at,
         expires_at, attempts, begun, deaths, possible_duplicate,
         lease_no, lease_owner, lease_size, due_at)
    SELECT r.id, w.event_id, w.type_id, w.lane, r.stage, r.channel, r.address,
           r.version_id, r.pinned_at, w.expires_at, 0, 0, 0, false,
           %(lease_no)b::bigint, {_LEASE_COLUMNS}
    FROM {_ROWS.replace("unnest(", "unnest(%(leaders)b, ").replace("r(", "r(leader, ")}
    JOIN events_work w ON w.id = r.leader AND w.id = ANY(%(leaders)b)
"""


def _columns(rows: list[Row]) -> dict[str, Any]:
    return {
        "ids": arrays.uuids(row.id for row in rows),
        "stages": arrays.texts(row.stage for row in rows),
        "channels": arrays.texts(row.channel for row in rows),
        "addresses": arrays.texts(row.address for row in rows),
        "versions": arrays.bigints(row.version_id for row in rows),
        "pinned": arrays.moments(row.pinned_at for row in rows),
        "deaths": arrays.ints(row.deaths for row in rows),
        "parked": arrays.bools(row.is_parked for row in rows),
    }
