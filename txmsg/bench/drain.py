"""How fast accepted events become mails at the sink, in turns with the yardsticks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from txmsg.bench import end_to_end, smtp_source, yardsticks
from txmsg.bench.environment import Bench, Sink, inside, sink
from txmsg.bench.report import Report, check_yardsticks, median, ratio, spread
from txmsg.bench.sizes import Sizes

DATABASE = "drain"
OURS, TWO_WORKERS, END_TO_END = 20_000, 30_000, 20_000
POST_OFFICE, NAIVE, MAILER, SMTP_SOURCE = 3_000, 400, 500, 60_000


@dataclass(slots=True)
class Rates:
    """What each contestant reached, a number for each round, mails a second."""

    ours: list[float] = field(default_factory=list)
    two_workers: list[float] = field(default_factory=list)
    end_to_end: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    post_office: list[float] = field(default_factory=list)
    post_office_all: list[float] = field(default_factory=list)
    naive: list[float] = field(default_factory=list)
    mailer: list[float] = field(default_factory=list)
    smtp_source: list[float] = field(default_factory=list)
    worker_us: list[float] = field(default_factory=list)
    postgres_us: list[float] = field(default_factory=list)


def run(
    bench: Bench, sizes: Sizes, report: Report, *, python: Path | None, key: str
) -> None:
    """Measure everybody in turns; `python` is the yardsticks', None leaves them out."""
    rates = Rates()
    mail = bench.home.path / "mail.eml"
    keep_mail(bench, mail)
    with sink(bench) as target:
        for turn in range(1, sizes.rounds + 1):
            for name, measure in _contestants(
                bench, sizes, rates, target, mail, python, key
            ):
                bench.say(f"drain {turn} of {sizes.rounds}: {name}")
                measure()
    _report(rates, report)


def keep_mail(bench: Bench, path: Path) -> None:
    """Send one mail of ours to a sink that keeps it: what smtp-source will send."""
    with sink(bench, "--keep", str(path), own=True) as target:
        inside(bench, "drain", database=DATABASE, sink_port=target.port, rows=1)
    # smtp-source ends lines and doubles leading dots by itself.
    lines = path.read_bytes().replace(b"\r\n", b"\n").split(b"\n")
    path.write_bytes(b"\n".join(line.removeprefix(b".") for line in lines))


def _contestants(
    bench: Bench,
    sizes: Sizes,
    rates: Rates,
    target: Sink,
    mail: Path,
    python: Path | None,
    key: str,
) -> list[tuple[str, Callable[[], None]]]:
    def ours() -> None:
        rows = sizes.at_most(OURS)
        found = inside(
            bench, "drain", database=DATABASE, sink_port=target.port, rows=rows
        )
        rates.ours.append(found["per_second"])
        rates.worker_us.append(found["worker_us"])
        rates.postgres_us.append(found["postgres_us"])

    def two_workers() -> None:
        rows = sizes.at_most(TWO_WORKERS)
        found = inside(
            bench,
            "drain",
            database=DATABASE,
            sink_port=target.port,
            rows=rows,
            workers=2,
        )
        rates.two_workers.append(found["per_second"])
        rates.busy.append(found["busy"])

    def from_post() -> None:
        rows = sizes.at_most(END_TO_END)
        rates.end_to_end.append(
            end_to_end.measure(
                bench, database=DATABASE, key=key, sink_port=target.port, rows=rows
            )
        )

    def limit() -> None:
        count = sizes.at_most(SMTP_SOURCE)
        rates.smtp_source.append(smtp_source.send(mail, port=target.port, count=count))

    found = [("ours", ours), ("ours, two workers", two_workers)]
    found.append(("ours, from POST to sink", from_post))
    if smtp_source.sink_command(0) is not None:
        found.append(("smtp-source", limit))
    if python is not None:
        found += _yardsticks(bench, sizes, rates, target, python)
    return found


def _yardsticks(
    bench: Bench, sizes: Sizes, rates: Rates, target: Sink, python: Path
) -> list[tuple[str, Callable[[], None]]]:
    def measured(module: str, rows: int) -> tuple[float, float]:
        found: dict[str, Any] = yardsticks.run(
            bench, python, module, rows=sizes.at_most(rows), sink_port=target.port
        )
        both = found["enqueue"] + found["send"]
        return found["rows"] / found["send"], found["rows"] / both

    def post_office() -> None:
        send, both = measured("post_office", POST_OFFICE)
        rates.post_office.append(send)
        rates.post_office_all.append(both)

    def naive() -> None:
        rates.naive.append(measured("naive", NAIVE)[0])

    def mailer() -> None:
        rates.mailer.append(measured("mailer", MAILER)[0])

    return [
        ("django-post_office", post_office),
        ("a row and an RQ job each", naive),
        ("django-mailer", mailer),
    ]


def _report(rates: Rates, report: Report) -> None:
    def middle(values: list[float]) -> float | None:
        return round(median(values), 1) if values else None

    report.add(
        "absolute",
        ours=middle(rates.ours),
        post_office_send=middle(rates.post_office),
        post_office_all=middle(rates.post_office_all),
        naive_rq=middle(rates.naive),
        smtp_source=middle(rates.smtp_source),
    )
    report.add(
        "drain",
        vs_post_office=ratio(rates.ours, rates.post_office),
        vs_naive_rq=ratio(rates.ours, rates.naive),
        vs_smtp_source=ratio(rates.ours, rates.smtp_source),
        scaling_2_workers=ratio(rates.two_workers, rates.ours),
        cpu_busy=round(median(rates.busy), 3),
        per_second=middle(rates.ours),
    )
    report.add(
        "end_to_end", vs_post_office=ratio(rates.end_to_end, rates.post_office_all)
    )
    for name, values in (
        ("ours, one worker", rates.ours),
        ("ours, two workers", rates.two_workers),
        ("ours, POST in batches of 100 to sink", rates.end_to_end),
        ("smtp-source -d -s 4", rates.smtp_source),
        ("django-post_office, send", rates.post_office),
        ("django-post_office, enqueue and send", rates.post_office_all),
        ("django-mailer, send", rates.mailer),
        ("a row and an RQ job each", rates.naive),
    ):
        if values:
            report.lines.append(f"{name}: {spread(values)} mails a second")
    report.lines.append(
        f"processor time a mail: worker {median(rates.worker_us):.0f} µs, "
        f"PostgreSQL {median(rates.postgres_us):.0f} µs"
    )
    if not rates.smtp_source:
        report.lines.append(smtp_source.ABSENT)
    check_yardsticks(report.values["absolute"])
