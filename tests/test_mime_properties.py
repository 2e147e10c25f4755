"""Random mails, read by the standard library: what was meant comes back, no more."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from email import message_from_bytes
from email.header import decode_header
from email.message import EmailMessage, Message
from email.policy import default
from email.utils import parsedate_to_datetime
from uuid import UUID

import pytest

from events import ids
from templates_app.rendering.message import RenderedMessage
from txmsg.channels import mime
from txmsg.channels.attachments import File
from txmsg.channels.bodies import base64_lines
from txmsg.channels.headers import LONGEST_PLAIN, cleaned_name

FROM = "Shop <no-reply@shop.example>"
SEED = 20261124
MAILS = 2000
ALPHABETS = [
    "abc XYZ 0123",
    '=?_.<>@,;:\\"()[]!*+-/ ',
    "éüßñøçæ Zoë",
    "Привет мир",
    "مرحبا العالم",
    "שלום עולם",
    "日本語。漢字",
    "👩‍👩‍👧😀🇳🇱é",
    "\u00a0\u2003\u200b\u200d\u2028\u2029",
    "\u202e\u2066\u061c\ufeff",
]
LINE_ENDS = ["\n", "\r\n", "\r", "\n.\n", "\r\n.\r\n", "\n..", " \n", "\t\n", "\n\n"]
WORDS = ["=?utf-8?q?a?=", "=3D", "From me", ".", "..", "x" * 1200, "é" * 400, "\0\a"]


def some_text(chance: random.Random, most: int) -> str:
    """Return a text without line ends and control characters."""
    alphabet = chance.choice(ALPHABETS) + chance.choice(ALPHABETS)
    return "".join(chance.choices(alphabet, k=chance.randrange(most)))


def some_body(chance: random.Random) -> str:
    """Return a text with every kind of line end and of odd lines."""
    pieces: list[str] = []
    for _ in range(chance.randrange(12)):
        pieces.append(some_text(chance, chance.choice([5, 80, 300])))
        pieces.append(chance.choice([*LINE_ENDS, *LINE_ENDS, *WORDS]))
    return "".join(pieces)


def as_read(text: str) -> str:
    """Return a body as a reader has it: CRLF line ends, and one at its end."""
    lines = re.sub(r"\r\n|\r|\n", "\r\n", text)
    return lines if lines.endswith("\r\n") else f"{lines}\r\n"


def in_header(text: str) -> str:
    """Return a text as it stands in a header: on one line, no blanks around."""
    return re.sub("[\u2028\u2029]", " ", text).strip(" ")


@pytest.mark.parametrize("part", range(5))
def test_random_mails_come_back_as_they_were(part: int) -> None:
    chance = random.Random(SEED + part)
    for number in range(MAILS // 5):
        text, html = some_body(chance), some_body(chance)
        subject, name = some_text(chance, 120), some_text(chance, 70)
        message = RenderedMessage(
            delivery_id=ids.delivery_id(ids.new_event_id(), 1),
            channel="email",
            address="zoe@customer.example",
            recipient_name=name,
            parts={"subject": subject, "text": text, "html": html},
            headers={"from_name": chance.choice(["Shop", "Zoë's"])},
        )
        raw = mime.build(message, default_from=FROM)
        where = f"mail {number} of seed {SEED + part}"
        assert_fit_for_the_wire(raw, where)
        head = raw.partition(b"Auto-Submitted")[0]
        sent = message_from_bytes(head + b"\r\n", policy=default)
        assert sent["Subject"] == in_header(subject), where
        assert_mailbox(sent, cleaned_name(name), where)
        expected = [
            (f"text/{subtype}", as_read(body))
            for subtype, body in (("plain", text), ("html", html))
            if body or (subtype == "plain" and not html)
        ]
        assert bodies(message_from_bytes(raw)) == expected, where
        if number % 10 == 0:  # its newer parser is slow, and must read the same
            whole = message_from_bytes(raw, policy=default)
            assert bodies(whole) == expected, where
            assert not any(part.defects for part in whole.walk()), where
        assert mime.build(message, default_from=FROM) == raw, where


def assert_fit_for_the_wire(raw: bytes, where: str) -> None:
    """Check that a server reads the same lines as we wrote, all short."""
    lines = raw.split(b"\r\n")
    assert raw.endswith(b"\r\n"), where
    assert not any(b"\r" in line or b"\n" in line for line in lines), where
    assert not any(line.startswith(b".") for line in lines), where
    # A quoted name may have twice the characters that it stands for.
    head = raw.partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert max(map(len, head)) <= 2 * LONGEST_PLAIN + 20, where
    assert max(map(len, lines[len(head) :])) <= 78, where
    assert raw.isascii(), where
    words = re.findall(rb"=\?[^?]*\?[bq]\?[^?]*\?=", raw.partition(b"\r\n\r\n")[0])
    assert all(len(word) <= 75 for word in words), where
    for word in words:  # each can be read by itself
        ((octets, charset),) = decode_header(word.decode())
        assert octets.decode(charset), where


def assert_mailbox(sent: EmailMessage, name: str, where: str) -> None:
    """Check the name and the address that a mail is to, blanks aside."""
    (found,) = sent["To"].addresses
    assert found.addr_spec == "zoe@customer.example", where
    # The library folds blanks in a name, of every kind, into one.
    assert "".join(found.display_name.split()) == "".join(name.split()), where


def bodies(sent: Message) -> list[tuple[str, str]]:
    """Return the kind and the text of each part."""
    return [(part.get_content_type(), octets(part).decode()) for part in leaves(sent)]


def octets(part: Message) -> bytes:
    found = part.get_payload(decode=True)
    assert isinstance(found, bytes)
    return found


def leaves(sent: Message) -> list[Message]:
    return [part for part in sent.walk() if not part.is_multipart()]


def test_random_octets_come_back_from_lines_of_base64() -> None:
    chance = random.Random(SEED)
    for size in [*range(60), 56, 57, 58, 113, 114, 115, 5700, 5701, 100_000]:
        data = chance.randbytes(size)
        lines = base64_lines(data)
        assert all(len(line) <= 76 for line in lines.split(b"\r\n"))
        sent = message_from_bytes(
            b"Content-Transfer-Encoding: base64\r\n\r\n" + lines, policy=default
        )
        assert sent.get_payload(decode=True) == data


def test_the_date_is_that_of_the_events_acceptance_at_every_try() -> None:
    event = ids.new_event_id()
    message = RenderedMessage(
        delivery_id=ids.delivery_id(event, 3),
        channel="email",
        address="zoe@customer.example",
        recipient_name="",
        parts={"subject": "x", "text": "x"},
    )
    sent = message_from_bytes(mime.build(message, default_from=FROM), policy=default)
    expected = ids.moment_of(event).replace(microsecond=0)
    assert parsedate_to_datetime(sent["Date"]) == expected


def test_a_long_list_of_senders_keeps_each_its_own() -> None:
    for number in range(1500):
        headers = {"from_name": f"N {number}", "from_address": f"a{number}@x.example"}
        message = RenderedMessage(
            delivery_id=UUID(int=number),
            channel="email",
            address="zoe@customer.example",
            recipient_name="",
            parts={"subject": "x", "text": "x"},
            headers=headers,
        )
        letter = mime.compose(message, default_from=FROM)
        assert letter.sender == f"a{number}@x.example"
        assert letter.content.startswith(f"From: N {number}\r\n <a{number}@".encode())
        replied = replace(message, headers={**headers, "reply_to": "b@y.example"})
        assert b"Reply-To: b@y.example\r\n" in mime.build(replied, default_from=FROM)


def test_a_mail_with_files_is_fit_for_the_wire_too() -> None:
    message = RenderedMessage(
        delivery_id=ids.new_event_id(),
        channel="email",
        address="zoe@customer.example",
        recipient_name="Zoë",
        parts={"subject": "x", "text": "\r\n.\r\n", "html": ".<p>"},
    )
    files = [File("a.pdf", "application/pdf", b"\r\n.\r\n"), File("b", "a/b", b"")]
    letter = mime.compose(message, default_from=FROM, files=files)
    assert_fit_for_the_wire(letter.content, "files")
    sent = message_from_bytes(letter.content, policy=default)
    assert [octets(part) for part in leaves(sent)][2:] == [
        b"\r\n.\r\n",
        b"",
    ]
