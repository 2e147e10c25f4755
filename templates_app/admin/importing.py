"""HTML from a file or the clipboard made the source of an email, after a look at it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.dateparse import parse_datetime

from events.models import Channel
from templates_app import editing, html_import
from templates_app.admin.frame import DraftPages, View, editor_of
from templates_app.html_import import ImportedHtml, NotImported

_MAX_BYTES = 2_000_000


class ImportForm(forms.Form):
    """HTML from a file, or pasted."""

    file = forms.FileField(
        required=False,
        label="HTML file",
        widget=forms.ClearableFileInput(attrs={"accept": ".html,.htm,text/html"}),
    )
    html = forms.CharField(
        required=False,
        strip=False,
        label="Or paste the HTML",
        widget=forms.Textarea(attrs={"rows": 10, "class": "tx-code"}),
    )

    def text(self) -> str:
        """Return the HTML that was given; raise NotImported."""
        file = self.cleaned_data["file"]
        if file is None:
            return str(self.cleaned_data["html"])
        if file.size > _MAX_BYTES:
            raise NotImported(f"The file is larger than {_MAX_BYTES // 1_000_000} MB.")
        return html_import.decoded(file.read())


def import_view(admin: DraftPages, request: HttpRequest, pk: int) -> HttpResponse:
    """Take HTML, report what was found in it, and put it in place when confirmed."""
    draft = admin.draft(request, pk)
    if not admin.may_edit(request, draft):
        raise PermissionDenied
    if draft.channel != Channel.EMAIL:
        raise Http404("Only emails have HTML.")
    language = request.GET.get("language") or draft.default_language
    if language not in draft.content:
        raise Http404("There is no such language.")
    back = f"{admin.url('change', pk)}?language={language}"
    if "_confirmed" in request.POST:
        _put_in_place(admin, request, draft, language)
        return HttpResponseRedirect(back)
    imported: ImportedHtml | None = None
    form = ImportForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            imported = html_import.import_html(form.text(), uploader=editor_of(request))
        except NotImported as error:
            form.add_error(None, str(error))
    context = {
        "title": f"Import HTML: {draft.label}",
        "form": form,
        "imported": imported,
        "language": language,
        "has_source": _has_source(draft.content[language]),
        "seen": draft.modified_at.isoformat(),
        "back_url": back,
    }
    status = 422 if form.errors else 200
    return admin.answer(request, "import.html", context, draft=draft, status=status)


STEPS: Mapping[str, View] = {"import": import_view}


def _put_in_place(
    admin: DraftPages, request: HttpRequest, draft: Any, language: str
) -> None:
    try:
        editing.save(
            draft,
            values={},
            content={"source_kind": "html", "source": _confirmed(request)},
            seen=_seen(request),
            language=language,
            editor=editor_of(request),
        )
    except (editing.Stale, editing.NotEditable) as error:
        messages.error(request, f"Not imported: {error}")
    else:
        admin.log_change(request, draft, "Imported HTML.")
        messages.success(
            request, "The HTML is imported. Look at the findings beside it."
        )


def _confirmed(request: HttpRequest) -> str:
    """Return the HTML that was looked at, with line ends as they are stored."""
    return request.POST["_confirmed"].replace("\r\n", "\n").replace("\0", "")


def _seen(request: HttpRequest) -> datetime | None:
    try:
        return parse_datetime(request.POST.get("seen", ""))
    except ValueError:
        return None


def _has_source(content: dict[str, Any]) -> bool:
    return bool(content.get("source") or content.get("blocks"))
