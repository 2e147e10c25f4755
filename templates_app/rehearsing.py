"""A message rendered with given data as a real event would: its draft, or a version.

Reads; stores and sends nothing. What cannot be rendered is an answer, not an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from django.utils import timezone

from events import contract
from events.api_keys import Caller
from events.models import ContractMode
from events.problems import Fault
from templates_app import checking, content_blocks, samples, simulation, snapshots
from templates_app.checking import Finding
from templates_app.models import Message, Version
from templates_app.rendering import RenderError, program
from templates_app.rendering.languages import nearest_language
from templates_app.simulation import Prepared, Sample, Simulation

DRAFT, PUBLISHED = "draft", "published"
Which = Literal["draft", "published"] | int


class NotThere(LookupError):
    """A message has no such version."""


class NotPublished(LookupError):
    """A message has no published version."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What came of it; `version` is None for the draft.

    `misfits` are the ways in which the data do not fit the contract, which would have
    an event refused if `is_strict`.
    """

    message: Message
    version: Version | None
    language: str
    simulated: Simulation
    findings: list[Finding]
    misfits: list[Fault]
    is_strict: bool


def rehearse(
    message: Message,
    *,
    which: Which,
    ctx: Mapping[str, Any] | None,
    recipient: Mapping[str, Any],
    language: str = "",
) -> Rehearsal:
    """Render a message with a context, the nearest language first.

    Without a context it is that of the message's sample. Raise NotThere or
    NotPublished when there is no such version.
    """
    version = None if which == DRAFT else _version(message, which)
    contents = message.content if version is None else version.content
    default = (version or message).default_language
    chosen, _ = nearest_language(contents, language, default=default)
    data = sample_ctx(message) if ctx is None else ctx
    event_type = message.event_type
    sample = Sample(
        ctx=data,
        event_type=event_type.name if event_type else "",
        recipient={"language": language or chosen, **recipient},
    )
    if version is None:
        simulated, findings = _draft(message, chosen, sample)
    else:
        simulated, findings = _published(version, chosen, sample)
    return Rehearsal(
        message=message,
        version=version,
        language=chosen,
        simulated=simulated,
        findings=findings,
        misfits=_misfits(message, data),
        is_strict=bool(event_type and event_type.contract_mode == ContractMode.STRICT),
    )


def message_for(internal_name: str, caller: Caller) -> Message | None:
    """Return a message, None if it is not one of a type that the caller may post."""
    message = (
        Message.objects.select_related("event_type", "live_version")
        .filter(internal_name=internal_name, deleted_at=None)
        .first()
    )
    if message is None or not caller.allowed_types:
        return message
    event_type = message.event_type
    return message if event_type and event_type.name in caller.allowed_types else None


def sample_ctx(message: Message) -> Mapping[str, Any]:
    """Return the context that stands in for one that is not given."""
    key = samples.default_key(message)
    found: Mapping[str, Any] = samples.load(key, message).ctx
    return found


def _version(message: Message, which: Which) -> Version:
    if which == PUBLISHED:
        if message.live_version is None:
            raise NotPublished(message.internal_name)
        return message.live_version
    found = message.versions.filter(number=which).first()
    if found is None:
        raise NotThere(f"{message.internal_name} {which}")
    return found


def _draft(
    message: Message, language: str, sample: Sample
) -> tuple[Simulation, list[Finding]]:
    content = message.content.get(language, {})
    simulated = simulation.simulate(
        message.channel,
        content,
        sample,
        about=snapshots.about(message),
        at=timezone.now(),
        language=language,
        blocks=content_blocks.texts_for({language: content}),
    )
    findings = checking.check_unsaved(
        message,
        content,
        ctx=sample.ctx,
        event_type=message.event_type,
        language=language,
        rendered=simulated,
    )
    return simulated, findings


def _published(
    version: Version, language: str, sample: Sample
) -> tuple[Simulation, list[Finding]]:
    """Render what was compiled when it was published, as sending does."""
    about = {
        "internal_name": version.properties.get("internal_name", ""),
        "label": version.label,
        "version": version.number,
    }
    simulated = simulation.rehearse(
        _prepared(version, language),
        sample,
        about=about,
        at=timezone.now(),
        language=language,
    )
    findings = checking.check_version(
        version, language, ctx=sample.ctx, rendered=simulated
    )
    return simulated, findings


def _prepared(version: Version, language: str) -> Prepared:
    content, blocks = version.content[language], checking.blocks_of(version)
    source = simulation.prepare(version.channel, content, blocks=blocks)
    compiled = version.compiled[language]
    try:
        ready = program(version.channel, compiled)
    except RenderError as error:
        return Prepared(version.channel, content, errors=(error.as_dict(),))
    return Prepared(version.channel, content, blocks, compiled, ready, source.preheader)


def _misfits(message: Message, ctx: Mapping[str, Any]) -> list[Fault]:
    event_type = message.event_type
    if event_type is None or event_type.contract_mode == ContractMode.OPEN:
        return []
    try:
        return contract.faults_of(ctx, event_type.contract)
    except contract.BrokenContract:  # said where the event type is edited
        return []
