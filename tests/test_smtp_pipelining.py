"""Waves over several connections and in groups of commands: order, losses, quirks."""

from __future__ import annotations

import errno
import itertools
import random
import selectors
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from urllib.parse import quote
from uuid import uuid4

import pytest

from events import failpoints
from templates_app.rendering.message import Attachment, RenderedMessage
from tests.smtp_peer import Received, SmtpPeer, certificate
from txmsg.channels import carrying, email, pool
from txmsg.channels.attachments import Fetcher, File
from txmsg.channels.base import Outcome, OutcomeKind
from txmsg.channels.email import EmailChannel

FROM = "Shop <no-reply@shop.example>"
SENT, UNKNOWN = OutcomeKind.SENT, OutcomeKind.UNKNOWN
TRANSIENT, PERMANENT = OutcomeKind.TRANSIENT, OutcomeKind.PERMANENT
ROUTE, NOT_STARTED = OutcomeKind.ROUTE, OutcomeKind.NOT_STARTED
SENDER = OutcomeKind.SENDER
PIPELINING = [b"PIPELINING"]
# Far more than any of these needs, so that a stalled machine changes nothing.
SECONDS = 20.0


@pytest.fixture
def peer() -> Iterator[SmtpPeer]:
    """Give a server that offers PIPELINING, and hold us to the protocol."""
    with SmtpPeer(extensions=PIPELINING) as server:
        yield server
        assert server.problems == []


def send(
    channel: EmailChannel, to: Sequence[str], *, seconds: float = SECONDS
) -> list[Outcome]:
    wave = [message(name) for name in to]
    return list(channel.send(wave, deadline=time.monotonic() + seconds))


def message(to: str, *, sender: str = "", text: str = "Hello.") -> RenderedMessage:
    return RenderedMessage(
        delivery_id=uuid4(),
        channel="email",
        address=f"{to}@customer.example",
        recipient_name="Zoë",
        parts={"subject": "Hello", "html": "", "text": text},
        headers={"from_address": sender} if sender else {},
    )


def kinds(found: Sequence[Outcome]) -> list[OutcomeKind]:
    return [outcome.kind for outcome in found]


def names(peer: SmtpPeer) -> list[str]:
    return [recipient.partition("@")[0] for recipient in peer.recipients]


def verbs(peer: SmtpPeer) -> list[str]:
    return [line.split(" ")[0] for line in peer.commands]


def wait_for_connections(peer: SmtpPeer, count: int) -> None:
    """Hold the first mails until so many connections are there."""
    is_there = threading.Event()

    def hold(_: Received) -> None:
        ends_at = time.monotonic() + SECONDS
        while peer.connections < count and time.monotonic() < ends_at:
            is_there.wait(0.01)

    peer.on_content = hold


def test_an_envelope_is_one_group_and_the_next_follows_a_content_at_once() -> None:
    # This server answers no MAIL before the DATA is there, and the first two contents
    # only when the next envelope is: who waits for it in between waits for ever.
    with SmtpPeer(extensions=PIPELINING, holds_back=2) as peer:
        channel = EmailChannel(peer.url, default_from=FROM)
        assert kinds(send(channel, ["a", "b", "c"])) == [SENT] * 3
        assert verbs(peer) == ["EHLO", *["MAIL", "RCPT", "DATA"] * 3]
        assert names(peer) == ["a", "b", "c"]
        assert peer.problems == []


def test_a_server_that_offers_no_groups_gets_none() -> None:
    with SmtpPeer() as peer:
        channel = EmailChannel(peer.url, default_from=FROM)
        assert kinds(send(channel, ["a", "550", "b"])) == [SENT, PERMANENT, SENT]
        # The server complains of whatever comes before its answer.
        assert peer.problems == []


def test_a_refusal_in_the_middle_of_a_group_is_that_mails_alone(peer: SmtpPeer) -> None:
    found = send(
        EmailChannel(peer.url, default_from=FROM),
        ["a", "550", "b", "450", "data-554", "c"],
    )
    assert kinds(found) == [SENT, PERMANENT, SENT, TRANSIENT, PERMANENT, SENT]
    assert found[1].answer == "550 5.1.1 as you wish"
    assert names(peer) == ["a", "b", "c"]
    assert verbs(peer).count("RSET") == 2
    assert peer.connections == 1


