"""Event types: their list, and the page with samples, contract and API preview."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    JsonResponse,
)
from django.shortcuts import get_object_or_404, render
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils.text import get_text_list
from unfold.admin import ModelAdmin

from events import api_preview, recent, samples, type_draft
from events.admin.type_filters import PublishedFilter, SilentFilter
from events.admin_lists import OwnPages, short_moment
from events.contract_fields import TYPES
from events.form_fields import span_in_words
from events.forms import BACK_FIELD, EventTypeForm
from events.json_text import as_text
from events.models import Channel, Event, EventType

Broken = list[tuple[str, str, list[str]]]
"""Published messages that a contract breaks: name, address, what is wrong in words."""
_SAVE_FIELD = "_save_all_the_same"
_TONES = {
    "processed": "success",
    "failed": "danger",
    "expired": "warning",
    "held": "warning",
    "retry": "warning",
    "not_covered": "warning",
    "paused": "warning",
}


class EventTypeAdmin(OwnPages, ModelAdmin):
    """The business facts that can be posted."""

    list_title = "Event types"
    empty_title = "There is no event type yet"
    empty_sentence = (
        "An event type is a business fact that your systems post, such as "
        "order.confirmed: its name, and what its data must look like. Add one here, or "
        "while you create a transactional message."
    )
    form = EventTypeForm
    change_form_template = "events/event_type.html"
    list_display = (
        "name",
        "label",
        "live_on",
        "contract_is",
        "lane",
        "worth_sending_for",
        "last_event",
        "modified",
    )
    list_filter = (PublishedFilter, SilentFilter, "contract_mode", "lane", "kind")
    list_filter_submit = True
    search_fields = ("name", "label", "description")
    search_help_text = "A name, a label or a word of the description"
    ordering = ("name",)
    readonly_fields = ("live_on",)
    # Unfold's warning listens anew at every change of the page; ours is in the page.
    warn_unsaved_form = False
    fieldsets = (
        (None, {"fields": ("name", "label", "description", "kind", "live_on")}),
        (
            "Sending",
            {
                "fields": (
                    "lane",
                    "ttl_seconds",
                    "channel_order",
                    "fan_out",
                    "when_uncovered",
                    "recipient_limit",
                    "recipient_limit_seconds",
                )
            },
        ),
        ("Contract", {"fields": ("contract_mode", "contract", "sample")}),
        (
            "Privacy",
            {"fields": ("sensitive_paths", "retention_days", "context_retention_days")},
        ),
    )

    def broken_by(self, event_type: EventType, contract: dict[str, Any]) -> Broken:
        """Return the published messages that would break under another contract.

        Nothing is known of messages here; a subclass further up says.
        """
        return []

    def get_urls(self) -> list[URLPattern]:
        """Add what the page asks for while somebody types."""
        view = self.admin_site.admin_view
        name = "events_eventtype"
        return [
            path("check/", view(self.check_view), name=f"{name}_check_new"),
            path("<int:pk>/check/", view(self.check_view), name=f"{name}_check"),
            path("<int:pk>/recent/", view(self.recent_view), name=f"{name}_recent"),
            path(
                "<int:pk>/recent/<uuid:event_id>/",
                view(self.recent_event_view),
                name=f"{name}_recent_event",
            ),
            *super().get_urls(),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Add the last event of each type: one look into an index a row."""
        newest = Event.objects.filter(type=OuterRef("pk")).order_by("-id")
        return (
            super()
            .get_queryset(request)
            .annotate(last_event_at=Subquery(newest.values("received_at")[:1]))
        )

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show or save a type; ask first when messages in production would break."""
        if request.method == "POST" and object_id and _SAVE_FIELD not in request.POST:
            broken = self._broken_by_post(request, object_id)
            if broken:
                return self._ask(request, object_id, broken)
        return super().changeform_view(request, object_id, form_url, extra_context)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Add what stands beside the form: code that posts, and the latest events."""
        event_type: EventType | None = kwargs.get("obj")
        context["may_edit"] = event_type is None or self.has_change_permission(
            request, event_type
        )
        form = context["adminform"].form
        context["page_facts"] = {
            **self._page_facts(event_type),
            "is_unsaved": form.is_bound,
        }
        if event_type is not None:
            body = api_preview.body_of(event_type, event_type.sample)
            context["snippets"] = api_preview.snippets_of(body, address=_door(request))
            context["live_on"] = _live_on(event_type)
            context["latest"] = [
                (event, _TONES.get(event.code, ""), _event_address(event.id))
                for event in recent.latest_events(event_type)
            ]
        return super().render_change_form(request, context, *args, **kwargs)

    def save_related(
        self, request: HttpRequest, form: Any, formsets: Any, change: bool
    ) -> None:
        """Keep the further samples with the type."""
        super().save_related(request, form, formsets, change)
        further = form.kept_samples()
        if further is not None:
            samples.keep_samples(form.instance, further)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let nobody delete a type: its events stay in history."""
        return False

    def check_view(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        """Answer what the unsaved form holds: faults by place, fields, code."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        saved = self._type(request, pk) if pk else None
        may_edit = self.has_change_permission if saved else self.has_add_permission
        if not may_edit(request):
            raise PermissionDenied
        draft = type_draft.read_draft(request.POST)
        answer: dict[str, Any] = {"broken": []}
        if saved and draft.schema is not None and draft.schema != saved.contract:
            answer["broken"] = self.broken_by(saved, draft.schema)
        shown = saved or EventType()
        shown.name = request.POST.get("name", "") or "the.name"
        shown.channel_order = request.POST.get("channel_order", "email").split(",")
        if wanted := request.GET.get("infer"):
            answer["inferred"] = type_draft.inferred(draft, afresh=wanted == "afresh")
        answer |= type_draft.checked(draft, shown, address=_door(request))
        return JsonResponse(answer)

    def recent_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Answer the newest events of a type, to choose one as a sample."""
        found = recent.recent_contexts(self._type(request, pk), 20)
        events = [
            {
                "id": str(event_id),
                "received": short_moment(received_at),
                "external_id": external_id,
                "words": recent.words_of(ctx),
                "address": reverse(
                    "admin:events_eventtype_recent_event", args=[pk, event_id]
                ),
            }
            for event_id, received_at, external_id, ctx in found
        ]
        return JsonResponse({"events": events})

    def recent_event_view(
        self, request: HttpRequest, pk: int, event_id: UUID
    ) -> HttpResponse:
        """Answer the context of one event, sensitive values hidden."""
        ctx = recent.ctx_of(event_id, self._type(request, pk))
        if ctx is None:
            raise Http404
        return JsonResponse({"text": as_text(ctx)})

    @admin.display(description="Contract", ordering="contract_mode")
    def contract_is(self, event_type: EventType) -> str:
        """Return its contract mode in one word."""
        return event_type.get_contract_mode_display().partition(":")[0]

    @admin.display(description="Published on")
    def live_on(self, event_type: EventType) -> str:
        """Return the channels with a published message."""
        return _live_on(event_type) or "nothing is published yet"

    @admin.display(description="Worth sending for", ordering="ttl_seconds")
    def worth_sending_for(self, event_type: EventType) -> str:
        """Return its time to live in words."""
        return span_in_words(event_type.ttl_seconds)

    @admin.display(description="Last event", ordering="last_event_at")
    def last_event(self, event_type: Any) -> str:
        """Return when an event of it was last accepted."""
        at = event_type.last_event_at
        return short_moment(at) if at else "–"

    @admin.display(description="Modified", ordering="modified_at")
    def modified(self, event_type: EventType) -> str:
        """Return when it was last edited, or published for."""
        return short_moment(event_type.modified_at)

    def _type(self, request: HttpRequest, pk: int) -> EventType:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return get_object_or_404(EventType, pk=pk)

    def _page_facts(self, event_type: EventType | None) -> dict[str, Any]:
        """Return what the page's modules need to know."""
        name = "admin:events_eventtype"
        check, newest = reverse(f"{name}_check_new"), ""
        if event_type is not None:
            check = reverse(f"{name}_check", args=[event_type.pk])
            newest = reverse(f"{name}_recent", args=[event_type.pk])
        types = [[key, label] for key, label in TYPES.items()]
        return {"check": check, "recent": newest, "types": types}

    def _broken_by_post(self, request: HttpRequest, object_id: str) -> Broken:
        """Return what saving this form would break; nothing if it cannot be saved."""
        event_type = self.get_object(request, object_id)
        if event_type is None or not self.has_change_permission(request, event_type):
            return []
        old = event_type.contract
        form = self.get_form(request, event_type, change=True)(
            request.POST, instance=event_type
        )
        if not form.is_valid() or form.cleaned_data.get("contract", old) == old:
            return []
        return self.broken_by(event_type, form.cleaned_data["contract"])

    def _ask(
        self, request: HttpRequest, object_id: str, broken: Broken
    ) -> HttpResponse:
        """Ask whether to save a contract that breaks messages, naming them."""
        typed = [
            (name, value)
            for name, values in request.POST.lists()
            for value in values
            if name not in ("csrfmiddlewaretoken", BACK_FIELD)
        ]
        names = get_text_list([f"“{label}”" for label, _, _ in broken], "and")
        context = {
            **self.admin_site.each_context(request),
            "title": "Save this contract?",
            "broken": broken,
            "names": names,
            "typed": typed,
            "save_field": _SAVE_FIELD,
            "back_field": BACK_FIELD,
            "back": reverse("admin:events_eventtype_change", args=[object_id]),
        }
        return render(request, "events/breaks.html", context)


def _live_on(event_type: EventType) -> str:
    names = [str(Channel(name).label) for name in event_type.live_channels]
    return ", ".join(names)


def _door(request: HttpRequest) -> str:
    return request.build_absolute_uri("/api/v1/events")


def _event_address(event_id: UUID) -> str:
    try:
        return reverse("admin:events_event_change", args=[event_id])
    except NoReverseMatch:  # Event history is a page of a floor above.
        return ""
