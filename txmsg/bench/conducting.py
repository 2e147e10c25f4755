"""Runs the parts that were asked for, one after the other, on services of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from txmsg.bench import (
    drain,
    environment,
    history,
    ingest,
    latency,
    memory,
    smtp_source,
    yardsticks,
)
from txmsg.bench.environment import DATABASE, Bench, clone, inside
from txmsg.bench.report import Report
from txmsg.bench.sizes import Sizes

PARTS = ("drain", "ingest", "latency", "history", "memory")


def conduct(
    parts: Sequence[str],
    *,
    sizes: Sizes,
    folder: Path,
    write: Callable[[str], None],
) -> Report:
    """Measure some parts; `folder` keeps the yardsticks, and data while it runs.

    Raises BenchError when something cannot run or a yardstick is crippled.
    """
    report = Report()
    python = yardsticks.ensure(folder, say=write) if "drain" in parts else None
    if smtp_source.sink_command(0) is None:
        write(smtp_source.ABSENT)
    with environment.running(folder, write=write) as bench:
        bench.say("making tables and publishing the mail")
        key = inside(bench, "prepare")["key"]
        for part in parts:
            _run(part, bench, sizes, report, python, key)
    return report


def _run(
    part: str,
    bench: Bench,
    sizes: Sizes,
    report: Report,
    python: Path | None,
    key: str,
) -> None:
    """Run a part on a copy of the prepared database: none has another's rows."""
    clone(bench, source=DATABASE, target=part)
    if part == "drain":
        bench.say("rendering")
        report.add("render", **inside(bench, "render", count=sizes.at_most(2000)))
        drain.run(bench, sizes, report, python=python, key=key)
    elif part == "ingest":
        ingest.run(bench, sizes, report, key=key, database=part)
    elif part == "latency":
        latency.run(bench, sizes, report, key=key, database=part)
    elif part == "history":
        history.run(bench, sizes, report)
    else:
        memory.run(bench, sizes, report, database=part)
