"""What must hold whatever was done to an installation: invariants I1 to I11.

It reads the database, the peer's log and what the callers were told, and believes none
of them without the others. docs/explanation/promises.md says what each number means.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import re
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_string
from email.header import decode_header, make_header
from email.utils import parseaddr
from typing import Any
from uuid import UUID

import psycopg

from txmsg.crashdrill.client import Accepted
from txmsg.crashdrill.installation import SEND_TIMEOUT_SECONDS, Installation

INVARIANTS = {
    "I1": "every event that was answered for exists, once",
    "I2": "all is final but what is held, paused or scheduled",
    "I3": "one end a delivery, and it never changes",
    "I4": "copies as the policy says; a second one is flagged",
    "I5": "sent is at least one copy, not sent is none",
    "I6": "what was sent is what stands in history, one version throughout",
    "I7": "no copy after its time, or after a cancel",
    "I8": "nobody gets another's message",
    "I9": "lease numbers only grow",
    "I10": "what a dead worker had is taken over in time",
    "I11": "critical does not wait for bulk",
}
SWEEP_SECONDS = 1.0
RECOVERY_SECONDS = SWEEP_SECONDS + 5.0
_FEW = 8
_TOKEN = re.compile(r"\btok\d+x[0-9a-f]{8}\b")
_MARK = re.compile(r"\bmark(\d+)\b")
_UNSENT = frozenset({"failed", "expired", "excluded", "cancelled"})


@dataclass(slots=True)
class Row:
    """A delivery; one that is still in work, `is_open`, has its stage as `status`."""

    id: str
    status: str
    reason: str
    flagged: bool
    lease_no: int
    digest: bytes | None
    is_open: bool


@dataclass(slots=True)
class Judgement:
    """What a run came to."""

    accepted: int = 0
    lost: int = 0
    not_final: int = 0
    unflagged_duplicates: int = 0
    flagged: int = 0
    uncertain: int = 0
    copies: Counter[int] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    breaches: list[tuple[str, str]] = field(default_factory=list)

    def breach(self, invariant: str, sentence: str) -> None:
        """Note that something did not hold."""
        self.breaches.append((invariant, sentence))


class Oracle:
    """Remembers what it has seen: an end that changes later is a breach too."""

    def __init__(self, installation: Installation) -> None:
        """Look at an installation."""
        self._installation = installation
        self._ends: dict[str, tuple[str, str]] = {}

    def judge(self, events: Sequence[Accepted], *, calm: bool = False) -> Judgement:
        """Hold some events, all handled by now, to the invariants.

        `calm`: no process was killed or frozen and no answer lost, so each has one
        copy, none is flagged and none uncertain.
        """
        found = Judgement(accepted=len(events))
        known = {str(event.id): event for event in events if event.id}
        copies = self._copies_of(known)
        rows = self.rows_of(known)
        for event in events:
            self._judge_event(found, event, rows.get(str(event.id), []), copies, calm)
        self._judge_existence(found, known, rows)
        self._judge_ends(found, rows)
        self._judge_contents(found, known, rows, copies)
        self._judge_times(found, known, copies)
        return found

    def rows_of(self, known: dict[str, Accepted]) -> dict[str, list[Row]]:
        """Return the deliveries of events by the event's id."""
        rows: dict[str, list[Row]] = defaultdict(list)
        for identifier, *values in self._installation.query(
            """
            SELECT id, status, reason, possible_duplicate, lease_no, digest, false
            FROM history_delivery
            UNION ALL
            SELECT id, stage, '', possible_duplicate, lease_no, NULL, true
            FROM events_work
            """
        ):
            event = str(UUID(int=identifier.int & ~0xFF))
            if event in known:
                rows[event].append(Row(str(identifier), *values))
        return rows

    def _copies_of(self, known: dict[str, Accepted]) -> dict[str, list[dict[str, Any]]]:
        copies = defaultdict(list)
        for copy in self._installation.copies():
            if copy["delivery"]:
                event = str(UUID(int=UUID(copy["delivery"]).int & ~0xFF))
                if event in known:
                    copies[copy["delivery"]].append(copy)
        return copies

    def _judge_event(
        self,
        found: Judgement,
        event: Accepted,
        rows: list[Row],
        copies: dict[str, list[dict[str, Any]]],
        calm: bool,
    ) -> None:
        if event.id is None:
            found.breach("I1", f"{event.key} was never answered")
            return
        for row in rows:
            count = len(copies.get(row.id, ()))
            found.copies[count] += 1
            found.statuses[row.status] += 1
            found.flagged += row.flagged
            found.uncertain += row.status == "uncertain"
            waits = row.status in ("held", "paused") or event.wish.scheduled_at
            if row.is_open and not waits:
                found.not_final += 1
                found.breach("I2", f"{row.id} is still {row.status}")
            self._judge_copies(found, event, row, count)
            if calm and (count != 1 or row.flagged or row.status != "sent"):
                found.breach(
                    "I4", f"{row.id}: {count} copies, {row.status}, without a fault"
                )

    def _judge_copies(
        self, found: Judgement, event: Accepted, row: Row, count: int
    ) -> None:
        if count > 1 and not row.flagged:
            found.unflagged_duplicates += 1
            found.breach("I4", f"{row.id}: {count} copies and no flag")
        never = event.wish.type.endswith("never_twice")
        if never and count > 1:
            found.breach("I4", f"{row.id}: never_twice, and {count} copies")
        if row.status == "sent" and count == 0:
            found.breach("I5", f"{row.id} is sent and did not arrive")
        if row.status in _UNSENT and count:
            found.breach("I5", f"{row.id} is {row.status} and arrived")

    def _judge_existence(
        self, found: Judgement, known: dict[str, Accepted], rows: dict[str, list[Row]]
    ) -> None:
        """Find events that do not exist, and those that nothing was made of.

        An event that ended before it was routed has no delivery, but an outcome.
        """
        outcomes = {
            str(identifier): str(outcome)
            for identifier, outcome in self._installation.query(
                "SELECT id, outcome FROM events_event"
            )
        }
        for identifier in known:
            if identifier not in outcomes:
                found.lost += 1
                found.breach("I1", f"{identifier} was answered for, does not exist")
            elif not rows.get(identifier) and not outcomes[identifier]:
                found.lost += 1
                found.breach("I1", f"{identifier} has neither work nor an end")
            elif not rows.get(identifier):
                found.statuses[outcomes[identifier]] += 1

    def _judge_ends(self, found: Judgement, rows: dict[str, list[Row]]) -> None:
        ended = [row for group in rows.values() for row in group if not row.is_open]
        twice = [r for r, n in Counter(row.id for row in ended).items() if n > 1]
        found.breaches += [("I3", f"{row} has two ends") for row in twice]
        still = {row.id for group in rows.values() for row in group if row.is_open}
        for row in ended:
            if row.id in still:
                found.breach("I3", f"{row.id} has ended and is still in work")
            end = (row.status, row.reason)
            if self._ends.setdefault(row.id, end) != end:
                found.breach("I3", f"{row.id} was {self._ends[row.id]}, is {end}")

    def _judge_contents(
        self,
        found: Judgement,
        known: dict[str, Accepted],
        rows: dict[str, list[Row]],
        copies: dict[str, list[dict[str, Any]]],
    ) -> None:
        ends = {row.id: row for group in rows.values() for row in group}
        for delivery, group in copies.items():
            event = known[str(UUID(int=UUID(delivery).int & ~0xFF))]
            for copy in group:
                parts, headers = contents(copy)
                words = " ".join(parts.values())
                if copy["to"] != event.address or set(_TOKEN.findall(words)) != {
                    event.token
                }:
                    found.breach("I8", f"{delivery} holds another's data")
                if len(set(_MARK.findall(words))) != 1:
                    found.breach("I6", f"{delivery} is of two versions")
                row = ends.get(delivery)
                if row is None or row.digest is None or row.status != "sent":
                    continue
                if bytes(row.digest) not in digests(event.wish.channel, headers, parts):
                    found.breach("I6", f"{delivery} is not what history says")

    def _judge_times(
        self,
        found: Judgement,
        known: dict[str, Accepted],
        copies: dict[str, list[dict[str, Any]]],
    ) -> None:
        expiring = {
            str(identifier): moment
            for identifier, moment in self._installation.query(
                "SELECT id, expires_at FROM events_event"
            )
            if str(identifier) in known
        }
        for delivery, group in copies.items():
            event = str(UUID(int=UUID(delivery).int & ~0xFF))
            ends_at: datetime | None = expiring.get(event)
            if ends_at is None:
                continue
            late = [
                copy["at"] - ends_at.timestamp()
                for copy in group
                if copy["at"] > ends_at.timestamp() + SEND_TIMEOUT_SECONDS
            ]
            if late:
                found.breach("I7", f"{delivery} came {max(late):.1f} s too late")


