from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from events.masking import mask_context
from templates_app.rendering import (
    RenderedMessage,
    RenderError,
    compile_content,
    program,
)
from templates_app.rendering.plain_text import text_template
from tests.test_rendering_context import make_context

DELIVERY = UUID(int=7)
MJML = """<mjml>
  <mj-body>
    {% if ctx.items.size > 0 %}
    <mj-section>
      <mj-column>
        <mj-text>Hello {{ recipient.name }} &amp; welcome<br>back</mj-text>
        <mj-table>
          {% for item in ctx.items %}
          <tr><td>{{ item.name }}</td><td>{{ item.price | money: "EUR" }}</td></tr>
          {% endfor %}
        </mj-table>
        <mj-button href='{{ ctx.url | append: "?a=1" }}'>Open</mj-button>
      </mj-column>
    </mj-section>
    {% endif %}
  </mj-body>
</mjml>"""
CTX: dict[str, Any] = {
    "items": [
        {"name": "Mug <b>", "price": Decimal("3.50")},
        {"name": "Tee", "price": 4},
    ],
    "url": "https://shop.example/o/1",
}


def make_email(ctx: dict[str, Any] | None = None, **fields: str) -> RenderedMessage:
    content = {"subject": "Order", "source_kind": "mjml", "source": MJML, **fields}
    compiled = json.loads(json.dumps(compile_content("email", content)))
    context = make_context(CTX if ctx is None else ctx)
    return program("email", compiled).render(
        context, delivery_id=DELIVERY, address="a@b.example"
    )


def make_html(source: str, **ctx: Any) -> str:
    return make_email(ctx, source_kind="html", source=source).parts["html"]


def test_mjml_with_loops_and_conditions_renders() -> None:
    message = make_email(preheader="Tom & {{ recipient.name }}")
    html = message.parts["html"]

    assert html.count("<tr><td>Mug &lt;b&gt;</td><td>€3.50</td></tr>") == 1
    assert "<tr><td>Tee</td><td>€4.00</td></tr>" in html
    assert 'href="https://shop.example/o/1?a=1"' in html
    assert (
        html.index("display:none") < html.index("Tom &amp; Zoë") < html.index("Hello")
    )
    assert "fonts.googleapis" not in html
    assert list(message.parts) == ["subject", "html", "text"]


def test_the_text_part_is_made_from_the_html_and_keeps_link_targets() -> None:
    assert make_email(preheader="not here").parts["text"] == (
        "Hello Zoë & welcome\nback\n\nMug <b>  €3.50\n\nTee  €4.00\n\n"
        "Open (https://shop.example/o/1?a=1)"
    )


def test_an_own_text_wins() -> None:
    assert make_email(text="Hi {{ recipient.name }} <&>").parts["text"] == "Hi Zoë <&>"


def test_text_of_html_knows_lists_pictures_and_hidden_parts() -> None:
    html = (
        "<head><title>t</title><style>x</style></head><h1>Hi</h1><p>a <b>b</b></p>"
        "<ul><li>one</li><li>two</li></ul>"
        "<img alt='Logo'><hr><div style='display:none'>"
        "{% if a %}no{% endif %}</div><!-- {% if b %} -->c<!-- {% endif %} -->"
        '<a href="mailto:a@b.c">a@b.c</a> <a href="#x">up</a>'
    )

    assert text_template(html) == (
        "Hi\n\na b\n\n* one\n\n* two\n\nLogo\n\n----------\n\n"
        "{% if a %}{% endif %}{% if b %}c{% endif %}a@b.c up"
    )


def test_a_render_error_names_the_place_in_the_authors_source() -> None:
    with pytest.raises(RenderError) as caught:
        make_email({"items": [{"name": "a", "price": 1}, {"name": "b"}], "url": ""})

    error = caught.value
    assert (error.part, error.line, error.path) == ("html", 9, "ctx.items[1].price")
    line = MJML.split("\n")[8]
    assert line[error.column - 1 :].startswith("item.price")  # type: ignore[operator]


def test_a_render_error_in_the_preheader_names_the_preheader() -> None:
    with pytest.raises(RenderError) as caught:
        make_email(preheader="a\n {{ ctx.nope }}")

    error = caught.value
    assert (error.part, error.line, error.column) == ("preheader", 2, 5)


