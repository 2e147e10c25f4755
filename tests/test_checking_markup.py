"""Links, images, elements and contrast: what a body may not have."""

from __future__ import annotations

import pytest

from templates_app.checking.colors import BLACK, WHITE, color_of, hex_of, ratio
from templates_app.checking.contrast import pale_texts
from templates_app.checking.elements import element_faults
from templates_app.checking.links import link_faults

_PICTURE = '<img src="https://shop.example/a.png" alt="">'


@pytest.mark.parametrize(
    "source",
    [
        '<a href="https://shop.example/a?b=c">x</a>',
        '<a href="{{ ctx.url }}">x</a><a href="https://shop.example/{{ ctx.a }}">x</a>',
        '<a href="mailto:help@shop.example">x</a><a href="tel:+15550100">x</a>',
        '<a href="{% if ctx.a %}https://a.example{% else %}#{% endif %}">x</a>',
        f'<a name="top"></a><a href="#top">x</a><a href="https://b.example">{_PICTURE}</a>',
        '<a href="https://b.example">{{ ctx.a }}</a>',
        '<mj-button href="https://b.example">Go</mj-button>',
        "<mj-attributes><mj-button color='red'/><mj-image width='1'/></mj-attributes>",
        '<mj-image src="{{ ctx.picture }}" alt="{{ ctx.name }}"/>',
        '<img src="cid:logo" alt="Logo">',
    ],
)
def test_sound_links_and_images_have_no_faults(source: str) -> None:
    assert list(link_faults(source)) == []


@pytest.mark.parametrize(
    ("source", "severity", "code"),
    [
        ('<a href="">x</a>', "error", "link_empty"),
        ("<a href=' '>x</a>", "error", "link_empty"),
        ("<a>x</a>", "error", "link_missing"),
        ("<mj-button>x</mj-button>", "error", "link_missing"),
        ('<a href="javascript:alert(1)">x</a>', "error", "link_scheme"),
        ('<a href="ftp://a.example">x</a>', "error", "link_scheme"),
        ('<a href="/cart">x</a>', "error", "link_relative"),
        ('<a href="www.shop.example">x</a>', "error", "link_relative"),
        ('<a href="#">x</a>', "warning", "link_placeholder"),
        ('<a href="http://example.com">x</a>', "warning", "link_placeholder"),
        ('<a href="https://">x</a>', "warning", "link_placeholder"),
        ('<a href="http://shop.example">x</a>', "warning", "link_http"),
        ('<a href="https://b.example"> <b></b></a>', "warning", "link_text"),
        ('<a href="{{ ctx.a }}"></a>', "warning", "link_text"),
        ('<img alt="a">', "error", "image_source"),
        ('<img src="" alt="a">', "error", "image_source"),
        ('<img src="logo.png" alt="a">', "error", "image_source"),
        ('<img src="file:///a.png" alt="a">', "error", "image_source"),
        ('<img src="http://shop.example/a.png" alt="a">', "warning", "image_http"),
        ('<img src="data:image/png;base64,AA" alt="a">', "warning", "image_data"),
        ('<img src="https://shop.example/a.png">', "warning", "image_alt"),
        ('<mj-image src="https://shop.example/a.png" />', "warning", "image_alt"),
    ],
)
def test_each_fault_of_a_link_or_image_has_its_place(
    source: str, severity: str, code: str
) -> None:
    (fault,) = link_faults("\n" + source)
    assert (fault.severity, fault.code) == (severity, code)
    assert 0 < fault.offset <= len(source)
    assert fault.suggestion


@pytest.mark.parametrize(
    "source",
    [
        "<div><p>a<br>b<p>c</div>",
        "<ul><li>a<li>b</ul><table><tr><td>a</table>",
        "{% if a %}<div class='x'>{% else %}<div>{% endif %}a</div>",
        "{% case a %}{% when 1 %}<b>{% when 2 %}<i><b></b></i><b>{% endcase %}x</b>",
        "{% for a in b %}<tr><td>{{ a }}</td></tr>{% endfor %}",
        "<!--[if mso]><table><tr><td><![endif]--><div>a</div>",
        '<a title="a > b">x</a><img src="x" />',
    ],
)
def test_elements_that_belong_together_have_no_faults(source: str) -> None:
    assert element_faults(source) == []


