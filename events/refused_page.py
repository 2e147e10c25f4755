"""What the page of a refused request shows: its body by line, and how to send it."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import Any

from events import api_preview, marked_json, strict_json
from events.body_masking import OMITTED
from events.marked_json import Line
from events.models import RefusedRequest

_PROBLEM = ("type", "title", "status", "detail", "code", "retryable", "errors")
_FAULT = ("pointer", "code", "message")
_LINE = re.compile(r"\bat line (\d+)\b")


@dataclass(frozen=True, slots=True)
class RefusedPage:
    """A refused request as its page shows it."""

    refused: RefusedRequest
    lines: list[Line]
    problem: str
    curl: str


def page_of(refused: RefusedRequest, *, address: str) -> RefusedPage:
    """Return the page of a refused request; `address` is that of this server."""
    return RefusedPage(
        refused,
        lines=_lines(refused),
        problem=strict_json.dumps(_in_order(refused.problem), indent=2),
        curl=_curl(refused, f"{address}{refused.path}"),
    )


def _in_order(problem: dict[str, Any]) -> dict[str, Any]:
    """Return problem details as they were answered; the database orders keys anew."""
    errors = [{name: fault[name] for name in _FAULT} for fault in problem["errors"]]
    rest = {name: value for name, value in problem.items() if name not in _PROBLEM}
    first = {name: problem[name] for name in _PROBLEM}
    request_id = rest.pop("request_id")
    return {**first, "errors": errors, **rest, "request_id": request_id}


def _lines(refused: RefusedRequest) -> list[Line]:
    if not refused.body:
        return []
    if refused.body_is_json:
        faults = [(one["pointer"], one["message"]) for one in refused.problem["errors"]]
        body = strict_json.read(refused.body)
        return marked_json.lines_of(body, faults, omitted=OMITTED)
    sentence = refused.problem["detail"]
    found = _LINE.search(sentence)
    faults_by_line = {int(found[1]): sentence} if found else {}
    return marked_json.plain_lines(refused.body, faults_by_line)


def _curl(refused: RefusedRequest, address: str) -> str:
    if refused.body_is_json:
        body = _without_omitted(strict_json.read(refused.body))
        return api_preview.snippets_of(body, address=address)[0].code
    data = f" \\\n  --data {shlex.quote(refused.body)}" if refused.body else ""
    return (
        f"curl -sS -X POST {shlex.quote(address)} \\\n"
        '  -H "Authorization: Bearer $TXMSG_KEY" \\\n'
        f"  -H 'Content-Type: application/json'{data}"
    )


def _without_omitted(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _without_omitted(item) for key, item in value.items() if key != OMITTED
        }
    if isinstance(value, list):
        return [_without_omitted(item) for item in value if item != OMITTED]
    return value
