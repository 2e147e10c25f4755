"""The work table: what is still to be done, and its only writer.

It knows nothing of messages, rendering or channels: which versions are live is told to
it, and what became of a delivery is recorded above (`FINISH` is the inner half of that
statement, `MARK` of the one that asks what is published). Every decision about time is
the database's. Locks are taken in the order event, work (by id), so that nothing here
can deadlock with recording or cancelling.

While a worker has a row, `due_at` is the end of its lease; otherwise it is when the
row is next worth looking at, and never after `expires_at`: so a parked or held row
comes due by itself when it expires.
"""

from events.work.claiming import BEGINNING, claim, claim_run_out
from events.work.leases import (
    FINISH,
    MARK,
    due_lanes,
    end_leases_of,
    give_up,
    hand_back,
    hold,
    mark,
    mark_values,
    next_lease_no,
    park,
    postpone,
    renew,
    wake,
)
from events.work.operating import NewRow, Taken, add, take_over, wake_held
from events.work.rows import DEATHS_ALLOWED, Claim, Item

__all__ = [
    "BEGINNING",
    "DEATHS_ALLOWED",
    "FINISH",
    "MARK",
    "Claim",
    "Item",
    "NewRow",
    "Taken",
    "add",
    "claim",
    "claim_run_out",
    "due_lanes",
    "end_leases_of",
    "give_up",
    "hand_back",
    "hold",
    "mark",
    "mark_values",
    "next_lease_no",
    "park",
    "postpone",
    "renew",
    "take_over",
    "wake",
    "wake_held",
]
