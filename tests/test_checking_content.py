"""The checking compiler: all that is wrong with content, at once, with its places."""

from __future__ import annotations

from typing import Any

import pytest

from templates_app.checking import Finding, check_content
from templates_app.checking.content import MAX_FINDINGS
from templates_app.rendering.expanding import BlockText
from templates_app.simulation import Sample
from txmsg.demo.event_types import DemoType, event_types

CONTRACT: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["order", "items"],
    "properties": {
        "order": {
            "type": "object",
            "additionalProperties": False,
            "required": ["number"],
            "properties": {
                "number": {"type": "string"},
                "total": {"type": "string"},
                "url": {"type": "string"},
            },
        },
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["sku"],
                "properties": {"sku": {"type": "string"}},
            },
        },
    },
}
CTX: dict[str, Any] = {"order": {"number": "A-1"}, "items": [{"sku": "MUG"}]}

BROKEN = """\
<mjml>
  <mj-body>
    <mj-section>
      <mj-column>
        <mj-text>Order {{ ctx.ordr.number }}</mj-text>
        <mj-text>{{ ctx.order.number | upcse }}</mj-text>
        {% for item in ctx.items %}
        <mj-txt>{{ item.sku }}</mj-txt>
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>
"""


def _email(**fields: Any) -> dict[str, Any]:
    return {
        "subject": "Order {{ ctx.order.number }}",
        "preheader": "Thank you",
        "source_kind": "html",
        "source": "<p>Thank you for {{ ctx.order.number }}</p>",
        **fields,
    }


def _check(channel: str, content: dict[str, Any], **about: Any) -> list[Finding]:
    about.setdefault("samples", [CTX])
    return check_content(channel, content, contract=CONTRACT, **about)


def _codes(channel: str, content: dict[str, Any], **about: Any) -> list[str]:
    return [f"{each.code} {each.part}" for each in _check(channel, content, **about)]


def test_four_mistakes_of_a_template_are_four_errors() -> None:
    found = _check("email", _email(source_kind="mjml", source=BROKEN), language="en")
    assert [
        (each.severity, each.code, each.part, each.line, each.column, each.suggestion)
        for each in found
    ] == [
        ("error", "unknown_variable", "html", 5, 27, "did you mean ctx.order.number?"),
        ("error", "unknown_filter", "html", 6, 40, "did you mean | upcase?"),
        ("error", "syntax_error", "html", 7, 9,
         "add {% endfor %} before </mj-column> in line 9"),
        ("error", "invalid_mjml", "html", 8, 9, "did you mean <mj-text>?"),
    ]  # fmt: skip
    assert {each.language for each in found} == {"en"}
    assert found[0].length == len("ctx.ordr.number")


def test_sound_content_has_no_findings() -> None:
    assert _check("email", _email()) == []
    assert _check("sms", {"text": "Order {{ ctx.order.number }}"}) == []
    assert _check("push", {"title": "Hi", "body": "{{ ctx.order.number }}"}) == []


@pytest.mark.parametrize("demo", event_types(), ids=lambda demo: str(demo.name))
def test_the_demo_mails_have_no_findings(demo: DemoType) -> None:
    names = ("subject", "preheader", "source_kind", "source", "text", "from_name")
    content = {name: getattr(demo.message, name) for name in names}
    samples = [demo.sample]
    found = check_content("email", content, contract=demo.contract, samples=samples)
    assert found == []


@pytest.mark.parametrize(
    ("channel", "content", "code"),
    [
        ("email", _email(subject=" "), "empty_subject subject"),
        ("email", _email(source=""), "invalid_content html"),
        ("email", _email(subject="{{ ctx.nix }}"), "unknown_variable subject"),
        ("email", _email(subject="x" * 61), "subject_long subject"),
        ("email", _email(preheader=""), "preheader_missing preheader"),
        ("email", _email(text="{{ ctx.nix }}"), "unknown_variable text"),
        ("email", _email(reply_to="{{ nix }}"), "unknown_variable reply_to"),
        ("email", _email(source="<div>a"), "invalid_html html"),
        ("email", _email(source="<script>{{ ctx.order.number }}</script>"),
         "unsafe_place html"),
        ("email", _email(source="<a href='{{ ctx.order.number }}'>a</a>"),
         "link_relative html"),
        ("email", _email(source="<p style='color:#aaa'>Pale</p>"), "contrast html"),
        ("email", _email(source="<img src='https://a.example/b' alt=''>"),
         "text_empty text"),
        ("email", _email(source=f"<p>{'x' * 110_000}</p>"), "html_size html"),
        ("email", _email(source="{% block 'nix' %}"), "unknown_block html"),
        ("email", _email(source=1), "invalid_content source"),
        ("email", _email(attachments=[{"url": "{{ ctx.nix }}", "name": "a"}]),
         "unknown_variable attachments/0/url"),
        ("sms", {"text": ""}, "invalid_content text"),
        ("sms", {"text": "x" * 500}, "sms_segments text"),
        ("sms", {"text": "Hi – {{ ctx.order.number }}"}, "sms_ucs2 text"),
        ("sms", {"text": "x" * 2000}, "too_long text"),
        ("push", {"body": ""}, "invalid_content body"),
        ("push", {"body": "x" * 3600}, "push_size body"),
        ("push", {"body": "x" * 4200}, "too_long "),
        ("push", {"body": "a", "data": "{"}, "invalid_json data"),
        ("push", {"body": "a", "data": '{"b": "{{ ctx.nix }}"}'},
         "unknown_variable data"),
    ],
)  # fmt: skip
def test_each_fault_of_a_field_is_found(
    channel: str, content: dict[str, Any], code: str
) -> None:
    assert _codes(channel, content) == [code]


