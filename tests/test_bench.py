"""The benchmark's own pieces: its sink, its sums, its yardsticks, what it prints."""

from __future__ import annotations

import io
import json
import os
import smtplib
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from django.core.management import call_command
from django.template import Context, Engine

from txmsg.bench import environment, machine, smtp_source
from txmsg.bench.environment import BenchError
from txmsg.bench.load import requests_of, whole_answer
from txmsg.bench.peers import templates
from txmsg.bench.report import (
    Report,
    check_yardsticks,
    median,
    percentile,
    ratio,
    table,
)
from txmsg.bench.sink import Record, Session, answer
from txmsg.bench.sizes import Sizes
from txmsg.management.commands import bench as command

MAIL = b"Subject: Tea\r\nX-Txmsg-Delivery: 0198-01\r\n\r\n..leading dot\r\n"
ENVELOPE = b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n"


@pytest.fixture
def session():
    ours, theirs = socket.socketpair()
    yield Session(ours)
    ours.close()
    theirs.close()


def test_the_sink_answers_a_pipelined_envelope_and_body_in_one_write(session):
    record = Record(log=io.StringIO())
    session.buffer += ENVELOPE + MAIL + b".\r\n" + ENVELOPE

    replies, leaves = answer(session, record)

    codes = [line[:3] for line in replies.split(b"\r\n") if line]
    assert codes == [b"250", b"250", b"354", b"250", b"250", b"250", b"354"]
    assert not leaves
    assert record.count == 1


def test_the_sink_finds_the_end_of_a_mail_that_comes_in_pieces(session):
    record = Record(log=io.StringIO())

    for byte in ENVELOPE + MAIL + b".\r\n":
        session.buffer.append(byte)
        answer(session, record)

    assert record.count == 1
    assert not session.in_data


def test_the_sink_writes_down_which_delivery_came_and_when(session):
    log = io.StringIO()
    session.buffer += ENVELOPE + MAIL + b".\r\n"

    answer(session, Record(log=log))

    name, moment = log.getvalue().split()
    assert name == "0198-01"
    assert float(moment) > 1_700_000_000


def test_a_line_with_a_dot_inside_a_mail_does_not_end_it(session):
    record = Record()
    session.buffer += ENVELOPE + b"one\r\n..\r\ntwo\r\n"

    answer(session, record)

    assert record.count == 0
    assert session.in_data


def test_the_standard_library_sends_to_the_sink(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "txmsg.bench.sink", "--keep", str(tmp_path / "mail")],
        stdout=subprocess.PIPE,
        text=True,
    )
    port = int(process.stdout.readline())
    with smtplib.SMTP("127.0.0.1", port) as client:
        for _ in range(2):
            client.sendmail("a@example.com", ["b@example.com"], MAIL)
        assert client.has_extn("pipelining")
    process.terminate()

    assert int(process.communicate(timeout=10)[0]) == 2
    assert b"Subject: Tea" in (tmp_path / "mail").read_bytes()


def test_ratios_are_of_medians():
    assert median([1.0, 100.0, 3.0]) == 3.0
    assert ratio([10.0, 1.0, 12.0], [2.0, 4.0, 100.0]) == 2.5


def test_a_ratio_to_what_did_not_run_is_none():
    assert ratio([10.0], []) is None


def test_percentiles_are_values_that_were_measured():
    values = [float(number) for number in range(1, 101)]

    assert percentile(values, 0.5) == 50
    assert percentile(values, 0.99) == 99
    assert percentile([7.0], 0.99) == 7


def test_a_report_holds_the_parts_that_ran_and_no_others():
    report = Report()
    report.add("memory", peak_mb=100.0)
    report.add("memory", growth_mb=1.0)

    assert report.values == {"memory": {"peak_mb": 100.0, "growth_mb": 1.0}}


def test_the_table_says_what_was_not_measured():
    lines = table({"latency": {"50": {"p50_ms": 2.5}}, "drain": {"x": None}})

    assert [line.split(maxsplit=1) for line in lines] == [
        ["latency.50.p50_ms", "2.5"],
        ["drain.x", "not measured"],
    ]


def test_a_crippled_yardstick_fails_the_run():
    with pytest.raises(BenchError, match="crippled yardstick"):
        check_yardsticks({"post_office_send": 49.0, "smtp_source": 1000.0})


@pytest.mark.parametrize("limit", [1000.0, None])
def test_a_yardstick_of_ordinary_speed_passes(limit):
    check_yardsticks({"post_office_send": 51.0, "smtp_source": limit})


