"""The commands an operator types: what they refuse, and what they say they did."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from events.models import ApiKey, Source, Work
from tests import factories
from txmsg import channels, worker
from txmsg.management.options import stamped

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def built_anew() -> Iterator[None]:
    """Let a channel be built by the settings of the test, and for it alone."""
    channels.close_channels()
    yield
    channels.close_channels()


def run(*arguments: str) -> tuple[int, str]:
    """Run a command; return its exit code and what it printed."""
    out = StringIO()
    try:
        call_command(*arguments, stdout=out)
    except SystemExit as ended:
        return int(str(ended.code)), out.getvalue()
    return 0, out.getvalue()


@pytest.mark.parametrize("command", ["drain", "worker"])
@pytest.mark.parametrize("lanes", ["foo", "normal,foo", "", ","])
def test_a_lane_that_does_not_exist_is_refused(
    monkeypatch: pytest.MonkeyPatch, command: str, lanes: str
) -> None:
    monkeypatch.setattr(worker, "run", lambda *_: pytest.fail("it ran"))
    with pytest.raises(CommandError, match="critical, normal, bulk"):
        call_command(command, f"--lanes={lanes}")


@pytest.mark.parametrize("seconds", ["-1", "0", "nan"])
def test_a_drain_needs_time(seconds: str) -> None:
    with pytest.raises(CommandError, match="--seconds takes"):
        call_command("drain", f"--seconds={seconds}")


def test_a_port_that_cannot_be_is_one_line() -> None:
    for command in (["up", "--port=99999"], ["inbox", "--port=99999"]):
        with pytest.raises(CommandError, match=r"0-65535|1 to 65535"):
            call_command(*command)


def test_a_sample_goes_to_an_address_that_is_one() -> None:
    event_type = factories.make_event_type()
    with pytest.raises(CommandError, match="--to is not a valid address"):
        call_command("sample_event", event_type.name, "--to=notmail")


def test_a_drain_says_how_many_it_handled() -> None:
    assert run("drain") == (0, "0 deliveries handled\n")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "there is no mail server"),
        ("http://mail.example.com", "email cannot be used: EMAIL_URL must be"),
        ("smtp://127.0.0.1:1", "email was not reached"),
    ],
)
def test_a_drain_says_what_is_left_and_why(settings: Any, url: str, why: str) -> None:
    settings.EMAIL_URL = url
    version = factories.publish()
    event_type = version.message.event_type
    assert event_type is not None
    event_type.refresh_from_db()
    for _ in range(2):
        factories.accept(event_type)
    # The second time nothing is due any more: it was put off by the first.
    for _ in range(2):
        code, said = run("drain", "--lanes=normal")
        assert code == 1
        assert said.startswith("0 deliveries handled\n2 still wait: ")
        assert why in said
    assert run("drain", "--lanes=bulk") == (0, "0 deliveries handled\n")
    assert Work.objects.count() == 2


def test_a_sweep_says_what_there_was_to_do() -> None:
    assert run("sweep") == (0, "swept: 0 of unknown outcome resolved, nothing is due\n")
    factories.accept(factories.make_event_type(live_channels=["email"]))
    assert "rang for what is due in normal (for " in run("sweep")[1]


def test_lines_of_the_supervisor_have_the_time_of_day() -> None:
    assert re.fullmatch(r"\d\d:\d\d:\d\d txmsg: ending", stamped("ending"))


def test_a_key_is_made_with_its_end_and_stands_alone_on_the_last_line() -> None:
    code, said = run("create_api_key", "--source=shop", "--expires-in-days=30")
    key = ApiKey.objects.get()
    assert code == 0
    assert said.splitlines()[-1].startswith(f"txk_{key.prefix}_")
    assert key.expires_at is not None
    assert timedelta(days=29) < key.expires_at - timezone.now() <= timedelta(days=30)
    assert f"it expires on {timezone.localtime(key.expires_at):%Y-%m-%d}" in said
    assert "it expires never" in run("create_api_key", "--source=shop")[1]


@pytest.mark.parametrize("days", ["0", "-1", "3651"])
def test_a_key_cannot_end_before_it_begins(days: str) -> None:
    with pytest.raises(CommandError, match="--expires-in-days takes"):
        call_command("create_api_key", "--source=shop", f"--expires-in-days={days}")
    assert not Source.objects.exists()
