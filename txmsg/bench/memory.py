"""How much memory a worker needs, and whether it needs more with every message."""

from __future__ import annotations

from txmsg.bench.environment import Bench, inside, sink
from txmsg.bench.report import Report
from txmsg.bench.sizes import Sizes

ROWS = 100_000


def run(bench: Bench, sizes: Sizes, report: Report, *, database: str) -> None:
    """Have one worker drain; its growth counts from its first ten thousand."""
    rows = sizes.at_most(ROWS)
    bench.say(f"memory: one worker sends {rows:,} messages")
    with sink(bench) as target:
        found = inside(
            bench, "drain", database=database, sink_port=target.port, rows=rows
        )
    report.add(
        "memory",
        peak_mb=round(found["peak_mb"], 1),
        growth_mb=round(found["growth_mb"], 1),
    )
