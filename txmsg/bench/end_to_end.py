"""From the POST to the sink, everything counted: batches of 100 into what `up` runs."""

from __future__ import annotations

import json
import sys
import time

from txmsg.bench import environment, serving
from txmsg.bench.environment import Bench, BenchError

# The time is the database's: asking seldom costs nothing but patience.
_POLL_SECONDS = 0.25
_LONGEST_SECONDS = 300.0


def measure(
    bench: Bench, *, database: str, key: str, sink_port: int, rows: int
) -> float:
    """Return events a second, from the first POST until the last is recorded as sent.

    Web process, workers (two serve this lane) and sweeper run as `up` runs them.
    """
    before, _ = _sent(bench, database)
    with serving.everything(bench, database, sink_port=sink_port) as port:
        options = {"port": port, "key": key, "rows": rows}
        command = [sys.executable, "-m", "txmsg.bench.batches", json.dumps(options)]
        env = environment.base_environment()
        posted = environment.last_line_of(bench, command, env=env, name="batches")
        deadline = time.monotonic() + _LONGEST_SECONDS
        while _left(bench, database):
            if time.monotonic() > deadline:
                raise BenchError("posted events were not sent")
            time.sleep(_POLL_SECONDS)
    after, ended = _sent(bench, database)
    if after - before != posted["rows"]:
        raise BenchError(f"{posted['rows']} events were posted, {after - before} sent")
    return float(posted["rows"] / (ended - posted["began"]))


def _left(bench: Bench, database: str) -> bool:
    statement = "SELECT EXISTS (SELECT FROM events_work)"
    return bool(environment.query(bench, statement, database=database)[0][0])


def _sent(bench: Bench, database: str) -> tuple[int, float]:
    """Return how many events were sent, and when the last of them was recorded."""
    statement = """
        SELECT count(*), coalesce(extract(epoch FROM max(finished_at)), 0)::float8
        FROM events_event WHERE outcome = 'processed'
    """
    count, last = environment.query(bench, statement, database=database)[0]
    return int(count), float(last)
