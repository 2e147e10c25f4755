"""Mails as built: the standard library reads back what was meant, and nothing else."""

from __future__ import annotations

import re
from dataclasses import replace
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import default
from email.utils import parseaddr
from uuid import UUID

import pytest

from templates_app.rendering.message import RenderedMessage
from txmsg.channels.mime import (
    AddressError,
    build,
    cleaned_name,
    compose,
    header_line,
    normalized,
)

FROM = "Shop <no-reply@shop.example>"
MESSAGE = RenderedMessage(
    delivery_id=UUID("0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a01"),
    channel="email",
    address="zoe@customer.example",
    recipient_name="Zoë",
    parts={"subject": "Café", "html": "<p>Grüße</p>", "text": "Grüße"},
)

NAMES = [
    "Zoë",
    "Anna O'Neil",
    'Dr. "Bob" Smith, Jr.',
    "back\\slash",
    "a <e@x.example>",
    "e@x.example, f@x.example",
    "Müller, Hans",
    "Иван Петров",
    "محمد علي",
    "山田太郎" * 40,
    "👩‍👩‍👧 family",
    "é" * 300,
    "x" * 500,
    "word " * 99 + "end",
    "=?utf-8?q?a=0D=0ABcc:_e@x.example?=",
    "<b>bold</b>",
    "(comment) ; group: x;",
]


def read(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, policy=default)


def mail(message: RenderedMessage) -> EmailMessage:
    return read(build(message, default_from=FROM))


@pytest.mark.parametrize("name", NAMES)
def test_a_name_comes_back_as_it_was(name: str) -> None:
    headers = {"from_name": name, "from_address": "news@shop.example"}
    message = replace(MESSAGE, recipient_name=name, headers=headers)
    raw = message_from_bytes(build(message, default_from=FROM))
    for header, address in [
        ("To", "zoe@customer.example"),
        ("From", "news@shop.example"),
    ]:
        # The library's newer parser leaves blanks between the words of long names.
        quoted, found = parseaddr("".join(raw[header].splitlines()))
        assert (str(make_header(decode_header(quoted))), found) == (name, address)
    assert raw["Bcc"] is None


@pytest.mark.parametrize("subject", [*NAMES, "", "100 % off: 3 < 4 & 5 > 4"])
def test_a_subject_comes_back_as_it_was(subject: str) -> None:
    sent = mail(replace(MESSAGE, parts={"subject": subject, "text": "x"}))
    assert sent["Subject"] == subject
    assert sent["Bcc"] is None


@pytest.mark.parametrize(
    "text", ["plain", "Grüße " * 500, "日本語。" * 900, "x" * 5000]
)
@pytest.mark.parametrize("html", ["", "<p>Ünï</p>\n.\n" * 50])
def test_the_wire_is_short_ascii_lines_ended_by_crlf(text: str, html: str) -> None:
    parts = {"subject": "語" * 200, "text": text, "html": html}
    raw = build(
        replace(MESSAGE, parts=parts, recipient_name="x" * 500), default_from=FROM
    )
    assert raw.isascii()
    assert b"\r" not in raw.replace(b"\r\n", b"")
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert max(map(len, raw.split(b"\r\n"))) <= 78


def test_text_and_html_are_alternatives_with_the_best_last() -> None:
    sent = mail(MESSAGE)
    assert sent.get_content_type() == "multipart/alternative"
    text, html = sent.iter_parts()
    assert isinstance(text, EmailMessage)
    assert isinstance(html, EmailMessage)
    assert (text.get_content_type(), text.get_content()) == ("text/plain", "Grüße\r\n")
    assert (html.get_content_type(), html.get_content()) == (
        "text/html",
        "<p>Grüße</p>\r\n",
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "trailing space \nand tab\t\n",
        "a = b, =3D, =\n=",
        "From me\n.\n..\n",
        "nul \0 bell \a é",
        "日本\r語\r\nend\n",
        "x" * 5000 + "é" * 1000,
        " \n\n \n",
    ],
)
def test_a_text_comes_back_as_it_was_but_for_its_line_ends(text: str) -> None:
    sent = mail(replace(MESSAGE, parts={"subject": "x", "text": text}))
    lines = re.sub(r"\r\n|\r|\n", "\r\n", text)
    end = "" if lines.endswith("\r\n") else "\r\n"
    assert sent.get_content() == lines + end
    assert not sent.defects


@pytest.mark.parametrize(("part", "subtype"), [("text", "plain"), ("html", "html")])
def test_a_lone_part_stands_alone(part: str, subtype: str) -> None:
    sent = mail(replace(MESSAGE, parts={"subject": "x", part: "Grüße"}))
    assert sent.get_content_type() == f"text/{subtype}"
    assert sent.get_content() == "Grüße\r\n"


