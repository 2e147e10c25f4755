"""Simulate: content and a sample in, the rendered message or its errors out.

Nothing is sent and nothing is stored; it knows no model and runs no query.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

from events.contract import BrokenContract, faults_of
from templates_app.framing import framed
from templates_app.plain_characters import plain_form
from templates_app.rendering import (
    Program,
    RenderContext,
    RenderedMessage,
    RenderError,
    compile_content,
    program,
)
from templates_app.rendering.expanding import BlockText
from templates_app.rendering.push import MAX_BYTES
from templates_app.rendering.sms import Segments, segments

logger = logging.getLogger(__name__)

CLIPPED_BYTES = 102 * 1024  # beyond this size Gmail hides the rest of an email
PUSH_BYTES = MAX_BYTES
NOBODY = UUID(int=0)

_MAX_FAULTS = 5


@dataclass(frozen=True, slots=True)
class Sample:
    """What a simulation renders from; recipient and event are made up.

    Against a `contract` the sample is checked, for warnings. In `recipient`, None
    stands for what is not known of somebody. `masked` are the paths of values that
    are hidden here, such as ``reset.link``; the context holds stand-ins for them.
    """

    ctx: Mapping[str, Any]
    event_type: str = ""
    contract: Mapping[str, Any] | None = None
    recipient: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""
    masked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Simulation:
    """What came of it: `message` unless there are `errors`, and what to look at.

    `errors` are as RenderError.as_dict: ``{"code", "message", "part", "line",
    "column", "path"}``. `html_bytes` counts the HTML part, `push_bytes` all parts of a
    push message, `segments` the SMS.
    """

    message: RenderedMessage | None = None
    preheader: str = ""
    errors: list[Mapping[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    html_bytes: int = 0
    segments: Segments | None = None
    push_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Prepared:
    """The content of one language, compiled once for many samples.

    `program` is None if it cannot be compiled: `errors` then say why.
    """

    channel: str
    content: Mapping[str, Any]
    blocks: Mapping[str, BlockText] = field(default_factory=dict)
    compiled: Mapping[str, Any] = field(default_factory=dict)
    program: Program | None = None
    preheader: Program | None = None
    errors: tuple[Mapping[str, Any], ...] = ()


def prepare(
    channel: str,
    content: Mapping[str, Any],
    *,
    blocks: Mapping[str, BlockText] | None = None,
    mark: bool = False,
) -> Prepared:
    """Compile content for any number of simulations; the last few are kept.

    `mark` names the visual blocks in the HTML, so that an editor finds them there.
    """
    named = tuple((name, text.html, text.text) for name, text in (blocks or {}).items())
    return _prepared(channel, json.dumps(content, sort_keys=True), named, mark)


def simulate(
    channel: str,
    content: Mapping[str, Any],
    sample: Sample,
    *,
    about: Mapping[str, Any],
    at: datetime,
    language: str = "en",
    blocks: Mapping[str, BlockText] | None = None,
    mark: bool = False,
) -> Simulation:
    """Render content for a made-up recipient.

    `about` is what templates see as ``message``, `at` (aware) what they see as now;
    `mark` is that of `prepare`.
    """
    prepared = prepare(channel, content, blocks=blocks, mark=mark)
    return rehearse(prepared, sample, about=about, at=at, language=language)


def rehearse(
    prepared: Prepared,
    sample: Sample,
    *,
    about: Mapping[str, Any],
    at: datetime,
    language: str = "en",
) -> Simulation:
    """Render what was prepared for a made-up recipient, as `simulate` does."""
    doubts = contract_warnings(sample)
    if prepared.program is None:
        return Simulation(errors=list(prepared.errors), warnings=doubts)
    context = context_of(sample, about=about, at=at, language=language)
    try:
        rendered = prepared.program.render(
            context,
            delivery_id=NOBODY,
            address=_address(prepared.channel, context),
        )
    except RenderError as error:
        return Simulation(errors=[error.as_dict()], warnings=doubts)
    except Exception as error:
        # A fault of ours is one sample that fails, not a page that cannot be shown.
        logger.exception("simulating with %s failed", sample.label or "a sample")
        words = f"A fault of txmsg itself: {type(error).__name__}."
        fault = RenderError(words, code="render_limit").as_dict()
        return Simulation(errors=[fault], warnings=doubts)
    channel, parts = prepared.channel, rendered.parts
    simulated = Simulation(
        message=rendered,
        preheader=_preheader(prepared, context),
        html_bytes=len(parts.get("html", "").encode()),
        segments=segments(parts["text"]) if channel == "sms" else None,
        push_bytes=_bytes(parts.values()) if channel == "push" else 0,
    )
    simulated.warnings.extend(_warnings(simulated, prepared.content) + doubts)
    return simulated


def context_of(
    sample: Sample, *, about: Mapping[str, Any], at: datetime, language: str
) -> RenderContext:
    """Return what a sample is rendered from; `language` is that of the content."""
    recipient = {
        "name": "Alex Example",
        "email": "alex@customer.example",
        "phone": "+15555550100",
        "language": language,
        **sample.recipient,
    }
    event = {
        "id": str(NOBODY),
        "type": sample.event_type,
        "external_id": "sample",
        "correlation_id": "",
        "origin": "simulation",
        "received_at": at.isoformat(),
    }
    return RenderContext(
        ctx=sample.ctx,
        recipient={name: it for name, it in recipient.items() if it is not None},
        event=event,
        message=about,
        frozen_at=at,
        content_language=language,
    )


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
        "guilty": guilty_characters(simulated.segments),
        "push_bytes": simulated.push_bytes,
    }


def segments_in_words(found: Segments | None) -> str:
    """Return how an SMS travels, such as ``138 of 160 · GSM-7 · 1 segment``."""
    if found is None:
        return ""
    single, each = (160, 153) if found.encoding == "GSM-7" else (70, 67)
    room = single if found.parts <= 1 else each * found.parts
    plural = "segment" if found.parts == 1 else "segments"
    return f"{found.units} of {room} · {found.encoding} · {found.parts} {plural}"


def guilty_characters(found: Segments | None) -> list[dict[str, Any]]:
    """Return what forces an SMS into UCS-2, and what to write instead.

    ``[{"character": "–", "replacement": "-"}]``; the replacement is None if there is
    no plain one.
    """
    return [
        {"character": character, "replacement": plain_form(character)}
        for character in (found.guilty if found else ())
    ]


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


@lru_cache(maxsize=24)
def _prepared(
    channel: str,
    content_json: str,
    named: tuple[tuple[str, str, str], ...],
    mark: bool,
) -> Prepared:
    content = json.loads(content_json)
    blocks = {name: BlockText(html, text) for name, html, text in named}
    try:
        compiled = compile_content(channel, content, blocks=blocks, mark=mark)
        ready = program(channel, compiled)
    except RenderError as error:
        return Prepared(channel, content, blocks, errors=(error.as_dict(),))
    preheader = None
    words = str(content.get("preheader") or "")
    if words.strip():  # as plain words, rendered like an SMS
        plain = compile_content("sms", {"text": words}, blocks=blocks)
        preheader = program("sms", plain)
    return Prepared(channel, content, blocks, compiled, ready, preheader)


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


def _address(channel: str, context: RenderContext) -> str:
    names = {"email": "email", "sms": "phone"}
    return str(context.recipient.get(names.get(channel, ""), "this device"))


def _preheader(prepared: Prepared, context: RenderContext) -> str:
    if prepared.preheader is None:
        return ""
    try:
        rendered = prepared.preheader.render(context, delivery_id=NOBODY, address="")
    except RenderError:  # the HTML part, where it stands too, has rendered
        return ""
    return rendered.parts["text"]


def _bytes(parts: Iterable[str]) -> int:
    return sum(len(part.encode()) for part in parts)


def contract_warnings(sample: Sample) -> list[str]:
    """Return how a sample does not fit its contract, a sentence each."""
    if sample.contract is None or not sample.ctx:
        return []
    plain = json.loads(json.dumps(sample.ctx, default=float))
    try:
        faults = faults_of(plain, sample.contract)
    except BrokenContract:  # said where the event type is edited
        return []
    shown = [f for f in faults if not _is_masked(f.pointer, sample.masked)]
    return [
        f"The sample does not fit the event type: {fault.message}"
        for fault in shown[:_MAX_FAULTS]
    ]


def _is_masked(pointer: str, masked: Iterable[str]) -> bool:
    """Return whether a fault is that of a value which only stands for a hidden one."""
    place = pointer.removeprefix("/ctx/").replace("/", ".")
    return any(f"{place}.".startswith(f"{path}.") for path in masked)


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
