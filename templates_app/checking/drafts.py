"""Messages and templates, checked: their contract, samples and content blocks loaded.

Reads; writes nothing. What was checked already is not checked again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from events.inference import contract_of
from events.models import ContractMode, EventType
from templates_app import content_blocks
from templates_app.checking.content import Terms, check_content
from templates_app.checking.findings import Finding
from templates_app.checking.rendered import Rendered
from templates_app.models import Message, MessageStatus, Template, Version
from templates_app.rendering.expanding import BlockText
from templates_app.simulation import Sample, Simulation

Draft = Message | Template

_MAX_SAMPLES = 20
_GUESSED = "the sample may not have all that events have"


def check_draft(draft: Draft) -> list[Finding]:
    """Return all findings of a message or template, in every language.

    It is checked against the contract of its event type and rendered with its own
    sample and those of its type. Without an event type its sample stands for the
    contract, and an unknown path is a warning.
    """
    event_type = _event_type(draft)
    terms = _terms(draft.context_sample, event_type)
    samples = _samples(draft, event_type)
    blocks = content_blocks.texts_for(draft.content)
    findings: list[Finding] = []
    for language in draft.content:
        request = _request(
            draft,
            language,
            terms=terms,
            samples=samples,
            blocks=blocks,
            event_type=event_type,
        )
        findings += _checked(request)
    return findings


def check_unsaved(
    draft: Draft,
    content: Mapping[str, Any],
    *,
    ctx: Mapping[str, Any],
    event_type: EventType | None,
    language: str,
    rendered: Simulation | None = None,
) -> list[Finding]:
    """Return the findings of one language as it stands in an editor.

    `ctx` is the sample that is shown beside it; `rendered` is what came of it, which
    saves rendering it again.
    """
    blocks = content_blocks.texts_for({language: content})
    name = event_type.name if event_type else ""
    return check_content(
        draft.channel,
        content,
        contract={},
        terms=_terms(ctx or draft.context_sample, event_type),
        samples=[Sample(ctx=ctx, event_type=name)] if ctx else [],
        blocks=blocks,
        language=language,
        rendered=None if rendered is None else [Rendered("", rendered)],
    )


def check_version(
    version: Version,
    language: str,
    *,
    ctx: Mapping[str, Any],
    rendered: Simulation,
) -> list[Finding]:
    """Return the findings of one language of a version, with its own contract.

    `rendered` is what came of the context `ctx`.
    """
    return check_content(
        version.channel,
        version.content[language],
        contract={},
        terms=Terms(version.contract),
        samples=[Sample(ctx=ctx)] if ctx else [],
        blocks=blocks_of(version),
        language=language,
        rendered=[Rendered("", rendered)],
    )


def blocks_of(version: Version) -> dict[str, BlockText]:
    """Return the content blocks of a version, as they stood when it was published."""
    return {
        name: BlockText(texts.get("html", ""), texts.get("text", ""))
        for name, texts in version.blocks.items()
    }


def broken_by(
    event_type: EventType, contract: Mapping[str, Any]
) -> list[tuple[Message, list[Finding]]]:
    """Return the live messages of a type that a contract gives errors, with these.

    Errors that the live version has with the contract it was published with are left
    out, and nothing is rendered.
    """
    broken = []
    messages = (
        Message.objects.filter(event_type=event_type, live_version__isnull=False)
        .exclude(status=MessageStatus.DRAFT)
        .select_related("live_version")
    )
    is_open = event_type.contract_mode == ContractMode.OPEN
    for message in messages:
        version = message.live_version
        if version is None:
            continue
        before = _errors(version, Terms(version.contract, is_open=is_open))
        now = _errors(version, Terms(contract, is_open=is_open))
        new = [finding for finding in now if finding not in before]
        if new:
            broken.append((message, new))
    return broken


def _errors(version: Version, terms: Terms) -> list[Finding]:
    blocks = blocks_of(version)
    return [
        finding
        for language, content in version.content.items()
        for finding in check_content(
            version.channel,
            content,
            contract={},
            terms=terms,
            blocks=blocks,
            language=language,
        )
        if finding.is_error
    ]


def _event_type(draft: Draft) -> EventType | None:
    return draft.event_type if isinstance(draft, Message) else None


def _terms(sample: Mapping[str, Any], event_type: EventType | None) -> Terms:
    if event_type is not None:
        is_open = event_type.contract_mode == ContractMode.OPEN
        return Terms(event_type.contract, is_open=is_open)
    if sample:
        return Terms(contract_of([sample]), is_open=True, why=_GUESSED)
    return Terms({"type": "object"}, is_open=True, why=_GUESSED)


def _samples(draft: Draft, event_type: EventType | None) -> list[tuple[str, Any]]:
    """Return the samples of a draft with their names; empty ones are none."""
    found: list[tuple[str, Any]] = [("Context sample", draft.context_sample)]
    if event_type is not None:
        found.append(("Sample of the event type", event_type.sample))
        if event_type.pk:
            rows = event_type.samples.values_list("name", "ctx")
            found += list(rows[:_MAX_SAMPLES])
    return [(name, ctx) for name, ctx in found if ctx]


def _request(
    draft: Draft,
    language: str,
    *,
    terms: Terms,
    samples: Sequence[tuple[str, Any]],
    blocks: Mapping[str, BlockText],
    event_type: EventType | None,
) -> str:
    """Return what one check needs as text: the same text has the same findings."""
    facts = {
        "channel": draft.channel,
        "content": draft.content[language],
        "terms": [terms.contract, terms.is_open, terms.why],
        "samples": samples,
        "blocks": {name: [each.html, each.text] for name, each in blocks.items()},
        "language": language,
        "event_type": event_type.name if event_type else "",
    }
    return json.dumps(facts, cls=DjangoJSONEncoder)


@lru_cache(maxsize=128)
def _checked(request: str) -> tuple[Finding, ...]:
    facts = json.loads(request)
    contract, is_open, why = facts["terms"]
    name = facts["event_type"]
    return tuple(
        check_content(
            facts["channel"],
            facts["content"],
            contract=contract,
            terms=Terms(contract, is_open=is_open, why=why),
            samples=[
                Sample(ctx=ctx, event_type=name, label=label)
                for label, ctx in facts["samples"]
            ],
            blocks={
                key: BlockText(html, text)
                for key, (html, text) in facts["blocks"].items()
            },
            language=facts["language"],
        )
    )
