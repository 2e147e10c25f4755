"""Every mistake of an MJML source: elements, their places, attributes, closing tags."""

from __future__ import annotations

import pytest

from templates_app.rendering.errors import RenderError
from templates_app.rendering.mjml import compile_mjml
from templates_app.rendering.mjml_lint import MjmlFault, mjml_faults
from templates_app.rendering.mjml_names import ATTRIBUTES, ELEMENTS, PARENTS
from txmsg.demo.event_types import event_types


def _in_column(inside: str) -> str:
    return (
        "<mjml><mj-body><mj-section><mj-column>"
        f"{inside}</mj-column></mj-section></mj-body></mjml>"
    )


def _only(source: str) -> MjmlFault:
    (fault,) = mjml_faults(source)
    return fault


@pytest.mark.parametrize(
    "source",
    [
        _in_column('<mj-text color="red" css-class="a" mj-class="b">Hi<br></mj-text>'),
        _in_column("{% for i in ctx.l %}<mj-text>{{ i }}</mj-text>{% endfor %}"),
        _in_column('<mj-image src="{{ ctx.a }}" alt=""/>'),
        _in_column("<mj-table><tr><td>a</td></tr></mj-table><mj-raw><p>b</p></mj-raw>"),
        "<mjml><mj-head><mj-attributes><mj-text color='red'/><mj-all x='1'/>"
        "</mj-attributes><mj-title>a</mj-title></mj-head><mj-body></mj-body></mjml>",
        _in_column("<!-- <mj-foo> --><mj-text>a</mj-text>"),
    ],
)
def test_a_sound_source_has_no_faults(source: str) -> None:
    assert mjml_faults(source) == []


@pytest.mark.parametrize("demo", event_types(), ids=lambda demo: str(demo.name))
def test_the_demo_mails_have_no_faults(demo: object) -> None:
    assert mjml_faults(demo.message.source) == []  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("inside", "weight", "message", "suggestion"),
    [
        ("<mj-txt>a</mj-txt>", "fatal", "no element <mj-txt>", "mean <mj-text>?"),
        ("<mj-txt>a</mj-text>", "fatal", "no element <mj-txt>", "mean <mj-text>?"),
        ("<mj-text>a", "fatal", "<mj-text> is not closed", "add </mj-text> before </"),
        ("</i>", "fatal", "</i> has no beginning", "take it away"),
        ("<mj-text>a < b</mj-text>", "fatal", "no complete tag", ""),
        ("<mj-text><b>a</mj-text>", "fatal", "<b> is not closed", "add </b> before"),
        ("<mj-text color=red>a</mj-text>", "fatal", 'written name="value"', ""),
        ("<mj-text {% if a %} {% endif %}>a</mj-text>", "fatal", "around whole", ""),
        ("<mj-include path='a'/>", "fatal", "not available", "{% block 'name' %}"),
        ("<mj-text font-szie='1'>a</mj-text>", "error", "font-szie", "font-size?"),
        ("<mj-text foo='1'>a</mj-text>", "warning", "no attribute foo", ""),
        ("<mj-section></mj-section>", "error", "cannot stand in <mj-column>", "<mj-b"),
        ("<p>a</p>", "warning", "holds MJML elements only", "put it into <mj-text>"),
    ],
)
def test_each_mistake_is_named_with_a_suggestion(
    inside: str, weight: str, message: str, suggestion: str
) -> None:
    fault = _only(_in_column(inside))
    assert fault.weight == weight
    assert message in fault.message
    assert suggestion in fault.suggestion


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("<mjml><mj-body><mj-text>a</mj-text></mj-body></mjml>", "in <mj-body>"),
        ("<mj-body></mj-body>", "outside of <mjml>"),
        ("<p>a</p>", "begins with <mjml>"),
        ("<mjml><mj-body></mj-body>", "<mjml> is never closed"),
        ("<mjml><mj-body></mj-body><mj-head></mj-head></mjml>", "after <mj-body>"),
    ],
)
def test_the_outermost_elements_have_their_order(source: str, message: str) -> None:
    assert any(message in fault.message for fault in mjml_faults(source))


def test_all_mistakes_are_found_in_one_pass_and_in_their_order() -> None:
    source = _in_column(
        "<mj-foo>a</mj-foo>\n<mj-text colr='red'>b\n<mj-button>c</mj-buton>"
    )
    offsets = [fault.offset for fault in mjml_faults(source)]
    assert len(offsets) == 5
    assert offsets == sorted(offsets)


def test_a_place_is_an_index_of_the_source() -> None:
    source = _in_column("{{ ctx.a }}<mj-foo>é</mj-foo>")
    fault = _only(source)
    assert source[fault.offset :].startswith("<mj-foo")
    assert fault.length == len("<mj-foo")


def test_the_compiler_refuses_what_is_fatal_alone() -> None:
    assert (
        "a" in compile_mjml(_in_column("<mj-text foo='1'>a</mj-text>"), part="html")[0]
    )
    with pytest.raises(RenderError, match="no element <mj-foo>"):
        compile_mjml(_in_column("<mj-foo/><mj-bar/>"), part="html")


def test_every_parent_is_an_element_and_every_element_has_attributes() -> None:
    assert set().union(*PARENTS.values()) <= ELEMENTS
    assert ATTRIBUTES.keys() == ELEMENTS


def test_a_misspelt_end_is_named() -> None:
    (fault,) = mjml_faults(_in_column("<mj-text>a</mj-txt>"))
    assert fault.message == "there is no element <mj-txt>"
    assert fault.suggestion == "write </mj-text>"


@pytest.mark.parametrize(
    "source", ["<mj-text align='left>x</mj-text>", "<mj-text>x</mj-text></mj-column>"]
)
def test_one_mistake_makes_no_further_ones(source: str) -> None:
    assert len(mjml_faults(_in_column(source))) == 1


def test_a_comment_without_an_end_is_one_fault() -> None:
    (fault,) = mjml_faults(_in_column("<!-- <mj-text>a</mj-text>"))
    assert fault.suggestion == "add -->"
