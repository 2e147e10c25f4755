"""Content of one language: its fields, content blocks, attachments and push options."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from templates_app.rendering import (
    RenderedMessage,
    RenderError,
    compile_content,
    program,
)
from templates_app.rendering.content import (
    BlockText,
    Content,
    assembled,
    used_blocks,
)
from tests.test_rendering_context import make_context
from tests.test_rendering_email import MJML, make_email
from tests.test_rendering_sms_push import make_message

BLOCKS = {
    "sign": BlockText("<b>{{ recipient.name }}</b>\n& Co", '{{ ctx.by }}\n"Co"'),
    "head": BlockText("<mj-text>{{ ctx.deep.er }}</mj-text>", ""),
    "nested": BlockText("{% block 'sign' %}", "{% block 'sign' %}"),
}
HTML = {"subject": "S", "source_kind": "html"}


def render(channel: str, ctx: dict[str, Any], **fields: Any) -> RenderedMessage:
    compiled = compile_content(channel, fields, blocks=BLOCKS)
    return program(channel, json.loads(json.dumps(compiled))).render(
        make_context(ctx), delivery_id=UUID(int=7), address="x@y.example"
    )


def failure(channel: str, ctx: dict[str, Any], **fields: Any) -> RenderError:
    with pytest.raises(RenderError) as caught:
        render(channel, ctx, **fields)
    return caught.value


def place(error: RenderError) -> tuple[str, int | None, int | None]:
    return error.part, error.line, error.column


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"subject": 1}, "subject"),
        ({"blocks": []}, "blocks"),
        ({"options": "x"}, "options"),
        ({"attachments": {}}, "attachments"),
        ({"attachments": ["x"]}, "attachments/0"),
        ({"attachments": [{"path": "x"}]}, "attachments/0"),
        ({"attachments": [{"url": 1}]}, "attachments/0/url"),
        ({"attachments": [{"when_missing": "x"}]}, "attachments/0/when_missing"),
    ],
)
def test_a_field_of_the_wrong_type_is_refused(
    fields: dict[str, Any], part: str
) -> None:
    with pytest.raises(RenderError) as caught:
        Content.from_json(fields)

    assert (caught.value.code, caught.value.part) == ("invalid_content", part)


def test_content_keeps_what_is_filled_with_unix_line_ends() -> None:
    given = {
        "subject": "a\r\nb",
        "blocks": {"blocks": [{"text": "c\r\nd"}]},
        "attachments": [],
        "unknown": 1,
        "text": None,
    }

    assert Content.from_json(given).to_json() == {
        "subject": "a\nb",
        "source_kind": "mjml",
        "blocks": {"blocks": [{"text": "c\nd"}]},
    }


def test_content_blocks_are_written_out_in_every_field() -> None:
    made = render(
        "email",
        {"by": "Ann"},
        **HTML,
        source="<body>{% block 'sign' %}</body>",
        text="{% block 'sign' %}",
        preheader="{% block 'sign' %}",
        from_name="{% block 'sign' %}",
    )

    assert "<b>Zoë</b>\n& Co</body>" in made.parts["html"]
    assert made.parts["text"] == 'Ann\n"Co"'
    assert 'Ann\n"Co"' in made.parts["html"]
    assert made.headers["from_name"] == 'Ann "Co"'
    assert (
        render("sms", {"by": 1}, text="{% block 'sign' %}").parts["text"] == '1\n"Co"'
    )


def test_a_content_block_in_push_data_is_json() -> None:
    made = render(
        "push", {"by": '"'}, body="b", data='{"a": "{% block "sign" %}", "b": 1}'
    )

    assert json.loads(made.parts["data"]) == {"a": '"\n"Co"', "b": 1}


def test_dashes_take_away_the_blanks_around_a_content_block() -> None:
    made = render("sms", {"by": "A"}, text="x \n {%- block 'sign' -%} \n y")

    assert made.parts["text"] == 'xA\n"Co"y'


def test_a_raw_block_calls_nothing() -> None:
    made = render("sms", {}, text="{% raw %}{% block 'x' %}{% endraw %}")

    assert made.parts["text"] == "{% block 'x' %}"


@pytest.mark.parametrize(
    ("tag", "code", "words"),
    [
        ("{% block 'sing' %}", "unknown_block", "did you mean 'sign'"),
        ("{% block 'zzz' %}", "unknown_block", "no content block 'zzz'"),
        ("{% block sign %}", "syntax_error", "in quotes"),
        ("{% block %}", "syntax_error", "in quotes"),
        ("{% block 'head' %}", "invalid_content", "has no text"),
        ("{% block 'nested' %}", "invalid_content", "do not nest"),
    ],
)
def test_a_content_block_that_cannot_be_written_out_has_its_place(
    tag: str, code: str, words: str
) -> None:
    error = failure("sms", {}, text=f"a\nb {tag}")

    assert (error.code, *place(error)) == (code, "text", 2, 3)
    assert words in error.message


def test_errors_around_and_inside_a_content_block_have_their_own_place() -> None:
    source = "<mjml><mj-body><mj-section><mj-column>\n{% block 'head' %}{}\n" + (
        "</mj-column></mj-section></mj-body></mjml>"
    )
    email = {"subject": "S", "text": "t"}

    inside = failure("email", {}, **email, source=source.replace("{}", ""))
    assert place(inside) == ("block/head", 1, 13)
    assert inside.path == "ctx.deep"

    behind = source.replace("{}", "<mj-foo />")
    assert place(failure("email", {}, **email, source=behind)) == ("html", 2, 19)
    behind = source.replace("{}", "<mj-text>{{ ctx.x }}</mj-text>")
    error = failure("email", {"deep": {"er": 1}}, **email, source=behind)
    assert place(error) == ("html", 2, 31)
    behind = source.replace("{}", "{{ x | nope }}")
    assert place(failure("email", {}, **email, source=behind)) == ("html", 2, 26)


def test_a_plain_field_with_a_content_block_keeps_its_places() -> None:
    subject = "a {% block 'sign' %} {{ ctx.nope }}"
    fields = {**HTML, "source": "<p>x</p>", "subject": subject}

    assert place(failure("email", {"by": 1}, **fields)) == ("subject", 1, 25)
    assert place(failure("email", {}, **fields)) == ("block/sign", 1, 4)
    assert place(failure("sms", {}, text=subject)) == ("block/sign", 1, 4)
    assert place(failure("push", {}, body=subject)) == ("block/sign", 1, 4)


def test_a_mistake_in_push_data_has_its_place() -> None:
    error = failure("push", {}, body="b", data='{\n "a": "{{ ctx.a | nope }}"}')

    assert place(error) == ("data", 2, 19)


def test_used_blocks_are_found_wherever_content_is() -> None:
    assert used_blocks(
        {
            "subject": "{% block 'a' %}",
            "blocks": {"blocks": [{"text": '{%- block "b" -%}', "n": 1}]},
            "attachments": [{"url": "{% block 'c' %}"}],
            "options": {"ios": {"subtitle": "{% block 'd' %}"}},
            "text": "{% block e %} {% raw %}{% block 'f' %}{% endraw %}",
        }
    ) == {"a", "b", "c", "d"}


def test_assembled_texts_are_what_will_be_parsed() -> None:
    content = Content.from_json(
        {
            "subject": "{% block 'sign' %}",
            "source_kind": "blocks",
            "blocks": {"blocks": [{"id": "t", "kind": "text", "text": "x"}]},
            "attachments": [{"url": "u", "name": "n"}],
            "options": {"ios": {"subtitle": "s", "badge": 3}},
            "data": "{}",
        }
    )

    found = assembled(content, BLOCKS)

    assert list(found) == [
        *("html", "subject", "attachments/0/url", "attachments/0/name"),
        *("options/ios/subtitle", "data"),
    ]
    assert found["html"].text.startswith("<mjml>")
    assert found["subject"].place(3).part == "block/sign"


def test_assembling_can_report_all_faults_instead_of_the_first() -> None:
    content = Content.from_json(
        {
            "subject": "{% block 'x' %} {% block 'y' %}",
            "source_kind": "blocks",
            "blocks": {"blocks": [{"id": "t", "kind": "video"}, {"id": "t"}]},
        }
    )
    found: list[RenderError] = []

    sources = assembled(content, None, report=found.append)

    assert sources["subject"].text == " "
    assert [error.part for error in found] == [
        *("blocks/t/kind", "blocks/t", "blocks/t/kind", "subject", "subject"),
    ]


@pytest.mark.parametrize("words", ["a LQz0zQL", "a \x07", "a \ud800"])
def test_what_no_template_can_hold_is_refused_with_its_place(words: str) -> None:
    source = "<p>{{ 1 }}</p>\n" + words

    error = failure("email", {}, **HTML, source=source)

    assert (error.code, *place(error)) == ("bad_value", "html", 2, 3)


def test_an_empty_block_document_is_no_body() -> None:
    error = failure("email", {}, subject="S", source_kind="blocks")

    assert (error.code, error.message) == ("invalid_content", "the body is empty")


def attach(ctx: dict[str, Any] | None = None, **facts: str) -> Any:
    given = {"url": "https://a.example/i.pdf", "name": "Invoice.pdf", **facts}
    return render(
        "email", ctx or {}, **HTML, source="<p>x</p>", attachments=[given]
    ).attachments


def test_an_attachment_is_rendered_for_its_delivery() -> None:
    (made,) = attach(
        {"n": 7}, url="https://a.example/{{ ctx.n }}.pdf", name="I {{ ctx.n }}.pdf"
    )

    assert (made.url, made.name, made.when_missing) == (
        "https://a.example/7.pdf",
        "I 7.pdf",
        "fail",
    )


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("a/b\\c.pdf", "a-b-c.pdf"),
        ("../../etc/passwd", "-..-etc-passwd"),
        ("a\r\nBcc: x.pdf", "a Bcc- x.pdf"),
        ("evil\u202efdp.txt", "evil-fdp.txt"),
        ("", "i.pdf"),
        (" . ", "i.pdf"),
        ("x" * 300 + ".pdf", "x" * 146 + ".pdf"),
        ("x" * 300, "x" * 150),
    ],
)
def test_the_name_of_an_attachment_is_one_line_and_no_path(
    name: str, wanted: str
) -> None:
    assert attach({"n": name}, name="{{ ctx.n }}")[0].name == wanted


@pytest.mark.parametrize(
    "url",
    [
        *("", "file:///etc/passwd", "ftp://a.example/x", "//a.example/x"),
        *("javascript:alert(1)", "/x.pdf", "https://a.example/x y", "http://["),
        *("data:,x", "https:///x"),
    ],
)
def test_an_attachment_has_a_web_address(url: str) -> None:
    with pytest.raises(RenderError) as caught:
        attach({"u": url}, url="{{ ctx.u }}")

    assert (caught.value.code, caught.value.part) == (
        "unsafe_url",
        "attachments/0/url",
    )


def test_an_attachment_that_may_be_missing_is_left_out() -> None:
    assert attach({"u": None}, url="{{ ctx.u }}", when_missing="skip") == ()
    assert attach({}, url="{{ ctx.u }}", when_missing="skip") == ()
    with pytest.raises(RenderError, match=r"ctx\.u"):
        attach({}, url="{{ ctx.u }}")
    with pytest.raises(RenderError, match="fetched from"):
        attach(url=" ", when_missing="skip")


def push(options: Any, **ctx: Any) -> dict[str, str]:
    return render("push", ctx, body="b", options=options).parts


def test_push_options_are_rendered_and_typed() -> None:
    parts = push(
        {
            "ios": {"subtitle": "A {{ ctx.a }}", "badge": "{{ ctx.n }}", "sound": ""},
            "android": {"color": "#0F6D57", "priority": "high", "tag": "{{ ctx.no }}"},
        },
        a='"<b>',
        n=3,
        no=None,
    )

    assert json.loads(parts["options"]) == {
        "ios": {"subtitle": 'A "<b>', "badge": 3},
        "android": {"color": "#0f6d57", "priority": "high"},
    }
    assert json.loads(push({"ios": {"badge": 0}})["options"]) == {"ios": {"badge": 0}}


@pytest.mark.parametrize("options", [{}, {"ios": {}}, {"ios": {"sound": " "}}])
def test_a_push_message_without_options_has_no_such_part(options: Any) -> None:
    assert list(push(options)) == ["title", "body", "data"]


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"web": {}}, "options/web"),
        ({"ios": []}, "options/ios"),
        ({"ios": {"color": "x"}}, "options/ios/color"),
        ({"ios": {"badge": "many"}}, "options/ios/badge"),
        ({"ios": {"badge": "{{ ctx.a }}"}}, "options/ios/badge"),
        ({"ios": {"badge": [1]}}, "options/ios/badge"),
        ({"ios": {"interruption_level": "loud"}}, "options/ios/interruption_level"),
        ({"android": {"color": "red"}}, "options/android/color"),
        ({"android": {"priority": "{{ ctx.a }}"}}, "options/android/priority"),
        ({"android": {"tag": "{{ ctx.a | nope }}"}}, "options/android/tag"),
    ],
)
def test_a_wrong_push_option_is_refused(options: Any, part: str) -> None:
    with pytest.raises(RenderError) as caught:
        push(options, a="x")

    assert caught.value.part == part


def test_push_options_count_towards_the_bytes() -> None:
    with pytest.raises(RenderError, match="4,096"):
        push({"ios": {"subtitle": "x" * 4090}})


def test_digests_of_messages_without_anything_new_stay_what_they_were() -> None:
    """Past deliveries hold these: a change would call every one of them different."""
    assert make_email().digest.hex() == "a02cb18fbadb096f94918778b68bb8c8"
    push = make_message(
        "push", {"n": 3}, title="A {{ ctx.n }}", body="B", data='{"n": "{{ ctx.n }}"}'
    )
    assert push.digest.hex() == "20a642856fa7f659f6fdc79390ae4ff3"
    sms = make_message("sms", {"n": 3}, text="A {{ ctx.n }}")
    assert sms.digest.hex() == "974df76a2c6cdac5d8bed7ef0d0ee398"


def test_attachments_and_options_are_in_the_digest() -> None:
    plain = render("email", {}, **HTML, source="<p>x</p>")
    url = "https://a.example/x.pdf"
    skip, fail = (
        render(
            "email",
            {},
            **HTML,
            source="<p>x</p>",
            attachments=[{"url": url, "name": "x", "when_missing": each}],
        )
        for each in ("skip", "fail")
    )

    assert len({plain.digest, skip.digest, fail.digest}) == 3


def test_compiled_content_of_old_fields_has_no_new_keys() -> None:
    compiled = compile_content("email", {"subject": "S", "source": MJML})

    assert set(compiled) == {
        *("channel", "subject", "from_name", "from_address", "reply_to", "html"),
        *("source_kind", "text", "text_is_generated", "inline_css", "places"),
    }


def test_more_attachments_than_a_mail_takes_are_refused_at_once() -> None:
    """Not when the first customer should get it."""
    files = [{"url": f"https://files.example/{n}"} for n in range(6)]
    with pytest.raises(RenderError, match="a mail takes 5"):
        Content.from_json({"subject": "a", "attachments": files})
