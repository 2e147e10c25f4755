"""How long from accepted to received, steady; and critical mail beside a flood."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from txmsg.bench import environment, serving
from txmsg.bench.environment import Bench, BenchError, inside, sink
from txmsg.bench.report import Report, median, percentile
from txmsg.bench.sizes import Sizes

RATES = (50, 500)
SECONDS = 12.0
BULK, CRITICAL_RATE, CRITICAL_SECONDS = 100_000, 20, 15.0
_ARRIVE_SECONDS = 20.0


def run(bench: Bench, sizes: Sizes, report: Report, *, key: str, database: str) -> None:
    """Measure at each rate so many times, then beside a flood, once."""
    log = bench.home.path / "received.log"
    with (
        sink(bench, "--log", str(log), own=True) as target,
        serving.everything(bench, database, sink_port=target.port) as port,
    ):
        place = _Place(bench, port, key, database, log)
        _post(place, rate=20, seconds=1.0)
        for rate in RATES:
            _at_rate(place, sizes, report, rate)
        _under_bulk(place, sizes, report)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where events are posted, and where it is written down what arrived."""

    bench: Bench
    port: int
    key: str
    database: str
    log: Path


def _at_rate(place: _Place, sizes: Sizes, report: Report, rate: int) -> None:
    accepted: dict[str, list[float]] = {"p50_ms": [], "p99_ms": []}
    whole: dict[str, list[float]] = {"p50_ms": [], "p99_ms": []}
    for turn in range(1, sizes.rounds + 1):
        place.bench.say(f"latency at {rate} a second: {turn} of {sizes.rounds}")
        since_accepted, since_begun = _post(
            place, rate=rate, seconds=sizes.seconds(SECONDS)
        )
        for found, times in ((accepted, since_accepted), (whole, since_begun)):
            found["p50_ms"].append(percentile(times, 0.50) * 1000)
            found["p99_ms"].append(percentile(times, 0.99) * 1000)
    values = {name: round(median(found), 2) for name, found in accepted.items()}
    report.add("latency", **{str(rate): values})
    report.lines.append(
        f"{rate} a second, from the beginning of the POST to the sink: p50 "
        f"{median(whole['p50_ms']):.1f} ms, p99 {median(whole['p99_ms']):.1f} ms"
    )


def _under_bulk(place: _Place, sizes: Sizes, report: Report) -> None:
    rows = sizes.at_most(BULK)
    place.bench.say(f"latency of the critical lane while {rows} bulk events drain")
    inside(place.bench, "fill", database=place.database, rows=rows, lane="bulk")
    seconds = sizes.seconds(CRITICAL_SECONDS)
    times, _ = _post(place, rate=CRITICAL_RATE, seconds=seconds, lane="critical")
    left = _left(place)
    value = round(percentile(times, 0.95) * 1000, 1)
    report.add("latency", critical_under_bulk_p95_ms=value)
    report.lines.append(f"{left} bulk events were left when the critical ones were in")


def _post(
    place: _Place, *, rate: int, seconds: float, lane: str = "normal"
) -> tuple[list[float], list[float]]:
    """Post for so long; return the seconds to the sink since accepted, since begun."""
    posted = place.bench.home.path / "posted.log"
    options: dict[str, Any] = {
        "port": place.port,
        "key": place.key,
        "rate": rate,
        "seconds": seconds,
        "lane": lane,
        "log": str(posted),
    }
    command = [sys.executable, "-m", "txmsg.bench.steady", json.dumps(options)]
    environment.last_line_of(
        place.bench, command, env=environment.base_environment(), name="steady"
    )
    lines = posted.read_text().splitlines()
    begun = {name: float(begin) for name, begin, _ in map(str.split, lines)}
    arrived = _wait_for(place, set(begun))
    accepted = _accepted(place, list(begun))
    return (
        [arrived[name] - accepted[name] for name in begun],
        [arrived[name] - begun[name] for name in begun],
    )


def _wait_for(place: _Place, names: set[str]) -> dict[str, float]:
    """Return when the first delivery of each event was received."""
    deadline = time.monotonic() + _ARRIVE_SECONDS
    while True:
        arrived: dict[str, float] = {}
        for line in place.log.read_text().splitlines():
            delivery, _, moment = line.partition(" ")
            # The last byte of a delivery's id is its number; of its event's, 0.
            event = f"{delivery[:-2]}00"
            if event in names and moment:
                arrived.setdefault(event, float(moment))
        if len(arrived) == len(names):
            return arrived
        if time.monotonic() > deadline:
            missing = len(names) - len(arrived)
            raise BenchError(f"{missing} of {len(names)} mails did not arrive")
        time.sleep(0.2)


def _accepted(place: _Place, names: list[str]) -> dict[str, float]:
    """Return when the database noted that it had each event, just before the commit."""
    rows = environment.query(
        place.bench,
        "SELECT id::text, extract(epoch FROM received_at)::float8 FROM events_event "
        f"WHERE id >= '{min(names)}' AND id <= '{max(names)}'",
        database=place.database,
    )
    return dict(rows)


def _left(place: _Place) -> int:
    statement = "SELECT count(*) FROM events_work WHERE lane = 'bulk'"
    return int(environment.query(place.bench, statement, database=place.database)[0][0])
