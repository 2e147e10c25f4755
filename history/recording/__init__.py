"""The only writer of history: what became of a wave, in one transaction.

In the order of its locks: the events, the rows of work, the tallies, each by id. The
statement that deletes a row of work writes its delivery; events are ended by a
statement of their own afterwards, since two workers that finish two deliveries of one
event do not see each other's rows within one statement.
"""

from history.recording.endings import end_events, end_taken, lock_events
from history.recording.executions import execution_for
from history.recording.facts import reopen, resolve
from history.recording.waves import record
from history.results import (
    Ended,
    Ending,
    Postponement,
    Recorded,
    Results,
    Try,
)

__all__ = [
    "Ended",
    "Ending",
    "Postponement",
    "Recorded",
    "Results",
    "Try",
    "end_events",
    "end_taken",
    "execution_for",
    "lock_events",
    "record",
    "reopen",
    "resolve",
]