@pytest.mark.parametrize(
    ("source", "message", "suggestion"),
    [
        ("<div><b>a</div>", "<b> is never closed", "add </b> before </div> in line 1"),
        ("<div>a", "<div> is never closed", "add </div> where it ends"),
        ("a</span>", "</span> has no beginning", "take it away"),
        ("{% if a %}<div>{% endif %}", "<div> is never closed", "add </div>"),
        ("a < b", "no complete tag", "&lt;"),
    ],
)
def test_elements_that_are_not_closed_are_named(
    source: str, message: str, suggestion: str
) -> None:
    (fault,) = element_faults(source)
    assert message in fault.message
    assert suggestion in fault.suggestion


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#fff", "#ffffff"),
        ("#1D2421", "#1d2421"),
        ("#102030ff", "#102030"),
        ("rgb(16, 32, 48)", "#102030"),
        ("rgba(16,32,48,1)", "#102030"),
        ("Navy", "#000080"),
    ],
)
def test_colours_are_read_however_they_are_written(text: str, expected: str) -> None:
    color = color_of(text)
    assert color is not None
    assert hex_of(color) == expected


@pytest.mark.parametrize(
    "text", ["", "inherit", "rgba(0,0,0,.5)", "#0000", "var(--a)", "nocolour", "rgb(1)"]
)
def test_what_is_no_opaque_colour_is_none(text: str) -> None:
    assert color_of(text) is None


def test_contrast_is_that_of_the_web_guidelines() -> None:
    assert ratio(BLACK, WHITE) == pytest.approx(21)
    grey = color_of("#767676")
    assert grey is not None
    assert ratio(grey, WHITE) == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ('<p style="color:#999">a</p>', ["#999999 on #ffffff"]),
        ('<p style="color:#767676">a</p>', []),
        ('<td bgcolor="#000000">a</td>', ["#000000 on #000000"]),
        ('<div style="background:#000"><p style="color:#fff">a</p></div>', []),
        ('<p style="font-size:30px;color:#888">a</p>', []),
        ('<p style="display:none;color:#fff">a</p>', []),
        ('<p style="color:rgba(0,0,0,.1)">a</p>', []),
        ('<td style="background:url(a.png)"><p style="color:#eee">a</p></td>', []),
        ("<style>.a{color:#ccc}</style><p class='a'>a</p><p>b</p>",
         ["#cccccc on #ffffff"]),
        ("<style>.b .a{color:#ccc}</style><p class='a'>a</p>", []),
        ("<style>a:hover{color:#ccc}</style><a>a</a>", []),
        ("<p style='color:#fff'> &nbsp; </p>", []),
        ("<title style='color:#fff'>a</title>", []),
    ],
)  # fmt: skip
def test_text_that_is_hard_to_read_is_found(html: str, found: list[str]) -> None:
    pale = [f"{each.color} on {each.background}" for each in pale_texts(html)]
    assert pale == found


_DARK = "<style>@media (prefers-color-scheme: dark) {{ {} }}</style>"


@pytest.mark.parametrize(
    ("rules", "body", "found"),
    [
        ("body { background: #111 !important }",
         '<body style="background:#fff"><p style="color:#333">a</p></body>', 1),
        ("body { background: #111 !important } p { color: #eee !important }",
         '<body style="background:#fff"><p style="color:#333">a</p></body>', 0),
        # Without !important the element's own style wins.
        ("p { color: #eee }", '<p style="color:#333">a</p>', 0),
        (".page p { color: #eee !important }", '<p style="color:#333">a</p>', 0),
        (".page p { color: #eee !important }",
         '<div class="page"><p style="color:#333">a</p></div>', 1),
    ],
)  # fmt: skip
def test_dark_is_judged_by_the_rules_of_the_mail(
    rules: str, body: str, found: int
) -> None:
    pale = pale_texts(_DARK.format(rules) + body)
    assert [each.is_dark for each in pale] == [True] * found


def test_a_broken_tag_makes_no_further_faults() -> None:
    """What closes it has its beginning there."""
    (fault,) = element_faults("<div class='a>x</div><p>y</p>")
    assert fault.offset == 0
    (fault,) = element_faults("<p>a</p><!-- <b>c</b>")
    assert (fault.offset, fault.suggestion) == (8, "add -->")
