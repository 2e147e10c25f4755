"""What stands in the way of publishing a message, and what is merely doubtful.

Reads only, and holds no lock: compiling and checking take their time.
"""

from __future__ import annotations

from dataclasses import dataclass

from templates_app import shadow
from templates_app.checking import Finding, check_draft
from templates_app.models import Message, MessageStatus, ShadowResult, ShadowRun
from templates_app.rendering import RenderError
from templates_app.snapshots import compiled_content

_NAMED = 10


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a message cannot be published: what, where, and what to do."""

    text: str
    part: str = ""
    line: int | None = None
    column: int | None = None
    language: str = ""


class PublishError(Exception):
    """A message cannot be published; `problems` say each reason."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(problem.text for problem in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Readiness:
    """What a look at a message as saved found; `problems` block, `doubts` do not."""

    problems: list[Problem]
    doubts: list[Problem]


def assess(message: Message) -> Readiness:
    """Check a message as it stands: its state, its content, its samples."""
    findings = check_draft(message)
    is_one = len(message.content) == 1
    errors = [problem_of(each, is_one) for each in findings if each.is_error]
    doubts = [problem_of(each, is_one) for each in findings if not each.is_error]
    if not errors:
        errors = _not_compiling(message)
    return Readiness([*standing_in_the_way(message), *errors], doubts)


def problems_of(message: Message) -> list[Problem]:
    """Return what stands in the way of publishing a message; empty if nothing does.

    What a finished shadow render of the same content found newly failing included.
    """
    problems = assess(message).problems
    if problems:
        return problems
    run = shadow.current(message)
    return would_fail(run) if run is not None and shadow.is_finished(run) else []


def doubts_of(message: Message) -> list[Problem]:
    """Return what an author should look at before publishing; it blocks nothing."""
    return assess(message).doubts


def standing_in_the_way(message: Message) -> list[Problem]:
    """Return what is wrong with a message's state, whatever it says."""
    problems: list[Problem] = []
    if message.deleted_at is not None:
        problems.append(Problem("It was deleted."))
    if message.event_type is None:
        problems.append(Problem("Choose an event type: it says when to send this."))
    else:
        twin = (
            Message.objects.filter(
                event_type=message.event_type, channel=message.channel
            )
            .exclude(pk=message.pk)
            .exclude(status=MessageStatus.DRAFT)
            .first()
        )
        if twin is not None:
            problems.append(
                Problem(
                    f"“{twin.label}” is already live for {message.event_type.name} by "
                    f"{message.get_channel_display()}; unpublish it first."
                )
            )
    if message.default_language not in message.content:
        problems.append(
            Problem(f"The default language {message.default_language} has no content.")
        )
    return problems


def would_fail(run: ShadowRun) -> list[Problem]:
    """Return why a shadow render forbids publishing: the newly failing, by name."""
    failing = shadow.newly_failing(run)
    if not failing:
        return []
    total = run.results.count()
    noun = "samples" if run.uses_samples else "past events"
    named = "; ".join(_named(each) for each in failing[:_NAMED])
    more = len(failing) - _NAMED
    rest = f"; and {more} more" if more > 0 else ""
    first = failing[0].error or {}
    return [
        Problem(
            f"{len(failing)} of {total} {noun} would fail: {named}{rest}",
            part=str(first.get("part") or ""),
            line=first.get("line"),
            column=first.get("column"),
        )
    ]


def problem_of(finding: Finding, is_only_language: bool = False) -> Problem:
    """Return a finding of the check as a sentence with its place."""
    words = finding.message.rstrip(".")
    if finding.suggestion:
        words = f"{words}; {finding.suggestion.rstrip('.')}"
    if finding.language and not is_only_language:
        words = f"{words} ({finding.language})"
    return Problem(
        words if words.endswith("?") else f"{words}.",
        part=finding.part,
        line=finding.line,
        column=finding.column,
        language=finding.language,
    )


def place_in_words(part: str, line: int | None, column: int | None) -> str:
    """Return a place as people say it, such as ``text line 4, column 2``."""
    where = part or "content"
    return f"{where} line {line}, column {column}" if line else part


def _named(result: ShadowResult) -> str:
    error = result.error or {}
    place = place_in_words(
        str(error.get("part") or ""), error.get("line"), error.get("column")
    )
    return f"{result.label}: {error.get('message', '')}{f' ({place})' if place else ''}"


def _not_compiling(message: Message) -> list[Problem]:
    try:
        compiled_content(message)
    except RenderError as error:
        return [
            Problem(str(error), part=error.part, line=error.line, column=error.column)
        ]
    return []
