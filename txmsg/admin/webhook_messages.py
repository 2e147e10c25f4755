"""What webhooks were told: each message with its tries, and sending one once more."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from events import ids
from events.admin_lists import BoundedLists, SelectFilter, cut, short_moment
from events.models import (
    Event,
    WebhookEndpoint,
    WebhookMessage,
    WebhookName,
    WebhookStatus,
)
from events.schemas import event_id
from txmsg.admin.webhooks import body_of
from txmsg.webhooks import endpoints, reading, settling

_TONES = {"delivered": "success", "failed": "danger", "pending": "info"}


class EndpointFilter(SelectFilter):
    """Messages to one endpoint."""

    title = "endpoint"
    parameter_name = "endpoint"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return every endpoint."""
        found = WebhookEndpoint.objects.select_related("source")
        return [(str(e.pk), f"{e.source}: {e.url[:60]}") for e in found]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Any]
    ) -> QuerySet[Any] | None:
        """Return the messages to the chosen endpoint."""
        chosen = self.chosen()
        return queryset.filter(endpoint_id=chosen) if chosen else queryset


class StatusFilter(SelectFilter):
    """Messages that wait, arrived, or were given up."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return every status."""
        return [(str(value), str(label)) for value, label in WebhookStatus.choices]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Any]
    ) -> QuerySet[Any] | None:
        """Return the messages of the chosen status."""
        chosen = self.chosen()
        return queryset.filter(status=chosen) if chosen else queryset


class NameFilter(SelectFilter):
    """Messages of one type."""

    title = "type"
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return every type."""
        return [(str(value), str(value)) for value in WebhookName.values]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Any]
    ) -> QuerySet[Any] | None:
        """Return the messages of the chosen type."""
        chosen = self.chosen()
        return queryset.filter(name=chosen) if chosen else queryset


@admin.register(WebhookMessage)
class WebhookMessageAdmin(BoundedLists, ModelAdmin):
    """The messages, newest first; nothing here is edited."""

    list_title = "Webhook messages"
    empty_title = "Nobody has been told anything yet"
    empty_sentence = (
        "What endpoints are told of events and deliveries appears here, with each try "
        "and what was answered."
    )
    search_sentence = "Search takes a whole event id, delivery id or webhook-id."
    list_display = ("happened", "type_name", "status_pill", "to", "tries", "next_try")
    list_display_links = ("happened",)
    list_filter = (EndpointFilter, StatusFilter, NameFilter)
    list_select_related = ("endpoint",)
    search_fields = ("webhook_id",)
    search_help_text = "Whole event id, delivery id or webhook-id"
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave out what belongs to endpoints that were removed: it goes by itself."""
        known = WebhookEndpoint.objects.values("pk")
        return super().get_queryset(request).filter(endpoint_id__in=known)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Look ids up; nothing else is searched."""
        term = search_term.strip()
        if not term:
            return queryset, False
        wanted = event_id(term)
        if wanted is None:
            return queryset.none(), False
        event = ids.event_id_of(wanted)
        found = Q(webhook_id=wanted) | Q(event_id=event)
        if wanted != event:
            found = Q(webhook_id=wanted) | Q(event_id=event, delivery_id=wanted)
        return queryset.filter(found), False

    def get_urls(self) -> list[URLPattern]:
        """Add sending one once more."""
        view = self.admin_site.admin_view(self.redeliver_view)
        return [
            path("<int:pk>/redeliver/", view, name="events_webhookmessage_redeliver"),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show one message, its tries and what it says."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        message = self._message(object_id)
        [told] = reading.with_tries([message])
        context = {
            "message": message,
            "tries": told.tries,
            "body": body_of(message),
            "pill": _pill(message),
            "is_pending": message.status == WebhookStatus.PENDING,
            "waits_for": settling.wait_of(message.endpoint, now=timezone.now()),
            "may_send": _may_send(request),
            "event_url": _event_url(message.event_id),
            "title": message.name,
        }
        site = self.admin_site.each_context(request)
        return render(request, "txmsg/webhook_message.html", {**site, **context})

    def redeliver_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask, then send a message once more."""
        if not _may_send(request):
            raise PermissionDenied
        message = self._message(str(pk))
        back = reverse("admin:events_webhookmessage_change", args=[pk])
        if request.method == "POST":
            try:
                endpoints.redeliver(message.endpoint, message.webhook_id)
            except endpoints.NotActive as error:
                messages.warning(request, str(error))
            else:
                messages.success(request, "It is sent once more.")
            return HttpResponseRedirect(back)
        context = {
            "question": "Send this message once more?",
            "explanation": [
                "It keeps its id, so a receiver that remembers ids handles it once."
            ],
            "notes": [message.endpoint.url],
            "button": "Send it once more",
            "back": back,
            "title": "Redeliver",
        }
        site = self.admin_site.each_context(request)
        return render(request, "events/confirm.html", {**site, **context})

    @admin.display(description="Happened")
    def happened(self, message: WebhookMessage) -> str:
        """Return when what it tells of happened."""
        return short_moment(message.occurred_at)

    @admin.display(description="Type")
    def type_name(self, message: WebhookMessage) -> str:
        """Return what it tells of, as its receiver reads it."""
        return message.name

    @admin.display(description="Status")
    def status_pill(self, message: WebhookMessage) -> str:
        """Return where it stands."""
        return render_to_string("events/pill.html", _pill(message))

    @admin.display(description="Endpoint")
    def to(self, message: WebhookMessage) -> SafeString:
        """Return who is told."""
        return cut(message.endpoint.url)

    @admin.display(description="Tries")
    def tries(self, message: WebhookMessage) -> int:
        """Return how often it was tried."""
        return message.attempts

    @admin.display(description="Next try")
    def next_try(self, message: WebhookMessage) -> str:
        """Return when it is tried next."""
        is_pending = message.status == WebhookStatus.PENDING
        return short_moment(message.due_at) if is_pending else "–"

    def _message(self, object_id: str) -> WebhookMessage:
        is_number = object_id.isascii() and object_id.isdigit() and len(object_id) < 19
        rows = WebhookMessage.objects.select_related("endpoint__source")
        found = rows.filter(pk=int(object_id)).first() if is_number else None
        if found is None:
            raise Http404
        return found


def _pill(message: WebhookMessage) -> dict[str, str]:
    """Return the label and the tone of a message's status."""
    if message.status == WebhookStatus.PENDING and message.attempts:
        return {"label": "Tried again later", "tone": "warning"}
    label = str(WebhookStatus(message.status).label)
    return {"label": label, "tone": _TONES[message.status]}


def _may_send(request: HttpRequest) -> bool:
    return request.user.has_perm("events.change_webhookendpoint")


def _event_url(wanted: UUID | None) -> str:
    """Return the page of the event that a message tells of, while it is kept."""
    if wanted is None or not Event.objects.filter(pk=wanted).exists():
        return ""
    return reverse("admin:events_event_change", args=[wanted])
