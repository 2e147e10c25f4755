"""The live preview: the unsaved form rendered and checked while it is typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    JsonResponse,
    QueryDict,
)
from django.utils import timezone

from events.models import EventType
from templates_app import (
    checking,
    content_blocks,
    editing,
    samples,
    simulation,
    snapshots,
)
from templates_app.admin.frame import Draft, DraftPages, View
from templates_app.forms import Unreadable, plain_lines, typed_content
from templates_app.models import ContentBlock
from templates_app.rendering import RenderError
from templates_app.rendering.blocks import mjml_of
from templates_app.vocabulary import vocabulary

OWN_SAMPLE = "own"
_UNDEFINED = "undefined_variable"
_UNKNOWN = "unknown_variable"


def chosen_language(request: HttpRequest, draft: Draft) -> str:
    """Return the language that a request is about: one of the draft's."""
    wanted = request.POST.get("language") or request.GET.get("language", "")
    return wanted if wanted in draft.content else draft.default_language


def preview_view(admin: DraftPages, request: HttpRequest, pk: int) -> HttpResponse:
    """Render and check the unsaved form: parts and findings as JSON."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    draft = admin.draft(request, pk)
    data = plain_lines(request.POST)
    language = chosen_language(request, draft)
    event_type: EventType | None = admin.chosen_type(request, draft)
    try:
        typed = typed_content(draft.channel, data)
    except Unreadable as error:
        return _failed(error.as_dict())
    plain, kept = editing.from_adobe(typed)
    content = {**draft.content.get(language, {}), **plain}
    sample, problem = _sample(draft, data, event_type)
    if problem is not None:
        return _failed(problem)
    found = _simulated(
        draft,
        content,
        sample,
        language=language,
        mark="_mark" in data,
    )
    findings = checking.check_unsaved(
        draft,
        content,
        ctx=sample.ctx,
        event_type=event_type,
        language=language,
        rendered=found,
    )
    answer = simulation.as_json(found, is_dark="_dark" in data)
    answer["findings"] = _with_errors(
        [dict(each.as_dict()) for each in findings], answer["errors"]
    )
    # What else a simulation warns of, the findings say with its place.
    answer["warnings"] = simulation.contract_warnings(sample)
    answer["rewritten"] = {
        name: text for name, text in plain.items() if text != typed[name]
    }
    answer["not_rewritten"] = kept
    return JsonResponse(answer)


def vocabulary_view(admin: DraftPages, request: HttpRequest, pk: int) -> HttpResponse:
    """Return what content can speak of, of the typed sample and type, as JSON."""
    draft = admin.draft(request, pk)
    event_type: EventType | None = admin.chosen_type(request, draft)
    ctx, problem = simulation.read_sample(request.POST.get("context_sample", ""))
    if problem is not None or not ctx:
        ctx = draft.context_sample
    blocks = ContentBlock.objects.values_list("internal_name", "label")
    words = vocabulary(
        contract=event_type.contract if event_type else None,
        sample={**(event_type.sample if event_type else {}), **ctx},
        sensitive=event_type.sensitive_paths if event_type else (),
        blocks=blocks,
        language=chosen_language(request, draft),
    )
    return JsonResponse(words, json_dumps_params={"default": float})


def mjml_view(admin: DraftPages, request: HttpRequest, pk: int) -> HttpResponse:
    """Return the typed blocks as MJML, or why they are none, as JSON."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    draft = admin.draft(request, pk)
    try:
        typed = typed_content(draft.channel, request.POST)
        plain, _ = editing.from_adobe(typed)
        mjml = mjml_of(plain.get("blocks") or {}).text
    except (Unreadable, RenderError) as error:
        return JsonResponse(dict(error.as_dict()), status=422)
    return JsonResponse({"mjml": mjml})


STEPS: dict[str, View] = {
    "preview": preview_view,
    "mjml": mjml_view,
    "vocabulary": vocabulary_view,
}


def _sample(
    draft: Draft, data: QueryDict, event_type: EventType | None
) -> tuple[simulation.Sample, Mapping[str, Any] | None]:
    """Return the sample that the form asks for, and what is wrong with it, if so."""
    key = str(data.get("_sample") or OWN_SAMPLE)
    if key != OWN_SAMPLE:
        try:
            return samples.load(key, draft, event_type), None
        except samples.Unknown:
            problem = {
                "code": "no_sample",
                "message": "The sample to render with is gone; choose another one.",
                "part": "",
            }
            return simulation.Sample(ctx={}), problem
    ctx, error = draft.context_sample, None
    if "context_sample" in data:
        ctx, error = simulation.read_sample(str(data["context_sample"]))
    sample = simulation.Sample(
        ctx=ctx,
        event_type=event_type.name if event_type else "",
        contract=event_type.contract if event_type else None,
    )
    return sample, error


def _simulated(
    draft: Draft,
    content: Mapping[str, Any],
    sample: simulation.Sample,
    *,
    language: str,
    mark: bool,
) -> simulation.Simulation:
    return simulation.simulate(
        draft.channel,
        content,
        sample,
        about=snapshots.about(draft),
        at=timezone.now(),
        language=language,
        blocks=content_blocks.texts_for({language: content}),
        mark=mark,
    )


def _with_errors(
    findings: list[dict[str, Any]], errors: list[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return findings and those errors of rendering that no finding speaks of."""
    said = {(each["part"], each["line"]) for each in findings if _is_error(each)}
    unsaid = [
        {"severity": "error", "suggestion": "", "length": None, **error}
        for error in errors
        if (error.get("part", ""), error.get("line")) not in said
    ]
    return _once(unsaid + findings)


def _once(findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return findings without what rendering says again of an unknown variable."""
    missed = {_place(each) for each in findings if each["code"] == _UNDEFINED}
    unknown = {_place(each) for each in findings if each["code"] == _UNKNOWN}
    both = missed & unknown
    return [
        {**each, "severity": "error"} if _place(each) in both else each
        for each in findings
        if each["code"] != _UNDEFINED or _place(each) not in both
    ]


def _place(finding: Mapping[str, Any]) -> tuple[Any, ...]:
    return finding.get("part"), finding.get("line"), finding.get("column")


def _is_error(finding: Mapping[str, Any]) -> bool:
    return bool(finding["severity"] == "error")


def _failed(error: Mapping[str, Any]) -> JsonResponse:
    answer = simulation.as_json(simulation.Simulation(errors=[error]))
    answer["findings"] = _with_errors([], [error])
    return JsonResponse(answer)
