"""The request that posts an event of a type, as code that runs as it stands.

The caller's key is left to the environment variable TXMSG_KEY.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from events import contract
from events.json_text import as_text
from events.models import Channel, EventType

MAX_ITEMS = 2
"""Items that a collection of the sample keeps: enough to see that it is one."""
_RECIPIENTS: dict[str, dict[str, Any]] = {
    Channel.EMAIL: {"email": "ada@example.com", "name": "Ada"},
    Channel.SMS: {"phone": "+15005550006", "name": "Ada"},
    Channel.PUSH: {
        "push": [{"platform": "fcm", "token": "the-token-of-the-device"}],
        "name": "Ada",
    },
}
_PYTHON = """\
import json
import os
import urllib.error
import urllib.request

body = {body}

request = urllib.request.Request(
    {address},
    data=json.dumps(body).encode(),
    headers={{
        "Authorization": f"Bearer {{os.environ['TXMSG_KEY']}}",
        "Content-Type": "application/json",
    }},
)
try:
    with urllib.request.urlopen(request, timeout=10) as answer:
        print(answer.status, answer.read().decode())
except urllib.error.HTTPError as refusal:
    print(refusal.code, refusal.read().decode())
"""
_JAVASCRIPT = """\
const body = {body};

fetch({address}, {{
  method: "POST",
  headers: {{
    Authorization: `Bearer ${{process.env.TXMSG_KEY}}`,
    "Content-Type": "application/json",
  }},
  body: JSON.stringify(body),
}}).then(async (answer) => console.log(answer.status, await answer.text()));
"""


@dataclass(frozen=True, slots=True)
class Snippet:
    """The request in one language; `key` names it in the page."""

    key: str
    label: str
    code: str


def body_of(event_type: EventType, sample: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of the request: a sample, addressed for the type's channel.

    Lists are cut to two items unless the contract then refuses them.
    """
    order = event_type.channel_order or [Channel.EMAIL]
    live = [name for name in order if name in event_type.live_channels]
    channel = (live or order)[0]
    ctx = _cut(dict(sample))
    try:
        if contract.faults_of(ctx, event_type.contract):
            ctx = dict(sample)
    except contract.BrokenContract:
        ctx = dict(sample)
    return {"type": event_type.name, "recipient": _RECIPIENTS[channel], "ctx": ctx}


def snippets_of(body: Mapping[str, Any], *, address: str) -> list[Snippet]:
    """Return the request as curl, Python and JavaScript."""
    text = as_text(body)
    curl = (
        f"curl -sS {shlex.quote(address)} \\\n"
        '  -H "Authorization: Bearer $TXMSG_KEY" \\\n'
        "  -H 'Content-Type: application/json' \\\n"
        f"  --data {shlex.quote(text)}"
    )
    python = _PYTHON.format(body=_python(body), address=_quoted(address))
    javascript = _JAVASCRIPT.format(body=text, address=json.dumps(address))
    return [
        Snippet("curl", "curl", curl),
        Snippet("python", "Python", python),
        Snippet("javascript", "JavaScript", javascript),
    ]


def _cut(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _cut(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_cut(each) for each in value[:MAX_ITEMS]]
    return value


def _python(value: Any, indent: str = "") -> str:
    """Return data as a Python literal, a member a line."""
    inner = f"{indent}    "
    if isinstance(value, Mapping) and value:
        lines = [f"{_quoted(k)}: {_python(each, inner)}" for k, each in value.items()]
    elif isinstance(value, list) and value:
        lines = [_python(each, inner) for each in value]
    elif isinstance(value, str):
        return _quoted(value)
    else:
        return repr(dict(value) if isinstance(value, Mapping) else value)
    opening, closing = "{}" if isinstance(value, Mapping) else "[]"
    body = "".join(f"{inner}{line},\n" for line in lines)
    return f"{opening}\n{body}{indent}{closing}"


def _quoted(text: str) -> str:
    """Return a text as a Python literal, in double quotes where that reads well."""
    literal = repr(text)
    if literal.startswith("'") and '"' not in text and "\\" not in literal:
        return f'"{literal[1:-1]}"'
    return literal
