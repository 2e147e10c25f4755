"""What messages and templates share in the admin: wizard, page, preview, simulation.

Parses a request, calls one function, answers. Knows nothing of what was sent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    JsonResponse,
    QueryDict,
)
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.admin import ModelAdmin

from events.models import Channel, EventType
from templates_app import creating, editing, simulation
from templates_app.forms import (
    CreateForm,
    DraftForm,
    LabelForm,
    plain_lines,
    typed_content,
)
from templates_app.models import Message, Template

Draft = Message | Template
_TYPE_SAMPLE = "type"


def editor_of(request: HttpRequest) -> AbstractBaseUser:
    """Return who is signed in; every page here asks for that."""
    return cast(AbstractBaseUser, request.user)


def posted(request: HttpRequest) -> QueryDict | None:
    """Return what a form is bound to: None until something was sent."""
    return request.POST if request.method == "POST" else None


class DraftAdmin(ModelAdmin):
    """The pages of one kind of draft; a subclass names its model's own parts."""

    actions = None
    list_filter_submit = True
    compressed_fields = False
    form_class: type[DraftForm] = DraftForm
    noun = "template"
    wizard_title = "Create template"

    def get_urls(self) -> list[URLPattern]:
        """Put the pages of a draft before Django's own."""
        own = [
            path(
                f"<int:pk>/{step}/",
                self.admin_site.admin_view(view),
                name=self._name(step),
            )
            for step, view in self.steps().items()
        ]
        types = path(
            "event-type/<int:type_id>/sample/",
            self.admin_site.admin_view(self.type_sample_view),
            name=self._name("event_type_sample"),
        )
        return [types, *own, *super().get_urls()]

    def steps(self) -> dict[str, Callable[..., HttpResponseBase]]:
        """Return the views of one draft by their name and last step of address."""
        return {
            "preview": self.preview_view,
            "simulate": self.simulate_view,
            "rendered": self.rendered_view,
            "duplicate": self.duplicate_view,
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
            "chosen": request.POST.get("template") or request.GET.get("template", ""),
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
        if request.method != "POST":
            return self.page(request, draft, self.form_class(draft=draft))
        if not self.may_edit(request, draft):
            raise PermissionDenied
        data = plain_lines(request.POST)
        if "_overwrite" in data:
            data["seen"] = str(data["_overwrite"])
        form = self.form_class(data, draft=draft)
        if not form.is_valid():
            return self.page(request, draft, form, status=422)
        step = request.POST.get("_next", "")
        after = self.url(step if step in self.steps() else "change", draft.pk)
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

    def save(self, form: Any, *, editor: AbstractBaseUser) -> Draft:
        """Write a valid form."""
        draft: Draft = editing.save(
            form.draft,
            values=form.values(),
            content=form.content(),
            seen=form.seen_at(),
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
            **self.page_context(request, draft),
        }
        return self.answer(request, "draft.html", context, draft=draft, status=status)

    def page_context(self, request: HttpRequest, draft: Any) -> dict[str, Any]:
        """Return what only this kind of draft shows on its page."""
        return {}

    # --- preview and simulation

    def preview_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Render the unsaved form: parts, or errors with their place, as JSON."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        draft = self.draft(request, pk)
        ctx, error = draft.context_sample, None
        if "context_sample" in request.POST:
            ctx, error = simulation.read_sample(request.POST["context_sample"])
        if error is not None:
            failed = simulation.Simulation(errors=[error])
            return JsonResponse(simulation.as_json(failed))
        is_dark = "_dark" in request.POST
        simulated = self.simulated(
            draft,
            ctx,
            event_type=self._chosen_type(request, draft),
            content=typed_content(draft.channel, plain_lines(request.POST)),
        )
        return JsonResponse(simulation.as_json(simulated, is_dark=is_dark))

    def simulate_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show a draft as saved, rendered from a sample."""
        draft = self.draft(request, pk)
        which, simulated = self._simulated_as_saved(request, draft)
        context = {
            "title": f"Simulate: {draft.label}",
            "simulated": simulated,
            "kilobytes": simulated.html_bytes / 1024,
            "clipped_at": simulation.CLIPPED_BYTES,
            "segments": simulation.segments_in_words(simulated.segments),
            "which": which,
            "event_type": getattr(draft, "event_type", None),
        }
        return self.answer(request, "simulate.html", context, draft=draft)

    def rendered_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Return the rendered HTML alone, shut in wherever it is opened."""
        draft = self.draft(request, pk)
        _, simulated = self._simulated_as_saved(request, draft)
        if simulated.message is None or "html" not in simulated.message.parts:
            raise Http404("There is no HTML to show.")
        html = simulation.framed(
            simulated.message.parts["html"], is_dark="dark" in request.GET
        )
        headers = {
            "Content-Security-Policy": f"sandbox; {simulation.FRAME_POLICY}",
            "Referrer-Policy": "no-referrer",
            "X-Frame-Options": "SAMEORIGIN",
        }
        return HttpResponse(html, headers=headers)

    def type_sample_view(self, request: HttpRequest, type_id: int) -> HttpResponse:
        """Return the sample of an event type as JSON."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        event_type = EventType.objects.filter(pk=type_id).first()
        if event_type is None:
            raise Http404("There is no such event type.")
        return JsonResponse(event_type.sample)

    def simulated(
        self,
        draft: Draft,
        ctx: dict[str, Any],
        *,
        event_type: EventType | None,
        content: dict[str, str] | None = None,
    ) -> simulation.Simulation:
        """Render a draft's default language, with typed content over what is saved."""
        saved = draft.content.get(draft.default_language, {})
        return simulation.simulate(
            draft.channel,
            {**saved, **(content or {})},
            simulation.Sample(
                ctx=ctx,
                event_type=event_type.name if event_type else "",
                contract=event_type.contract if event_type else None,
            ),
            about={
                "internal_name": draft.internal_name,
                "label": draft.label,
                "version": 0,
            },
            at=timezone.now(),
            language=draft.default_language,
        )

    def _chosen_type(self, request: HttpRequest, draft: Draft) -> EventType | None:
        """Return the event type in the form; where it is fixed, the draft's."""
        chosen = request.POST.get("event_type")
        if chosen is None:
            return getattr(draft, "event_type", None)
        is_id = chosen.isdecimal()
        return EventType.objects.filter(pk=chosen).first() if is_id else None

    def _simulated_as_saved(
        self, request: HttpRequest, draft: Draft
    ) -> tuple[str, simulation.Simulation]:
        """Render with the sample that the address names: the draft's or its type's."""
        event_type: EventType | None = getattr(draft, "event_type", None)
        if event_type is not None and request.GET.get("sample") == _TYPE_SAMPLE:
            which, ctx = _TYPE_SAMPLE, event_type.sample
        else:
            which, ctx = "own", draft.context_sample
        return which, self.simulated(draft, ctx, event_type=event_type)

    # --- copies and deletion

    def duplicate_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask for a label, then copy the draft and open the copy."""
        return self.copy_view(
            request,
            pk,
            verb="Duplicate",
            sentence="The copy is a draft of its own: edits of one do not reach "
            "the other.",
            suffix="(copy)",
            make=self.duplicated,
        )

    def duplicated(self, draft: Any, *, label: str, author: AbstractBaseUser) -> Draft:
        """Copy a draft of this kind."""
        return creating.create_template(source=draft, label=label, author=author)

    def copy_view(
        self,
        request: HttpRequest,
        pk: int,
        *,
        verb: str,
        sentence: str,
        suffix: str,
        make: Callable[..., Draft],
    ) -> HttpResponse:
        """Ask for a label, make a copy, open it."""
        draft = self.draft(request, pk)
        if not self.has_add_permission(request):
            raise PermissionDenied
        proposal = f"{draft.label[: 119 - len(suffix)]} {suffix}"
        form = LabelForm(posted(request), initial={"label": proposal})
        if request.method == "POST" and form.is_valid():
            made = make(
                draft, label=form.cleaned_data["label"], author=editor_of(request)
            )
            messages.success(request, f"“{made.label}” is made.")
            name = f"admin:templates_app_{made._meta.model_name}_change"
            return HttpResponseRedirect(reverse(name, args=[made.pk]))
        context = {
            "title": f"{verb}: {draft.label}",
            "verb": verb,
            "sentences": [sentence],
            "form": form,
        }
        return self.answer(request, "confirm.html", context, draft=draft)

    # --- shared

    def draft(self, request: HttpRequest, pk: str | int) -> Any:
        """Return a draft that this person may view; else 404 or 403."""
        draft = self.get_object(request, str(pk))
        if draft is None:
            raise Http404(f"There is no such {self.noun}.")
        if not self.has_view_permission(request, draft):
            raise PermissionDenied
        return draft

    def may_edit(self, request: HttpRequest, draft: Any) -> bool:
        """Return whether this person may change this draft."""
        return self.has_change_permission(request, draft)

    def answer(
        self,
        request: HttpRequest,
        template: str,
        context: dict[str, Any],
        *,
        draft: Draft | None = None,
        status: int = 200,
    ) -> TemplateResponse:
        """Return one of our pages inside the admin's frame."""
        request.current_app = self.admin_site.name
        shared: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "noun": self.noun,
            "list_url": reverse(f"admin:{self._name('changelist')}"),
            "wizard_url": reverse(f"admin:{self._name('add')}"),
            "may_add": self.has_add_permission(request),
        }
        if draft is not None:
            names = ["change", "delete", *self.steps()]
            shared |= {
                "draft": draft,
                "title": draft.label,
                "urls": {name: self.url(name, draft.pk) for name in names},
            }
        return TemplateResponse(
            request, f"templates_app/{template}", {**shared, **context}, status=status
        )

    def url(self, name: str, pk: int) -> str:
        """Return the address of a page of one draft."""
        return reverse(f"admin:{self._name(name)}", args=[pk])

    def _name(self, page: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{page}"