def test_a_refused_sender_in_the_middle_of_a_group_stops_only_its_own(
    peer: SmtpPeer,
) -> None:
    refused = "mail-550@shop.example"
    wave = [message("a"), message("b", sender=refused), message("c")]
    wave += [message("d", sender=refused)]
    channel = EmailChannel(peer.url, default_from=FROM)
    found = channel.send(wave, deadline=time.monotonic() + SECONDS)
    assert kinds(found) == [SENT, SENDER, SENT, SENDER]
    assert names(peer) == ["a", "c"]
    assert sum("mail-550" in line for line in peer.commands) == 1


def test_a_421_in_the_middle_of_a_group_ends_the_wave_there(peer: SmtpPeer) -> None:
    found = send(EmailChannel(peer.url, default_from=FROM), ["a", "421", "b", "c"])
    assert kinds(found) == [SENT, ROUTE, ROUTE, ROUTE]
    assert found[1].answer == "421 5.1.1 as you wish"
    assert names(peer) == ["a"]


def test_a_mail_whose_envelope_went_with_a_lost_one_goes_over_another_connection(
    peer: SmtpPeer,
) -> None:
    found = send(EmailChannel(peer.url, default_from=FROM), ["drop-after-dot", "a"])
    assert kinds(found) == [UNKNOWN, SENT]
    assert names(peer) == ["a"]
    assert peer.connections == 2


def test_a_small_mail_lost_while_it_goes_out_may_have_arrived(peer: SmtpPeer) -> None:
    # Its end went out with it: what the server has read of that, nobody here knows.
    found = send(EmailChannel(peer.url, default_from=FROM), ["drop-before-dot", "a"])
    assert kinds(found) == [UNKNOWN, SENT]


def test_a_server_that_leaves_after_each_mail_loses_none() -> None:
    with SmtpPeer(
        extensions=PIPELINING, mails_per_connection=1, farewell=b"421 enough\r\n"
    ) as peer:
        channel = EmailChannel(peer.url, default_from=FROM)
        assert kinds(send(channel, ["a", "b", "c", "d"])) == [SENT] * 4
        assert names(peer) == ["a", "b", "c", "d"]
        assert peer.connections == 4


def test_data_taken_after_a_refused_recipient_is_ended_by_a_lone_dot(
    peer: SmtpPeer,
) -> None:
    found = send(EmailChannel(peer.url, default_from=FROM), ["a", "quirk-550", "b"])
    assert kinds(found) == [SENT, PERMANENT, SENT]
    assert found[1].answer == "550 5.1.1 as you wish"
    assert (names(peer), peer.empty_mails, peer.connections) == (["a", "b"], 1, 1)


def test_a_large_content_gets_no_end_once_the_server_has_spoken(peer: SmtpPeer) -> None:
    wave = [message("early-552", text="x" * 3_000_000), message("a")]
    channel = EmailChannel(peer.url, default_from=FROM)
    found = channel.send(wave, deadline=time.monotonic() + SECONDS)
    assert kinds(found) == [PERMANENT, SENT]
    assert found[0].answer == "552 5.3.4 too large"


def test_large_and_small_contents_arrive_whole_in_one_conversation(
    peer: SmtpPeer,
) -> None:
    texts = ["x" * size for size in (10, 300_000, 100, 49_000, 50_000, 10)]
    wave = [message(f"m{place}", text=text) for place, text in enumerate(texts)]
    channel = EmailChannel(peer.url, default_from=FROM)
    found = channel.send(wave, deadline=time.monotonic() + SECONDS)
    assert kinds(found) == [SENT] * 6
    assert names(peer) == [f"m{place}" for place in range(6)]
    assert peer.connections == 1