def test_all_unsafe_places_are_found() -> None:
    source = "<p onclick='{{ ctx.order.number }}' class={{ ctx.order.number }}>a</p>"
    assert _codes("email", _email(source=source)) == [
        "unsafe_place html",
        "unquoted_value html",
    ]


def test_a_subject_that_is_far_too_long_is_said_so() -> None:
    (found,) = _check("email", _email(subject="x" * 151))
    assert "151 characters" in found.message
    assert "less than half" in found.message


def test_characters_that_cost_segments_are_named_with_a_replacement() -> None:
    (found,) = _check("sms", {"text": "Hi – you"})
    assert "–" in found.message
    assert found.suggestion == "replace – by -"


def test_a_sample_that_fails_is_an_error_with_its_name_and_place() -> None:
    samples = [Sample(ctx=CTX, label="Usual"), Sample(ctx={"items": []}, label="Empty")]
    found = _check("sms", {"text": "Hi\n{{ ctx.order.number }}"}, samples=samples)
    (failed,) = [each for each in found if each.code == "undefined_variable"]
    assert failed.severity == "error"
    assert (failed.part, failed.line, failed.column) == ("text", 2, 4)
    assert "“Empty”" in failed.message
    assert "“Usual”" not in failed.message


def test_an_amount_as_text_is_no_doubt_once_a_sample_has_shown_it() -> None:
    content = {"text": "{{ ctx.order.total | default: '0' | money: 'EUR' }}"}
    assert _codes("sms", content, samples=[]) == ["text_as_number text"]
    assert _codes("sms", content) == []


def test_an_error_elsewhere_brings_no_doubt_of_an_amount_that_a_sample_holds() -> None:
    amount = "{{ ctx.order.total | default: '0' | money: 'EUR' }}"
    broken = {"text": amount + " {{ ctx.order.nmber }}"}
    assert _codes("sms", broken) == ["unknown_variable text"]
    assert "text_as_number text" in _codes("sms", broken, samples=[])


def test_an_open_contract_makes_doubts_of_unknown_paths() -> None:
    content = {"text": "{{ ctx.ordr.number }}"}
    (found,) = _check("sms", content, contract_mode="open", samples=[])
    assert (found.severity, found.suggestion) == (
        "warning",
        "did you mean ctx.order.number?",
    )


def test_places_in_a_content_block_are_those_of_the_block() -> None:
    blocks = {"footer": BlockText(html="<p>Bye</p>\n<p>{{ ctx.nix }}</p>")}
    content = _email(source="<p>Hi</p>{% block 'footer' %}<p>{{ ctx.nox }}</p>")
    found = _check("email", content, blocks=blocks)
    assert [(each.part, each.line, each.column) for each in found] == [
        ("html", 1, 36),
        ("block/footer", 2, 7),
    ]


def test_visual_blocks_are_checked_field_by_field() -> None:
    document = {
        "version": 1,
        "settings": {},
        "blocks": [
            {"id": "b1", "kind": "text", "text": "Hi {{ ctx.ordr.number }}"},
            {"id": "b2", "kind": "button", "text": "Go", "link": ""},
        ],
    }
    found = _check("email", _email(source_kind="blocks", blocks=document))
    assert [(each.code, each.part.partition("/")[0]) for each in found] == [
        ("unknown_variable", "blocks"),
        ("link_missing", "blocks"),
    ]
    assert found[0].part == "blocks/b1/text"
    assert "href" not in found[1].message + found[1].suggestion


def test_a_finding_is_plain_data_and_reads_as_a_sentence() -> None:
    found = _check("sms", {"text": "{{ ctx.ordr.number }}"})[0]
    assert found.as_dict()["line"] == 1
    assert str(found) == (
        "text, line 1, column 4: there is no ctx.ordr.number: the event's contract "
        "does not have it; did you mean ctx.order.number?"
    )


