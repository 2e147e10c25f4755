"""How fast events are taken in over HTTP, beside a view that does nothing."""

from __future__ import annotations

import json
import sys

from txmsg.bench import environment, serving
from txmsg.bench.environment import Bench, BenchError
from txmsg.bench.report import Report, median, ratio, spread
from txmsg.bench.sizes import Sizes

CONNECTIONS, BATCH, BATCH_CONNECTIONS = 16, 100, 4
SECONDS = 4.0
TABLES = "events_work, events_event, events_eventcontext, events_eventidentity"


def run(bench: Bench, sizes: Sizes, report: Report, *, key: str, database: str) -> None:
    """Load the trivial view, the single and the batch endpoint in turns."""
    rates: dict[str, list[float]] = {"trivial": [], "single": [], "batch": []}
    latest: dict[str, float] = {}
    with (
        serving.web(bench, database, trivial=True) as trivial,
        serving.web(bench, database) as product,
    ):
        for turn in range(1, sizes.rounds + 1):
            for kind, found in rates.items():
                bench.say(f"ingest {turn} of {sizes.rounds}: {kind}")
                port = trivial if kind == "trivial" else product
                rate, latest[kind] = _load(bench, sizes, port, kind, key)
                found.append(rate)
            environment.query(bench, f"TRUNCATE {TABLES}", database=database)
    rates["batch"] = [rate * BATCH for rate in rates["batch"]]
    report.add("absolute", trivial_view=round(median(rates["trivial"]), 1))
    report.add(
        "ingest",
        vs_trivial_view=ratio(rates["single"], rates["trivial"]),
        batch_vs_single=ratio(rates["batch"], rates["single"]),
    )
    report.lines += [
        f"trivial view: {spread(rates['trivial'])} requests a second",
        f"single POST: {spread(rates['single'])} events a second, p99 "
        f"{latest['single']:.1f} ms at {CONNECTIONS} connections",
        f"batch POST of {BATCH}: {spread(rates['batch'])} events a second",
    ]


def _load(
    bench: Bench, sizes: Sizes, port: int, kind: str, key: str
) -> tuple[float, float]:
    """Return requests a second, and the 99th percentile in milliseconds."""
    options = {
        "kind": kind,
        "port": port,
        "key": key,
        "seconds": sizes.seconds(SECONDS),
        "connections": BATCH_CONNECTIONS if kind == "batch" else CONNECTIONS,
    }
    command = [sys.executable, "-m", "txmsg.bench.load", json.dumps(options)]
    found = environment.last_line_of(
        bench, command, env=environment.base_environment(), name="load"
    )
    wanted = {"200"} if kind == "trivial" else {"202"}
    if set(found["statuses"]) != wanted:
        raise BenchError(f"{kind} requests were answered {found['statuses']}")
    return found["per_second"], found["p99_ms"]
