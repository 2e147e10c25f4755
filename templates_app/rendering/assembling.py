"""What will be parsed, put together from what an author wrote.

Content blocks are written out and a block document becomes MJML, so that compiling and
checking read the same texts and name the same places.
"""

from __future__ import annotations

from collections.abc import Iterator

from templates_app.rendering.blocks import mjml_of, problems_of_document
from templates_app.rendering.errors import RenderError
from templates_app.rendering.expanding import (
    JSON_ESCAPES,
    Blocks,
    Report,
    check_characters,
)
from templates_app.rendering.expanding import expanded as expanded_source
from templates_app.rendering.fields import Content
from templates_app.rendering.sources import Source

_TEXTS = (
    *("subject", "preheader", "text", "from_name", "from_address", "reply_to"),
    *("sender", "title", "body", "image"),
)

# Faults in the texts of a block document, which leave its shape as it is.
IN_TEXTS = frozenset(
    {
        *("syntax_error", "unknown_filter", "unknown_tag", "invalid_mjml"),
        *("unsafe_place", "unquoted_value"),
    }
)


def assembled(
    content: Content,
    blocks: Blocks | None,
    *,
    report: Report | None = None,
    mark: bool = False,
) -> dict[str, Source]:
    """Return the texts that will be parsed, by part; empty fields are left out.

    ``html`` is the expanded MJML or HTML, for a block document the MJML made of it
    (left out when its shape has faults); ``attachments/<n>/url`` and ``…/name``,
    and ``options/<platform>/<name>``, are plain text, and so is ``data``: JSON.
    Raises RenderError at the first fault; with `report`, all faults are reported.
    `mark` is that of `mjml_of`.
    """
    sources: dict[str, Source] = {}
    html = _html(content, blocks, report=report, mark=mark)
    if html is not None:
        sources["html"] = html
    for part, text in _texts(content):
        if text:
            typed = Source.typed(text, part=part)
            sources[part] = expanded_source(typed, blocks, html=False, report=report)
    if content.data.strip():
        data = Source.typed(content.data, part="data")
        sources["data"] = expanded_source(
            data, blocks, html=False, report=report, escapes=JSON_ESCAPES
        )
    for source in sources.values():
        check_characters(source, report=report or _raise)
    return sources


def _raise(error: RenderError) -> None:
    raise error


def _texts(content: Content) -> Iterator[tuple[str, str]]:
    for name in _TEXTS:
        yield name, getattr(content, name)
    for number, attachment in enumerate(content.attachments):
        for name in ("url", "name"):
            yield f"attachments/{number}/{name}", attachment.get(name, "")
    for platform, values in content.options.items():
        if isinstance(values, dict):
            for name, value in values.items():
                if isinstance(value, str):
                    yield f"options/{platform}/{name}", value


def _html(
    content: Content, blocks: Blocks | None, *, report: Report | None, mark: bool
) -> Source | None:
    if content.source_kind != "blocks":
        if not content.source.strip():
            return None
        typed = Source.typed(content.source, part="html")
        return expanded_source(typed, blocks, html=True, report=report)
    if not content.blocks:
        return None
    if report is None:
        return mjml_of(content.blocks, mark=mark, blocks=blocks)
    problems = problems_of_document(content.blocks, blocks=blocks)
    for problem in problems:
        report(problem)
    if any(problem.code not in IN_TEXTS for problem in problems):
        return None
    return mjml_of(content.blocks, mark=mark, blocks=blocks, is_checked=True)