def test_no_more_is_said_than_anybody_reads() -> None:
    found = _check("sms", {"text": "{{ ctx.nix }}" * 300})
    assert len(found) == MAX_FINDINGS


@pytest.mark.parametrize(
    "source",
    [
        *("{{ " * 500, "{% if " * 500, "<" * 2000, "<a '" * 1000, "<div>" * 1000),
        *("{% comment %}" * 300, '{{ "' * 500, "<mj-text>" * 1000),
    ],
)
def test_a_hostile_source_is_checked_all_the_same(source: str) -> None:
    found = _check("email", _email(source=source))
    assert any(each.is_error for each in found)


def test_an_image_block_without_an_image_is_an_error_at_its_field() -> None:
    """It would be left out in silence; in columns too."""
    image = {"id": "pic", "kind": "image", "alt": "A"}
    columns = [{"blocks": [{**image, "id": "inner", "src": " "}]}, {"blocks": []}]
    blocks = [
        image,
        {"id": "two", "kind": "columns", "columns": columns},
        {**image, "id": "sound", "src": "{{ ctx.order.url }}"},
    ]
    fields = {"source_kind": "blocks", "blocks": {"version": 1, "blocks": blocks}}
    found = _check("email", {"subject": "a", "preheader": "b", **fields})
    places = {each.part for each in found if each.code == "image_source"}
    assert places == {"blocks/pic/src", "blocks/inner/src"}


def test_a_fault_in_the_data_of_a_push_message_has_its_place() -> None:
    """Also behind Liquid, which is of another length than what stands for it."""
    data = '{\n  "a": "{{ ctx.order.number }}", "b": 1,,\n}'
    [found] = _check("push", {"body": "a", "data": data})
    assert (found.code, found.part) == ("invalid_json", "data")
    assert (found.line, found.column) == (2, data.split("\n")[1].index(",,") + 2)


def test_all_faults_in_the_texts_of_blocks_are_found_at_once() -> None:
    """A misspelt filter hides no misspelt path, in its block or in another."""
    texts = [
        "{{ ctx.ordr.number }} {{ ctx.order.number | upcse }}",
        "{{ ctx.order.numbr }}",
        "{% if ctx.order.total %}x",
    ]
    blocks = [
        {"id": f"b{number}", "kind": "heading", "text": text}
        for number, text in enumerate(texts)
    ]
    fields = {"source_kind": "blocks", "blocks": {"version": 1, "blocks": blocks}}
    found = _check("email", {"subject": "a", "preheader": "b", **fields})
    assert [(each.part, each.code, each.suggestion) for each in found] == [
        ("blocks/b0/text", "unknown_variable", "did you mean ctx.order.number?"),
        ("blocks/b0/text", "unknown_filter", "did you mean | upcase?"),
        ("blocks/b1/text", "unknown_variable", "did you mean ctx.order.number?"),
        ("blocks/b2/text", "syntax_error", "add {% endif %} at the end"),
    ]


def test_faults_of_options_data_and_attachments_hide_behind_no_other() -> None:
    """Each is found in the same pass."""
    push = {"title": "{{ ctx.nix }}", "body": "a", "data": "[1]"}
    options = {"ios": {"badge": "many"}}
    assert _codes("push", {**push, "options": options}) == [
        "unknown_variable title",
        "invalid_json data",
        "bad_value options/ios/badge",
    ]
    attachments = [{"url": "{{ ctx.nix }}"}, {"url": " "}]
    assert _codes("email", _email(attachments=attachments)) == [
        "unknown_variable attachments/0/url",
        "invalid_content attachments/1/url",
    ]


def test_an_address_that_no_mail_comes_from_is_an_error() -> None:
    """The channel would refuse every mail."""
    fields = {"from_address": "nobody", "reply_to": "Shop {{ ctx.order.number }}"}
    found = _codes("email", _email(**fields))
    assert found == ["bad_address from_address", "bad_address reply_to"]
    sound = {"from_address": "a@b.example", "reply_to": "Shop <a@ł.example>"}
    assert _codes("email", _email(**sound)) == []


def test_a_range_may_end_with_a_number_of_the_event() -> None:
    """It is no list, and need not be one."""
    text = "{% for i in (1..ctx.items.size) %}{{ i }}{% endfor %}"
    assert _codes("sms", {"text": text}) == []


def test_a_reply_to_that_is_nested_without_end_is_a_finding() -> None:
    """The standard library's parser follows it until Python gives up."""
    content = {
        "subject": "a",
        "source_kind": "html",
        "source": "<p>a</p>",
        "reply_to": '{"a":' * 5_000,
    }
    found = check_content("email", content, contract={}, samples=[{"a": 1}])
    assert "bad_address" in {finding.code for finding in found}
