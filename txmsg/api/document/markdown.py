"""The document as pages of the reference: what can be read off the code, in Markdown.

`docs/reference/errors.md` is made whole; in `docs/reference/api.md` what stands between
two marks is. `manage.py openapi --reference` writes them, and a test compares them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from txmsg.api.document import codes, outline
from txmsg.api.document.assembling import assemble
from txmsg.api.document.codes import Code
from txmsg.api.document.outline import Field, Operation

API, ERRORS = "api.md", "errors.md"
_MARKS = "<!-- {name}: made by manage.py openapi -->\n{text}<!-- end -->\n"
_MARKED = re.compile(
    r"<!-- (\w+): made by manage\.py openapi -->\n.*?<!-- end -->\n", re.DOTALL
)
_BESIDE = (
    ("GET", "/api/v1/docs", "All of this as a page", "200", "none"),
    ("GET", "/healthz", "Say that the web process lives; asks nobody", "200", "none"),
    (
        "GET",
        "/readyz",
        "Say whether all is there that sending needs",
        "200, or 503 with what is missing",
        "none",
    ),
)
_ABOUT_ERRORS = """\
# Errors

What is refused is answered as `application/problem+json`; its shape is described \
[with the API](api.md#errors). `code` is one of those below. Nothing was stored of a \
refused request, and the same code always means the same.

A code with the status 202 is a warning: it stands in the `warnings` of an event that \
was accepted. *Again* says whether the same request may succeed later; with \
`Retry-After`, after that many seconds.

"""


def pages(folder: Path) -> dict[Path, str]:
    """Return the pages of a folder of references as they should be, by path."""
    document = assemble(None)
    parts = {"addresses": _addresses(document), "fields": _fields(document)}
    api = folder / API
    return {
        api: with_parts(api.read_text(encoding="utf-8"), parts),
        folder / ERRORS: errors(),
    }


def with_parts(text: str, parts: Mapping[str, str]) -> str:
    """Return a page with what stands between its marks made anew."""
    return _MARKED.sub(
        lambda found: _MARKS.format(name=found[1], text=parts[found[1]]), text
    )


def errors() -> str:
    """Return the page of every code, with its cause and its cure."""
    rows = [
        [f"`{code.name}`", _statuses(code), code.cause, code.cure, _again(code)]
        for code in codes.codes()
    ]
    return _ABOUT_ERRORS + _table(["Code", "Status", "Cause", "Cure", "Again"], rows)


def _statuses(code: Code) -> str:
    return ", ".join(str(status) for status in code.statuses)


def _again(code: Code) -> str:
    return "yes" if code.is_retryable else "no"


def _addresses(document: Mapping[str, Any]) -> str:
    rows = [
        [
            f"`{each.method} {each.path}`",
            each.summary,
            ", ".join(str(answer.status) for answer in each.answers),
            ", ".join(f"`{scope}`" for scope in each.scopes) or "none",
        ]
        for each in _every(document)
    ]
    beside = [[f"`{method} {path}`", *rest] for method, path, *rest in _BESIDE]
    return _table(["Address", "Does", "Answers", "Scope"], rows + beside)


def _fields(document: Mapping[str, Any]) -> str:
    return "\n".join("\n".join(_told(each)) for each in _every(document))


def _told(operation: Operation) -> Iterator[str]:
    """Yield the paragraphs of an operation."""
    yield f"### {operation.method} {operation.path}\n"
    yield f"{operation.summary}. {operation.about}".strip() + "\n"
    if operation.parameters:
        yield _of_fields("Parameter", operation.parameters)
    if operation.body:
        yield _of_fields("Body", operation.body)
    for answer in operation.answers:
        named = ", ".join(f"`{name}`" for name in answer.headers)
        headers = f" Headers: {named}." if named else ""
        yield f"**{answer.status}** {answer.about}{headers}\n"
    shown = next((each.fields for each in operation.answers if each.fields), [])
    if shown:
        yield _of_fields("Answer", shown, must="always")
    refused = ", ".join(str(status) for status, _ in operation.refusals)
    yield f"Refusals: {refused}; see [errors](errors.md).\n"


def _of_fields(title: str, fields: Iterable[Field], *, must: str = "required") -> str:
    rows = [
        [
            f"`{field.name}`",
            field.kind + (f", {must}" if field.is_required else ""),
            field.about,
        ]
        for field in fields
    ]
    return _table([title, "Kind", "Meaning"], rows)


def _every(document: Mapping[str, Any]) -> Iterator[Operation]:
    for operations in outline.subjects_of(document).values():
        yield from operations


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(head)
    lines = [names, ["---"] * len(names), *(list(row) for row in rows)]
    shown = [
        "|" + "|".join(f" {cell} " if cell != "---" else cell for cell in line) + "|"
        for line in [[cell.replace("|", "\\|") for cell in line] for line in lines]
    ]
    return "\n".join(shown) + "\n"
