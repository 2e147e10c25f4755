"""The versions of a message: the list, one of them, two compared, and rolling back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages as notes
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import urlencode

from templates_app import comparing, publishing, trials
from templates_app.admin import sides
from templates_app.admin.asking import may_publish
from templates_app.admin.frame import DraftPages, View, editor_of
from templates_app.comparing import DRAFT
from templates_app.models import Message, MessageStatus, Version
from templates_app.rendering import RenderError
from templates_app.trials import Subject, Trial


def versions_view(admin: DraftPages, request: HttpRequest, pk: int) -> HttpResponse:
    """List every version: who published it, when, why, and what was sent under it."""
    message: Message = admin.draft(request, pk)
    found = list(_versions(message))
    sent = admin.sent_under([version.pk for version in found])
    context = {
        "title": f"Versions: {message.label}",
        "rows": [(version, sent.get(version.pk)) for version in found],
        "has_counts": bool(sent),
        "is_live": message.status != MessageStatus.DRAFT,
        "may_restore": _may_restore(admin, request, message),
    }
    return admin.answer(request, "versions.html", context, draft=message)


def version_view(
    admin: DraftPages, request: HttpRequest, pk: int, number: int
) -> HttpResponse:
    """Show one version as it stood, rendered with a sample."""
    message: Message = admin.draft(request, pk)
    version = _state(message, str(number))
    chosen, subject = _subject(request, message)
    context = {
        "title": f"Version {number}: {message.label}",
        "version": version,
        "state": comparing.state_of(version),
        "languages": _texts(version),
        "is_live": message.status != MessageStatus.DRAFT,
        "samples": trials.samples_of(message),
        "chosen": chosen,
        "sides": _side_by_side(admin, message, subject, [str(number)]),
        "may_restore": _may_restore(admin, request, message),
    }
    return admin.answer(request, "version.html", context, draft=message)


def compare_view(admin: DraftPages, request: HttpRequest, pk: int) -> HttpResponse:
    """Compare two versions, or one with the draft: source, and rendered."""
    message: Message = admin.draft(request, pk)
    choices = [
        (DRAFT, "Draft"),
        *((str(v.number), f"Version {v.number}") for v in _versions(message)),
    ]
    newest = choices[1][0] if len(choices) > 1 else DRAFT
    names = [request.GET.get("a", newest), request.GET.get("b", DRAFT)]
    before, after = (_state(message, name) for name in names)
    chosen, subject = _subject(request, message)
    context = {
        "title": f"Compare: {message.label}",
        "choices": choices,
        "a": names[0],
        "b": names[1],
        "comparison": comparing.compare(
            comparing.state_of(before), comparing.state_of(after)
        ),
        "samples": trials.samples_of(message),
        "chosen": chosen,
        "sides": _side_by_side(admin, message, subject, names),
    }
    return admin.answer(request, "compare.html", context, draft=message)


def rollback_view(
    admin: DraftPages, request: HttpRequest, pk: int, number: int
) -> HttpResponse:
    """Show what rolling back changes; then make the draft so, and open its review."""
    message: Message = admin.draft(request, pk)
    if not _may_restore(admin, request, message):
        raise PermissionDenied
    version = _state(message, str(number))
    if not isinstance(version, Version):
        raise Http404("There is no such version.")
    if request.method == "POST":
        publishing.restore(message, version, editor=editor_of(request))
        admin.log_change(request, message, f"Took over version {number}.")
        notes.success(request, f"The draft says again what version {number} said.")
        query = urlencode({"note": f"Roll back to version {number}"})
        return HttpResponseRedirect(f"{admin.url('publish', pk)}?{query}")
    context = {
        "title": f"Roll back to version {number}: {message.label}",
        "version": version,
        "is_live": message.status != MessageStatus.DRAFT,
        "comparison": comparing.compare(
            comparing.state_of(message), comparing.state_of(version)
        ),
    }
    return admin.answer(request, "rollback.html", context, draft=message)


def frame_view(
    admin: DraftPages, request: HttpRequest, pk: int, name: str
) -> HttpResponse:
    """Return the HTML of a version, or of the draft, rendered with a sample."""
    message: Message = admin.draft(request, pk)
    _, subject = _subject(request, message)
    if subject is None:
        raise Http404("There is no sample to render it with.")
    return sides.frame(request, _trial(_state(message, name), subject))


STEPS: Mapping[str, View] = {
    "versions": versions_view,
    "version/<int:number>": version_view,
    "compare": compare_view,
    "rollback/<int:number>": rollback_view,
    "version-frame/<str:name>": frame_view,
}


def _versions(message: Message) -> Any:
    return message.versions.select_related("author").defer("compiled", "content")


def _state(message: Message, name: str) -> Version | Message:
    """Return the version of a number, or the draft; else 404."""
    if name == DRAFT:
        return message
    versions = message.versions.select_related("author")
    found = versions.filter(number=name).first() if name.isdecimal() else None
    if found is None:
        raise Http404("There is no such version.")
    return found


def _may_restore(admin: DraftPages, request: HttpRequest, message: Message) -> bool:
    return admin.may_edit(request, message) and may_publish(request)


def _texts(version: Version | Message) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the filled fields of each language as text."""
    state = comparing.state_of(version)
    return [
        (language, comparing.texts_of(fields))
        for language, fields in state.content.items()
    ]


def _subject(request: HttpRequest, message: Message) -> tuple[str, Subject | None]:
    """Return the sample that a request names, else the first; values are hidden."""
    keys = [key for key, _ in trials.samples_of(message)]
    wanted = request.GET.get("sample", "")
    key = wanted if wanted in keys else next(iter(keys), "")
    subject = trials.load([key], message).get(key) if key else None
    return key, sides.hidden(subject, message) if subject else None


def _trial(thing: Version | Message, subject: Subject) -> Trial:
    try:
        version = comparing.renderable(thing)
    except RenderError as error:
        return Trial(error=error.as_dict())
    return trials.render(version, subject)


def _side_by_side(
    admin: DraftPages, message: Message, subject: Subject | None, names: list[str]
) -> sides.SideBySide | None:
    if subject is None:
        return None
    query = urlencode({"sample": subject.key})
    return sides.beside(
        *(
            sides.pane(
                message.channel,
                "Draft" if name == DRAFT else f"Version {name}",
                _trial(_state(message, name), subject),
                frame_url=f"{admin.url('version-frame', message.pk, name)}?{query}",
            )
            for name in names
        )
    )
