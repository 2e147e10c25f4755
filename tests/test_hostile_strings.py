"""Hostile strings through every field and channel, judged by what a parser reads.

No script, no handler, no bad scheme and no further header may come of any of them.
"""

from __future__ import annotations

import email
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import pytest

from templates_app.framing import framed
from templates_app.rendering import (
    Program,
    RenderContext,
    RenderedMessage,
    RenderError,
    compile_content,
    program,
)
from txmsg.channels import mime

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
BAD_SCHEMES = (
    "javascript:",
    "vbscript:",
    "data:text",
    "data:application",
    "livescript:",
)
ADDRESSES = frozenset({"href", "src", "action", "formaction", "background", "srcset"})
DANGEROUS = frozenset(
    {"script", "iframe", "object", "embed", "base", "svg", "math", "form"}
)
INVISIBLE = re.compile(r"[\x00-\x20\x7f-\xa0\u200b-\u200f\ufeff]")
STYLE_ADDRESS = re.compile(r"url\(['\"]*([^)]*)", re.IGNORECASE)
KINDS = ["multipart/alternative", "text/plain", "text/html"]
CALL = "alert(1)"

MARKUP = [
    f"<script>{CALL}</script>",
    f"<SCRIPT>{CALL}</SCRIPT >",
    f"<script/src=//evil.example>{CALL}</script>",
    f"<scr<script>ipt>{CALL}</scr</script>ipt>",
    f"<img src=x onerror={CALL}>",
    f"<img/src='x'/onerror='{CALL}'/>",
    f"<img src=x:x onerror\n=\n{CALL}>",
    f"<svg onload={CALL}>",
    f"<svg><script>{CALL}</script></svg>",
    f"<svg><animate onbegin={CALL} attributeName=x dur=1s>",
    f"<math><mtext></mtext><mglyph><svg><mtext><style><img src onerror={CALL}>",
    f"<body onload={CALL}>",
    f"<details open ontoggle={CALL}>",
    f"<video><source onerror={CALL}></video>",
    f"<input autofocus onfocus={CALL}>",
    f"<marquee onstart={CALL}>",
    f"<select autofocus onfocus={CALL}>",
    f"<a href='javascript:{CALL}'>x</a>",
    '<a href="java\nscript:alert(1)">x</a>',
    "<iframe src='javascript:alert(1)'></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data='data:text/html,<script>alert(1)</script>'></object>",
    "<embed src='data:text/html;base64,PHNjcmlwdD4='>",
    "<base href='javascript:alert(1)//'>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<link rel=stylesheet href='javascript:alert(1)'>",
    "<form action='javascript:alert(1)'><button>x</button></form>",
    "<button formaction='javascript:alert(1)'>x</button>",
    "<isindex type=image src=1 onerror=alert(1)>",
    "<table background='javascript:alert(1)'>",
    "<div style='background:url(javascript:alert(1))'>",
    '<div style="width:expression(alert(1))">',
    "<style>@import 'javascript:alert(1)';</style>",
    "</title><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    "</td></tr></table><script>alert(1)</script>",
    "--><script>alert(1)</script>",
    "<!--><script>alert(1)</script>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<![endif]--><script>alert(1)</script>",
    "<?xml version='1.0'?><script>alert(1)</script>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<xss id=x tabindex=1 onfocus=alert(1)></xss>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
    "&#x3c;img src=x onerror=alert(1)&#x3e;",
    "\\u003cscript\\u003ealert(1)\\u003c/script\\u003e",
    "\uff1cscript\uff1ealert(1)\uff1c/script\uff1e",
    "<\x00script>alert(1)</script>",
    "<scr\x00ipt>alert(1)</scr\x00ipt>",
]
ATTRIBUTES = [
    f'" onmouseover="{CALL}',
    f"' onmouseover='{CALL}",
    f'"onclick={CALL} x="',
    f"'onclick={CALL} x='",
    f'" autofocus onfocus={CALL} "',
    f'"><script>{CALL}</script>',
    f"'><script>{CALL}</script>",
    f'"/><svg/onload={CALL}>',
    f"` onmouseover=`{CALL}",
    f"x onmouseover={CALL}",
    f"\" style=\"background:url('javascript:{CALL}')",
    f'\\" onmouseover=\\"{CALL}',
    f"&quot; onmouseover=&quot;{CALL}",
    f"&#34; onmouseover=&#34;{CALL}",
    f'\u2028" onmouseover="{CALL}',
    f'\t"\tonmouseover\t=\t"{CALL}',
    f'"\nonmouseover\n=\n"{CALL}',
    f'"\fonload=\f{CALL} ',
    '" href="javascript:alert(1)',
    '" srcdoc="<script>alert(1)</script>',
]
SCHEMES = [
    f"javascript:{CALL}",
    f"JaVaScRiPt:{CALL}",
    f" javascript:{CALL}",
    f"\tjavascript:{CALL}",
    f"\njavascript:{CALL}",
    f"java\tscript:{CALL}",
    f"java\nscript:{CALL}",
    f"java\r\nscript:{CALL}",
    f"java\x00script:{CALL}",
    f"\x01javascript:{CALL}",
    f"\u00a0javascript:{CALL}",
    f"\u200bjavascript:{CALL}",
    f"\ufeffjavascript:{CALL}",
    f"javascript&colon;{CALL}",
    f"javascript&#58;{CALL}",
    f"javascript&#x3a;{CALL}",
    f"&#106;avascript:{CALL}",
    f"&#x6A&#x61vascript:{CALL}",
    f"javascript://%0a{CALL}",
    f"javascript:/*--></script>*/{CALL}",
    f"jav&#x09;ascript:{CALL}",
    f"jav&NewLine;ascript&colon;{CALL}",
    "vbscript:msgbox(1)",
    "VBScript:msgbox(1)",
    "livescript:x",
    "data:text/html,<script>alert(1)</script>",
    "data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==",
    "DATA:TEXT/HTML,x",
    "data:application/xhtml+xml,x",
    "data:image/svg+xml,<svg onload=alert(1)>",
    "feed:javascript:alert(1)",
    "view-source:javascript:alert(1)",
    '//evil.example/" onclick="alert(1)',
    'https://a.example/" onclick="alert(1)',
    "https://a.example/'><script>alert(1)</script>",
]
HEADERS = [
    "Hi\r\nBcc: evil@evil.example",
    "Hi\nBcc: evil@evil.example",
    "Hi\rBcc: evil@evil.example",
    "Hi\r\n\r\n<script>alert(1)</script>",
    "Hi\u2028Bcc: evil@evil.example",
    "Hi\u2029Bcc: evil@evil.example",
    "Hi\x0bBcc: evil@evil.example",
    "Hi\x0cBcc: evil@evil.example",
    "Hi\x85Bcc: evil@evil.example",
    "Hi\x00Bcc: evil@evil.example",
    "Hi%0d%0aBcc: evil@evil.example",
    "=?utf-8?q?Hi=0d=0aBcc:_evil@evil.example?=",
    "=?utf-8?b?SGkNCkJjYzogZXZpbEBldmlsLmV4YW1wbGU=?=",
    "evil@evil.example, other@evil.example",
    '"Evil" <evil@evil.example>',
    "a@b.example>\r\nTo: <evil@evil.example",
    "Hi\r\n\tfolded: yes",
    "Content-Type: text/html",
    "--=_boundary\r\nContent-Type: text/html",
    "\r\n.\r\nMAIL FROM:<evil@evil.example>",
    "\u202eexe.gpj",
]
DATA = [
    '","admin":true,"x":"',
    '"}, "admin": true, "x": {"',
    '\\","admin":true,"x":"',
    "\\u0022,\\u0022admin\\u0022:true",
    "\ud83d",
    "{{ ctx.secret }}",
    "{% assign x = ctx.secret %}{{ x }}",
    "{% raw %}{{ ctx.secret }}",
    "${alert(1)}",
    "<%= rtEvent.ctx.secret %>",
    "[[${7*7}]]",
    "' OR 1=1 --",
]
HOSTILE = [*MARKUP, *ATTRIBUTES, *SCHEMES, *HEADERS, *DATA]

