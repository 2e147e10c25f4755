"""The shadow render in the admin: its start and progress, and each row side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Case, IntegerField, Value, When
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
)
from django.template.loader import render_to_string

from templates_app import shadow, trials
from templates_app.admin import sides
from templates_app.admin.asking import publishable
from templates_app.admin.frame import DraftPages, View, editor_of
from templates_app.models import (
    Message,
    ShadowOutcome,
    ShadowResult,
    ShadowRun,
    ShadowStatus,
)
from templates_app.rendering import RenderError
from templates_app.trials import Subject, Trial

CANDIDATE, LIVE = "new", "live"
_ORDER = (
    ShadowOutcome.NEWLY_FAILING,
    ShadowOutcome.STILL_FAILING,
    ShadowOutcome.MENDED,
    ShadowOutcome.CHANGED,
    ShadowOutcome.UNCHANGED,
)
_TONES = {
    ShadowOutcome.NEWLY_FAILING: "bad",
    ShadowOutcome.STILL_FAILING: "warn",
    ShadowOutcome.MENDED: "good",
    ShadowOutcome.CHANGED: "info",
    ShadowOutcome.UNCHANGED: "neutral",
}
# A run that no worker has taken up by then is worked on by the page that waits for it.
_PATIENCE_SECONDS = 1.5
_HELP_SECONDS = 1.0


def shadow_view(admin: DraftPages, request: HttpRequest, pk: int) -> HttpResponse:
    """Return where the shadow render stands as JSON; POST starts one, or waits for it.

    A POST with ``more`` lends a hand when no worker does.
    """
    message = publishable(admin, request, pk)
    wants_json = request.accepts("application/json") and "plain" not in request.POST
    try:
        run = shadow.current(message)
        if request.method == "POST":
            if "more" in request.POST:
                run = _helped(run)
            elif run is None or not _is_open(run):
                run = shadow.start(message, by=editor_of(request))
    except RenderError as error:
        answer = {"state": "refused", "problem": str(error), "may_publish": False}
        if wants_json:
            return JsonResponse(answer)
        return HttpResponseRedirect(admin.url("publish", pk))
    if not wants_json:
        return HttpResponseRedirect(admin.url("publish", pk))
    return JsonResponse(as_json(admin, message, run))


def row_view(
    admin: DraftPages, request: HttpRequest, pk: int, position: int
) -> HttpResponse:
    """Show what one event or sample gets: the live version beside the new one."""
    message = publishable(admin, request, pk)
    result = _result(message, position)
    found = _both(message, result)
    context = {
        "title": f"{result.label}: {message.label}",
        "result": result,
        "tone": _TONES[ShadowOutcome(result.outcome)],
        "outcome": _label(result.run, result.outcome),
        "sides": _beside(admin, message, result, found),
        "neighbours": _neighbours(result),
    }
    return admin.answer(request, "shadow_row.html", context, draft=message)


def frame_view(
    admin: DraftPages, request: HttpRequest, pk: int, position: int, side: str
) -> HttpResponse:
    """Return the HTML of one side of a row."""
    message = publishable(admin, request, pk)
    found = _both(message, _result(message, position))
    if found is None or side not in found or found[side] is None:
        raise Http404("There is nothing to show.")
    return sides.frame(request, found[side] or Trial())


STEPS: Mapping[str, View] = {
    "shadow": shadow_view,
    "shadow-row/<int:position>": row_view,
    "shadow-frame/<int:position>/<str:side>": frame_view,
}


def as_json(
    admin: DraftPages, message: Message, run: ShadowRun | None
) -> dict[str, Any]:
    """Return where a run stands; ``html`` holds its rows once it has ended.

    ``{"state": "none" | "queued" | "running" | "done" | "stopped", "done", "total",
    "words", "problem", "may_publish", "html"}``
    """
    if run is None:
        return {"state": "none", "may_publish": False}
    is_open = _is_open(run)
    context = {} if is_open else shown(admin, message, run)
    return {
        "state": run.status,
        "done": run.done,
        "total": len(run.subjects),
        "words": progress_in_words(run),
        "problem": run.problem,
        "may_publish": shadow.is_finished(run) and not context.get("failing"),
        "html": ""
        if is_open
        else render_to_string("templates_app/shadow_results.html", context),
    }


def shown(admin: DraftPages, message: Message, run: ShadowRun | None) -> dict[str, Any]:
    """Return what the page shows of a run."""
    if run is None or _is_open(run):
        return {"run": run, "words": progress_in_words(run) if run else ""}
    rank = Case(
        *(When(outcome=each, then=Value(n)) for n, each in enumerate(_ORDER)),
        output_field=IntegerField(),
    )
    rows = list(run.results.order_by(rank, "position"))
    found = shadow.counts(run)
    return {
        "run": run,
        "words": shadow.in_words(run),
        "outcomes": [
            (each, _label(run, each), found[each], _TONES[each])
            for each in _ORDER
            if found[each]
        ],
        "failing": found[ShadowOutcome.NEWLY_FAILING],
        "has_news": found[ShadowOutcome.UNCHANGED] < len(rows),
        "rows": [_row(admin, message, run, row) for row in rows],
        "sizes": _sizes(message, run),
        "change_url": admin.url("change", message.pk),
    }


def progress_in_words(run: ShadowRun) -> str:
    """Return how far a run is, such as ``Rendering: 120 of 500 past events``."""
    noun = "samples" if run.uses_samples else "past events"
    if run.status == ShadowStatus.QUEUED:
        return f"Waiting for a worker: {len(run.subjects)} {noun}"
    return f"Rendering: {run.done} of {len(run.subjects)} {noun}"


def _helped(run: ShadowRun | None) -> ShadowRun | None:
    """Work on a run for a moment if it waits and nobody does."""
    if run is None or not _is_open(run):
        return run
    if run.beat_at is None and shadow.age_of(run) > _PATIENCE_SECONDS:
        shadow.advance(_HELP_SECONDS)
        return shadow.current(run.message)
    return run


def _is_open(run: ShadowRun) -> bool:
    return run.status in (ShadowStatus.QUEUED, ShadowStatus.RUNNING)


def _label(run: ShadowRun, outcome: str) -> str:
    """Return an outcome in words; without a version to compare with, none changes."""
    if run.base_version_id is None:
        words = {
            ShadowOutcome.CHANGED: "Rendered",
            ShadowOutcome.NEWLY_FAILING: "Failing",
        }
        if outcome in words:
            return words[ShadowOutcome(outcome)]
    return str(ShadowOutcome(outcome).label)


def _row(
    admin: DraftPages, message: Message, run: ShadowRun, row: ShadowResult
) -> dict[str, Any]:
    return {
        "result": row,
        "outcome": _label(run, row.outcome),
        "tone": _TONES[ShadowOutcome(row.outcome)],
        "before": trials.size_in_words(message.channel, row.size_before),
        "after": trials.size_in_words(message.channel, row.size_after),
        "is_larger": (row.size_after or 0) > (row.size_before or 0) > 0,
        "url": admin.url("shadow-row", message.pk, row.position),
    }


def _sizes(message: Message, run: ShadowRun) -> str:
    """Return the largest size before and after, as a sentence; may be empty."""
    found = shadow.sizes(run)
    if found["after"] is None:
        return ""
    after = trials.size_in_words(message.channel, found["after"])
    if found["before"] in (None, found["after"]):
        return f"The largest has {after}."
    before = trials.size_in_words(message.channel, found["before"])
    return f"The largest has {after}; with the live version {before}."


def _result(message: Message, position: int) -> ShadowResult:
    results = ShadowResult.objects.select_related("run__base_version")
    rows = results.filter(run__message=message, position=position)
    # Two that were asked for at the same moment both stand; the newest is shown.
    found = rows.order_by("-run__created_at").first()
    if found is None:
        raise Http404("This row belongs to a render that was replaced.")
    return found


def _both(message: Message, result: ShadowResult) -> dict[str, Trial | None] | None:
    """Render a row's two sides with sensitive values hidden; None if it was purged."""
    run = result.run
    both = shadow.sides_of(run)
    subjects: dict[str, Subject] = trials.load([result.subject], message)
    subject = subjects.get(result.subject)
    if subject is None:
        return None
    subject = sides.hidden(subject, message, both.candidate.sensitive_paths)
    return {
        LIVE: trials.render(both.live, subject) if both.live else None,
        CANDIDATE: trials.render(both.candidate, subject),
    }


def _beside(
    admin: DraftPages,
    message: Message,
    result: ShadowResult,
    found: dict[str, Trial | None] | None,
) -> sides.SideBySide | None:
    if found is None:
        return None
    live = result.run.base_version
    titles = {
        LIVE: f"Version {live.number}" if live else "",
        CANDIDATE: "As it would be published",
    }
    return sides.beside(
        *(
            sides.pane(
                message.channel,
                titles[side],
                trial,
                frame_url=admin.url("shadow-frame", message.pk, result.position, side),
            )
            for side, trial in found.items()
            if trial is not None
        )
    )


def _neighbours(result: ShadowResult) -> dict[str, int | None]:
    """Return the positions before and after a row, among those of its outcome."""
    rows = result.run.results.filter(outcome=result.outcome).order_by()
    before = rows.filter(position__lt=result.position).order_by("-position").first()
    after = rows.filter(position__gt=result.position).order_by("position").first()
    return {
        "before": before.position if before else None,
        "after": after.position if after else None,
    }