def test_a_crippled_yardstick_is_exit_code_1(monkeypatch):
    def crippled(*_arguments, **_options):
        check_yardsticks({"post_office_send": 1.0, "smtp_source": 1000.0})

    monkeypatch.setattr(command, "conduct", crippled)
    monkeypatch.setattr(command.signal, "signal", lambda *_: None)

    with pytest.raises(command.CommandError, match="crippled") as caught:
        call_command("bench", "drain")
    assert caught.value.returncode == 1


def test_the_last_line_is_one_object_when_asked_for(monkeypatch):
    report = Report(lines=["a line for people"])
    report.add("render", us=25.0, python_liquid_us=247.0)
    monkeypatch.setattr(command, "conduct", lambda *_arguments, **_options: report)
    monkeypatch.setattr(command.signal, "signal", lambda *_: None)
    output = io.StringIO()

    call_command("bench", "all", json=True, stdout=output)

    lines = output.getvalue().splitlines()
    assert json.loads(lines[-1]) == report.values
    assert "cores" in lines[0]


def test_the_machine_is_described_in_one_line():
    line = machine.describe()

    assert "cores" in line
    assert "Python 3" in line
    assert "\n" not in line


def test_memory_and_processor_time_of_a_process_are_read():
    resident = machine.resident_mb(os.getpid())

    assert machine.peak_mb(os.getpid()) >= resident > 5
    assert machine.cpu_seconds(os.getpid()) > 0
    assert machine.cpu_seconds(0) == 0


def test_busy_cores_are_the_share_between_two_moments():
    watch = machine.Watch()
    watch.samples = [(0.0, 0.0, 0.0, 0), (1.0, 0.5, 2.0, 0), (2.0, 2.5, 4.0, 0)]

    assert watch.busy(0.0, 1.0) == 0.75
    assert watch.busy(1.0, 2.0) == 0.0
    assert watch.busy(5.0, 6.0) == 0.0


def test_a_small_run_does_little_of_everything():
    small, whole = Sizes.of(300), Sizes.of(None)

    assert small.at_most(20_000) == 300
    assert small.seconds(10.0) < 10
    assert whole.at_most(20_000) == 20_000
    assert whole.rounds == 5
    assert whole.asked == 1_000_000


def test_absent_programs_of_postfix_are_told(monkeypatch):
    monkeypatch.setattr(smtp_source, "_PLACES", "/nowhere")

    assert smtp_source.sink_command(2525) is None
    with pytest.raises(FileNotFoundError, match="postfix"):
        smtp_source.send(Path("mail"), port=2525, count=1)


def test_the_environment_of_a_run_holds_nothing_of_the_operator(monkeypatch):
    for name in ("DATABASE_URL", "TXMSG_HTTPS", "PGHOST", "EMAIL_URL"):
        monkeypatch.setenv(name, "theirs")

    assert "theirs" not in environment.base_environment().values()


def test_an_answer_is_whole_when_all_of_its_body_is_there():
    head = b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n"

    assert whole_answer(head[:-1]) == ""
    assert whole_answer(head + b"{") == ""
    assert whole_answer(head + b"{}") == "202"
    with pytest.raises(ValueError, match="Content-Length"):
        whole_answer(b"HTTP/1.1 200 OK\r\n\r\n")


@pytest.mark.parametrize(("kind", "events"), [("single", 1), ("batch", 100)])
def test_the_load_is_of_events_as_callers_post_them(kind, events):
    content = requests_of(kind, "txk_key")[0]

    head, _, text = content.partition(b"\r\n\r\n")
    body = json.loads(text)
    assert b"Authorization: Bearer txk_key" in head
    assert len(body.get("events", [body])) == events


def test_the_yardsticks_have_our_mail_in_the_language_of_django():
    engine = Engine(libraries={"filters": "txmsg.bench.peers.filters"})
    engine.template_builtins.append(engine.template_libraries["filters"])
    context = Context(templates.context(1))

    html = engine.from_string(templates.html()).render(context)

    assert "{{" not in html
    assert "A-00000001" in html
    assert "€4.90" in html
    assert "November 2, 2026" in html
    assert "5 articles" in engine.from_string(templates.text()).render(context)


def test_a_watch_ends_with_its_block():
    before = threading.active_count()

    with machine.Watch():
        assert threading.active_count() == before + 1

    assert threading.active_count() == before