HTML = """\
<!doctype html><html lang="en"><head><title>{{ ctx.s }}</title></head>
<body bgcolor="{{ ctx.s }}"><p id='{{ ctx.s }}' title="a {{ ctx.s }} b">{{ ctx.s }}</p>
<table><tr><td class="{{ ctx.s | upcase }}">{{ ctx.s | strip }}</td></tr></table>
{% for each in ctx.list %}<i title="{{ each }}">{{ each }}</i>{% endfor %}
<div>{{ ctx.s | rich }}</div><b>{{ ctx.s | append: "<" | prepend: ">" }}</b>
{{ recipient.name }} <img alt="{{ recipient.name }}" src="https://a.example/x.png">
<a href="https://a.example/?q={{ ctx.s | url_encode }}">in a query</a>
{% capture kept %}{{ ctx.s }}{% endcapture %}<u title="{{ kept }}">{{ kept }}</u>
</body></html>
"""
LINKS = """\
<a href="{{ ctx.s }}">a</a><img src="{{ ctx.s }}" alt="x"><img srcset='{{ ctx.s }} 2x'>
<table background="{{ ctx.s }}"><tr><td style="background:url({{ ctx.s }})">x</td></tr>
</table><a href='{{ ctx.s | strip }}'>b</a>
"""
MJML = """\
<mjml><mj-head><mj-preview>{{ ctx.s }}</mj-preview></mj-head><mj-body><mj-section>
<mj-column>
<mj-text>{{ ctx.s }} <b title="{{ ctx.s }}">{{ recipient.name }}</b></mj-text>
<mj-image src="https://a.example/x.png" alt="{{ ctx.s }}" title="{{ ctx.s }}"/>
<mj-button href="https://a.example/{{ ctx.s | url_encode }}">{{ ctx.s }}</mj-button>
</mj-column></mj-section></mj-body></mjml>
"""
DOCUMENT = {
    "version": 1,
    "settings": {},
    "blocks": [
        {"id": "a", "kind": "heading", "text": "{{ ctx.s }}", "level": 1},
        {"id": "b", "kind": "text", "text": "<b>{{ ctx.s }}</b>"},
        {
            "id": "c",
            "kind": "image",
            "src": "https://a.example/x",
            "alt": "{{ ctx.s }}",
        },
        {
            "id": "d",
            "kind": "products",
            "path": "ctx.list",
            "as": "item",
            "title": "{{ item }}",
            "description": "{{ item }}",
            "price": "{{ item }}",
        },
        {"id": "e", "kind": "footer", "text": "{{ ctx.s }}"},
    ],
}
FACTS = {
    "subject": "S {{ ctx.s }}",
    "preheader": "P {{ ctx.s }}",
    "from_name": "F {{ ctx.s }}",
    "from_address": "shop@example.com",
    "text": "T {{ ctx.s }}",
}


