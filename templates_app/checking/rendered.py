"""Messages as rendered from samples: sizes, lengths, contrast, addresses.

What is found here is found in what recipients would get; where it can be told, the
place is that in the source.
"""

from __future__ import annotations

import html as entities
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parseaddr

from templates_app.checking.contrast import MINIMUM, Pale, pale_texts
from templates_app.checking.findings import Finding, Severity, of_error
from templates_app.checking.links import address_problem, tags_of
from templates_app.rendering import RenderError
from templates_app.rendering.sources import Source
from templates_app.simulation import (
    CLIPPED_BYTES,
    PUSH_BYTES,
    Simulation,
    guilty_characters,
)

SUBJECT_LENGTH = 60
SUBJECT_TOO_LONG = 150
SMS_SEGMENTS = 3
PUSH_NEARLY = 3500

_HREF = re.compile(r"""<a\b[^>]*?\shref\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)
_COLOR_WORDS = 5


@dataclass(frozen=True, slots=True)
class Rendered:
    """What came of one sample; `label` names the sample in findings."""

    label: str
    simulated: Simulation


def rendered_findings(
    results: Sequence[Rendered], sources: Mapping[str, Source], *, language: str
) -> Iterator[Finding]:
    """Yield what is wrong with the messages that samples make."""
    yield from _failures(results, language=language)
    shown = [each for each in results if each.simulated.message is not None]
    if not shown:
        return
    for make in (_subjects, _senders, _sizes, _texts, _segments, _push):
        for each in make(shown):
            yield _with_language(each, language)
    html = sources.get("html")
    if html is not None:
        yield from _addresses(shown, html, language=language)
        yield from _contrasts(shown[0], html, language=language)


def _failures(results: Iterable[Rendered], *, language: str) -> Iterator[Finding]:
    """Yield each way in which samples fail, once, with the samples' names."""
    failed: dict[tuple[object, ...], tuple[Finding, list[str]]] = {}
    for each in results:
        for error in each.simulated.errors:
            key = (error["code"], error["part"], error["line"], error["path"])
            finding = of_error(
                RenderError(
                    error["message"],
                    code=error["code"],
                    part=error["part"],
                    line=error["line"],
                    column=error["column"],
                    path=error["path"],
                ),
                language=language,
            )
            failed.setdefault(key, (finding, []))[1].append(each.label)
    for finding, labels in failed.values():
        names = ", ".join(label for label in labels[:3] if label)
        more = f" and {len(labels) - 3} more" if len(labels) > 3 else ""
        said = f" (with {names}{more})" if names else ""
        yield _said(finding, said)


def _said(finding: Finding, more: str) -> Finding:
    return Finding(
        severity=finding.severity,
        code=finding.code,
        message=f"{finding.message}{more}",
        suggestion=_cure(finding),
        part=finding.part,
        line=finding.line,
        column=finding.column,
        path=finding.path,
        language=finding.language,
    )


def _cure(finding: Finding) -> str:
    if finding.code == "undefined_variable" and finding.path:
        return f"add | default: '…', or put {{% if {finding.path} %}} round it"
    return ""


def _with_language(finding: Finding, language: str) -> Finding:
    return Finding(
        severity=finding.severity,
        code=finding.code,
        message=finding.message,
        suggestion=finding.suggestion,
        part=finding.part,
        language=language,
    )


def _largest(shown: Sequence[Rendered], size: Mapping[str, int]) -> Rendered:
    return max(shown, key=lambda each: size[each.label])


# What the channel takes; it decides for good when a mail is written.
_ADDRESS = re.compile(r"[^\s@<>()\[\],;:\\\"]{1,64}@[\w-]+(?:\.[\w-]+)*")


_LONGEST_SENDER = 998


def _senders(shown: Sequence[Rendered]) -> Iterator[Finding]:
    """Yield an error for an address that no mail can come from."""
    for name in ("from_address", "reply_to"):
        for each in shown:
            message = each.simulated.message
            written = message.headers.get(name, "") if message else ""
            # The parser follows what is nested; no address is as long as that.
            is_long = len(written) > _LONGEST_SENDER
            is_parsed = name == "reply_to" and not is_long
            address = parseaddr(written)[1] if is_parsed else written
            if not written or (not is_long and _ADDRESS.fullmatch(address)):
                continue
            said = f"{name}: {written[:60]!r} is no email address"
            with_ = f" (with {each.label})" if each.label else ""
            advice = "write one such as shop@example.com"
            yield Finding("error", "bad_address", said + with_, advice, part=name)
            break


def _subjects(shown: Sequence[Rendered]) -> Iterator[Finding]:
    length, each = max(
        ((len(_part(each, "subject")), each) for each in shown),
        key=lambda pair: pair[0],
    )
    if length <= SUBJECT_LENGTH:
        return
    with_ = f" with {each.label}" if each.label else ""
    message = f"the subject has {length} characters{with_}; "
    message += (
        "most inboxes show less than half of it"
        if length > SUBJECT_TOO_LONG
        else f"phones show about {SUBJECT_LENGTH}"
    )
    yield _finding("subject_long", message, "say the most important first", "subject")


def _sizes(shown: Sequence[Rendered]) -> Iterator[Finding]:
    size = max(each.simulated.html_bytes for each in shown)
    if size > CLIPPED_BYTES:
        message = (
            f"the HTML has {size / 1024:.0f} KB ({size:,} bytes); above 102 KB Gmail "
            "hides the rest behind a link"
        )
        yield _finding("html_size", message, "shorten it, or show fewer items", "html")


def _texts(shown: Sequence[Rendered]) -> Iterator[Finding]:
    for each in shown:
        message = each.simulated.message
        if message is None or message.channel != "email":
            return
        if not _part(each, "text").strip():
            said = "the text part is empty: who reads no HTML sees nothing"
            yield _finding("text_empty", said, "write a text", "text")
            return


def _segments(shown: Sequence[Rendered]) -> Iterator[Finding]:
    counted = [each.simulated.segments for each in shown if each.simulated.segments]
    if not counted:
        return
    largest = max(counted, key=lambda each: each.parts)
    if largest.parts > SMS_SEGMENTS:
        message = f"the text takes {largest.parts} segments, each billed as one SMS"
        yield _finding("sms_segments", message, "shorten it", "text")
    for found in counted:
        if not found.guilty:
            continue
        letters = " ".join(found.guilty[:12])
        swaps = [
            f"{each['character']} by {each['replacement'] or 'nothing'}"
            for each in guilty_characters(found)[:6]
            if each["replacement"] is not None
        ]
        message = f"a segment holds 70 characters instead of 160, because of: {letters}"
        advice = f"replace {', '.join(swaps)}" if swaps else ""
        yield _finding("sms_ucs2", message, advice, "text")
        return


def _push(shown: Sequence[Rendered]) -> Iterator[Finding]:
    size = max(each.simulated.push_bytes for each in shown)
    if size > PUSH_NEARLY:
        message = f"the message has {size:,} of the {PUSH_BYTES:,} bytes that are sent"
        severity: Severity = "error" if size > PUSH_BYTES else "warning"
        yield _finding("push_size", message, "shorten it", "body", severity)


def _part(each: Rendered, name: str) -> str:
    message = each.simulated.message
    return message.parts.get(name, "") if message else ""


def _finding(
    code: str,
    message: str,
    suggestion: str,
    part: str,
    severity: Severity = "warning",
) -> Finding:
    return Finding(severity, code, message, suggestion, part)


def _addresses(
    shown: Sequence[Rendered], source: Source, *, language: str
) -> Iterator[Finding]:
    """Yield what is wrong with addresses that only a sample tells."""
    written = [
        tag.attributes["href"]
        for tag in tags_of(source.text)
        if "href" in tag.attributes
    ]
    hidden = [each for each in written if each.value.strip().startswith("{")]
    if not hidden:
        return
    known = {each.value.strip() for each in written}
    place = source.place(hidden[0].start) if len(hidden) == 1 else None
    seen: set[str] = set()
    for each in shown:
        for match in _HREF.finditer(_part(each, "html")):
            address = entities.unescape(match[1] or match[2] or "").strip()
            if address in known or address in seen:
                continue
            seen.add(address)
            problem = address_problem(address)
            if problem is None or problem[0] == "link_placeholder":
                continue
            code, _, words, _ = problem
            with_ = f" with {each.label}" if each.label else ""
            yield Finding(
                severity="warning",
                code=code,
                message=f"a link{with_} {words}",
                part=place.part if place else "html",
                line=place.line if place else None,
                column=place.column if place else None,
                language=language,
            )


def _contrasts(first: Rendered, source: Source, *, language: str) -> Iterator[Finding]:
    for pale in pale_texts(_part(first, "html")):
        place = _place_of(pale, source)
        scheme = " in dark mode" if pale.is_dark else ""
        yield Finding(
            severity="warning",
            code="contrast",
            message=(
                f"{pale.color} on {pale.background}{scheme} has a contrast of "
                f"{pale.ratio:.1f}: “{pale.words[:40]}” is hard to read"
            ),
            suggestion=f"choose colours with a contrast of {MINIMUM}",
            part=place[0],
            line=place[1],
            column=place[2],
            language=language,
        )


def _place_of(pale: Pale, source: Source) -> tuple[str, int | None, int | None]:
    """Return where the words, or else the colour, stand in the source."""
    words = pale.words.split()[:_COLOR_WORDS]
    pattern = r"\s+".join(re.escape(entities.escape(word, False)) for word in words)
    match = re.search(pattern, source.text) or re.search(
        re.escape(pale.color), source.text, re.IGNORECASE
    )
    if match is None:
        return "html", None, None
    place = source.place(match.start())
    return place.part, place.line, place.column
