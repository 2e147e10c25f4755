"""The checking compiler: all that is wrong with the content of one language, at once.

Pure: plain data in, findings out. What is static is read from the source as far as it
can be read; what is not is rendered with samples.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from templates_app import simulation
from templates_app.checking.elements import element_faults
from templates_app.checking.filters import (
    TEXT_AS_NUMBER,
    filter_faults,
    output_faults,
)
from templates_app.checking.findings import Fault, Finding, Severity, of_error
from templates_app.checking.links import link_faults
from templates_app.checking.rendered import Rendered, rendered_findings
from templates_app.checking.syntax import read
from templates_app.checking.unchosen import CHOOSE_IMAGE, unchosen
from templates_app.checking.variables import Vocabulary, path_faults
from templates_app.rendering import RenderError
from templates_app.rendering.assembling import IN_TEXTS, assembled
from templates_app.rendering.content import compiled_data
from templates_app.rendering.expanding import BlockText
from templates_app.rendering.fields import Content
from templates_app.rendering.mjml_lint import mjml_faults
from templates_app.rendering.paths import walked
from templates_app.rendering.push_options import checked_options
from templates_app.rendering.scanning import check_places, check_tags
from templates_app.rendering.sources import Source
from templates_app.simulation import Prepared, Sample

_REQUIRED = {"email": ("subject",), "sms": ("text",), "push": ("body",)}
MAX_FINDINGS = 200
_MAX_PLACES = 20
_ABOUT = {"internal_name": "message", "label": "Message", "version": 0}


@dataclass(frozen=True, slots=True)
class Terms:
    """What content is checked against: a contract, and how it is meant.

    `is_open` makes an unknown path a doubt instead of an error; `why` says in words
    why it is no error.
    """

    contract: Mapping[str, Any]
    is_open: bool = False
    why: str = "events may hold more than it names"


def check_content(
    channel: str,
    content: Mapping[str, Any],
    *,
    contract: Mapping[str, Any],
    contract_mode: str = "strict",
    samples: Sequence[Mapping[str, Any] | Sample] = (),
    blocks: Mapping[str, BlockText] | None = None,
    language: str = "",
    event_type_name: str = "",
    terms: Terms | None = None,
    rendered: Sequence[Rendered] | None = None,
) -> list[Finding]:
    """Return everything that is wrong or doubtful with content, in order of places.

    `samples` are contexts, or Samples with a label and a recipient. `rendered` are
    simulations that exist already; then nothing is rendered here. `terms` stand for
    `contract` and `contract_mode` when the contract is only a guess. At most 200.
    """
    terms = terms or Terms(contract, is_open=contract_mode == "open")
    try:
        fields = Content.from_json(content)
        findings, sources = _static(
            channel, fields, blocks, terms=terms, language=language
        )
    except RenderError as error:
        return [of_error(error, language=language)]
    if rendered is None:
        named = [_sample(each, event_type_name) for each in samples]
        prepared = simulation.prepare(channel, content, blocks=blocks)
        rendered = _rendered(prepared, named, language=language)
        errors = list(prepared.errors)
    else:
        errors = [error for each in rendered for error in each.simulated.errors]
    if any(finding.is_error for finding in findings):
        rendered = [each for each in rendered if each.simulated.message is not None]
    is_tried = any(each.simulated.message is not None for each in rendered)
    if is_tried or (samples and any(finding.is_error for finding in findings)):
        # Amounts are often texts: where a sample was rendered, they are numbers. What
        # keeps the samples from being rendered is told alone; they are tried after it.
        findings = [each for each in findings if each.code != TEXT_AS_NUMBER]
    findings += rendered_findings(rendered, sources, language=language)
    findings += _unsaid(errors, findings, language=language)
    return _ordered(findings)


def _sample(each: Mapping[str, Any] | Sample, event_type_name: str) -> Sample:
    if isinstance(each, Sample):
        return each
    return Sample(ctx=each, event_type=event_type_name)


def _rendered(
    prepared: Prepared, samples: Sequence[Sample], *, language: str
) -> list[Rendered]:
    if prepared.program is None:
        return []
    at = datetime.now(UTC)
    return [
        Rendered(
            _label(sample, number, len(samples)),
            simulation.rehearse(
                prepared,
                replace(sample, contract=None),
                about=_ABOUT,
                at=at,
                language=language or "en",
            ),
        )
        for number, sample in enumerate(samples, start=1)
    ]


def _label(sample: Sample, number: int, count: int) -> str:
    if sample.label:
        return f"“{sample.label}”"
    return f"sample {number}" if count > 1 else ""


def _unsaid(
    errors: Sequence[Mapping[str, Any]], findings: Sequence[Finding], *, language: str
) -> list[Finding]:
    """Return what the compiler says of a part that nothing else was said of."""
    said = {finding.part for finding in findings if finding.is_error}
    unsaid = []
    for error in errors:
        if error["part"] in said or (not error["part"] and said):
            continue
        places = {name: error[name] for name in ("part", "line", "column", "path")}
        raised = RenderError(error["message"], code=error["code"], **places)
        unsaid.append(of_error(raised, language=language))
    return unsaid


def _static(
    channel: str,
    fields: Content,
    blocks: Mapping[str, BlockText] | None,
    *,
    terms: Terms,
    language: str,
) -> tuple[list[Finding], dict[str, Source]]:
    """Return what the sources tell, and the sources by part."""
    findings: list[Finding] = []
    reported: list[Finding] = []

    def report(error: RenderError) -> None:
        reported.append(_advised(of_error(error, language=language)))

    sources = assembled(fields, blocks, report=report)
    words = _vocabulary(
        json.dumps(terms.contract, sort_keys=True, default=str),
        channel,
        terms.is_open,
        terms.why,
    )
    for part, source in sources.items():
        if part not in _PARTS[channel] and "/" not in part:
            continue
        faults = list(_liquid(source.text, words))
        if part == "html":
            faults += _body(source.text, is_html=fields.source_kind == "html")
        findings += [
            _for_blocks(fault.found(source, language=language)) for fault in faults
        ]
    findings = _joined(findings, reported)
    findings += _fields(channel, fields, language=language)
    if channel == "push":
        raised = [error.as_dict() for error in _push_errors(fields, sources)]
        findings += _unsaid(raised, findings, language=language)
    return findings, sources


def _joined(found: list[Finding], reported: list[Finding]) -> list[Finding]:
    """Return what was found and what was reported while the texts were assembled.

    What is wrong in a text of a block is told twice, and better by the checks.
    """
    errors = [each for each in found if each.is_error]
    said: set[tuple[object, ...]] = {
        (each.part, each.line, each.column) for each in errors
    }
    said |= {(each.part, each.message) for each in errors}
    if any(each.part.startswith("blocks/") for each in errors):
        # What such a fault does to the blocks behind it is none of its own.
        found = [each for each in found if each.part != "blocks"]
    return found + [
        each
        for each in reported
        if each.code not in IN_TEXTS
        or not {(each.part, each.line, each.column), (each.part, each.message)} & said
    ]


def _push_errors(fields: Content, sources: dict[str, Source]) -> Iterator[RenderError]:
    """Yield what the compiler would say of the data and of the options."""
    for check in (
        lambda: compiled_data(sources.get("data")),
        lambda: checked_options(fields.options, sources),
    ):
        try:
            check()
        except RenderError as error:
            yield error


_PARTS = {
    "email": frozenset(
        {
            *("subject", "preheader", "html", "text", "from_name", "from_address"),
            "reply_to",
        }
    ),
    "sms": frozenset({"text", "sender"}),
    "push": frozenset({"title", "body", "data", "image"}),
}


_BEFORE = re.compile(r"before </[\w:-]+> in line \d+")
_IN_BLOCKS = {
    "link_missing": "choose where it leads",
    "link_empty": "choose where it leads",
    "image_source": CHOOSE_IMAGE,
    "image_alt": "describe the image",
}


def _for_blocks(finding: Finding) -> Finding:
    """Return a finding in a visual block without words about markup."""
    if not finding.part.startswith("blocks/"):
        return finding
    if finding.code not in _IN_BLOCKS:
        # The lines of the MJML that is made of it are seen by nobody.
        advice = _BEFORE.sub("at the end", finding.suggestion)
        return replace(finding, suggestion=advice)
    message = finding.message.removesuffix(": it has no href")
    return replace(finding, message=message, suggestion=_IN_BLOCKS[finding.code])


def _advised(finding: Finding) -> Finding:
    """Return a finding with the hint of its message as its suggestion."""
    message, colon, hint = finding.message.partition(": did you mean ")
    if not colon:
        return finding
    return replace(finding, message=message, suggestion=f"did you mean {hint}")


@lru_cache(maxsize=64)
def _vocabulary(contract: str, channel: str, is_open: bool, why: str) -> Vocabulary:
    return Vocabulary(json.loads(contract), channel, is_open, why)


@lru_cache(maxsize=1024)
def _liquid(text: str, words: Vocabulary) -> tuple[Fault, ...]:
    """Return what is wrong with the Liquid of one text."""
    reading = read(text)
    found = walked(reading, unknown=reading.unknown)
    faults = list(reading.faults)
    for use in found.uses:
        faults += path_faults(use, words)
        faults += output_faults(use, words)
    for each in found.filters:
        faults += filter_faults(each, words)
    return tuple(faults)


@lru_cache(maxsize=64)
def _body(text: str, *, is_html: bool) -> tuple[Fault, ...]:
    """Return what is wrong with the markup of a body, its Liquid apart."""
    mended = read(text).text
    faults = [*_unsafe(mended), *link_faults(mended)]
    if is_html:
        return (*faults, *element_faults(mended), *_broken_tags(mended))
    return (*faults, *_mjml(mended))


def _mjml(text: str) -> Iterator[Fault]:
    for each in mjml_faults(text):
        severity: Severity = "warning" if each.weight == "warning" else "error"
        yield Fault(
            each.offset,
            "invalid_mjml",
            each.message,
            each.suggestion,
            each.length,
            severity=severity,
        )


def _broken_tags(text: str) -> Iterator[Fault]:
    try:
        check_tags(text, part="html")
    except RenderError as error:
        yield Fault(error.offset or 0, error.code, error.message)


def _unsafe(text: str) -> Iterator[Fault]:
    """Yield each value that stands where no escaping makes it safe."""
    for _ in range(_MAX_PLACES):
        try:
            check_places(text, part="html")
        except RenderError as error:
            start = error.offset or 0
            end = text.find("}}", start) + 2
            advice = "move it into the text, or into a quoted attribute"
            yield Fault(start, error.code, error.message, advice, end - start)
            # Letters instead, so that the search finds the next one.
            text = text[:start] + "L" * (end - start) + text[end:]
        else:
            return


def _fields(channel: str, fields: Content, *, language: str) -> Iterator[Finding]:
    """Yield what is said of fields that are empty."""
    for name in _REQUIRED[channel]:
        if not getattr(fields, name).strip():
            code = "empty_subject" if name == "subject" else "invalid_content"
            yield Finding(
                "error", code, f"the {name} is empty", part=name, language=language
            )
    if channel != "email":
        return
    yield from unchosen(fields, language=language)
    is_empty = not (fields.blocks if fields.source_kind == "blocks" else fields.source)
    if is_empty:
        message = "the body is empty"
        yield Finding(
            "error", "invalid_content", message, part="html", language=language
        )
    elif not fields.preheader.strip():
        yield Finding(
            "warning",
            "preheader_missing",
            "there is no preheader: inboxes show the first words of the body instead",
            "write what comes after the subject in an inbox",
            part="preheader",
            language=language,
        )


_ORDER = (
    *("subject", "preheader", "from_name", "from_address", "reply_to", "title", "body"),
    *("text", "html", "sender", "image", "data"),
)


def _ordered(findings: Sequence[Finding]) -> list[Finding]:
    """Return findings without repetition, in the order of their places."""

    def place(finding: Finding) -> tuple[int, str, int, int]:
        part = finding.part
        rank = _ORDER.index(part) if part in _ORDER else len(_ORDER)
        return rank, part, finding.line or 0, finding.column or 0

    unique = dict.fromkeys(findings)
    # Nobody reads more; what blocks publishing is kept.
    kept = sorted(unique, key=lambda each: (not each.is_error, place(each)))
    return sorted(kept[:MAX_FINDINGS], key=place)
