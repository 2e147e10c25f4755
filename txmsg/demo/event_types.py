"""The five demo event types, each with its contract, a sample and its email.

`types/*.json` holds what an event type and a message are, `content/` their MJML and
text. Knows nothing of models: whoever loads this decides which rows it becomes.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
_NAMES = (
    "order.confirmed",
    "password.reset",
    "cart.abandoned",
    "order.shipped",
    "invoice.due",
)
_INCLUDE = re.compile(r'^[ \t]*<mj-include path="([^"]+)" />\n', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class DemoMessage:
    """The email of one type; every text but `source_kind` may hold Liquid."""

    internal_name: str
    label: str
    description: str
    subject: str
    preheader: str
    source_kind: str
    source: str
    text: str
    from_name: str
    reply_to: str


@dataclass(frozen=True, slots=True)
class DemoType:
    """One event type; `contract` is a JSON Schema of `ctx`, `sample` a `ctx` for it.

    `sensitive_paths` are dotted and start below `ctx`: ``"reset.link"``.
    """

    name: str
    label: str
    description: str
    lane: str
    ttl_seconds: int
    contract: dict[str, Any]
    sensitive_paths: list[str]
    sample: dict[str, Any]
    message: DemoMessage


def event_types() -> list[DemoType]:
    """Return the five demo types, always in the same order and as fresh objects."""
    return [_load(name) for name in _NAMES]


def _load(name: str) -> DemoType:
    facts = json.loads(_read(f"types/{name}.json"))
    facts["message"] = _message(facts["message"])
    return DemoType(**facts)


def _message(facts: dict[str, str]) -> DemoMessage:
    name = facts["internal_name"]
    return DemoMessage(
        **facts,
        source_kind="mjml",
        source=_INCLUDE.sub(_included, _read(f"content/{name}.mjml")),
        text=_read(f"content/{name}.txt"),
    )


def _included(match: re.Match[str]) -> str:
    """Return the shared piece, so that each template stands alone once loaded."""
    return _read(f"content/{match[1]}")


@cache
def _read(path: str) -> str:
    return (_HERE / path).read_text(encoding="utf-8")