def test_the_headers_that_support_and_machines_need_are_there() -> None:
    sent = mail(MESSAGE)
    assert sent["Message-ID"] == f"<{MESSAGE.delivery_id}@shop.example>"
    assert sent["X-Txmsg-Delivery"] == str(MESSAGE.delivery_id)
    assert sent["Auto-Submitted"] == "auto-generated"
    assert sent["MIME-Version"] == "1.0"
    assert sent["Date"].datetime.tzinfo
    assert sent["Reply-To"] is None


def test_a_second_try_differs_in_its_date_alone() -> None:
    first, second = (
        [
            line
            for line in build(MESSAGE, default_from=FROM).split(b"\r\n")
            if not line.startswith(b"Date: ")
        ]
        for _ in range(2)
    )
    assert first == second


def test_the_message_says_who_it_is_from_before_the_default_does() -> None:
    headers = {
        "from_name": "Zoë's Shop",
        "from_address": "hello@zoë.example",
        "reply_to": "Help <help@shop.example>",
    }
    letter = compose(replace(MESSAGE, headers=headers), default_from=FROM)
    sent = read(letter.content)
    assert letter.sender == "hello@xn--zo-ija.example"
    assert sent["From"].addresses[0].display_name == "Zoë's Shop"
    assert sent["From"].addresses[0].addr_spec == "hello@xn--zo-ija.example"
    assert sent["Reply-To"] == "Help <help@shop.example>"
    assert sent["Message-ID"].endswith("@xn--zo-ija.example>")


def test_an_empty_sender_is_the_default_one() -> None:
    headers = {"from_name": "", "from_address": "", "reply_to": ""}
    sent = mail(replace(MESSAGE, headers=headers))
    assert sent["From"] == "Shop <no-reply@shop.example>"


def test_a_recipients_name_loses_what_would_deceive() -> None:
    assert cleaned_name("a\r\nBcc: e@x.example") == "a Bcc: e@x.example"
    assert cleaned_name("gnp.\u202eexe\u2066\0\x1b[1m \u2028end") == "gnp.exe[1m end"
    assert cleaned_name(" \t ") == ""
    assert mail(replace(MESSAGE, recipient_name="\n"))["To"] == "zoe@customer.example"


@pytest.mark.parametrize(
    "bad", ["a\r\nBcc: e@x.example", "a\nb", "a\0b", "a\x1bb", "\ud800"]
)
@pytest.mark.parametrize("where", ["subject", "from_name"])
def test_control_characters_in_a_header_are_refused(where: str, bad: str) -> None:
    message = (
        replace(MESSAGE, parts={"subject": bad, "text": "x"})
        if where == "subject"
        else replace(MESSAGE, headers={"from_name": bad, "from_address": "a@b.example"})
    )
    with pytest.raises(ValueError, match="control characters"):
        build(message, default_from=FROM)


def test_a_header_not_known_here_is_refused_and_not_dropped() -> None:
    with pytest.raises(ValueError, match="unknown headers: Bcc"):
        build(replace(MESSAGE, headers={"Bcc": "e@x.example"}), default_from=FROM)


@pytest.mark.parametrize("name", ["X-A: 1\r\nBcc", "", "X A", "Ü", "X:"])
def test_a_header_name_is_a_token(name: str) -> None:
    with pytest.raises(ValueError, match="not a header name"):
        header_line(name, "x")


@pytest.mark.parametrize("value", ["a\r\nBcc: x", "a\n b", "a\r b", "a\0"])
def test_a_header_value_is_one_line_or_folded(value: str) -> None:
    with pytest.raises(ValueError, match="control characters"):
        header_line("X-A", value)


@pytest.mark.parametrize(
    ("address", "result"),
    [
        ("a.b+c@x.example", "a.b+c@x.example"),
        ("a@Bücher.example", "a@xn--bcher-kva.example"),
        ("a@straße.example", "a@xn--strae-oqa.example"),
        ("jörg@x.example", "jörg@x.example"),
        ("root@localhost", "root@localhost"),
        ("a@R3--old.Example", "a@r3--old.example"),
    ],
)
def test_an_address_has_its_domain_in_ascii(address: str, result: str) -> None:
    assert normalized(address) == result


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a",
        "@x.example",
        "a@",
        "a@x..example",
        "a@.x.example",
        ".a@x.example",
        "a..b@x.example",
        "a@-x.example",
        "a@[127.0.0.1]",
        "a@x.example\r\nBcc: e@y.example",
        "a@x.example\n",
        "a\x0b@x.example",
        "b@x.example, e@y.example",
        "b@x.example;e@y.example",
        "Name <a@x.example>",
        '"a b"@x.example',
        "a@x\u200b.example",
        "a@x.exam ple",
        "a" * 65 + "@x.example",
        "a@" + "x." * 125 + "example",
        "\ud800@x.example",
    ],
)
def test_what_is_not_one_plain_address_is_refused(address: str) -> None:
    with pytest.raises(AddressError):
        normalized(address)
