"""Claiming: due rows of a lane under a new lease, routed and pinned to a version."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from events import ids
from events.models import Stage
from events.routing import LiveVersion, Route, RouteKey, TypeRules, choose_routes
from events.work.leases import next_lease_no

DEATHS_ALLOWED = 3
BEGINNING = datetime.min.replace(tzinfo=UTC)
_DUE = """
    SELECT w.id, w.event_id, w.type_id, w.stage, w.channel, w.address, w.version_id,
           w.due_at, w.expires_at <= clock_timestamp() AS expired, w.expires_at,
           w.attempts, w.lease_no, w.lease_owner, w.lease_size, w.begun, w.deaths,
           w.possible_duplicate, w.retry_of, w.marked_at
    FROM unnest(%(types)s::bigint[]) AS t(id)
    CROSS JOIN LATERAL (
        SELECT * FROM events_work
        WHERE lane = %(lane)s AND type_id = t.id
          AND due_at <= (SELECT clock_timestamp()) AND due_at >= %(floor)s
          AND (stage = 'sending') = %(sending)s AND id <> ALL(%(taken)s::uuid[])
        ORDER BY due_at LIMIT %(share)s FOR UPDATE SKIP LOCKED
    ) AS w
"""


@dataclass(frozen=True, slots=True)
class Item:
    """A row of work under a lease of this worker.

    `crashed`: its worker died over it alone too often. `expired`: it is not worth
    sending any more. Other rows are routed and pinned to a version.
    """

    id: UUID
    event_id: UUID
    type_id: int
    stage: str
    channel: str
    address: str
    version_id: int | None
    pinned_at: datetime | None
    expires_at: datetime
    attempts: int
    possible_duplicate: bool
    retry_of: UUID | None
    marked_at: datetime | None
    expired: bool
    crashed: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """What one claim brought.

    `low_water` is the earliest due time seen: nothing of this lane is due before it,
    but for rows that others held locked. `parked` rows wait for a message.
    """

    lease_no: int = 0
    items: Sequence[Item] = ()
    low_water: datetime | None = None
    is_full: bool = False
    parked: int = 0


@dataclass(slots=True)
class _Row:
    """A due row of Work, and what the claim makes of it."""

    id: UUID
    event_id: UUID
    type_id: int
    stage: str
    channel: str
    address: str
    version_id: int | None
    due_at: datetime
    expired: bool
    expires_at: datetime
    attempts: int
    lease_no: int
    lease_owner: str
    lease_size: int
    begun: int
    deaths: int
    possible_duplicate: bool
    retry_of: UUID | None
    marked_at: datetime | None
    is_parked: bool = False
    siblings: list[_Row] = field(default_factory=list)

    def take(self, route: Route, version: LiveVersion) -> None:
        """Send this row by a route, or let it wait while the message is paused."""
        self.channel, self.address = route.channel, route.address
        if version.is_paused:
            self.stage, self.is_parked = Stage.PAUSED, True
        else:
            self.stage = Stage.RETRY if self.attempts else Stage.QUEUED
            self.version_id = self.version_id or version.id

    def unpin(self) -> None:
        """Let the next claim that sends this row pin what is live then."""
        self.version_id = None

    def wait(self, stage: Stage) -> None:
        """Let the event wait unrouted."""
        self.stage, self.is_parked = stage, True
        self.channel, self.address = "", ""


def claim(
    lane: str,
    *,
    owner: str,
    limit: int,
    lease_seconds: float,
    live: Mapping[RouteKey, LiveVersion],
    live_pins: Callable[[set[int]], set[int]] = lambda version_ids: version_ids,
    floor: datetime = BEGINNING,
) -> Claim:
    """Take up to `limit` due rows of a lane under a new lease, routed and pinned.

    Event types take turns. Rows of a worker that died are taken apart from the rest,
    half as many as it had, so that a message that kills its worker is found. Rows
    without a live message are parked in passing. One transaction.

    A retry keeps its version as long as `live_pins`, given version ids, returns it: as
    long as that version's message is live. A row that was never tried is pinned anew.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        rules = _type_rules(cursor)
        rows = _select_due(
            cursor, lane=lane, types=list(rules), limit=limit, floor=floor
        )
        if not rows:
            return Claim()
        taken = _without_neighbours_of_a_death(rows)
        pins = {row.version_id for row in taken if row.version_id and row.attempts}
        kept = live_pins({pin for pin in pins if pin}) if pins else set()
        for row in taken:
            if row.version_id not in kept and not row.expired:
                row.unpin()
        _route(cursor, taken, rules, live)
        lease_no = next_lease_no(cursor)
        items = _lease(cursor, taken, lease_no, owner, lease_seconds)
    return Claim(
        lease_no=lease_no,
        items=items,
        low_water=min(row.due_at for row in rows),
        is_full=len(rows) >= limit or len(taken) < len(rows),
        parked=sum(row.is_parked for row in taken),
    )