@pytest.mark.parametrize("is_tls_from_start", [True, False])
def test_groups_go_through_tls_and_login_over_several_connections(
    is_tls_from_start: bool,
) -> None:
    with SmtpPeer(
        extensions=PIPELINING,
        login=("shop", "secret"),
        starttls=not is_tls_from_start,
        tls_from_start=is_tls_from_start,
    ) as peer:
        wait_for_connections(peer, 3)
        scheme = "smtp+ssl" if is_tls_from_start else "smtp+tls"
        url = f"{scheme}://shop:secret@localhost:{peer.port}?connections=3&ca="
        channel = EmailChannel(url + quote(str(certificate())), default_from=FROM)
        wave = [message(f"m{place}", text="x" * place * 3000) for place in range(40)]
        found = channel.send(wave, deadline=time.monotonic() + SECONDS)
        assert kinds(found) == [SENT] * 40
        assert sorted(names(peer)) == sorted(f"m{place}" for place in range(40))
        assert peer.connections == 3
        assert {line.split(" ")[0] for line in peer.clear_commands} <= {
            "EHLO",
            "STARTTLS",
        }
        assert peer.problems == []
        channel.close()


@pytest.mark.parametrize(("mails", "connections"), [(7, 1), (12, 2), (40, 4)])
def test_a_wave_takes_as_many_connections_as_it_is_worth(
    peer: SmtpPeer, mails: int, connections: int
) -> None:
    wait_for_connections(peer, connections)
    channel = EmailChannel(peer.url, default_from=FROM)
    assert kinds(send(channel, [f"m{i}" for i in range(mails)])) == [SENT] * mails
    assert peer.connections == connections
    assert sorted(names(peer)) == sorted(f"m{i}" for i in range(mails))
    # They are kept: the next wave connects no more.
    assert kinds(send(channel, [f"m{i}" for i in range(mails)])) == [SENT] * mails
    assert peer.connections == connections


