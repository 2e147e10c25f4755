"""What the doctor says."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from tests import factories
from txmsg import doctor
from txmsg.doctor import Level, Line
from txmsg.embedded import UP, Home, Lock, inbox_url

pytestmark = pytest.mark.django_db


def lines(name: str) -> list[Line]:
    return [line for line in doctor.examine() if line.name == name]


def test_mail_in_the_clear_to_another_host_is_warned_of(settings: Any) -> None:
    settings.EMAIL_URL = "smtp://192.0.2.1:25"
    levels = [(line.level, line.text) for line in _email_without_dialling()]
    assert (Level.WARNING, True) in [
        (level, "in the clear" in text) for level, text in levels
    ]


def _email_without_dialling() -> list[Line]:
    with pytest.MonkeyPatch.context() as patch:

        class Connected:
            def close(self) -> None:
                """Do nothing."""

        patch.setattr(doctor, "dial", lambda *_a, **_k: Connected())
        return lines("email")


@pytest.mark.parametrize(
    "url",
    [
        "smtp+tls://mail.example.com",
        "smtp+ssl://mail.example.com",
        "smtp://127.0.0.1:9",
    ],
)
def test_protected_or_local_mail_is_not_warned_of(settings: Any, url: str) -> None:
    settings.EMAIL_URL = url
    assert [line.level for line in _email_without_dialling()] == [Level.OK]


@pytest.mark.parametrize("url", ["", "http://mail.example.com"])
def test_no_way_for_mail_is_a_problem(settings: Any, url: str) -> None:
    settings.EMAIL_URL = url
    assert [line.level for line in lines("email")] == [Level.PROBLEM]


def test_a_mail_server_that_takes_no_connection_is_a_problem(settings: Any) -> None:
    settings.EMAIL_URL = "smtp://127.0.0.1:1"
    assert [line.level for line in lines("email")] == [Level.PROBLEM]


@pytest.fixture
def without_up(settings: Any, tmp_path: Path) -> Home:
    """Let everything be embedded in a home whose `up` was killed; return it."""
    settings.TXMSG_EMBEDDED_DATABASE = settings.TXMSG_EMBEDDED_INBOX = True
    settings.TXMSG_HOME = tmp_path
    home = Home(tmp_path)
    home.make()
    home.lock_path.write_text("up (process 1)")
    home.inbox_url_path.write_text("smtp://127.0.0.1:1\n")
    settings.EMAIL_URL = inbox_url(home)
    return home


@pytest.mark.usefixtures("without_up")
def test_where_up_does_not_run_that_is_the_problem_and_not_the_mail() -> None:
    assert [(line.level, line.text) for line in lines("processes")] == [
        (
            Level.PROBLEM,
            "`manage.py up` is not running: nothing is sent, and its inbox is down",
        )
    ]
    assert [line.level for line in lines("email")] == [Level.WARNING]


def test_where_up_runs_its_inbox_is_looked_at(without_up: Home, settings: Any) -> None:
    lock = Lock(without_up.lock_path)
    assert lock.take()
    lock.sign(UP)
    settings.EMAIL_URL = inbox_url(without_up)
    assert [line.level for line in lines("email")] == [Level.PROBLEM]
    assert "`manage.py up`" not in " ".join(line.text for line in lines("processes"))
    lock.close()


def test_messages_that_no_provider_sends_are_warned_of() -> None:
    event_type = factories.make_event_type()
    factories.publish(event_type=event_type)
    assert [line.level for line in lines("content")] == [Level.OK]
    factories.publish(
        event_type=event_type, channel="sms", content={"en": {"text": "Hello"}}
    )
    said = [line.text for line in lines("content") if line.level is Level.WARNING]
    assert len(said) == 1
    assert said[0].startswith("1 published on sms")
    assert "kept in the Inbox, not sent" in said[0]


def test_an_empty_installation_is_told_what_to_do_next() -> None:
    said = " ".join(line.text for line in doctor.examine())
    assert "createsuperuser" in said
    assert "create_api_key" in said
    assert "no message is published" in said
    factories.publish()
    assert lines("content")[0].level is Level.OK


def test_the_command_ends_with_1_when_something_is_bad(settings: Any) -> None:
    settings.EMAIL_URL = ""
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("doctor", stdout=out)
    assert ended.value.code == 1
    assert "database" in out.getvalue()
