"""A request, such as the one that posts an event of a type, as code that runs.

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
{imports}
{body}request = urllib.request.Request(
    {address},
{lines}
)
try:
    with urllib.request.urlopen(request, timeout=10) as answer:
        print(answer.status, answer.read().decode())
except urllib.error.HTTPError as refusal:
    print(refusal.code, refusal.read().decode())
"""
_JAVASCRIPT = """\
{body}fetch({address}, {{
  method: {method},
  headers: {{
{headers}
  }},{sent}
}}).then(async (answer) => console.log(answer.status, await answer.text()));
"""
_JSON = {"Content-Type": "application/json"}


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


def snippets_of(
    body: Mapping[str, Any] | None,
    *,
    address: str,
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
) -> list[Snippet]:
    """Return a request as curl, Python and JavaScript; without a body, sends none."""
    own = {**(_JSON if body is not None else {}), **(headers or {})}
    return [
        Snippet("curl", "curl", _as_curl(body, address, method, own)),
        Snippet("python", "Python", _as_python(body, address, method, own)),
        Snippet("javascript", "JavaScript", _as_javascript(body, address, method, own)),
    ]


def _as_curl(
    body: Mapping[str, Any] | None,
    address: str,
    method: str,
    headers: Mapping[str, str],
) -> str:
    is_plain = method == ("GET" if body is None else "POST")
    first = "curl -sS " if is_plain else f"curl -sS -X {method} "
    lines = [f"{first}{shlex.quote(address)}", '-H "Authorization: Bearer $TXMSG_KEY"']
    lines += [f"-H {shlex.quote(f'{name}: {it}')}" for name, it in headers.items()]
    if body is not None:
        lines.append(f"--data {shlex.quote(as_text(body))}")
    return " \\\n  ".join(lines)


def _as_python(
    body: Mapping[str, Any] | None,
    address: str,
    method: str,
    headers: Mapping[str, str],
) -> str:
    imports = ["os", "urllib.error", "urllib.request"]
    lines = []
    if body is not None:
        imports.insert(0, "json")
        lines.append("data=json.dumps(body).encode(),")
    if method != ("GET" if body is None else "POST"):
        lines.append(f"method={_quoted(method)},")
    named = [f"    {_quoted(name)}: {_quoted(it)}," for name, it in headers.items()]
    key = '    "Authorization": f"Bearer {os.environ[\'TXMSG_KEY\']}",'
    lines += ["headers={", key, *named, "},"]
    return _PYTHON.format(
        imports="".join(f"import {name}\n" for name in imports),
        body=f"body = {_python(body)}\n\n" if body is not None else "",
        address=_quoted(address),
        lines="\n".join(f"    {line}" for line in lines),
    )


def _as_javascript(
    body: Mapping[str, Any] | None,
    address: str,
    method: str,
    headers: Mapping[str, str],
) -> str:
    named = ["Authorization: `Bearer ${process.env.TXMSG_KEY}`"]
    named += [f"{json.dumps(name)}: {json.dumps(it)}" for name, it in headers.items()]
    return _JAVASCRIPT.format(
        body=f"const body = {as_text(body)};\n\n" if body is not None else "",
        address=json.dumps(address),
        method=json.dumps(method),
        headers="\n".join(f"    {each}," for each in named),
        sent="\n  body: JSON.stringify(body)," if body is not None else "",
    )


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