@pytest.mark.parametrize(
    ("body", "words", "line"),
    [
        ("<mj-foo>a</mj-foo>", "no element <mj-foo>", 2),
        ("<mj-text>a</mj-button>", "<mj-text> is not closed", 2),
        ("<mj-text>a", "<mj-text> is not closed before </mj-column>", 2),
        ("<mj-text><p>a</mj-text>", "<p> is not closed", 2),
        ("\n<mj-text>a < b</mj-text>", "&lt;", 3),
        ("<mj-text><a href={{ ctx.a }}>x</a></mj-text>", "quotes round", 2),
        ("<mj-text><a href=x>x</a></mj-text>", 'name="value"', 2),
        ('<mj-text {% if ctx.a %}color="red"{% endif %}>x</mj-text>', "whole", 2),
        ('\n\n<mj-image src="x" width="{{ ctx.w }}" />', "MJML drops this", 4),
        ('<mj-include path="x" />', "mj-include", 2),
        ("<mj-text>{{ ctx.a | nope }}</mj-text>", "no filter", 2),
        ("<mj-text>{% if ctx.a %}</mj-text>", "never closed", 2),
    ],
)
def test_a_mistake_in_mjml_is_refused_with_its_place(
    body: str, words: str, line: int
) -> None:
    source = f"<mjml><mj-body><mj-section><mj-column>\n{body}\n</mj-column></mj-section></mj-body></mjml>"  # noqa: E501

    with pytest.raises(RenderError) as caught:
        make_email(source=source)

    assert words in caught.value.message
    assert caught.value.line == line


def test_raw_html_keeps_loops_in_tables_and_gets_its_styles_inlined() -> None:
    source = (
        "<html><head><style>td { color: red } a:hover { color: blue }</style>"
        '<link rel="stylesheet" href="https://a.b/c.css"></head><body><table>'
        "{% for i in ctx.i %}<tr><td>{{ i }}</td></tr>{% endfor %}</table></body>"
    )

    html = make_html(source, i=[1, 2])

    assert html.count('<td style="color: red;">') == 2
    assert "a:hover" in html


def test_an_unsafe_address_is_refused_and_its_scheme_named() -> None:
    with pytest.raises(RenderError, match="'javascript:'") as caught:
        make_html('<a href="{{ ctx.u }}">x</a>', u="javascript:alert(1)")

    assert (caught.value.code, caught.value.part) == ("unsafe_url", "html")


def test_a_masked_preview_renders() -> None:
    masked = mask_context(CTX, ["url", "items[].price"])

    html = make_email(masked).parts["html"]

    assert 'href="••••"' in html
    assert "<td>••••</td>" in html


def test_headers_hold_one_line_of_plain_text() -> None:
    message = make_email(
        {**CTX, "s": "a\r\nBcc: x@y.z\x00 <b>"},
        subject="Hi {{ ctx.s }}",
        from_name="{{ ctx.s }}",
        reply_to="r@b.example",
    )

    assert message.parts["subject"] == "Hi a Bcc: x@y.z <b>"
    assert message.headers == {
        "from_name": "a Bcc: x@y.z <b>",
        "from_address": "",
        "reply_to": "r@b.example",
    }


@pytest.mark.parametrize(
    ("subject", "code"),
    [("{{ ctx.none }} ", "empty_subject"), ("{{ ctx.long }}", "too_long")],
)
def test_a_subject_must_have_words_and_fit(subject: str, code: str) -> None:
    with pytest.raises(RenderError) as caught:
        make_email({**CTX, "none": None, "long": "x" * 1000}, subject=subject)

    assert caught.value.code == code


def test_the_digest_is_the_same_in_another_process() -> None:
    code = (
        "from tests.test_rendering_email import make_email; "
        "print(make_email().digest.hex(), end='')"
    )

    other = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )

    assert other.stdout == make_email().digest.hex()


def test_compiled_content_without_a_body_or_subject_is_refused() -> None:
    for fields in ({"source": ""}, {"subject": ""}, {"source_kind": "docx"}):
        with pytest.raises(RenderError):
            make_email(**fields)


def test_text_that_cannot_be_made_is_asked_for() -> None:
    source = '<table><tr><td {% if ctx.a %}class="a">x{% else %}class="b">y{% endif %}'

    with pytest.raises(RenderError, match="write a text"):
        make_html(source, a=1)
