"""A worker that is told to stop: no mail is begun, what is under way ends soon."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from events.models import EventType, Work
from history.models import Delivery
from templates_app.rendering.message import RenderedMessage
from tests import factories
from tests.smtp_peer import SmtpPeer
from txmsg.channels import close_channels, leaving
from txmsg.channels.base import OutcomeKind
from txmsg.channels.email import EmailChannel

# More than a stop may take, on a machine under load.
NOISE = 3.0
SENT, UNKNOWN = OutcomeKind.SENT, OutcomeKind.UNKNOWN
NOT_STARTED = OutcomeKind.NOT_STARTED


@pytest.fixture(autouse=True)
def _stays() -> Iterator[None]:
    """Let no other test leave."""
    yield
    leaving.stay()


def send(peer: SmtpPeer, *to: str) -> list[OutcomeKind]:
    """Hand over a wave that has half a minute."""
    channel = EmailChannel(peer.url, default_from="no-reply@shop.example")
    wave = [
        RenderedMessage(
            delivery_id=uuid4(),
            channel="email",
            address=f"{name}@customer.example",
            recipient_name="",
            parts={"subject": "Hello", "html": "", "text": "Hello."},
            headers={},
        )
        for name in to
    ]
    found = channel.send(wave, deadline=time.monotonic() + 30)
    channel.close()
    return [outcome.kind for outcome in found]


@pytest.mark.parametrize("extensions", [[], [b"PIPELINING"]])
def test_what_is_under_way_ends_and_nothing_more_is_begun(
    extensions: list[bytes],
) -> None:
    with SmtpPeer(
        extensions=extensions, on_content=lambda _mail: leaving.leave(20)
    ) as peer:
        found = send(peer, *["a"] * 30)
        assert found.count(SENT) == len(peer.accepted) <= 4
        assert found.count(NOT_STARTED) == 30 - found.count(SENT)
        assert peer.problems == []


def test_what_is_not_answered_soon_is_of_unknown_outcome() -> None:
    with SmtpPeer() as peer:
        threading.Timer(0.3, leaving.leave, [0.1]).start()
        begun = time.monotonic()
        assert send(peer, "silent", "b") == [UNKNOWN, NOT_STARTED]
        assert time.monotonic() - begun < NOISE


def test_a_server_that_does_not_greet_is_not_waited_for() -> None:
    with SmtpPeer(banner=b"") as peer:
        threading.Timer(0.1, leaving.leave, [4]).start()
        begun = time.monotonic()
        assert send(peer, "a", "b") == [NOT_STARTED] * 2
        assert time.monotonic() - begun < NOISE


def test_the_end_is_where_it_was_said_first() -> None:
    assert leaving.sooner(math.inf) == math.inf
    leaving.leave(1)
    first = leaving.sooner(math.inf)
    leaving.leave(9)
    assert leaving.sooner(math.inf) == first
    assert leaving.sooner(first - 1) == first - 1


@pytest.mark.django_db
def test_a_stop_in_the_middle_of_a_wave_makes_no_copies_and_flags_nothing(
    settings: Any,
) -> None:
    version = factories.publish()
    event_type = EventType.objects.get(pk=version.message.event_type_id)
    caller = factories.make_caller()
    for _ in range(40):
        factories.accept(event_type, caller)
    stopping = threading.Event()

    def stop(_mail: object) -> None:
        stopping.set()
        leaving.leave(20)

    with SmtpPeer(extensions=[b"PIPELINING"], on_content=stop) as peer:
        settings.EMAIL_URL = peer.url
        close_channels()
        factories.drain(should_stop=stopping.is_set)
        sent = Delivery.objects.filter(status="sent").count()
        assert 1 <= sent == len(peer.accepted) < 40
        assert Work.objects.filter(stage="queued", lease_owner="").count() == 40 - sent
        leaving.stay()
        peer.on_content = bool

        factories.drain()

        assert len(peer.accepted) == 40
    close_channels()
    assert Delivery.objects.filter(status="sent").count() == 40
    assert not Delivery.objects.filter(possible_duplicate=True).exists()
