"""The email channel against a scripted server: what each answer and each loss means."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from email import message_from_bytes
from email.policy import default
from types import SimpleNamespace
from urllib.parse import quote
from uuid import uuid4

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from templates_app.rendering.message import RenderedMessage
from tests.smtp_peer import SmtpPeer, certificate
from txmsg.channels import carrying, close_channels, email, get_channel, pool, smtp
from txmsg.channels.answers import Answer, Stage, classify, queue_id
from txmsg.channels.base import Outcome, OutcomeKind
from txmsg.channels.email import EmailChannel
from txmsg.channels.server import Security, Server

FROM = "Shop <no-reply@shop.example>"
# Seconds that a loaded machine may need to look at a clock again.
NOISE = 2.0
SENT, UNKNOWN = OutcomeKind.SENT, OutcomeKind.UNKNOWN
TRANSIENT, PERMANENT = OutcomeKind.TRANSIENT, OutcomeKind.PERMANENT
ROUTE, NOT_STARTED = OutcomeKind.ROUTE, OutcomeKind.NOT_STARTED
SENDER = OutcomeKind.SENDER


@pytest.fixture(params=[[], [b"PIPELINING"]], ids=["lock-step", "pipelining"])
def peer(request: pytest.FixtureRequest) -> Iterator[SmtpPeer]:
    """Give a server that keeps to the protocol, and hold us to it too."""
    with SmtpPeer(extensions=request.param) as server:
        yield server
        assert server.problems == []


def message(to: str, *, sender: str = "", text: str = "Hello.") -> RenderedMessage:
    return RenderedMessage(
        delivery_id=uuid4(),
        channel="email",
        address=to if "@" in to else f"{to}@customer.example",
        recipient_name="Zoë",
        parts={"subject": "Hello", "html": "", "text": text},
        headers={"from_address": sender} if sender else {},
    )


def send(
    channel: EmailChannel, to: Sequence[str], *, seconds: float = 5.0
) -> Sequence[Outcome]:
    wave = [message(name) for name in to]
    return channel.send(wave, deadline=time.monotonic() + seconds)


def kinds(found: Sequence[Outcome]) -> list[OutcomeKind]:
    return [outcome.kind for outcome in found]


@pytest.mark.parametrize(
    ("to", "kind", "reason"),
    [
        ("anna", SENT, ""),
        ("450", TRANSIENT, "soft_bounce"),
        ("452", TRANSIENT, "soft_bounce"),
        ("550", PERMANENT, "hard_bounce"),
        ("553", PERMANENT, "hard_bounce"),
        ("421", ROUTE, "route_down"),
        ("530", ROUTE, "route_down"),
        ("503", ROUTE, "route_down"),
        ("data-451", TRANSIENT, "soft_bounce"),
        ("data-421", TRANSIENT, "soft_bounce"),
        ("data-554", PERMANENT, "rejected"),
        ("early-552", PERMANENT, "rejected"),
        ("drop-at-rcpt", ROUTE, "route_down"),
        ("drop-after-dot", UNKNOWN, "unknown_outcome"),
    ],
)
def test_an_answer_has_one_meaning(
    peer: SmtpPeer, to: str, kind: OutcomeKind, reason: str
) -> None:
    (outcome,) = send(EmailChannel(peer.url, default_from=FROM), [to])
    assert (outcome.kind, outcome.reason) == (kind, reason)
    assert outcome.answer
    assert peer.recipients == (["anna@customer.example"] if kind is SENT else [])


def test_the_answer_and_the_queue_id_are_kept(peer: SmtpPeer) -> None:
    sent, refused = send(EmailChannel(peer.url, default_from=FROM), ["anna", "550"])
    assert (sent.provider_id, sent.answer) == ("P1", "250 2.0.0 Ok: queued as P1")
    assert sent.provider == f"127.0.0.1:{peer.port}"
    assert refused.answer == "550 5.1.1 as you wish"


def test_waves_share_one_connection(peer: SmtpPeer) -> None:
    channel = EmailChannel(peer.url, default_from=FROM)
    for _ in range(3):
        assert kinds(send(channel, ["anna", "550", "ben"])) == [SENT, PERMANENT, SENT]
    assert peer.connections == 1


@pytest.mark.parametrize("farewell", [b"", b"421 4.4.2 idle for too long\r\n"])
def test_a_connection_that_the_server_ended_between_mails_is_no_outcome(
    farewell: bytes,
) -> None:
    with SmtpPeer(mails_per_connection=2, farewell=farewell) as peer:
        channel = EmailChannel(peer.url, default_from=FROM)
        assert kinds(send(channel, ["a", "b", "c"])) == [SENT] * 3
        assert kinds(send(channel, ["d"])) == [SENT]
        peer.gone.acquire(timeout=5)
        peer.gone.acquire(timeout=5)
        assert kinds(send(channel, ["e"])) == [SENT]
        assert (len(peer.accepted), peer.connections) == (5, 3)


def test_a_connection_long_idle_is_asked_before_it_is_used(
    peer: SmtpPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "IDLE_SECONDS", 0.0)
    channel = EmailChannel(peer.url, default_from=FROM)
    send(channel, ["a"])
    assert "NOOP" not in peer.commands
    assert kinds(send(channel, ["b"])) == [SENT]
    assert "NOOP" in peer.commands
    assert peer.connections == 1


def test_an_idle_connection_that_answers_no_more_is_replaced(
    peer: SmtpPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = EmailChannel(peer.url, default_from=FROM)
    send(channel, ["a"])
    monkeypatch.setattr(pool, "IDLE_SECONDS", 0.0)
    monkeypatch.setattr(pool, "NOOP_SECONDS", 0.0)
    assert kinds(send(channel, ["b"])) == [SENT]
    assert peer.connections == 2


def test_a_lost_mail_does_not_stop_its_neighbours(peer: SmtpPeer) -> None:
    channel = EmailChannel(peer.url, default_from=FROM)
    found = send(channel, ["drop-after-dot", "anna", "drop-at-rcpt", "ben"])
    assert kinds(found) == [UNKNOWN, SENT, ROUTE, SENT]


def test_two_losses_in_a_row_are_a_broken_route(peer: SmtpPeer) -> None:
    channel = EmailChannel(peer.url, default_from=FROM)
    found = send(channel, ["drop-after-dot", "drop-after-dot", "anna", "ben"])
    assert kinds(found) == [UNKNOWN, UNKNOWN, ROUTE, ROUTE]
    assert found[2].answer.startswith("Not tried: ")
    assert peer.accepted == []
    assert kinds(send(channel, ["anna"])) == [SENT]


def test_a_server_that_stops_reading_before_the_dot_has_certainly_not_the_mail(
    peer: SmtpPeer,
) -> None:
    large = message("drop-before-dot", text="x" * 20_000_000)
    channel = EmailChannel(peer.url, default_from=FROM)
    found = channel.send([large, message("anna")], deadline=time.monotonic() + 10)
    assert kinds(found) == [TRANSIENT, SENT]
    assert found[0].reason == "soft_bounce"
    assert found[0].answer.startswith("At the content: ")


def test_an_idle_421_ends_the_route_only_when_a_new_connection_says_it_too() -> None:
    with SmtpPeer(banner=b"421 4.3.2 shutting down\r\n") as peer:
        found = send(EmailChannel(peer.url, default_from=FROM), ["a", "b", "c"])
        assert kinds(found) == [ROUTE] * 3
        assert found[0].answer == "421 4.3.2 shutting down"
        assert peer.connections == 1


def test_a_refused_sender_is_our_fault_and_stops_only_its_own_mails(
    peer: SmtpPeer,
) -> None:
    refused = "mail-550@shop.example"
    wave = [
        message("a", sender=refused),
        message("b"),
        message("c", sender=refused),
    ]
    channel = EmailChannel(peer.url, default_from=FROM)
    found = channel.send(wave, deadline=time.monotonic() + 5)
    assert kinds(found) == [SENDER, SENT, SENDER]
    assert sum(line.startswith("MAIL") for line in peer.commands) == 2


@pytest.mark.parametrize("to", ["drip", "silent"])
def test_a_peer_that_never_ends_its_answer_cannot_outlive_the_deadline(
    peer: SmtpPeer, to: str
) -> None:
    begun = time.monotonic()
    found = send(EmailChannel(peer.url, default_from=FROM), [to, "anna"], seconds=1.0)
    assert time.monotonic() - begun < 1.0 + NOISE
    assert kinds(found) == [UNKNOWN, NOT_STARTED]


def test_a_silent_banner_ends_at_the_deadline_as_a_broken_route() -> None:
    with SmtpPeer(banner=b"") as peer:
        begun = time.monotonic()
        channel = EmailChannel(peer.url, default_from=FROM)
        found = send(channel, ["anna", "ben"], seconds=0.2)
        assert time.monotonic() - begun < 0.2 + NOISE
        assert kinds(found) == [ROUTE, ROUTE]
        assert peer.commands == []


def test_a_silent_banner_has_its_own_shorter_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(smtp, "OPENING_SECONDS", 0.1)
    with SmtpPeer(banner=b"") as peer:
        begun = time.monotonic()
        assert kinds(send(EmailChannel(peer.url, default_from=FROM), ["a"])) == [ROUTE]
        assert time.monotonic() - begun < 0.1 + NOISE


@pytest.mark.parametrize(
    "banner", [b"hello\r\n", b"220" + b"x" * 5000, b"220-again\r\n" * 200]
)
def test_a_server_that_does_not_speak_smtp_is_a_broken_route(banner: bytes) -> None:
    with SmtpPeer(banner=banner) as peer:
        (outcome,) = send(EmailChannel(peer.url, default_from=FROM), ["anna"])
        assert outcome.kind is ROUTE
        assert "answer" in outcome.answer


def test_starttls_protects_everything_but_the_greeting() -> None:
    with SmtpPeer(starttls=True, login=("shop", "p@ss:/ word")) as peer:
        password = quote("p@ss:/ word", safe="")
        query = f"ca={quote(str(certificate()))}"
        url = f"smtp+tls://shop:{password}@localhost:{peer.port}?{query}"
        found = send(EmailChannel(url, default_from=FROM), ["anna", "ben"])
        assert kinds(found) == [SENT, SENT]
        assert peer.clear_commands == ["EHLO shop.example", "STARTTLS"]
        assert any(line.startswith("AUTH PLAIN") for line in peer.commands)


def test_tls_from_the_start_sends() -> None:
    with SmtpPeer(tls_from_start=True) as peer:
        url = f"smtp+ssl://localhost:{peer.port}?ca={quote(str(certificate()))}"
        assert kinds(send(EmailChannel(url, default_from=FROM), ["anna"])) == [SENT]
        assert peer.clear_commands == []


def test_without_starttls_nothing_is_sent_in_the_clear(peer: SmtpPeer) -> None:
    url = f"smtp+tls://u:secret@localhost:{peer.port}"
    found = send(EmailChannel(url, default_from=FROM), ["anna", "ben"])
    assert kinds(found) == [ROUTE, ROUTE]
    assert "STARTTLS" in found[0].answer
    assert peer.commands == ["EHLO shop.example"]


@pytest.mark.parametrize(
    ("host", "trusted"), [("localhost", False), ("127.0.0.1", True)]
)
def test_a_certificate_of_a_stranger_or_another_name_is_a_broken_route(
    host: str, trusted: bool
) -> None:
    with SmtpPeer(starttls=True, login=("u", "secret")) as peer:
        query = f"?ca={quote(str(certificate()))}" if trusted else ""
        url = f"smtp+tls://u:secret@{host}:{peer.port}{query}"
        (outcome,) = send(EmailChannel(url, default_from=FROM), ["anna"])
        assert outcome.kind is ROUTE
        assert "certificate" in outcome.answer
        assert peer.commands == ["EHLO shop.example", "STARTTLS"]


def test_a_wrong_password_is_a_broken_route_and_is_not_repeated() -> None:
    with SmtpPeer(login=("shop", "right")) as peer:
        url = f"smtp://shop:wrong@127.0.0.1:{peer.port}"
        found = send(EmailChannel(url, default_from=FROM), ["anna", "ben"])
        assert kinds(found) == [ROUTE, ROUTE]
        assert found[0].answer == "535 wrong login"
        assert sum(line.startswith("AUTH") for line in peer.commands) == 1


def test_a_local_part_outside_ascii_needs_a_server_with_smtputf8() -> None:
    to = "jörg@bücher.example"
    with SmtpPeer() as peer:
        channel = EmailChannel(peer.url, default_from=FROM)
        refused, sent = send(channel, [to, "anna"])
        assert (refused.kind, refused.reason) == (PERMANENT, "invalid_address")
        assert sent.kind is SENT
    with SmtpPeer(extensions=[b"SMTPUTF8"]) as peer:
        channel = EmailChannel(peer.url, default_from=FROM)
        assert kinds(send(channel, [to, "anna"])) == [SENT, SENT]
        assert peer.recipients[0] == "jörg@xn--bcher-kva.example"
        assert [c for c in peer.commands if c.endswith("SMTPUTF8")] == [
            "MAIL FROM:<no-reply@shop.example> SMTPUTF8"
        ]
        assert "<jörg@xn--bcher-kva.example>".encode() in peer.accepted[0].content


def test_a_mail_beyond_the_servers_limit_is_refused_before_it_is_sent() -> None:
    with SmtpPeer(extensions=[b"SIZE 3000"]) as peer:
        channel = EmailChannel(peer.url, default_from=FROM)
        wave = [message("anna", text="word " * 1000), message("ben")]
        found = channel.send(wave, deadline=time.monotonic() + 5)
        assert kinds(found) == [PERMANENT, SENT]
        assert (found[0].reason, "3000" in found[0].answer) == ("rejected", True)


@pytest.mark.parametrize(
    ("to", "reason"),
    [
        ("a@x.example\r\nRCPT TO:<b@x.example>", "invalid_address"),
        ("a@x.example\n", "invalid_address"),
        ("a b@x.example", "invalid_address"),
        ("a@x.example>, <b@x.example", "invalid_address"),
        ("a\0@x.example", "invalid_address"),
        ("a@", "invalid_address"),
        ("a@x.example, b@x.example", "invalid_address"),
    ],
)
def test_an_address_that_would_break_the_dialogue_is_refused_by_us(
    peer: SmtpPeer, to: str, reason: str
) -> None:
    found = send(EmailChannel(peer.url, default_from=FROM), [to, "anna"])
    assert (found[0].kind, found[0].reason) == (PERMANENT, reason)
    assert found[1].kind is SENT
    assert peer.recipients == ["anna@customer.example"]


def test_control_characters_in_a_header_refuse_the_mail_alone(peer: SmtpPeer) -> None:
    bad = replace(message("a"), parts={"subject": "Hi\r\nBcc: e@x.example"})
    channel = EmailChannel(peer.url, default_from=FROM)
    found = channel.send([bad, message("b")], deadline=time.monotonic() + 5)
    assert kinds(found) == [PERMANENT, SENT]
    assert found[0].reason == "rejected"


@pytest.mark.parametrize("newline", ["\r", "\n", "\r\n"])
@pytest.mark.parametrize(
    "tail", [".", "..", ".{0}", ".{0}MAIL FROM:<e@x.example>", ".{0}.{0}QUIT"]
)
def test_no_text_can_end_the_mail_before_its_end(
    peer: SmtpPeer, newline: str, tail: str
) -> None:
    text = f"first{newline}{tail.format(newline)}{newline}last"
    channel = EmailChannel(peer.url, default_from=FROM)
    found = channel.send([message("a", text=text)], deadline=time.monotonic() + 5)
    assert kinds(found) == [SENT]
    sent = message_from_bytes(peer.accepted[0].content, policy=default)
    assert sent.get_content() == re.sub(r"\r\n|\r|\n", "\r\n", text) + "\r\n"
    assert sum(line.startswith("MAIL") for line in peer.commands) == 1


def test_a_uniformly_slow_server_leaves_no_mail_half_sent(
    peer: SmtpPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # By this clock each mail takes 15 s of 35 s: a third could not end in time.
    begun = time.monotonic()
    clock = SimpleNamespace(reads=begun, monotonic=lambda: clock.reads)

    def pass_time(_: object) -> None:
        clock.reads += 15

    peer.on_content = pass_time
    monkeypatch.setattr(email, "time", clock)
    monkeypatch.setattr(carrying, "time", clock)
    channel = EmailChannel(peer.url, default_from=FROM)
    wave = [message(to) for to in ("a", "b", "c", "d")]
    found = channel.send(wave, deadline=begun + 35)
    assert kinds(found) == [SENT, SENT, NOT_STARTED, NOT_STARTED]
    assert peer.recipients == ["a@customer.example", "b@customer.example"]


def test_without_a_url_every_message_says_what_to_set() -> None:
    found = send(EmailChannel("", default_from=FROM), ["anna", "ben"])
    assert kinds(found) == [ROUTE, ROUTE]
    assert "set EMAIL_URL" in found[0].answer


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example", Server("mail.example", 25, Security.PLAIN)),
        ("smtp+tls://[::1]", Server("::1", 587, Security.STARTTLS)),
        (
            "smtp://mail.example:2525?connections=8",
            Server("mail.example", 2525, Security.PLAIN, connections=8),
        ),
        (
            "smtp+ssl://u%40x:p%2F%3A@mail.example:4650/?ca=/etc/ca.pem",
            Server("mail.example", 4650, Security.TLS, "u@x", "p/:", "/etc/ca.pem"),
        ),
    ],
)
def test_a_url_says_where_and_how(url: str, server: Server) -> None:
    assert Server.from_url(url) == server


@pytest.mark.parametrize(
    "url",
    [
        "smtps://h",
        "mail.example:25",
        "http://h",
        "smtp://",
        "smtp://h:port",
        "smtp://h:99999",
        "smtp://h/path",
        "smtp://h?tls=no",
        "smtp+tls://u:top#secret@h:25",
    ],
)
def test_a_url_of_another_form_is_refused_with_the_three_forms(url: str) -> None:
    with pytest.raises(ValueError, match=r"smtp\+tls://.*smtp\+ssl://") as caught:
        Server.from_url(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("number", ["0", "101", "-1", "four", ""])
def test_a_number_of_connections_that_cannot_be_is_refused(number: str) -> None:
    with pytest.raises(ValueError, match="connections is 1 to 100"):
        Server.from_url(f"smtp://mail.example?connections={number}")


def test_a_ca_file_that_is_missing_is_named() -> None:
    with pytest.raises(ValueError, match=r"/nowhere\.pem"):
        EmailChannel("smtp+tls://h?ca=/nowhere.pem", default_from=FROM)


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(Server.from_url("smtp+tls://u:secret@h"))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("2.0.0 Ok: queued as 4WZq1x0Lbz3l", "4WZq1x0Lbz3l"),
        ("OK id=1tCabc-0000000abcd-0XYZ", "1tCabc-0000000abcd-0XYZ"),
        ("2.6.0 <a@b> [InternalId=123456, Hostname=x] Queued mail", "123456"),
        ("2.0.0 4ANHgHxQ012345 Message accepted for delivery", "4ANHgHxQ012345"),
        ("Ok 010001930d2f7c4e-aa-000000", "010001930d2f7c4e-aa-000000"),
        ("thanks", ""),
    ],
)
def test_queue_ids_of_the_usual_servers_are_found(text: str, name: str) -> None:
    assert queue_id(text) == name


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(Stage.DOT, 354, "?"), UNKNOWN),
        (Answer(Stage.DOT, 503, "?"), PERMANENT),
        (Answer(Stage.CONTENT, 250, "?"), ROUTE),
        (Answer(Stage.DATA, 250, "?"), ROUTE),
        (Answer(Stage.DATA, 554, "?"), PERMANENT),
        (Answer(Stage.MAIL, 451, "?"), SENDER),
    ],
)
def test_odd_answers_are_classed_on_the_safe_side(
    answer: Answer, kind: OutcomeKind
) -> None:
    assert classify(answer)[0] is kind


def test_a_process_has_one_channel_of_a_name(settings: Settings) -> None:
    settings.EMAIL_URL = "smtp://127.0.0.1:1"
    close_channels()
    channel = get_channel("email")
    assert isinstance(channel, EmailChannel)
    assert get_channel("email") is channel
    close_channels()
    assert get_channel("email") is not channel
    close_channels()


def test_a_channel_that_settings_lack_is_named() -> None:
    with pytest.raises(ImproperlyConfigured, match="'pigeon'"):
        get_channel("pigeon")
