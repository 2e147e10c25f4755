"""The courier: posted, signed, tried again; slow, failing and hostile receivers."""

from __future__ import annotations

import datetime as dt
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import DatabaseError
from django.utils import timezone
from pytest_django import Settings

from events.models import Source, WebhookAttempt, WebhookEndpoint, WebhookMessage
from events.webhooks import outbox, queue
from tests import factories
from tests.webhook_receiver import Received, Receiver, receiving
from txmsg import health
from txmsg.webhooks import courier, endpoints, posting, schedule, settling, signing
from txmsg.webhooks.courier import Courier

pytestmark = pytest.mark.django_db
HOST = "receiver.test"


@pytest.fixture
def receiver(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A receiver that settings allow, although it is on this machine."""
    settings.TXMSG_WEBHOOK_HOSTS = [HOST]
    outbox.forget()
    asked = socket.getaddrinfo

    def look_up(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        number = "127.0.0.1" if host == HOST else host
        return asked(number, port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with receiving() as made:
        yield made
    outbox.forget()


def make_endpoint(url: str, **fields: Any) -> WebhookEndpoint:
    source = Source.objects.create(name=factories.unique("source"))
    endpoint, _ = endpoints.create(source, url=url)
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(**fields)
    endpoint.refresh_from_db()
    return endpoint


def make_message(endpoint: WebhookEndpoint, **fields: Any) -> WebhookMessage:
    now = timezone.now()
    message = WebhookMessage.objects.create(
        **{
            "endpoint": endpoint,
            "name": "event.accepted",
            "data": {"event_id": "1"},
            "occurred_at": now,
            "due_at": now - dt.timedelta(seconds=1),
            **fields,
        }
    )
    message.refresh_from_db()
    return message


def test_a_message_is_posted_with_its_signature_and_noted(receiver: Receiver) -> None:
    endpoint = make_endpoint(receiver.url)
    message = make_message(endpoint)
    Courier().drain()

    [one] = receiver.received
    assert json.loads(one.body) == {
        "type": "event.accepted",
        "timestamp": message.occurred_at.astimezone(dt.UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z"),
        "data": {"event_id": "1", "sequence": message.pk},
    }
    assert one.headers["webhook-id"] == str(message.webhook_id)
    assert one.headers["content-type"] == "application/json"
    assert one.headers["host"] == f"{HOST}:{receiver.port}"
    assert one.headers["webhook-signature"] == signing.signature(
        signing.secret_of(endpoint.secret_seed),
        webhook_id=str(message.webhook_id),
        timestamp=int(one.headers["webhook-timestamp"]),
        body=one.body,
    )
    assert abs(int(one.headers["webhook-timestamp"]) - time.time()) < 60
    message.refresh_from_db()
    assert (message.status, message.attempts) == ("delivered", 1)
    attempt = WebhookAttempt.objects.get()
    assert (attempt.status_code, attempt.answer) == (200, "thank you")
    endpoint.refresh_from_db()
    assert endpoint.last_success_at is not None


def test_after_a_rotation_both_secrets_sign_for_a_day(receiver: Receiver) -> None:
    endpoint = make_endpoint(receiver.url)
    old = signing.secret_of(endpoint.secret_seed)
    new = endpoints.rotate(endpoint)
    assert endpoints.secrets_of(endpoint, now=timezone.now()) == [new, old]
    day_later = timezone.now() + dt.timedelta(hours=24)
    assert endpoints.secrets_of(endpoint, now=day_later) == [new]
    make_message(endpoint)
    Courier().drain()
    [one] = receiver.received
    assert len(one.headers["webhook-signature"].split(" ")) == 2


def test_a_failure_is_tried_again_later_under_the_same_id(receiver: Receiver) -> None:
    receiver.codes["/hook"] = 500
    receiver.answer = b"it broke\x00" + b"x" * 5_000
    message = make_message(make_endpoint(receiver.url))
    Courier().drain()
    message.refresh_from_db()
    assert (message.status, message.step) == ("pending", 1)
    assert 4 < (message.due_at - timezone.now()).total_seconds() < 6
    attempt = WebhookAttempt.objects.get()
    assert attempt.status_code == 500
    assert attempt.answer.startswith("it brokex")
    assert len(attempt.answer) < 1025

    receiver.codes["/hook"] = 204
    WebhookMessage.objects.update(due_at=timezone.now())
    Courier().drain()
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    message.refresh_from_db()
    assert (message.status, message.attempts) == ("delivered", 2)


def test_the_last_try_gives_up(receiver: Receiver) -> None:
    receiver.codes["/hook"] = 500
    endpoint = make_endpoint(receiver.url)
    message = make_message(endpoint, step=len(schedule.DELAYS) - 1, attempts=9)
    Courier().drain()
    message.refresh_from_db()
    assert (message.status, message.attempts) == ("failed", 10)
    assert endpoints.recover(endpoint, since=message.occurred_at) == 1
    receiver.codes.clear()
    Courier().drain()
    message.refresh_from_db()
    assert (message.status, message.attempts) == ("delivered", 11)


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_a_redirect_is_a_failure_and_not_followed(
    receiver: Receiver, code: int
) -> None:
    receiver.codes["/hook"] = code
    receiver.headers["Location"] = "/elsewhere"
    message = make_message(make_endpoint(receiver.url))
    Courier().drain()
    assert [one.path for one in receiver.received] == ["/hook"]
    message.refresh_from_db()
    assert message.status == "pending"
    assert "redirect" in WebhookAttempt.objects.get().problem


def test_gone_disables_an_endpoint_and_what_waits_stays(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.codes["/hook"] = 410
    endpoint = make_endpoint(receiver.url)
    waiting = make_message(endpoint)
    message = make_message(endpoint, due_at=timezone.now() - dt.timedelta(hours=1))
    WebhookMessage.objects.filter(pk=waiting.pk).update(
        due_at=timezone.now() + dt.timedelta(seconds=60)
    )
    with caplog.at_level(logging.ERROR):
        Courier().drain()
    endpoint.refresh_from_db()
    assert endpoint.status == "gone"
    assert endpoint.disabled_at is not None
    assert "is disabled: It answered 410" in caplog.text
    message.refresh_from_db()
    waiting.refresh_from_db()
    assert (message.status, waiting.status) == ("failed", "pending")
    WebhookMessage.objects.update(due_at=timezone.now(), status="pending")
    Courier().drain()
    assert len(receiver.received) == 1


def test_who_asks_for_time_gets_it(receiver: Receiver) -> None:
    receiver.codes["/hook"] = 429
    receiver.headers["Retry-After"] = "600"
    endpoint = make_endpoint(receiver.url)
    message = make_message(endpoint)
    Courier().drain()
    message.refresh_from_db()
    endpoint.refresh_from_db()
    assert endpoint.held_until is not None
    for moment in (message.due_at, endpoint.held_until):
        assert 590 < (moment - timezone.now()).total_seconds() < 610
    make_message(endpoint)
    Courier().drain()
    assert len(receiver.received) == 1


def test_one_bad_event_keeps_nobody_waiting(receiver: Receiver) -> None:
    endpoint = make_endpoint(receiver.url)
    bad = make_message(endpoint)
    good = [make_message(endpoint) for _ in range(20)]
    receiver.judge = lambda one: (
        500 if one.headers["webhook-id"] == str(bad.webhook_id) else 200
    )
    Courier().drain()
    for message in good:
        message.refresh_from_db()
    assert {message.status for message in good} == {"delivered"}
    bad.refresh_from_db()
    assert bad.status == "pending"


def test_slow_endpoints_keep_no_other_waiting(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that are slow take half of the threads together, whatever they have."""
    monkeypatch.setattr(courier, "THREADS", 8)
    sender = Courier()
    slow = [make_endpoint(f"{receiver.url}/slow") for _ in range(10)]
    well = make_endpoint(receiver.url)
    for _ in range(3):
        make_endpoint(receiver.url)  # with nothing to send
    for endpoint in slow:
        sender._slow.add(endpoint.pk)
        for _ in range(5):
            make_message(endpoint)
    ended = threading.Event()
    receiver.judge = lambda one: (
        (ended.wait(60) and 200) or 200 if one.path.endswith("/slow") else 200
    )
    sender.step(0.01)
    assert sum(sender._busy[each.pk] for each in slow) == courier.THREADS // 2
    quick = [make_message(well) for _ in range(6)]
    until = time.monotonic() + 10
    while time.monotonic() < until and any(
        WebhookMessage.objects.get(pk=m.pk).status != "delivered" for m in quick
    ):
        sender.step(0.05)
    assert {WebhookMessage.objects.get(pk=m.pk).status for m in quick} == {"delivered"}
    assert sum(sender._busy[each.pk] for each in slow) == courier.THREADS // 2
    ended.set()
    sender.drain()


def test_an_endpoint_is_sent_a_few_at_a_time(receiver: Receiver) -> None:
    at_once, most = [0], [0]
    lock = threading.Lock()

    def judge(_one: Received) -> int:
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        time.sleep(0.02)
        with lock:
            at_once[0] -= 1
        return 200

    receiver.judge = judge
    endpoint = make_endpoint(receiver.url)
    for _ in range(16):
        make_message(endpoint)
    Courier().drain()
    assert 2 <= most[0] <= courier.PER_ENDPOINT
    assert not WebhookMessage.objects.exclude(status="delivered").exists()


def test_who_takes_too_long_is_cut_off(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "SECONDS", 0.2)
    receiver.seconds = 1.0
    make_message(make_endpoint(receiver.url))
    Courier().drain()
    attempt = WebhookAttempt.objects.get()
    assert attempt.status_code is None
    assert attempt.problem.startswith("No answer within")
    assert attempt.seconds < 1


def test_an_endless_answer_is_read_no_further_than_its_beginning(
    receiver: Receiver,
) -> None:
    receiver.answer = b"y" * 50_000_000
    make_message(make_endpoint(receiver.url))
    Courier().drain()
    assert WebhookAttempt.objects.get().answer == "y" * 1024
    assert WebhookMessage.objects.get().status == "delivered"


def test_nobody_there_is_a_failure_in_words(receiver: Receiver) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        make_message(make_endpoint(f"http://{HOST}:{port}/"))
        Courier().drain()
    attempt = WebhookAttempt.objects.get()
    assert "refused" in attempt.problem
    assert HOST in attempt.problem


def test_a_name_that_leads_home_later_is_not_called(
    receiver: Receiver, settings: Settings
) -> None:
    """Judged at each request: a name may lead elsewhere than when it was saved."""
    endpoint = make_endpoint(receiver.url)
    settings.TXMSG_WEBHOOK_HOSTS = []
    WebhookEndpoint.objects.update(url=f"https://{HOST}/hook")
    make_message(endpoint)
    Courier().drain()
    assert receiver.received == []
    assert "private network" in WebhookAttempt.objects.get().problem


def test_an_endpoint_that_is_down_is_tried_with_one_message_at_a_time(
    receiver: Receiver,
) -> None:
    receiver.codes["/hook"] = 500
    endpoint = make_endpoint(receiver.url)
    for _ in range(30):
        make_message(endpoint)
    Courier().drain()
    endpoint.refresh_from_db()
    assert settling.is_down(endpoint)
    assert endpoint.held_until is not None
    before = len(receiver.received)
    assert before <= schedule.FAILURES_ALLOWED + courier.PER_ENDPOINT
    receiver.codes.clear()
    WebhookEndpoint.objects.update(held_until=None)
    WebhookMessage.objects.update(due_at=timezone.now())
    sender = Courier()
    sender.step(0)
    assert sender._busy[endpoint.pk] == 1
    sender.drain()
    assert not WebhookMessage.objects.exclude(status="delivered").exists()


def test_an_endpoint_that_refuses_each_message_once_is_not_held_for_down(
    receiver: Receiver,
) -> None:
    """What was tried before is tried again, not always another for the first time."""
    seen: set[str] = set()

    def judge(one: Received) -> int:
        is_new = one.headers["webhook-id"] not in seen
        seen.add(one.headers["webhook-id"])
        return 500 if is_new else 200

    receiver.judge = judge
    endpoint = make_endpoint(receiver.url)
    for _ in range(20):
        make_message(endpoint)
    sender = Courier()
    sender.drain()
    WebhookEndpoint.objects.update(held_until=None)
    tried = WebhookMessage.objects.filter(attempts__gt=0)
    tried.update(due_at=timezone.now() - dt.timedelta(milliseconds=500))
    sender.drain()
    endpoint.refresh_from_db()
    assert endpoint.last_success_at is not None


@pytest.mark.parametrize("status", ["paused", "disabled", "gone"])
def test_who_is_not_active_is_sent_nothing(receiver: Receiver, status: str) -> None:
    endpoint = make_endpoint(receiver.url, status=status)
    make_message(endpoint)
    Courier().drain()
    assert receiver.received == []
    with pytest.raises(endpoints.NotActive, match="not active"):
        endpoints.send_test(endpoint)
    endpoints.resume(endpoint)
    Courier().drain()
    assert len(receiver.received) == 1


def test_days_of_failing_disable_an_endpoint_and_say_so(receiver: Receiver) -> None:
    receiver.codes["/hook"] = 500
    since = timezone.now() - schedule.DISABLED_AFTER
    endpoint = make_endpoint(receiver.url, failures=20, failing_since=since)
    make_message(endpoint)
    Courier().drain()
    endpoint.refresh_from_db()
    assert endpoint.status == "disabled"
    [warning] = settling.warnings(now=timezone.now())
    assert "It took nothing for 5 days" in warning
    assert "It answered 500." in warning
    found = {finding.name: finding for finding in health.findings()}
    assert warning in found["webhooks"].warning
    assert not found["webhooks"].problem


def test_an_answer_that_could_not_be_noted_is_noted_later(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = make_message(make_endpoint(receiver.url))
    sender = Courier()

    def fail(_answers: Any) -> None:
        raise DatabaseError

    with monkeypatch.context() as patch:
        patch.setattr(settling, "settle", fail)
        with pytest.raises(DatabaseError):
            sender.drain()
    sender.drain()
    message.refresh_from_db()
    assert message.status == "delivered"
    assert len(receiver.received) == 1


def test_a_secret_that_is_lost_is_a_problem_in_words(
    receiver: Receiver, settings: Settings
) -> None:
    make_message(make_endpoint(receiver.url))
    settings.SECRET_KEY = "another"
    Courier().drain()
    assert receiver.received == []
    assert "rotate the secret" in WebhookAttempt.objects.get().problem


def test_a_test_is_sent_like_everything_else(receiver: Receiver) -> None:
    endpoint = make_endpoint(receiver.url)
    webhook_id = endpoints.send_test(endpoint)
    Courier().drain()
    [one] = receiver.received
    assert one.headers["webhook-id"] == str(webhook_id)
    assert json.loads(one.body)["type"] == "webhook.test"


@pytest.mark.parametrize(
    "url",
    [
        "http://public.example/hook",
        "https://127.0.0.1/hook",
        "https://localhost/hook",
        "https://[::1]/hook",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest/meta-data",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://10.0.0.8/",
        "https://user:secret@8.8.8.8/",
        "https://8.8.8.8:22/",
        "ftp://8.8.8.8/",
        "file:///etc/passwd",
        "https:///hook",
        "not an address",
        "https://8.8.8.8/\nhook",
        "https://bücher.example/",
        "https://8.8.8.8/" + "x" * 2_000,
    ],
)
def test_an_address_that_must_not_be_called_is_refused_when_it_is_saved(
    url: str,
) -> None:
    source = Source.objects.create(name=factories.unique("source"))
    with pytest.raises(endpoints.Unfit) as caught:
        endpoints.create(source, url=url)
    assert caught.value.field == "url"
    assert not WebhookEndpoint.objects.exists()


@pytest.mark.parametrize("url", ["https://8.8.8.8/hook", "https://[2606:4700::1]/"])
def test_a_public_address_is_taken(url: str) -> None:
    source = Source.objects.create(name=factories.unique("source"))
    endpoint, secret = endpoints.create(source, url=url)
    assert secret.startswith("whsec_")
    assert endpoint.status == "active"


def test_a_source_has_so_many_endpoints_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(endpoints, "MAX_PER_SOURCE", 1)
    source = Source.objects.create(name=factories.unique("source"))
    endpoints.create(source, url="https://8.8.8.8/")
    with pytest.raises(endpoints.TooMany, match="1 endpoints at most"):
        endpoints.create(source, url="https://8.8.8.8/")


def test_a_courier_ends_when_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[float] = []
    stopped = threading.Event()

    def step(_self: Courier, seconds: float) -> bool:
        steps.append(seconds)
        if len(steps) == 2:
            stopped.set()
            raise DatabaseError
        return True

    closed: list[Callable[[], None]] = []
    monkeypatch.setattr(Courier, "step", step)
    monkeypatch.setattr(queue, "purge", lambda **_: 0)
    monkeypatch.setattr(courier.connection, "close", lambda: closed.append(print))
    Courier().run(stopped)
    assert len(steps) == 2
    assert closed
