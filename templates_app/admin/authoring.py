"""What messages and templates share in the admin: the wizard, the page and saving.

Parses a request, calls one function, answers. Knows nothing of what was sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect

from events.models import Channel
from templates_app import creating, editing
from templates_app.admin import (
    copies,
    importing,
    languages,
    previewing,
    proofing,
    sampling,
    simulating,
)
from templates_app.admin.editor_page import editor_context
from templates_app.admin.frame import (
    Draft,
    DraftPages,
    View,
    editor_of,
    posted,
)
from templates_app.admin.thumbnails import thumbnails
from templates_app.forms import CreateForm, DraftForm, plain_lines
from templates_app.models import Template


class DraftAdmin(DraftPages):
    """The pages of one kind of draft; a subclass names its model's own parts."""

    actions: Sequence[Any] | None = None
    list_filter_submit = True
    compressed_fields = False
    form_class: type[DraftForm] = DraftForm
    wizard_title = "Create template"

    def steps(self) -> Mapping[str, View]:
        """Return the views that every kind of draft has."""
        return {
            **previewing.STEPS,
            **sampling.STEPS,
            **languages.STEPS,
            **importing.STEPS,
            **simulating.STEPS,
            **proofing.STEPS,
            **copies.STEPS,
        }

    # --- the wizard

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Choose a channel and a template, name the copy, open it."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        channel = request.GET.get("channel", Channel.EMAIL)
        if channel not in Channel.values:
            raise Http404("There is no such channel.")
        form = CreateForm(posted(request), channel=channel)
        if request.method == "POST" and form.is_valid():
            draft = self.create(
                form.cleaned_data["template"],
                label=form.cleaned_data["label"],
                author=editor_of(request),
            )
            self.log_addition(request, draft, "Created.")
            return HttpResponseRedirect(self.url("change", draft.pk))
        context = {
            "form": form,
            "title": self.wizard_title,
            "channel": channel,
            "channels": Channel.choices,
            "thumbnails": thumbnails(
                form.choices,
                chosen=request.POST.get("template") or request.GET.get("template", ""),
            ),
        }
        return self.answer(request, "wizard.html", context)

    def create(
        self, template: Template, *, label: str, author: AbstractBaseUser
    ) -> Draft:
        """Make a draft of this kind from a template."""
        return creating.create_template(source=template, label=label, author=author)

    # --- the page

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show a draft with its live preview, or save what was typed."""
        draft = self.draft(request, object_id)
        language = previewing.chosen_language(request, draft)
        if request.method != "POST":
            form = self._form(request, draft, language=language)
            return self.page(request, draft, form)
        if not self.may_edit(request, draft):
            raise PermissionDenied
        data = plain_lines(request.POST)
        if "_overwrite" in data:
            data["seen"] = str(data["_overwrite"])
        form = self._form(request, draft, data, language=language)
        if not form.is_valid():
            return self.page(request, draft, form, status=422)
        after = self._after(request, draft, language)
        if not form.has_changed():
            return HttpResponseRedirect(after)
        try:
            saved = self.save(form, editor=editor_of(request))
        except editing.Stale as error:
            return self.page(request, draft, form, status=409, stale=error)
        except editing.NotEditable as error:
            form.add_error(None, str(error))
            return self.page(request, draft, form, status=422)
        self.log_change(request, saved, "Saved.")
        messages.success(request, f"“{saved.label}” is saved.")
        return HttpResponseRedirect(after)

    def _form(
        self, request: HttpRequest, draft: Draft, *args: Any, language: str
    ) -> DraftForm:
        """Return the form of a draft's page, with what this person may do in it."""
        return self.form_class(
            *args,
            draft=draft,
            language=language,
            may_edit=self.may_edit(request, draft),
            may_add_types=request.user.has_perm("events.add_eventtype"),
        )

    def _after(self, request: HttpRequest, draft: Draft, language: str) -> str:
        """Return where to go once saved: the step that was pressed, or here again."""
        step = request.POST.get("_next", "")
        address = self.url(step if step in self.steps() else "change", draft.pk)
        wanted = request.POST.get("_language", "")
        wanted = wanted if wanted in draft.content else language
        is_default = wanted == draft.default_language
        return address if is_default else f"{address}?{urlencode({'language': wanted})}"

    def save(self, form: Any, *, editor: AbstractBaseUser) -> Draft:
        """Write a valid form."""
        draft: Draft = editing.save(
            form.draft,
            values=form.values(),
            content=form.content(),
            seen=form.seen_at(),
            language=form.language,
            editor=editor,
        )
        return draft

    def page(
        self,
        request: HttpRequest,
        draft: Draft,
        form: DraftForm,
        *,
        status: int = 200,
        stale: editing.Stale | None = None,
    ) -> HttpResponse:
        """Return a draft's page with a form, valid or not."""
        natures = type(draft)._default_manager.exclude(nature="")
        context = {
            "form": form,
            "stale": stale,
            "may_edit": self.may_edit(request, draft),
            "natures": natures.order_by().values_list("nature", flat=True).distinct(),
            **editor_context(self, draft, form.language),
            **self.page_context(request, draft),
        }
        return self.answer(request, "draft.html", context, draft=draft, status=status)

    def page_context(self, request: HttpRequest, draft: Any) -> dict[str, Any]:
        """Return what only this kind of draft shows on its page."""
        return {}