def claim_run_out(
    lane: str, *, owner: str, limit: int, lease_seconds: float
) -> tuple[int, Sequence[Item]]:
    """Take over rows that were being sent when their lease ran out, under a new one.

    Nobody knows whether these were sent: the caller resolves each by policy.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        rows = _select_due(
            cursor,
            lane=lane,
            types=list(_type_rules(cursor)),
            limit=limit,
            floor=BEGINNING,
            sending=True,
        )
        if not rows:
            return 0, ()
        for row in rows:
            row.deaths += row.begun == row.lease_no
        lease_no = next_lease_no(cursor)
        return lease_no, _lease(cursor, rows, lease_no, owner, lease_seconds)


def _type_rules(cursor: Any) -> dict[int, TypeRules]:
    cursor.execute("SELECT id, channel_order, fan_out FROM events_eventtype")
    return {
        row[0]: TypeRules(channel_order=tuple(row[1]), fan_out=row[2])
        for row in cursor.fetchall()
    }


def _select_due(
    cursor: Any,
    *,
    lane: str,
    types: list[int],
    limit: int,
    floor: datetime,
    sending: bool = False,
) -> list[_Row]:
    """Lock due rows: the oldest of each type in turn, then of types that have more."""
    rows: list[_Row] = []
    share = -(-limit // max(1, len(types)))
    for _ in range(2):
        cursor.execute(
            _DUE,
            {
                "types": types,
                "lane": lane,
                "floor": "-infinity" if floor == BEGINNING else floor,
                "sending": sending,
                "taken": [row.id for row in rows],
                "share": share,
            },
        )
        found = [_Row(*values) for values in cursor.fetchall()]
        found.sort(key=lambda row: row.due_at)
        rows += found[: limit - len(rows)]
        counts = Counter(row.type_id for row in found)
        types = [type_id for type_id, count in counts.items() if count == share]
        if not types or len(rows) >= limit:
            break
        share = -(-(limit - len(rows)) // len(types))
    return rows


def _without_neighbours_of_a_death(rows: list[_Row]) -> list[_Row]:
    """Keep, if a worker died over some of these rows, half of what it had; else all."""
    suspects = [row for row in rows if row.lease_owner]
    if not suspects:
        return rows
    first = min(suspects, key=lambda row: row.due_at)
    if first.lease_size == 1 and first.begun == first.lease_no:
        first.deaths += 1
    group = [row for row in suspects if row.lease_no == first.lease_no]
    return group[: max(1, first.lease_size // 2)]


def _route(
    cursor: Any,
    rows: list[_Row],
    rules: Mapping[int, TypeRules],
    live: Mapping[RouteKey, LiveVersion],
) -> None:
    """Choose channel, address and version of rows that lack them; park the others."""
    open_rows = [row for row in rows if not row.expired and row.stage != Stage.HELD]
    unrouted = [row for row in open_rows if not row.channel]
    recipients = _recipients(cursor, [row.event_id for row in unrouted])
    for row in open_rows:
        if not row.channel:
            wished, recipient = recipients.get(row.event_id, ("", {}))
            _route_event(row, wished, recipient, rules[row.type_id], live)
            continue
        version = live.get((row.type_id, row.channel))
        if version is not None:
            row.take(Route(row.channel, row.address), version)
        else:
            # Its message was unpublished: the row keeps its way and waits.
            row.stage, row.is_parked = Stage.NOT_COVERED, True


def _route_event(
    row: _Row,
    wished: str,
    recipient: Mapping[str, Any],
    rules: TypeRules,
    live: Mapping[RouteKey, LiveVersion],
) -> None:
    """Route an event: its row becomes the first delivery, siblings are the others."""
    routes = choose_routes(
        rules,
        wished=wished,
        recipient=recipient,
        has_message=lambda channel: (row.type_id, channel) in live,
    )
    if not routes:
        row.wait(Stage.NOT_COVERED)
        return
    versions = [live[row.type_id, route.channel] for route in routes]
    if all(version.is_paused for version in versions):
        row.wait(Stage.PAUSED)
        return
    row.take(routes[0], versions[0])
    for number, (route, version) in enumerate(
        zip(routes[1:], versions[1:], strict=True), start=ids.ordinal_of(row.id) + 1
    ):
        sibling = replace(
            row,
            id=ids.delivery_id(row.event_id, number),
            stage=Stage.QUEUED,
            version_id=None,
            is_parked=False,
            siblings=[],
        )
        sibling.take(route, version)
        row.siblings.append(sibling)


def _recipients(
    cursor: Any, event_ids: list[UUID]
) -> dict[UUID, tuple[str, dict[str, Any]]]:
    if not event_ids:
        return {}
    cursor.execute(
        """
        SELECT e.id, e.channel, c.recipient
        FROM events_event e LEFT JOIN events_eventcontext c
          ON c.event_id = e.id AND c.event_id BETWEEN %(first)s AND %(last)s
        WHERE e.id = ANY(%(ids)s) AND e.id BETWEEN %(first)s AND %(last)s
        """,
        {"ids": event_ids, "first": min(event_ids), "last": max(event_ids)},
    )
    return {row[0]: (row[1], json.loads(row[2] or "{}")) for row in cursor.fetchall()}


def _lease(
    cursor: Any, rows: list[_Row], lease_no: int, owner: str, lease_seconds: float
) -> list[Item]:
    """Write the lease, the routes and the pins; insert the rows of further channels."""
    size = sum(not row.is_parked for row in rows)
    lease = {
        "lease_no": lease_no,
        "owner": owner,
        "size": size,
        "seconds": lease_seconds,
    }
    written = _write(cursor, _UPDATE, rows, lease)
    leaders = [row.id for row in rows for _ in row.siblings]
    siblings = [sibling for row in rows for sibling in row.siblings]
    if siblings:
        written |= _write(cursor, _INSERT, siblings, {**lease, "leaders": leaders})
    return [
        Item(
            id=row.id,
            event_id=row.event_id,
            type_id=row.type_id,
            stage=row.stage,
            channel=row.channel,
            address=row.address,
            version_id=row.version_id,
            pinned_at=written[row.id],
            expires_at=row.expires_at,
            attempts=row.attempts,
            possible_duplicate=row.possible_duplicate,
            retry_of=row.retry_of,
            marked_at=row.marked_at,
            expired=row.expired,
            crashed=row.deaths >= DEATHS_ALLOWED,
        )
        for row in [*rows, *siblings]
        if not row.is_parked
    ]


_ROWS = """
    unnest(%(ids)s::uuid[], %(leaders)s::uuid[], %(stages)s::text[],
           %(channels)s::text[], %(addresses)s::text[], %(versions)s::bigint[],
           %(deaths)s::int[], %(parked)s::bool[])
    AS r(id, leader, stage, channel, address, version_id, deaths, parked)
    JOIN events_work w ON w.id = r.leader
