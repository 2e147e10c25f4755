"""One connection, octet by octet: what is said of a mail at every point of its way."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import pytest

from txmsg.channels.answers import Answer, Stage, classify
from txmsg.channels.base import OutcomeKind
from txmsg.channels.carrying import Carrier, Mail
from txmsg.channels.mime import Letter
from txmsg.channels.server import Security, Server
from txmsg.channels.smtp import Conversation

CONTENT = b"Subject: x\r\n\r\nHello.\r\n"
END = b".\r\n"
SERVER = Server("mail.example", 25, Security.PLAIN)


@dataclass
class TightSocket:
    """A socket with room for so many octets, that hears what it is told to."""

    room: int = 1_000_000
    fails: bool = False
    incoming: deque[bytes] = field(default_factory=deque)
    written: bytearray = field(default_factory=bytearray)

    def settimeout(self, _: float) -> None:
        """Never wait."""

    def send(self, data: memoryview) -> int:
        """Take what there is room for."""
        if self.fails:
            raise ConnectionResetError(104, "reset")
        if not self.room:
            raise BlockingIOError
        count = min(self.room, len(data))
        self.room -= count
        self.written += data[:count]
        return count

    def recv(self, _: int) -> bytes:
        """Return the next group of octets."""
        if not self.incoming:
            raise BlockingIOError
        return self.incoming.popleft()

    def close(self) -> None:
        """Be gone."""


@dataclass
class OneMail:
    """A desk with one mail after another of the same content."""

    mails: int = 1
    answers: list[Answer] = field(default_factory=list)
    returned: int = 0

    def next(self, _: Conversation, *, is_ahead: bool) -> Mail | None:
        """Give out a mail."""
        if not self.mails:
            return None
        self.mails -= 1
        letter = Letter("a@shop.example", "b@customer.example", CONTENT, utf8=False)
        return Mail(0, UUID(int=self.mails), letter, datetime.now(UTC))

    def is_too_late(self) -> bool:
        """There is time."""
        return False

    def done(self, _: Mail, answer: Answer, *, is_fresh: bool) -> None:
        """Keep the answer."""
        self.answers.append(answer)

    def again(self, _: Mail) -> None:
        """Count it."""
        self.returned += 1


def begun(desk: OneMail, *, room: int) -> tuple[Carrier, TightSocket]:
    """Return a connection that has heard 354, with room for so much of the content."""
    conversation = Conversation(SERVER, tls=None, our_name="shop.example")
    conversation.esmtp_features = {"pipelining": ""}
    sock = TightSocket()
    conversation.sock = cast(Any, sock)
    carrier = Carrier(conversation, desk=desk, deadline=time.monotonic() + 60)
    carrier.begin()
    sock.room = room
    sock.incoming.append(b"250 ok\r\n250 ok\r\n354 go\r\n")
    carrier.go_on()
    return carrier, sock


@pytest.mark.parametrize("answer", [b"250 ok\r\n", b"552 no\r\n", b"451 no\r\n"])
def test_only_an_answer_to_the_whole_end_of_a_mail_calls_it_sent(answer: bytes) -> None:
    whole = len(CONTENT) + len(END)
    for room in range(whole + 1):
        desk = OneMail()
        carrier, sock = begun(desk, room=room)
        sock.incoming.append(answer)
        carrier.go_on()
        [found] = desk.answers
        kind, _ = classify(found)
        assert (kind is OutcomeKind.SENT) == (room == whole and answer[:1] == b"2")
        if room < whole:
            assert not carrier.is_open
            assert sock.written.endswith(b"DATA\r\n" + (CONTENT + END)[:room])
        if len(CONTENT) < room < whole:
            assert kind is OutcomeKind.UNKNOWN


@pytest.mark.parametrize("mails", [1, 2])
@pytest.mark.parametrize("ending", ["closed", "reset", "broken pipe", "time"])
def test_a_mail_is_in_doubt_as_soon_as_one_octet_of_its_end_is_out(
    mails: int, ending: str
) -> None:
    for room in range(len(CONTENT) + len(END) + 1):
        desk = OneMail(mails=mails)
        carrier, sock = begun(desk, room=room)
        if ending == "closed":
            sock.incoming.append(b"")
            carrier.go_on()
        elif ending == "time":
            carrier.time_out()
        elif mails == 2 or room < len(CONTENT) + len(END):
            sock.fails = True
            carrier.go_on()
        else:
            continue
        [found] = desk.answers
        expected = Stage.DOT if room > len(CONTENT) else Stage.CONTENT
        assert (found.stage, found.code) == (expected, None)
        assert (carrier.is_open, desk.returned) == (False, mails - 1)