@dataclass(slots=True)
class Leases:
    """The leases that one row was seen under."""

    lease_no: int = 0
    greatest: int = 0
    server: datetime | None = None
    """Since when the database ran that showed it."""

    def note(self, lease_no: int, server: datetime) -> str:
        """Take in what was seen now; return what is wrong with it, if anything is.

        A crash of the database may undo a claim, so that the row has the lease it had
        before. A number that was not there before is greater than every one that was.
        """
        is_undone = server != self.server and lease_no < self.lease_no
        why = ""
        if lease_no != self.lease_no and lease_no <= self.greatest and not is_undone:
            why = f"lease {lease_no} after {self.greatest}"
        self.lease_no, self.server = lease_no, server
        self.greatest = max(self.greatest, lease_no)
        return why


class Monitor:
    """Watches the work table while things go wrong: leases, and how long they lie.

    A lease that has run out behind a queue waits for its turn like any other row; it
    lies too long when it does so although next to nothing else is due.
    """

    def __init__(self, installation: Installation) -> None:
        """Watch from `with` on."""
        self._installation = installation
        self._leases: dict[UUID, Leases] = {}
        self._lying: dict[tuple[UUID, int], float] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.breaches: list[tuple[str, str]] = []
        self.longest = 0.0
        self.is_blind = False
        """Set while nobody can take over, by the run's own doing."""

    def __enter__(self) -> Monitor:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(10)
        if self.longest > RECOVERY_SECONDS:
            self.breaches.append(
                ("I10", f"a lease lay {self.longest:.1f} s after its end")
            )

    def _run(self) -> None:
        while not self._ended.wait(0.25):
            # The database is killed by some runs; the next look tells.
            with contextlib.suppress(psycopg.Error):
                self._look()

    def _look(self) -> None:
        rows = self._installation.query(
            """
            SELECT id, lease_no, due_at <= clock_timestamp(), lease_owner <> '',
                   pg_postmaster_start_time()
            FROM events_work ORDER BY due_at LIMIT 2000
            """
        )
        is_quiet = sum(row[2] for row in rows) <= _FEW and not self.is_blind
        lying: dict[tuple[UUID, int], float] = {}
        for identifier, lease_no, is_due, is_leased, server in rows:
            seen = self._leases.setdefault(identifier, Leases())
            if why := seen.note(lease_no, server):
                self.breaches.append(("I9", f"{identifier}: {why}"))
            if is_quiet and is_due and is_leased:
                key = identifier, lease_no
                lying[key] = self._lying.get(key, time.monotonic())
                self.longest = max(self.longest, time.monotonic() - lying[key])
        self._lying = lying