"""
_LEASE_COLUMNS = """
    %(lease_no)s, CASE WHEN r.parked THEN '' ELSE %(owner)s END,
    CASE WHEN r.parked THEN 0 ELSE %(size)s END,
    CASE WHEN r.parked THEN w.expires_at
         ELSE clock_timestamp() + make_interval(secs => %(seconds)s) END
"""
_UPDATE = f"""
    UPDATE events_work
    SET stage = r.stage, channel = r.channel, address = r.address,
        version_id = r.version_id, deaths = r.deaths,
        pinned_at = CASE WHEN r.version_id IS NULL THEN NULL
                         WHEN r.version_id = w.version_id THEN w.pinned_at
                         ELSE clock_timestamp() END,
        (lease_no, lease_owner, lease_size, due_at) = ROW({_LEASE_COLUMNS})
    FROM {_ROWS} WHERE events_work.id = r.id
    RETURNING events_work.id, events_work.pinned_at
"""
_INSERT = f"""
    INSERT INTO events_work
        (id, event_id, type_id, lane, stage, channel, address, version_id, pinned_at,
         expires_at, attempts, begun, deaths, possible_duplicate,
         lease_no, lease_owner, lease_size, due_at)
    SELECT r.id, w.event_id, w.type_id, w.lane, r.stage, r.channel, r.address,
           r.version_id, CASE WHEN r.version_id IS NOT NULL THEN clock_timestamp() END,
           w.expires_at, 0, 0, 0, false, {_LEASE_COLUMNS}
    FROM {_ROWS}
    RETURNING id, pinned_at
"""


def _write(
    cursor: Any, statement: str, rows: list[_Row], lease: Mapping[str, Any]
) -> dict[UUID, datetime | None]:
    cursor.execute(
        statement,
        {
            "ids": [row.id for row in rows],
            "leaders": [row.id for row in rows],
            "stages": [str(row.stage) for row in rows],
            "channels": [row.channel for row in rows],
            "addresses": [row.address for row in rows],
            "versions": [row.version_id for row in rows],
            "deaths": [row.deaths for row in rows],
            "parked": [row.is_parked for row in rows],
            **lease,
        },
    )
    return dict(cursor.fetchall())
