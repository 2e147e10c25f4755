"""Event history: every event, where it stands, and what can be done about it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from events import ids, strict_json
from events.admin_lists import (
    BoundedChangeList,
    BoundedLists,
    IdDateFilter,
    SelectFilter,
    cut,
    short_moment,
)
from events.facts import facts_of
from events.models import Channel, Event, EventType
from history import explain
from history.models import Delivery
from history.retrying import NotPossible
from txmsg import event_page, event_search, event_status, previews
from txmsg.admin.event_verbs import DELIVERY_VERBS, EVENT_VERBS, Verb
from txmsg.admin.framing import framed

_CHANNELS = dict(Channel.choices)


class TypeFilter(SelectFilter):
    """Events of one type."""

    title = "event type"
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return every type by id."""
        types = EventType.objects.values_list("pk", "name")
        return [(str(pk), name) for pk, name in types]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Any]
    ) -> QuerySet[Any] | None:
        """Return the events of the chosen type."""
        chosen = self.chosen()
        return queryset.filter(type_id=int(chosen)) if chosen else queryset


class StatusFilter(SelectFilter):
    """Events that wait for something, or ended in a way."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return every status."""
        return event_status.choices()

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Any]
    ) -> QuerySet[Any] | None:
        """Return the events of the chosen status."""
        chosen = self.chosen()
        return event_status.with_status(queryset, chosen) if chosen else queryset


class ChannelFilter(SelectFilter):
    """Events of one channel."""

    title = "channel"
    parameter_name = "channel"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return every channel."""
        return [(str(value), str(label)) for value, label in Channel.choices]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Any]
    ) -> QuerySet[Any] | None:
        """Return the events of the chosen channel."""
        chosen = self.chosen()
        return event_status.with_channel(queryset, chosen) if chosen else queryset


class EventChangeList(BoundedChangeList):
    """A page of events, each with its status: one query for all of them."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page, then where its events stand."""
        super().get_results(request)
        found = event_status.statuses_of(list(self.result_list))
        for event in self.result_list:
            event.status = found[event.pk]


