"""The languages of a draft: which there are, what is missing, and changing them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages as notes
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.dateparse import parse_datetime

from events.languages import RECENT_EVENTS, asked_for
from templates_app import editing, languages
from templates_app.admin.frame import Draft, DraftPages, View, editor_of


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a draft's languages, and how it is asked for."""

    verb: str
    act: Callable[..., Draft]
    sentence: str
    done: str
    is_danger: bool = False


CHANGES = {
    "copy": Change(
        verb="Copy from the default again",
        act=languages.copy_default,
        sentence="All that is written in {name} is overwritten with what stands in "
        "{default}.",
        done="{name} is a copy of {default} again.",
        is_danger=True,
    ),
    "default": Change(
        verb="Make it the default",
        act=languages.make_default,
        sentence="Recipients whose language is not here will get {name} instead of "
        "{default}.",
        done="{name} is the default language.",
    ),
    "delete": Change(
        verb="Delete the language",
        act=languages.delete,
        sentence="All that is written in {name} is deleted; its recipients get "
        "{default}.",
        done="{name} is deleted.",
        is_danger=True,
    ),
}


class SeenForm(forms.Form):
    """The state of the draft that somebody was shown."""

    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def seen_at(self) -> datetime | None:
        """Return it as the time of saving; None when it is no time."""
        try:
            return parse_datetime(self.data.get("seen", ""))
        except ValueError:
            return None


def languages_view(admin: DraftPages, request: HttpRequest, pk: int) -> HttpResponse:
    """Show what is written in which language, and what recipients ask for."""
    draft = admin.draft(request, pk)
    event_type = getattr(draft, "event_type", None)
    here = draft.content
    rows = languages.report(draft, asked_for(event_type) if event_type else None)
    context = {
        "title": f"Languages: {draft.label}",
        "rows": rows,
        "missing": [row for row in rows if row.is_missing],
        "fields": [cell.label for cell in rows[0].cells],
        "choices": [each for each in languages.choices() if each[0] not in here],
        "common_choices": [each for each in languages.common() if each[0] not in here],
        "default_name": languages.name_of(draft.default_language),
        "event_type": event_type,
        "recent": RECENT_EVENTS,
        "form": SeenForm(initial={"seen": draft.modified_at.isoformat()}),
        "add_url": admin.url("add-language", draft.pk),
        "change_base": f"{admin.url('change', draft.pk)}../language/",
        "may_edit": admin.may_edit(request, draft),
    }
    return admin.answer(request, "languages.html", context, draft=draft)


def add_view(admin: DraftPages, request: HttpRequest, pk: int) -> HttpResponse:
    """Add a language, a copy of the default's content, and open it."""
    draft = _editable(admin, request, pk)
    listing = HttpResponseRedirect(admin.url("languages", draft.pk))
    if request.method != "POST":
        return listing
    tag = request.POST.get("tag", "").strip()
    if not _done(request, languages.add, draft, tag):
        return listing
    name = languages.name_of(tag)
    notes.success(request, f"{name} is added, as a copy to be translated.")
    return _opened(admin, draft, tag)


def change_view(
    admin: DraftPages, request: HttpRequest, pk: int, tag: str, change: str
) -> HttpResponse:
    """Ask, then copy, delete or make a default of a language."""
    draft = _editable(admin, request, pk)
    if change not in CHANGES or tag not in draft.content:
        raise Http404("There is no such language.")
    chosen = CHANGES[change]
    words = {
        "name": languages.name_of(tag),
        "default": languages.name_of(draft.default_language),
    }
    if request.method == "POST":
        if _done(request, chosen.act, draft, tag):
            notes.success(request, chosen.done.format(**words))
        if change == "copy":
            return _opened(admin, draft, tag)
        return HttpResponseRedirect(admin.url("languages", draft.pk))
    context: dict[str, Any] = {
        "title": f"{chosen.verb}: {words['name']}",
        "verb": chosen.verb,
        "sentences": [chosen.sentence.format(**words)],
        "is_danger": chosen.is_danger,
        "form": SeenForm(initial={"seen": draft.modified_at.isoformat()}),
    }
    if change != "default" and tag == draft.default_language:
        context["refusal"] = f"{words['name']} is the default language"
        context["instead"] = "See the languages"
        context["instead_url"] = admin.url("languages", draft.pk)
        context["sentences"] = ["All others fall back to it: choose another one first."]
    return admin.answer(request, "confirm.html", context, draft=draft)


STEPS: dict[str, View] = {
    "languages": languages_view,
    "add-language": add_view,
    "language/<str:tag>/<slug:change>": change_view,
}


def _editable(admin: DraftPages, request: HttpRequest, pk: int) -> Any:
    draft = admin.draft(request, pk)
    if not admin.may_edit(request, draft):
        raise PermissionDenied
    return draft


def _done(
    request: HttpRequest, act: Callable[..., Draft], draft: Draft, tag: str
) -> bool:
    """Act on a language; say why not, if so."""
    seen = SeenForm(request.POST).seen_at()
    try:
        act(draft, tag, seen=seen, editor=editor_of(request))
    except (
        editing.NotEditable,
        languages.Needed,
        languages.NoSuchLanguage,
    ) as error:
        notes.error(request, str(error))
        return False
    except editing.Stale as error:
        notes.error(request, f"{error} Look at it again, then decide.")
        return False
    return True


def _opened(admin: DraftPages, draft: Draft, tag: str) -> HttpResponse:
    return HttpResponseRedirect(f"{admin.url('change', draft.pk)}?language={tag}")
