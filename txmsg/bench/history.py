"""What a long history and a long queue cost: a message, a claim, a row on disk."""

from __future__ import annotations

from typing import Any

from txmsg.bench.environment import DATABASE, Bench, clone, inside, sink
from txmsg.bench.report import Report, median, ratio
from txmsg.bench.sizes import Sizes

ROWS_A_DRAIN = 10_000
PASSING, CHUNK = 300_000, 20_000


def run(bench: Bench, sizes: Sizes, report: Report) -> None:
    """Drain beside an empty and a long history in turns, then time claims."""
    with sink(bench) as target:
        _cost(bench, sizes, report, sink_port=target.port)
        _drift(bench, sizes, report, sink_port=target.port)
        _in_the_way(bench, sizes, report, sink_port=target.port)


def _cost(bench: Bench, sizes: Sizes, report: Report, *, sink_port: int) -> None:
    rates: dict[str, list[float]] = {"history_empty": [], "history_long": []}
    for database in rates:
        clone(bench, source=DATABASE, target=database)
        inside(bench, "drain", database=database, sink_port=sink_port, rows=100)
    bench.say(f"history: making {sizes.asked:,} rows")
    inside(bench, "age", database="history_long", rows=sizes.asked)
    rows = sizes.at_most(ROWS_A_DRAIN)
    for turn in range(1, sizes.rounds + 1):
        for database, found in rates.items():
            bench.say(f"history {turn} of {sizes.rounds}: {database}")
            drained = inside(
                bench, "drain", database=database, sink_port=sink_port, rows=rows
            )
            found.append(drained["per_second"])
    report.add(
        "history",
        cost_ratio_1e6=ratio(rates["history_empty"], rates["history_long"]),
    )
    report.lines.append(
        f"drain beside {sizes.asked:,} rows of history: "
        f"{median(rates['history_long']):,.0f} a second; beside none "
        f"{median(rates['history_empty']):,.0f}"
    )


def _drift(bench: Bench, sizes: Sizes, report: Report, *, sink_port: int) -> None:
    clone(bench, source=DATABASE, target="drift")
    bench.say(f"history: {sizes.asked:,} messages pass through the queue")
    found = inside(
        bench, "churn", database="drift", sink_port=sink_port, rows=sizes.asked
    )
    report.add(
        "history",
        kb_per_delivery=round(found["delivery_bytes"] / 1024, 3),
        kb_per_event=round(found["event_bytes"] / 1024, 3),
    )
    report.lines += [
        _compared(
            f"claim of 500 after {sizes.asked:,} messages", found, "first", "last"
        ),
        f"on disk: delivery {found['delivery_bytes']:.0f} bytes, event "
        f"{found['event_bytes']:.0f}, context {found['context_bytes']:.0f}, identity "
        f"{found['identity_bytes']:.0f}",
    ]


def _in_the_way(bench: Bench, sizes: Sizes, report: Report, *, sink_port: int) -> None:
    due, paused = sizes.asked, sizes.asked // 2
    passing = sizes.at_most(PASSING)
    clone(bench, source=DATABASE, target="claims")
    bench.say(f"history: claims beside {due:,} due and {paused:,} paused rows")
    found = inside(
        bench,
        "stand_in_the_way",
        database="claims",
        sink_port=sink_port,
        due=due,
        paused=paused,
        passing=passing,
        chunk=sizes.at_most(CHUNK),
    )
    what = (
        f"claim of 500 with {due:,} due, {paused:,} paused and a snapshot open for "
        f"{passing:,} messages"
    )
    report.lines.append(_compared(what, found, "idle", "busy"))


def _compared(what: str, found: dict[str, Any], before: str, after: str) -> str:
    one, two = found[f"{before}_ms"], found[f"{after}_ms"]
    return (
        f"{what}: {two:.2f} ms (p95 {found[f'{after}_p95_ms']:.2f}), {before} "
        f"{one:.2f} ms (p95 {found[f'{before}_p95_ms']:.2f}): ratio {two / one:.2f}"
    )