class Elements(HTMLParser):
    """Reads HTML as a browser's parser would tell its tags and attributes."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, attrs))


def programs() -> dict[str, Program]:
    """Return a program for each kind of content, compiled once."""
    emails = {
        "html": {**FACTS, "source_kind": "html", "source": HTML},
        "links": {**FACTS, "source_kind": "html", "source": LINKS},
        "styled": {
            **FACTS,
            "source_kind": "html",
            "source": HTML.replace("</head>", "<style>p { color: red }</style></head>"),
        },
        "mjml": {**FACTS, "source_kind": "mjml", "source": MJML},
        "blocks": {**FACTS, "source_kind": "blocks", "blocks": DOCUMENT},
        "generated": {**FACTS, "text": "", "source_kind": "html", "source": HTML},
        "addressed": {
            **FACTS,
            "source_kind": "html",
            "source": "<p>x</p>",
            "from_address": "{{ ctx.s }}",
            "reply_to": "{{ ctx.s }}",
        },
    }
    made = {
        name: program("email", compile_content("email", content))
        for name, content in emails.items()
    }
    push = {
        "title": "{{ ctx.s }}",
        "body": "B {{ ctx.s }}",
        "data": '{"kept": true, "s": "{{ ctx.s }}", "deep": {"l": ["a {{ ctx.s }}"]}}',
    }
    made["push"] = program("push", compile_content("push", push))
    image = {"body": "b", "image": "{{ ctx.s }}"}
    made["push image"] = program("push", compile_content("push", image))
    sms = {"text": "T {{ ctx.s }}", "sender": "{{ ctx.s }}"}
    made["sms"] = program("sms", compile_content("sms", sms))
    return made


@pytest.fixture(scope="module")
def made() -> dict[str, Program]:
    return programs()


def render(made: Program, text: str) -> RenderedMessage | None:
    """Return what is sent for a hostile text; None if it is refused instead."""
    context = RenderContext(
        ctx={"s": text, "list": [text], "secret": "hush"},
        recipient={"name": text, "email": "ada@example.com"},
        event={"id": "1"},
        message={"label": "x"},
        frozen_at=AT,
    )
    try:
        return made.render(context, delivery_id=UUID(int=7), address="ada@example.com")
    except RenderError:
        return None


def faults_in(html: str) -> Iterator[str]:
    """Yield what in a parsed page could run."""
    for tag, attributes in Elements(html).found:
        if tag in (
            "script",
            "iframe",
            "object",
            "embed",
            "base",
            "svg",
            "math",
            "form",
        ):
            yield f"<{tag}>"
        for name, value in attributes:
            if name.startswith("on") or name in ("srcdoc", "formaction", "http-equiv"):
                yield f"{tag}[{name}]"
            addresses = [value or ""] if name in ADDRESSES else []
            if name == "style":
                addresses = STYLE_ADDRESS.findall(value or "")
            for address in addresses:
                plain = INVISIBLE.sub("", address).strip("'\"").lower()
                if plain.startswith(BAD_SCHEMES):
                    yield f"{tag}[{name}={value!r}]"


def shape_of(html: str) -> list[tuple[str, list[str]]]:
    """Return every element of a page with the names of its attributes."""
    return [(tag, [name for name, _ in each]) for tag, each in Elements(html).found]


def shown(text: str) -> str:
    return ascii(text)[:60]


def test_the_corpus_is_large_and_has_no_two_alike() -> None:
    assert len(set(HOSTILE)) == len(HOSTILE) >= 100


@pytest.mark.parametrize(
    "kind", ["html", "links", "styled", "mjml", "blocks", "generated"]
)
def test_nothing_hostile_runs_in_html(kind: str, made: dict[str, Program]) -> None:
    rendered = 0
    harmless = render(made[kind], "plain")
    assert harmless is not None
    own = list(faults_in(harmless.parts["html"]))
    assert set(own) <= {"meta[http-equiv]"}  # what MJML writes itself
    for text in HOSTILE:
        message = render(made[kind], text)
        if message is None:
            continue
        rendered += 1
        assert list(faults_in(message.parts["html"])) == own, shown(text)
        # What a preview puts round it is ours: a policy, and where links open.
        page = list(faults_in(framed(message.parts["html"])))
        assert sorted(page) == sorted([*own, "meta[http-equiv]", "<base>"]), shown(text)
    assert rendered > (20 if kind == "links" else 0.9 * len(HOSTILE))


@pytest.mark.parametrize("kind", ["links", "mjml", "blocks"])
def test_no_value_adds_an_element_or_an_attribute(
    kind: str, made: dict[str, Program]
) -> None:
    harmless = render(made[kind], "plain")
    assert harmless is not None
    expected = shape_of(harmless.parts["html"])
    for text in HOSTILE:
        message = render(made[kind], text)
        if message is not None:
            assert shape_of(message.parts["html"]) == expected, shown(text)


def test_a_bad_scheme_is_refused_where_an_address_stands(
    made: dict[str, Program],
) -> None:
    for text in SCHEMES:
        message = render(made["links"], text)
        faults = list(faults_in(message.parts["html"])) if message else []
        assert faults == [], shown(text)
    assert render(made["links"], f"javascript:{CALL}") is None
    assert render(made["links"], "https://a.example/") is not None


@pytest.mark.parametrize("kind", ["html", "mjml", "generated", "addressed"])
def test_no_header_is_added_to_a_mail(kind: str, made: dict[str, Program]) -> None:
    expected = None
    for text in ["plain", *HOSTILE]:
        message = render(made[kind], text)
        if message is None:
            continue
        try:
            raw = mime.build(message, default_from="Shop <shop@example.com>")
        except ValueError:
            assert kind == "addressed" or "\ud83d" in text, shown(text)
            continue
        mail = email.message_from_bytes(raw, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        names = sorted(name.lower() for name in mail.keys())  # noqa: SIM118  # a mail
        expected = expected or names
        assert names == expected, shown(text)
        assert mail["to"].addresses[0].addr_spec == "ada@example.com", shown(text)
        assert len(mail["to"].addresses) == 1, shown(text)
        assert len(mail["from"].addresses) == 1, shown(text)
        assert not mail.defects, shown(text)
        kinds = [part.get_content_type() for part in mail.walk()]
        assert kinds == ["multipart/alternative", "text/plain", "text/html"], shown(
            text
        )


def test_a_header_is_one_line_and_a_text_is_as_it_came(
    made: dict[str, Program],
) -> None:
    for text in HOSTILE:
        message = render(made["html"], text)
        if message is None:
            continue
        for line in (message.parts["subject"], message.headers["from_name"]):
            assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", line), shown(text)
        sent = message.parts["text"]
        assert sent == f"T {text}" or "\ud83d" in text, shown(text)


def test_an_sms_says_what_came_and_runs_no_liquid(made: dict[str, Program]) -> None:
    for text in HOSTILE:
        message = render(made["sms"], text)
        assert message is not None
        assert "hush" not in message.parts["text"]
        assert message.parts["text"] == f"T {text}".strip() or "\ud83d" in text
        sender = message.headers.get("sender", "")
        assert not re.search(r"[\x00-\x1f]", sender), shown(text)


def test_the_data_of_a_push_message_keeps_its_shape(made: dict[str, Program]) -> None:
    for text in HOSTILE:
        message = render(made["push"], text)
        assert message is not None, shown(text)
        data: Any = json.loads(message.parts["data"])
        assert list(data) == ["kept", "s", "deep"], shown(text)
        assert data["kept"] is True
        assert data["s"] == text or "\ud83d" in text
        assert list(data["deep"]) == ["l"]
        assert len(data["deep"]["l"]) == 1
        assert "hush" not in str(message.parts)
        message.parts["data"].encode()


def test_the_image_of_a_push_message_is_an_address(made: dict[str, Program]) -> None:
    for text in SCHEMES:
        message = render(made["push image"], text)
        image = message.parts["image"] if message else ""
        plain = INVISIBLE.sub("", image).lower()
        assert not plain.startswith(BAD_SCHEMES), shown(text)
