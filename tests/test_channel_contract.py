"""One suite over every channel: what the pipeline may rely on, whoever sends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import pytest
import uuid_utils

from history.models import Reason
from templates_app.rendering.message import RenderedMessage
from tests.smtp_peer import SmtpPeer
from txmsg.channels.base import Channel, Outcome, OutcomeKind
from txmsg.channels.capture import CaptureChannel, sent
from txmsg.channels.email import EmailChannel

FAR = 5.0
FROM = "Shop <no-reply@shop.example>"


@dataclass
class Rig:
    """A channel, and how to speak to its provider."""

    channel: Channel
    message: Callable[[str], RenderedMessage]
    """Makes a message to "good", "refused", "later" or "lost", or any other name."""
    delivered: Callable[[], Sequence[str]]
    """The delivery ids that the provider has accepted, in order."""


def make_message(name: str, *, channel: str, address: str) -> RenderedMessage:
    """Make a message to one recipient."""
    return RenderedMessage(
        delivery_id=UUID(bytes=uuid_utils.uuid7().bytes),
        channel=channel,
        address=address,
        recipient_name=name,
        parts={"subject": f"For {name}", "html": f"<p>{name}</p>", "text": name},
    )


@pytest.fixture
def email() -> Iterator[Rig]:
    """Give the email channel with a real server."""
    scripts = {"refused": "550", "later": "450", "lost": "drop-after-dot"}
    with SmtpPeer() as peer:
        channel = EmailChannel(peer.url, default_from=FROM)
        yield Rig(
            channel,
            lambda name: make_message(
                name,
                channel="email",
                address=f"{scripts.get(name, name)}@customer.example",
            ),
            lambda: [
                line.partition(b": ")[2].decode()
                for mail in peer.accepted
                for line in mail.content.split(b"\r\n")
                if line.startswith(b"X-Txmsg-Delivery:")
            ],
        )
        channel.close()
        assert peer.problems == []


@pytest.fixture
def capture() -> Rig:
    """Give the capture channel with scripted answers."""
    kinds = {
        "refused": Outcome(OutcomeKind.PERMANENT, "capture", reason="hard_bounce"),
        "later": Outcome(OutcomeKind.TRANSIENT, "capture", reason="soft_bounce"),
        "lost": Outcome(OutcomeKind.UNKNOWN, "capture", reason="unknown_outcome"),
    }
    channel = CaptureChannel(
        answers=lambda message: kinds.get(message.recipient_name) or sent(message)
    )
    return Rig(
        channel,
        lambda name: make_message(name, channel="sms", address="+3161234567"),
        lambda: [str(message.delivery_id) for message in channel.messages],
    )


@pytest.fixture(params=["email", "capture"])
def rig(request: pytest.FixtureRequest) -> Rig:
    """Give each channel in turn."""
    found: Rig = request.getfixturevalue(request.param)
    return found


def outcomes(rig: Rig, names: Sequence[str], *, seconds: float = FAR) -> list[Outcome]:
    """Send to those names and return what became of each."""
    wave = [rig.message(name) for name in names]
    return list(rig.channel.send(wave, deadline=time.monotonic() + seconds))


def test_every_message_of_a_wave_has_its_outcome_in_order(rig: Rig) -> None:
    names = ["good", "refused", "good", "later", "lost", "good"]
    kinds = [outcome.kind.value for outcome in outcomes(rig, names)]
    assert kinds == ["sent", "permanent", "sent", "transient", "unknown", "sent"]


def test_what_is_sent_has_arrived_in_order_and_nothing_else_has(rig: Rig) -> None:
    wave = [rig.message(name) for name in ("good", "refused", "other", "later")]
    rig.channel.send(wave, deadline=time.monotonic() + FAR)
    assert rig.delivered() == [str(wave[0].delivery_id), str(wave[2].delivery_id)]


def test_an_outcome_that_is_not_sent_has_a_reason_of_the_closed_list(rig: Rig) -> None:
    for outcome in outcomes(rig, ["refused", "later", "lost"]):
        assert outcome.reason in Reason.values


def test_a_sent_message_has_a_provider_and_times(rig: Rig) -> None:
    (outcome,) = outcomes(rig, ["good"])
    assert outcome.provider
    assert outcome.provider_id
    assert outcome.answer
    assert outcome.reason == ""
    assert outcome.started_at
    assert outcome.ended_at
    assert outcome.started_at <= outcome.ended_at


def test_an_empty_wave_has_no_outcomes(rig: Rig) -> None:
    assert outcomes(rig, []) == []


def test_no_message_is_begun_after_the_deadline(rig: Rig) -> None:
    kinds = {outcome.kind for outcome in outcomes(rig, ["good"] * 3, seconds=-1)}
    assert kinds == {OutcomeKind.NOT_STARTED}
    assert rig.delivered() == []


def test_a_closed_channel_sends_again(rig: Rig) -> None:
    outcomes(rig, ["good"])
    rig.channel.close()
    rig.channel.close()
    assert outcomes(rig, ["good"])[0].kind is OutcomeKind.SENT


@pytest.mark.parametrize("channel", ["email", "capture"])
def test_a_provider_that_is_down_is_an_outcome_and_no_exception(channel: str) -> None:
    def down(_: object) -> None:
        raise ConnectionError("the table is locked")

    channels: dict[str, Channel] = {
        "email": EmailChannel("smtp://127.0.0.1:1", default_from=FROM),
        "capture": CaptureChannel(down),
    }
    wave = [make_message("x", channel="email", address="x@y.example")] * 3
    found = channels[channel].send(wave, deadline=time.monotonic() + FAR)
    assert [outcome.kind for outcome in found] == [OutcomeKind.ROUTE] * 3
    assert {outcome.reason for outcome in found} == {"route_down"}