def test_every_kept_connection_long_idle_is_asked_before_it_is_used(
    peer: SmtpPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_for_connections(peer, 4)
    channel = EmailChannel(peer.url, default_from=FROM)
    send(channel, ["a"] * 40)
    assert "NOOP" not in verbs(peer)
    monkeypatch.setattr(pool, "IDLE_SECONDS", -1.0)
    assert kinds(send(channel, ["b"] * 40)) == [SENT] * 40
    assert verbs(peer).count("NOOP") == 4
    assert kinds(send(channel, ["c"])) == [SENT]
    assert verbs(peer).count("NOOP") == 5
    assert peer.connections == 4


def test_a_further_connection_that_is_not_let_in_is_no_outcome() -> None:
    with SmtpPeer(extensions=PIPELINING, most_connections=1) as peer:
        wait_for_connections(peer, 2)
        channel = EmailChannel(peer.url, default_from=FROM)
        assert kinds(send(channel, ["a"] * 40)) == [SENT] * 40
        assert kinds(send(channel, ["b"] * 40)) == [SENT] * 40
        assert peer.connections == 2


def test_one_deaf_connection_of_four_takes_no_mail_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(carrying, "TRIAL_SECONDS", 1.0)
    with SmtpPeer(extensions=PIPELINING, deaf_connections=range(2, 99)) as peer:
        wait_for_connections(peer, 2)
        channel = EmailChannel(peer.url, default_from=FROM)
        to = [f"m{place}" for place in range(40)]
        assert kinds(send(channel, to)) == [SENT] * 40
        assert sorted(names(peer)) == sorted(to)
        # For a while no other is tried that would hold the next waves up.
        assert kinds(send(channel, to)) == [SENT] * 40
        assert peer.connections == 2


@pytest.mark.parametrize("extensions", [[], PIPELINING], ids=["lock-step", "groups"])
def test_a_further_connection_that_is_one_too_many_says_nothing_about_the_route(
    extensions: list[bytes],
) -> None:
    with SmtpPeer(extensions=extensions, crowded_connections=range(2, 99)) as peer:
        # The first mail is not answered before the second connection has ended.
        held = iter([lambda: peer.gone.acquire(timeout=SECONDS)])
        peer.on_content = lambda _: next(held, bool)()
        channel = EmailChannel(peer.url, default_from=FROM)
        assert kinds(send(channel, ["a"] * 40)) == [SENT] * 40
        assert kinds(send(channel, ["b"] * 40)) == [SENT] * 40
        assert (len(peer.accepted), peer.connections) == (80, 2)


def test_a_first_connection_that_is_deaf_is_a_broken_route(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(carrying, "COMMAND_SECONDS", 0.2)
    with SmtpPeer(extensions=PIPELINING, deaf_connections=range(9)) as peer:
        channel = EmailChannel(peer.url, default_from=FROM)
        assert kinds(send(channel, ["a", "b", "c"])) == [ROUTE] * 3
        assert peer.accepted == []


def test_losses_on_all_of_four_connections_stop_the_wave(peer: SmtpPeer) -> None:
    found = send(EmailChannel(peer.url, default_from=FROM), ["drop-after-dot"] * 40)
    assert kinds(found).count(UNKNOWN) <= 5
    assert set(kinds(found)) == {UNKNOWN, ROUTE}
    assert kinds(found)[0] is UNKNOWN


def test_a_server_that_stops_in_mid_wave_cannot_outlive_the_deadline(
    peer: SmtpPeer,
) -> None:
    begun = time.monotonic()
    channel = EmailChannel(peer.url, default_from=FROM)
    found = send(channel, ["a", "silent", "b", "c"], seconds=2.5)
    assert time.monotonic() - begun < 2.5 + 4
    assert kinds(found) == [SENT, UNKNOWN, NOT_STARTED, NOT_STARTED]
    assert names(peer) == ["a"]


def test_the_failpoints_stand_before_the_end_of_a_mail_and_after_it(
    peer: SmtpPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached: list[tuple[str, object, int]] = []

    def reach(point: str, keys: Sequence[object] = ()) -> None:
        reached.extend((point, key, len(peer.accepted)) for key in keys)

    monkeypatch.setattr(failpoints, "reach", reach)
    wave = [message("a"), message("550"), message("b", text="x" * 200_000)]
    channel = EmailChannel(peer.url, default_from=FROM)
    for one in wave:
        channel.send([one], deadline=time.monotonic() + SECONDS)
    first, _, last = (one.delivery_id for one in wave)
    assert [(point, key) for point, key, _ in reached] == [
        ("P5", first),
        ("P6", first),
        ("P5", last),
        ("P6", last),
    ]
    assert [count for point, _, count in reached if point == "P5"] == [0, 1]


def test_a_bug_in_the_middle_of_a_wave_leaves_no_connection_half_used(
    peer: SmtpPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reach(point: str, keys: Sequence[object] = ()) -> None:
        raise RuntimeError(point, keys)

    channel = EmailChannel(peer.url, default_from=FROM)
    assert kinds(send(channel, ["a"])) == [SENT]
    with monkeypatch.context() as patched:
        patched.setattr(failpoints, "reach", reach)
        # The envelope of the second is out, of the third nothing.
        found = send(channel, ["b", "c", "d"])
    assert kinds(found) == [UNKNOWN, UNKNOWN, ROUTE]
    assert found[0].answer == "The channel failed: RuntimeError."
    assert kinds(send(channel, ["e"])) == [SENT]
    assert names(peer) == ["a", "e"]
    assert peer.connections == 2


def test_a_kept_connection_that_the_server_has_left_is_never_a_broken_route(
    peer: SmtpPeer,
) -> None:
    wait_for_connections(peer, 4)
    channel = EmailChannel(peer.url, default_from=FROM)
    assert kinds(send(channel, ["a"] * 40)) == [SENT] * 40
    peer.hang_up()
    assert kinds(send(channel, ["b"] * 40)) == [SENT] * 40
    assert len(peer.accepted) == 80


def test_a_wave_for_which_there_are_no_more_files_to_open_is_not_sent(
    peer: SmtpPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    channel = EmailChannel(peer.url, default_from=FROM)
    with monkeypatch.context() as patched:
        patched.setattr(selectors, "DefaultSelector", refuse)
        assert kinds(send(channel, ["a", "b"])) == [ROUTE, ROUTE]
    assert kinds(send(channel, ["a", "b"])) == [SENT, SENT]


def test_a_mail_has_an_outcome_wherever_in_the_wave_the_time_runs_out(
    peer: SmtpPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = time.monotonic()
    ticks = itertools.count(begun)
    # By this clock every look at it takes a second.
    clock = SimpleNamespace(monotonic=lambda: next(ticks))
    monkeypatch.setattr(email, "time", clock)
    channel = EmailChannel(peer.url, default_from=FROM)
    for seconds in range(1, 40):
        ticks = itertools.count(begun)
        wave = [message(name) for name in "abcd"]
        found = kinds(channel.send(wave, deadline=begun + seconds + 0.5))
        assert found == sorted(found, key=[SENT, NOT_STARTED].index)
    assert found[0] is SENT


def test_closing_while_a_wave_is_under_way_leaves_the_wave_alone(
    peer: SmtpPeer,
) -> None:
    is_held, is_closed = threading.Event(), threading.Event()

    def hold(_: Received) -> None:
        is_held.set()
        is_closed.wait(SECONDS)

    peer.on_content = hold
    channel = EmailChannel(peer.url, default_from=FROM)
    with ThreadPoolExecutor(1) as beside:
        found = beside.submit(send, channel, ["a", "b", "c"])
        assert is_held.wait(SECONDS)
        channel.close()
        is_closed.set()
        assert kinds(found.result()) == [SENT] * 3
    assert "QUIT" not in verbs(peer)
    channel.close()
    assert peer.gone.acquire(timeout=SECONDS)
    assert verbs(peer).count("QUIT") == 1


def test_closing_the_channel_takes_leave_of_every_connection(peer: SmtpPeer) -> None:
    wait_for_connections(peer, 4)
    channel = EmailChannel(peer.url, default_from=FROM)
    send(channel, ["a"] * 40)
    channel.close()
    for _ in range(4):
        assert peer.gone.acquire(timeout=SECONDS)
    assert verbs(peer).count("QUIT") == 4


def test_mails_with_attachments_come_last_and_hold_up_no_other(
    peer: SmtpPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched_after: list[int] = []

    def fetch(_: object, attachments: object, *, deadline: float) -> list[File]:
        fetched_after.append(len(peer.accepted))
        return [File("a.pdf", "application/pdf", b"%PDF")]

    monkeypatch.setattr(Fetcher, "fetch", fetch)
    attached = (Attachment("https://files.example/a.pdf", "a.pdf"),)
    wave = [message(name) for name in "abcd"]
    wave[0] = replace(wave[0], attachments=attached)
    wave[2] = replace(wave[2], attachments=attached)
    channel = EmailChannel(peer.url, default_from=FROM)
    found = channel.send(wave, deadline=time.monotonic() + SECONDS)
    assert kinds(found) == [SENT] * 4
    assert names(peer) == ["b", "d", "a", "c"]
    assert [outcome.provider_id for outcome in found] == ["P3", "P1", "P4", "P2"]
    assert fetched_after == [2, 3]
    assert peer.connections == 1


@pytest.mark.parametrize("extensions", [[], PIPELINING], ids=["lock-step", "groups"])
@pytest.mark.parametrize("connections", [1, 4])
def test_random_waves_never_send_twice_nor_call_sent_what_was_not(
    extensions: list[bytes], connections: int
) -> None:
    chance = random.Random(20261124 + connections)
    odd = ["450", "550", "quirk-550", "data-451", "data-554", "early-552"]
    lost = ["drop-at-rcpt", "drop-before-dot", "drop-after-dot", "data-421", "421"]
    with SmtpPeer(extensions=extensions) as peer:
        url = f"{peer.url}?connections={connections}"
        channel = EmailChannel(url, default_from=FROM)
        for _ in range(25):
            peer.mails_per_connection = chance.choice([1, 7, 1_000_000])
            names = chance.choices(["m", *odd, *lost], [60] + [3] * 6 + [1] * 5, k=30)
            wave = [message(f"{name}+x" if name == "m" else name) for name in names]
            if chance.random() < 0.3:
                large = chance.randrange(30)
                parts = {"subject": "large", "html": "", "text": "x" * 300_000}
                wave[large] = replace(wave[large], parts=parts)
            found = channel.send(wave, deadline=time.monotonic() + SECONDS)
            copies = Counter(
                line.partition(b": ")[2].decode()
                for mail in peer.accepted
                for line in mail.content.split(b"\r\n")
                if line.startswith(b"X-Txmsg-Delivery:")
            )
            for name, sent, outcome in zip(names, wave, found, strict=True):
                count = copies[str(sent.delivery_id)]
                allowed = {SENT: [1], UNKNOWN: [0, 1]}.get(outcome.kind, [0])
                assert count in allowed, (name, outcome)
                if name == "m":
                    assert outcome.kind in (SENT, ROUTE), (name, outcome)
        assert len(peer.accepted) > 200
        channel.close()
        assert peer.problems == []
