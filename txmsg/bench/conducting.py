"""Runs the parts that were asked for, one after the other, on services of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from txmsg.bench import drain, environment, smtp_source, yardsticks
from txmsg.bench.environment import Bench, inside
from txmsg.bench.report import Report
from txmsg.bench.sizes import Sizes

PARTS = ("drain",)


def conduct(
    parts: Sequence[str], *, sizes: Sizes, folder: Path, write: Callable[[str], None]
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
        inside(bench, "prepare")
        for part in parts:
            _run(part, bench, sizes, report, python)
    return report


def _run(
    part: str, bench: Bench, sizes: Sizes, report: Report, python: Path | None
) -> None:
    if part == "drain":
        drain.run(bench, sizes, report, python=python)
