from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from events.masking import mask_context
from templates_app.rendering import RenderContext, RenderError
from templates_app.rendering.formatting import Formats
from templates_app.rendering.liquid import Template, parse

FROZEN = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)


def make_context(
    ctx: dict[str, Any] | None = None,
    *,
    language: str = "en",
    content_language: str | None = None,
    timezone: str = "UTC",
    **recipient: Any,
) -> RenderContext:
    """Return a context; the content is in the recipient's language unless said."""
    return RenderContext(
        ctx=ctx or {},
        recipient={
            "name": "Zoë",
            "language": language,
            "timezone": timezone,
            **recipient,
        },
        event={"id": "e-1", "type": "order.confirmed"},
        message={"internal_name": "order", "label": "Order", "version": 3},
        metadata={"trace": "t-1"},
        frozen_at=FROZEN,
        content_language=content_language or language,
    )


def render(source: str, context: RenderContext | None = None, **ctx: Any) -> str:
    return _render(source, context or make_context(ctx), html=True)


def render_plain(source: str, context: RenderContext | None = None, **ctx: Any) -> str:
    return _render(source, context or make_context(ctx), html=False)


def _render(source: str, context: RenderContext, *, html: bool) -> str:
    """Return what python-liquid renders; the compiled template says the same."""
    template = parse(source, html=html, part="html" if html else "text")
    quick = Template(template.source, template.part, template.bound).prepare()
    inputs = context.variables(), Formats.of(context)
    assert _outcome(quick.render, inputs) == _outcome(template.interpreted, inputs)
    return template.render(*inputs)


def _outcome(render: Callable[..., str], inputs: tuple[Any, Formats]) -> Any:
    try:
        return render(*inputs)
    except RenderError as error:
        return error.as_dict()


def test_all_roots_are_there_and_rtevent_is_the_event() -> None:
    source = (
        "{{ ctx.a }} {{ event.ctx.a }} {{ rtEvent.ctx.a }} {{ rtEvent.id }} "
        "{{ event.metadata.trace }} {{ recipient.name }} {{ message.version }}"
    )

    assert render(source, a=1) == "1 1 1 e-1 t-1 Zoë 3"


def test_now_and_today_are_the_frozen_moment_in_the_recipients_zone() -> None:
    context = make_context(timezone="Asia/Tokyo")

    assert render("{{ now }} {{ today }}", context) == (
        "2026-11-24T08:30:00+09:00 2026-11-24"
    )


def test_unknown_language_and_zone_fall_back_without_an_error() -> None:
    context = make_context(language="xx-Nope", timezone="Mars/Olympus")

    assert (context.language, context.timezone) == ("en", "UTC")
    assert make_context(language="pt-BR").language == "pt-BR"
    assert make_context(language="de-XX").language == "de"
    assert make_context(timezone="../etc/passwd").timezone == "UTC"


def test_masking_hides_the_values_at_the_paths_and_leaves_the_original() -> None:
    ctx = {"reset": {"link": "https://a.b/c", "n": 1}, "items": [{"code": 1}, {}]}

    masked = mask_context(ctx, ["reset.link", "items[].code", "ctx.not.there", "x[]"])

    assert masked == {
        "reset": {"link": "••••", "n": 1},
        "items": [{"code": "••••"}, {}],
    }
    assert ctx["reset"] == {"link": "https://a.b/c", "n": 1}


def test_masking_a_whole_list_or_object_hides_it_whole() -> None:
    assert mask_context({"codes": [1, 2]}, ["codes"]) == {"codes": "••••"}
    assert mask_context({"codes": [1, 2]}, ["codes[]"]) == {"codes": ["••••", "••••"]}


def test_rendering_needs_no_django() -> None:
    code = (
        "import sys, templates_app.rendering\n"
        "assert not any(name.partition('.')[0] == 'django' for name in sys.modules)"
    )

    subprocess.run([sys.executable, "-c", code], check=True)


def test_formats_follow_the_contents_language_where_the_recipients_is_another() -> None:
    """A Polish date has no place in an English sentence; a British one has."""
    source = "{{ '2026-12-07' | date: 'long' }}"
    polish = make_context(language="pl", content_language="en")
    british = make_context(language="en-GB", content_language="en")
    assert render(source, polish) == "December 7, 2026"
    assert render(source, british) == "7 December 2026"