def contents(copy: dict[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the rendered parts and the headers of a copy, as rendering made them."""
    if copy["via"] == "http":
        return copy["parts"], copy["headers"]
    mail = message_from_string(copy["content"].replace("\r\n..", "\r\n."))
    parts = {"subject": str(make_header(decode_header(mail["Subject"])))}
    for part in mail.walk():
        name = {"text/html": "html", "text/plain": "text"}.get(part.get_content_type())
        if name:
            raw = part.get_payload(decode=True)
            text = raw.decode() if isinstance(raw, bytes) else ""
            parts[name] = text.replace("\r\n", "\n")
    name, address = parseaddr(str(mail["From"]).replace("\r\n", ""))
    return parts, {"from_name": name, "from_address": address}


def digests(
    channel: str, headers: dict[str, str], parts: dict[str, str]
) -> Iterator[bytes]:
    """Yield the digests that a message may have had.

    A mail may have gained a last line end, and does not show an empty header.
    """
    names = list(parts)
    choices = [{parts[n], parts[n].removesuffix("\n")} for n in names]
    for texts in itertools.product(*choices):
        for known in (headers, {"reply_to": "", **headers}):
            facts = [channel, known, dict(zip(names, texts, strict=True))]
            canonical = json.dumps(
                facts, ensure_ascii=False, sort_keys=True, separators=(",", ":")
            )
            yield hashlib.sha256(canonical.encode()).digest()[:16]
