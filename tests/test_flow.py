"""The whole way: POST, real queue, real worker, real SMTP server, history."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from redis import Redis
from rq.queue import Queue
from rq.serializers import JSONSerializer

from events import doorbell
from events.models import Work
from history.models import Delivery
from tests import factories
from tests.smtp_peer import SmtpPeer
from txmsg import jobs, tracing
from txmsg.channels import close_channels
from txmsg.worker import LaneWorker

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmtpPeer]:
    """A mail server that the email channel hands over to."""
    monkeypatch.setattr(jobs, "LINGER_SECONDS", 0)
    with SmtpPeer() as peer:
        settings.EMAIL_URL = f"smtp://127.0.0.1:{peer.port}"
        close_channels()
        yield peer
        close_channels()


def work_off(lane: str) -> None:
    """Let a real worker of a lane do what its queue holds."""
    redis = Redis.from_url(settings.REDIS_URL)
    queue = Queue(lane, connection=redis, serializer=JSONSerializer)
    LaneWorker([queue], connection=redis, serializer=JSONSerializer).work(
        burst=True, logging_level="WARNING"
    )


@pytest.mark.usefixtures("transactional_db")
def test_a_posted_event_arrives_and_stands_in_history(
    client: Client, server: SmtpPeer
) -> None:
    version = factories.publish()
    key = factories.make_key()
    doorbell.answer("normal")

    answer = client.post(
        "/api/v1/events",
        factories.body_for(version.message.event_type),  # type: ignore[arg-type]
        content_type="application/json",
        headers={"Authorization": f"Bearer {key}"},
    )
    assert answer.status_code == 202, answer.content
    assert not server.accepted
    work_off("normal")

    (mail,) = server.accepted
    assert mail.recipient == "ada@example.com"
    assert b"Order 10293" in mail.content
    shown = client.get(
        answer.json()["links"]["self"], headers={"Authorization": f"Bearer {key}"}
    ).json()
    assert shown["status"] == "processed"
    (delivery,) = shown["deliveries"]
    assert delivery["status"] == "sent"
    assert delivery["version"] == 1
    assert delivery["id"].encode() in mail.content
    assert [attempt["outcome"] for attempt in delivery["attempts"]] == ["sent"]
    assert Delivery.objects.get().digest is not None
    assert not Work.objects.exists()


@pytest.mark.usefixtures("transactional_db")
def test_a_recipient_refused_for_now_is_tried_again_and_shows_both_attempts(
    client: Client, server: SmtpPeer
) -> None:
    version = factories.publish()
    event_type = version.message.event_type
    assert event_type is not None
    event_type.refresh_from_db()
    accepted = factories.accept(event_type, recipient={"email": "450@example.com"})
    work_off("normal")

    (row,) = Work.objects.all()
    assert (row.stage, row.attempts) == ("retry", 1)
    assert row.due_at > accepted.received_at
    shown = tracing.trace(accepted.id)
    assert shown is not None
    assert shown["status"] == "processing"
    assert [a["outcome"] for a in shown["deliveries"][0]["attempts"]] == ["transient"]


@pytest.mark.usefixtures("transactional_db")
def test_an_address_that_does_not_exist_fails_at_once(server: SmtpPeer) -> None:
    version = factories.publish()
    event_type = version.message.event_type
    assert event_type is not None
    event_type.refresh_from_db()
    factories.accept(event_type, recipient={"email": "550@example.com"})
    work_off("normal")

    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.reason) == ("failed", "hard_bounce")
    assert not Work.objects.exists()
