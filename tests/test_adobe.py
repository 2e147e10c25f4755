from __future__ import annotations

import pytest

from templates_app.rendering.adobe import rewritten


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("<%= rtEvent.ctx.a.b %>", "{{ rtEvent.ctx.a.b }}"),
        ("<%=rtEvent.ctx.a[0].b; %>", "{{ rtEvent.ctx.a[0].b }}"),
        ("<%= rtEvent.ctx['a b'].c %>", "{{ rtEvent.ctx['a b'].c }}"),
        ("<%= rtEvent.ctx.order.limit %>", "{{ rtEvent.ctx.order['limit'] }}"),
        ("x <%= rtEvent.ctx.a %> y", "x {{ rtEvent.ctx.a }} y"),
        ("no code", "no code"),
    ],
)
def test_a_plain_path_becomes_liquid(given: str, wanted: str) -> None:
    assert rewritten(given) == (wanted, [])


@pytest.mark.parametrize(
    "code",
    [
        "<%= escapeXml(rtEvent.ctx.a) %>",
        '<%= formatDate(rtEvent.ctx.d, "%4Y") %>',
        "<% if (rtEvent.ctx.a) { %>",
        "<%@ include view='MirrorPage' %>",
        "<%= recipient.firstName %>",
        "<%= rtEvent.ctx.a + 1 %>",
        "<%= rtEvent.ctxual %>",
        "<%= rtEvent.ctx['{{'] %>",
    ],
)
def test_anything_else_stays_and_is_reported(code: str) -> None:
    assert rewritten(f"a {code} b") == (f"a {code} b", [code])


def test_a_long_expression_is_reported_in_short() -> None:
    ((only,),) = (rewritten(f"<% {'x ' * 200} %>")[1],)

    assert len(only) == 80
    assert only.endswith("…")