@admin.register(Event)
class EventAdmin(BoundedLists, ModelAdmin):
    """The list of events and the page of each; nothing here is edited."""

    list_title = "Event history"
    search_sentence = (
        "Search takes a whole email address, phone number, external id or event id. "
        "For a type use the filter."
    )
    change_list_template = "txmsg/event_list.html"
    list_display = (
        "received",
        "type_name",
        "status_pill",
        "channel_names",
        "to",
        "their_id",
        "caller",
    )
    list_display_links = ("received",)
    list_filter = (TypeFilter, StatusFilter, ChannelFilter, IdDateFilter)
    list_select_related = ("type", "source")
    search_fields = ("address",)
    search_help_text = "Whole address, external id or event id"
    ordering = ("-id",)

    def get_changelist(
        self, request: HttpRequest, **_kwargs: Any
    ) -> type[EventChangeList]:
        """Return the list that knows statuses."""
        return EventChangeList

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list; while it is empty, how to post the first event."""
        extra = {
            "api_address": request.build_absolute_uri("/api/v1/events"),
            **(extra_context or {}),
        }
        return super().changelist_view(request, extra)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Return exact matches only."""
        if not search_term.strip():
            return queryset, False
        return queryset.filter(pk__in=event_search.matching(search_term)), False

    def get_urls(self) -> list[URLPattern]:
        """Add the pages and actions of one event."""
        view = self.admin_site.admin_view
        one = "<uuid:event_id>/"
        delivery = f"{one}deliveries/<int:ordinal>/"
        return [
            path(f"{one}data/", view(self.data_view), name="events_event_data"),
            path(
                f"{one}<slug:verb>/confirm/",
                view(self.event_verb_view),
                name="events_event_verb",
            ),
            path(
                f"{delivery}preview/",
                view(self.preview_view),
                name="events_event_preview",
            ),
            path(
                f"{delivery}preview/html/",
                view(self.preview_html_view),
                name="events_event_preview_html",
            ),
            path(
                f"{delivery}<slug:verb>/confirm/",
                view(self.delivery_verb_view),
                name="events_event_delivery_verb",
            ),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show one event."""
        page = self._page(request, _uuid(object_id))
        context = {
            "page": page,
            "can_act": self.has_change_permission(request),
            "title": page.event.type.label,
        }
        return self._render(request, "txmsg/event_page.html", context)

    def data_view(self, request: HttpRequest, event_id: UUID) -> HttpResponse:
        """Show what was received, sensitive values hidden."""
        page = self._page(request, event_id)
        facts = page.facts
        sections, curl = [], ""
        if facts is not None and facts.ctx is not None:
            sections = [
                (title, strict_json.dumps(value, indent=2))
                for title, value in (
                    ("Context (ctx)", facts.ctx),
                    ("Recipient", facts.recipient),
                    ("Metadata", facts.metadata),
                )
            ]
            address = request.build_absolute_uri("/").rstrip("/")
            curl = previews.request_as_curl(page.event, facts, address=address)
        context = {
            "page": page,
            "sections": sections,
            "curl": curl,
            "title": "Data as received",
        }
        return self._render(request, "txmsg/event_data.html", context)

    def preview_view(
        self, request: HttpRequest, event_id: UUID, ordinal: int
    ) -> HttpResponse:
        """Show a message as it was sent."""
        preview = self._preview(request, event_id, ordinal)
        tabs = _tabs(preview)
        tab = request.GET.get("tab", "")
        context = {
            "preview": preview,
            "event_id": event_id,
            "ordinal": ordinal,
            "tabs": tabs,
            "tab": tab if tab in dict(tabs) else tabs[0][0] if tabs else "",
            "title": "Message as sent",
        }
        return self._render(request, "txmsg/preview.html", context)

    def preview_html_view(
        self, request: HttpRequest, event_id: UUID, ordinal: int
    ) -> HttpResponse:
        """Answer the HTML alone, shut in wherever it is opened."""
        preview = self._preview(request, event_id, ordinal)
        if preview.message is None or "html" not in preview.message.parts:
            raise Http404
        return framed(preview.message.parts["html"])

    def event_verb_view(
        self, request: HttpRequest, event_id: UUID, verb: str
    ) -> HttpResponse:
        """Ask, then do something to an event."""
        return self._confirm(request, EVENT_VERBS, verb, event_id, event_id)

    def delivery_verb_view(
        self, request: HttpRequest, event_id: UUID, ordinal: int, verb: str
    ) -> HttpResponse:
        """Ask, then do something to a delivery."""
        target = _delivery_id(event_id, ordinal)
        return self._confirm(request, DELIVERY_VERBS, verb, event_id, target)

    @admin.display(description="Received")
    def received(self, event: Event) -> str:
        """Return when it was accepted, to the second."""
        return short_moment(event.received_at)

    @admin.display(description="Event type")
    def type_name(self, event: Event) -> str:
        """Return the name of its type."""
        return event.type.name

    @admin.display(description="Status")
    def status_pill(self, event: Any) -> SafeString:
        """Return its status as a pill."""
        status = event.status
        context = {"label": status.label, "tone": explain.tone(status.code)}
        return render_to_string("events/pill.html", context)

    @admin.display(description="Channel")
    def channel_names(self, event: Any) -> str:
        """Return the channels it took."""
        names = [str(_CHANNELS[channel]) for channel in event.status.channels]
        return ", ".join(names) or "–"

    @admin.display(description="Address")
    def to(self, event: Event) -> SafeString:
        """Return its first address."""
        return cut(event.address or "–")

    @admin.display(description="External id")
    def their_id(self, event: Event) -> SafeString:
        """Return the caller's own id of it."""
        return cut(event.external_id or "–")

    @admin.display(description="Source")
    def caller(self, event: Event) -> SafeString:
        """Return who posted it, and the origin it names unless that says the same."""
        name = event.source.name if event.source else "–"
        if event.origin in ("", name):
            return cut(name)
        return cut(f"{name}, origin {event.origin}")

    def _page(self, request: HttpRequest, event_id: UUID) -> event_page.EventPage:
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            return event_page.load(event_id)
        except Event.DoesNotExist:
            raise Http404 from None

    def _preview(
        self, request: HttpRequest, event_id: UUID, ordinal: int
    ) -> previews.Preview:
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            return previews.of_delivery(_delivery_id(event_id, ordinal))
        except Delivery.DoesNotExist:
            raise Http404 from None

    def _confirm(
        self,
        request: HttpRequest,
        verbs: dict[str, Verb],
        name: str,
        event_id: UUID,
        target: UUID,
    ) -> HttpResponse:
        """Show the question on GET; on POST do it and go back to the event."""
        verb = verbs.get(name)
        if verb is None or not facts_of([event_id]):
            raise Http404
        if not self.has_change_permission(request):
            raise PermissionDenied
        back = reverse("admin:events_event_change", args=[event_id])
        if request.method == "POST":
            try:
                done = verb.do(target, request.user)  # type: ignore[arg-type]
            except NotPossible as error:
                messages.error(request, str(error))
            else:
                self.log_change(request, Event(pk=event_id), done)
                messages.success(request, done)
            return HttpResponseRedirect(back)
        context: dict[str, Any] = {
            "question": verb.question,
            "danger": verb.danger,
            "back": back,
            "title": verb.question,
        }
        try:
            context["notes"] = verb.foresee(target)
        except NotPossible as error:
            context["refusal"] = str(error)
        else:
            context |= {"explanation": verb.explanation, "button": verb.button}
        return self._render(request, "events/confirm.html", context)

    def _render(
        self, request: HttpRequest, template: str, context: dict[str, Any]
    ) -> HttpResponse:
        site = self.admin_site.each_context(request)
        return render(request, template, {**site, **context})


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Http404 from None


def _delivery_id(event_id: UUID, ordinal: int) -> UUID:
    try:
        return ids.delivery_id(event_id, ordinal)
    except ValueError:
        raise Http404 from None


def _tabs(preview: previews.Preview) -> list[tuple[str, str]]:
    parts = preview.message.parts if preview.message else {}
    if "html" in parts:
        return [("html", "HTML"), ("text", "Text"), ("source", "Source")]
    return [("text", "Message"), ("source", "Source")] if parts else []
