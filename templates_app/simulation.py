"""Simulate: content and a sample in, the rendered message or its errors out.

Nothing is sent and nothing is stored; it knows no model and runs no query.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from events.contract import faults_of
from templates_app.rendering import (
    RenderContext,
    RenderedMessage,
    RenderError,
    compile_content,
    program,
)
from templates_app.rendering.sms import Segments, segments

CLIPPED_BYTES = 102 * 1024  # beyond this size Gmail hides the rest of an email
# What a preview may load: nothing but pictures and the styles inside it.
FRAME_POLICY = "default-src 'none'; img-src data: https:; style-src 'unsafe-inline'"

_NOBODY = UUID(int=0)
_SCHEME = re.compile(
    r"\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)", re.IGNORECASE
)
_HEAD = re.compile(r"<head\b[^>]*>", re.IGNORECASE)
_START = re.compile(r"\s*(?:<!doctype[^>]*>)?\s*(?:<html\b[^>]*>)?", re.IGNORECASE)
# Links open in a new window, which the sandbox forbids: a click leads nowhere.
_GUARD = (
    f'<meta http-equiv="Content-Security-Policy" content="{FRAME_POLICY}">'
    '<base target="_blank">'
)
_ONLY_LIGHT = "<style>:root{color-scheme:only light!important}</style>"


@dataclass(frozen=True, slots=True)
class Sample:
    """What a simulation renders from; recipient and event are made up.

    Against a `contract` the sample is checked, for warnings.
    """

    ctx: Mapping[str, Any]
    event_type: str = ""
    contract: Mapping[str, Any] | None = None
    recipient: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Simulation:
    """What came of it: `message` unless there are `errors`, and what to look at.

    `errors` are as RenderError.as_dict: ``{"code", "message", "part", "line",
    "column", "path"}``. `html_bytes` counts the HTML part, `segments` the SMS.
    """

    message: RenderedMessage | None = None
    preheader: str = ""
    errors: list[Mapping[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    html_bytes: int = 0
    segments: Segments | None = None


def simulate(
    channel: str,
    content: Mapping[str, Any],
    sample: Sample,
    *,
    about: Mapping[str, Any],
    at: datetime,
    language: str = "en",
) -> Simulation:
    """Render content for a made-up recipient.

    `about` is what templates see as ``message``, `at` (aware) what they see as now.
    """
    context = _context(sample, about=about, at=at, language=language)
    doubts = _contract_warnings(sample)
    try:
        compiled = compile_content(channel, content)
        rendered = program(channel, compiled).render(
            context, delivery_id=_NOBODY, address=_address(channel, context)
        )
    except RenderError as error:
        return Simulation(errors=[error.as_dict()], warnings=doubts)
    html = rendered.parts.get("html", "")
    simulated = Simulation(
        message=rendered,
        preheader=_preheader(content, context),
        html_bytes=len(html.encode()),
        segments=segments(rendered.parts["text"]) if channel == "sms" else None,
    )
    simulated.warnings.extend(_warnings(simulated, content) + doubts)
    return simulated


def as_json(simulated: Simulation, *, is_dark: bool = False) -> dict[str, Any]:
    """Return a simulation as plain data for the live preview; HTML is `framed`."""
    message = simulated.message
    parts = dict(message.parts) if message else {}
    if "html" in parts:
        parts["html"] = framed(parts["html"], is_dark=is_dark)
    return {
        "errors": [dict(error) for error in simulated.errors],
        "warnings": simulated.warnings,
        "parts": parts,
        "headers": dict(message.headers) if message else {},
        "preheader": simulated.preheader,
        "html_bytes": simulated.html_bytes,
        "size": f"{simulated.html_bytes / 1024:.1f} KB" if simulated.html_bytes else "",
        "segments": segments_in_words(simulated.segments),
    }


def segments_in_words(found: Segments | None) -> str:
    """Return how an SMS travels, such as ``138 of 160 · GSM-7 · 1 segment``."""
    if found is None:
        return ""
    single, each = (160, 153) if found.encoding == "GSM-7" else (70, 67)
    room = single if found.parts <= 1 else each * found.parts
    plural = "segment" if found.parts == 1 else "segments"
    return f"{found.units} of {room} · {found.encoding} · {found.parts} {plural}"


def read_sample(text: str) -> tuple[dict[str, Any], Mapping[str, Any] | None]:
    """Return the object that a JSON text holds, and what is wrong with it, if so.

    The error has the shape of RenderError.as_dict, for the part ``context_sample``.
    Fractions are Decimal, as in a real event.
    """
    if not text.strip():
        return {}, None
    try:
        value = json.loads(text, parse_float=Decimal, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        return {}, _sample_error(error.msg, error.lineno, error.colno)
    except (ValueError, RecursionError) as error:
        return {}, _sample_error(str(error) or "nested too deeply")
    if not isinstance(value, dict):
        return {}, _sample_error("a sample is an object: { … }", 1, 1)
    return value, None


def framed(html: str, *, is_dark: bool = False) -> str:
    """Return rendered HTML for a sandboxed frame: with a policy, without navigation.

    It looks light, or dark if the mail knows how, whatever the author's own system
    prefers.
    """
    html = _SCHEME.sub(lambda match: _fixed(match[1], is_dark=is_dark), html)
    head = _HEAD.search(html)
    place = head.end() if head else _match_end(_START.match(html))
    return html[:place] + _GUARD + ("" if is_dark else _ONLY_LIGHT) + html[place:]


def _fixed(scheme: str, *, is_dark: bool) -> str:
    """Return a media feature that is always true or never, for a preference."""
    is_wanted = (scheme.lower() == "dark") == is_dark
    return "(min-width: 0)" if is_wanted else "(max-width: 0)"


def _match_end(match: re.Match[str] | None) -> int:
    return match.end() if match else 0


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _sample_error(
    reason: str, line: int | None = None, column: int | None = None
) -> Mapping[str, Any]:
    place = "" if line is None else f" (line {line}, column {column})"
    return {
        "code": "invalid_json",
        "message": f"The sample is not valid JSON: {reason}{place}.",
        "part": "context_sample",
        "line": line,
        "column": column,
        "path": "",
    }


def _context(
    sample: Sample, *, about: Mapping[str, Any], at: datetime, language: str
) -> RenderContext:
    recipient = {
        "name": "Alex Example",
        "email": "alex@customer.example",
        "phone": "+15555550100",
        "language": language,
        **sample.recipient,
    }
    event = {
        "id": str(_NOBODY),
        "type": sample.event_type,
        "external_id": "sample",
        "correlation_id": "",
        "origin": "simulation",
        "received_at": at.isoformat(),
    }
    return RenderContext(
        ctx=sample.ctx,
        recipient=recipient,
        event=event,
        message=about,
        frozen_at=at,
        content_language=language,
    )


def _address(channel: str, context: RenderContext) -> str:
    names = {"email": "email", "sms": "phone"}
    return str(context.recipient.get(names.get(channel, ""), "this device"))


def _preheader(content: Mapping[str, Any], context: RenderContext) -> str:
    """Return the preheader as text, rendered like an SMS: it is plain words."""
    words = str(content.get("preheader") or "")
    if not words.strip():
        return ""
    compiled = compile_content("sms", {"text": words})
    try:
        rendered = program("sms", compiled).render(
            context, delivery_id=_NOBODY, address=""
        )
    except RenderError:  # the HTML part, where it stands too, has rendered
        return ""
    return rendered.parts["text"]


def _contract_warnings(sample: Sample) -> list[str]:
    if sample.contract is None or not sample.ctx:
        return []
    plain = json.loads(json.dumps(sample.ctx, default=float))
    faults = faults_of(plain, sample.contract)
    return [f"The sample does not fit the event type: {f.message}" for f in faults[:5]]


def _warnings(simulated: Simulation, content: Mapping[str, Any]) -> list[str]:
    found = []
    if simulated.html_bytes > CLIPPED_BYTES:
        found.append(
            f"The HTML has {simulated.html_bytes / 1024:.0f} KB; above 102 KB Gmail "
            "hides the rest behind a link."
        )
    is_email = simulated.message is not None and simulated.message.channel == "email"
    if is_email and not str(content.get("preheader") or "").strip():
        found.append("There is no preheader: inboxes show the first words instead.")
    if simulated.segments is not None and simulated.segments.guilty:
        letters = " ".join(simulated.segments.guilty[:12])
        found.append(
            f"Sent as UCS-2 with 70 characters a segment instead of 160, because of: "
            f"{letters}"
        )
    return found
