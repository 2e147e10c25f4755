"""What an unsaved form asks of samples: which there are, one of them, the largest."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import Any

from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    JsonResponse,
)
from django.utils import timezone

from events.models import Channel, EventType
from templates_app import content_blocks, editing, samples, simulation
from templates_app.admin.frame import Draft, DraftPages, View
from templates_app.admin.previewing import chosen_language
from templates_app.forms import Unreadable, plain_lines, typed_content
from templates_app.samples import SampleChoice

Groups = list[tuple[str, list[SampleChoice]]]


def grouped(draft: Draft, event_type: EventType | None = None) -> tuple[Groups, Groups]:
    """Return the samples to render with, and those to copy, both in their groups.

    `event_type` is by default that of the draft.
    """
    choices = samples.choices_of(draft, event_type)
    groups = [
        (group, list(each)) for group, each in groupby(choices, key=lambda c: c.group)
    ]
    takeable = [
        (group, [each for each in offered if each.key != "own"])
        for group, offered in groups
        if group in {samples.SAMPLES, samples.EVENTS}
    ]
    return groups, [(group, offered) for group, offered in takeable if offered]


def choices_view(admin: DraftPages, request: HttpRequest, pk: int) -> HttpResponse:
    """Return the samples of the chosen event type as JSON, in their groups."""
    draft = admin.draft(request, pk)
    groups, takeable = grouped(draft, admin.chosen_type(request, draft))
    return JsonResponse({"groups": _plain(groups), "takeable": _plain(takeable)})


def sample_view(admin: DraftPages, request: HttpRequest, pk: int) -> HttpResponse:
    """Return the sample with a key, such as ``type`` or an event's, as JSON."""
    draft = admin.draft(request, pk)
    event_type: EventType | None = admin.chosen_type(request, draft)
    try:
        sample = samples.load(request.GET.get("key", "type"), draft, event_type)
    except samples.Unknown as error:
        raise Http404("There is no such sample.") from error
    return JsonResponse(dict(sample.ctx), json_dumps_params={"default": float})


def largest_view(admin: DraftPages, request: HttpRequest, pk: int) -> HttpResponse:
    """Return the sample that makes the typed SMS or push message largest, as JSON.

    Empty when nothing can be rendered. Personas are left out: theirs is made up.
    """
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    draft = admin.draft(request, pk)
    if draft.channel == Channel.EMAIL:
        raise Http404("Only SMS and push messages are counted.")
    data = plain_lines(request.POST)
    try:
        typed = typed_content(draft.channel, data)
    except Unreadable:
        return JsonResponse({})
    plain, _ = editing.from_adobe(typed)
    language = chosen_language(request, draft)
    content = {**draft.content.get(language, {}), **plain}
    ctx, problem = simulation.read_sample(str(data.get("context_sample", "")))
    found = [
        (label, simulated)
        for label, simulated in _simulated(
            draft,
            content,
            admin.chosen_type(request, draft),
            own=ctx if problem is None and ctx else None,
            language=language,
        )
        if simulated.message is not None
    ]
    if not found:
        return JsonResponse({})
    label, largest = max(found, key=lambda each: _size(each[1]))
    return JsonResponse(
        {
            "label": label,
            "segments": simulation.segments_in_words(largest.segments),
            "push_bytes": largest.push_bytes,
            "count": len(found),
        }
    )


STEPS: dict[str, View] = {
    "sample": sample_view,
    "samples": choices_view,
    "largest": largest_view,
}


def _simulated(
    draft: Draft,
    content: dict[str, Any],
    event_type: EventType | None,
    *,
    own: dict[str, Any] | None,
    language: str,
) -> list[tuple[str, simulation.Simulation]]:
    """Render every sample but the personas; `own` stands for the draft's."""
    prepared = simulation.prepare(
        draft.channel, content, blocks=content_blocks.texts_for({language: content})
    )
    about = {"internal_name": draft.internal_name, "label": draft.label, "version": 0}
    now = timezone.now()
    found = {
        choice.key: (choice.label, sample)
        for choice, sample in samples.all_of(draft, event_type)
        if choice.group != samples.PERSONAS
    }
    if own is not None:
        typed = replace(samples.load("own", draft, event_type), ctx=own)
        found["own"] = ("Context sample", typed)
    return [
        (
            label,
            simulation.rehearse(
                prepared,
                replace(sample, contract=None),
                about=about,
                at=now,
                language=language,
            ),
        )
        for label, sample in found.values()
    ]


def _size(simulated: simulation.Simulation) -> tuple[int, int]:
    segments = simulated.segments
    return (segments.parts, segments.units) if segments else (0, simulated.push_bytes)


def _plain(groups: Groups) -> list[list[Any]]:
    return [
        [group, [[choice.key, choice.label] for choice in offered]]
        for group, offered in groups
    ]
