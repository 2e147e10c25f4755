"""Webhooks: the endpoints with their health, and what each was told."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from events.admin_lists import OwnPages, SelectFilter, cut, short_moment
from events.models import EndpointStatus, WebhookEndpoint, WebhookMessage
from txmsg.admin.webhook_verbs import VERBS, Verb
from txmsg.webhooks import endpoints, reading, settling
from txmsg.webhooks.forms import EndpointForm

_TONES = {"paused": "info", "disabled": "danger", "gone": "danger"}
_LABELS = {"active": "Active", "paused": "Paused", "disabled": "Disabled"}
_LABELS |= {"gone": "Gone"}


class StatusFilter(SelectFilter):
    """Endpoints that are active, or stopped in a way."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return every status."""
        return list(_LABELS.items())

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Any]
    ) -> QuerySet[Any] | None:
        """Return the endpoints of the chosen status."""
        chosen = self.chosen()
        return queryset.filter(status=chosen) if chosen else queryset


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(OwnPages, ModelAdmin):
    """Who is told, how they do, and what can be done about it."""

    list_title = "Webhooks"
    empty_title = "Nobody is told anything yet"
    empty_sentence = (
        "A webhook tells a system of yours what became of its events: sent, failed, "
        "expired. Add an endpoint, and put its secret where that system finds it."
    )
    form = EndpointForm
    change_list_template = "txmsg/webhook_list.html"
    change_form_template = "txmsg/webhook.html"
    fieldsets = (
        (
            None,
            {"fields": ("source", "url", "description", "events", "event_types")},
        ),
    )
    list_display = ("address", "source", "health", "told", "last_success")
    list_display_links = ("address",)
    list_filter = (StatusFilter,)
    list_filter_submit = True
    list_select_related = ("source",)
    search_fields = ("url", "description", "source__name")
    search_help_text = "An address, a description or a source"
    actions = None
    sortable_by = ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Leave removing to its verb, which says what goes with it."""
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Keep an endpoint with its source: what it was told belongs to that."""
        return ["source"] if obj else []

    def get_urls(self) -> list[URLPattern]:
        """Add the verbs and the rotation of secrets."""
        view = self.admin_site.admin_view
        return [
            path(
                "<uuid:pk>/rotate/",
                view(self.rotate_view),
                name="events_webhookendpoint_rotate",
            ),
            path(
                "<uuid:pk>/<str:verb>/do/",
                view(self.verb_view),
                name="events_webhookendpoint_verb",
            ),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list, and above it what needs somebody."""
        warnings = settling.warnings(now=timezone.now())
        return super().changelist_view(
            request, {"warnings": warnings, **(extra_context or {})}
        )

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Add how the endpoint does, and what may be done to it."""
        endpoint = kwargs.get("obj")
        if endpoint is not None:
            until = endpoint.old_secret_until
            found, rest = reading.page_of(endpoint, limit=5)
            context |= {
                "endpoint": endpoint,
                "problem": settling.problem_of(endpoint),
                "pill": _pill(endpoint),
                "newest": [told.message for told in found],
                "has_more": rest is not None,
                "verbs": self._verbs(request, endpoint),
                "both_until": until if until and until > timezone.now() else None,
            }
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(
        self, request: HttpRequest, obj: WebhookEndpoint, form: Any, change: bool
    ) -> None:
        """Make or change it; the secret of a new one is shown by `response_add`."""
        fields = {
            name: form.cleaned_data[name]
            for name in ("url", "description", "events", "event_types")
        }
        if change:
            endpoints.change(WebhookEndpoint.objects.get(pk=obj.pk), fields)
            return
        made, secret = endpoints.create(form.cleaned_data["source"], **fields)
        obj.pk = made.pk
        request.txmsg_secret = secret  # type: ignore[attr-defined]

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Ask for a new endpoint; say so when its source has its share."""
        try:
            return super().add_view(request, form_url, extra_context)
        except endpoints.TooMany as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(request.path)

    def response_add(
        self, request: HttpRequest, obj: WebhookEndpoint, post_url_continue: Any = None
    ) -> HttpResponse:
        """Show the secret, this once."""
        secret: str = request.txmsg_secret  # type: ignore[attr-defined]
        return self._show_secret(request, obj, secret, "The new endpoint")

    def rotate_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Ask, then give an endpoint a new secret and show it."""
        endpoint = self._endpoint(request, pk, "change")
        if request.method == "POST":
            secret = endpoints.rotate(endpoint)
            self.log_change(request, endpoint, "Rotated the secret.")
            return self._show_secret(request, endpoint, secret, "The new secret")
        lines = [
            "The new one is shown once, on the next page. For 24 hours each request is "
            "signed with both, so that you can change it without losing anything."
        ]
        if endpoint.old_secret_until and endpoint.old_secret_until > timezone.now():
            lines.append(
                "It was rotated within the last day: the one before ends to count now."
            )
        return self._ask(
            request,
            endpoint,
            question="Give this endpoint a new secret?",
            explanation=lines,
            button="Rotate the secret",
            title="Rotate secret",
        )

    def verb_view(self, request: HttpRequest, pk: UUID, verb: str) -> HttpResponse:
        """Ask whether to do something to an endpoint, and do it."""
        what = VERBS.get(verb)
        if what is None:
            raise Http404
        endpoint = self._endpoint(request, pk, what.permission)
        back = reverse("admin:events_webhookendpoint_change", args=[pk])
        if endpoint.status not in what.statuses:
            label = _LABELS[endpoint.status].lower()
            messages.warning(request, f"Not now: the endpoint is {label}.")
            return HttpResponseRedirect(back)
        form = what.form(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            self.log_change(request, endpoint, what.title)
            messages.success(request, what.do(endpoint, form.cleaned_data))
            if verb == "remove":
                back = reverse("admin:events_webhookendpoint_changelist")
            return HttpResponseRedirect(back)
        return self._ask(
            request,
            endpoint,
            form=form,
            question=what.question,
            explanation=what.explanation,
            button=what.button,
            danger=what.danger,
            title=what.title,
        )

    @admin.display(description="Address")
    def address(self, endpoint: WebhookEndpoint) -> SafeString:
        """Return where it is."""
        return cut(endpoint.url)

    @admin.display(description="Health")
    def health(self, endpoint: WebhookEndpoint) -> str:
        """Return its status, or that it is failing."""
        return render_to_string("events/pill.html", _pill(endpoint))

    @admin.display(description="Is told")
    def told(self, endpoint: WebhookEndpoint) -> str:
        """Return of how much it is told."""
        what = f"{len(endpoint.events)} types" if endpoint.events else "everything"
        if len(endpoint.events) == 1:
            what = endpoint.events[0]
        if endpoint.event_types:
            count = len(endpoint.event_types)
            what += f", of {count} event type{'' if count == 1 else 's'}"
        return what

    @admin.display(description="Last success")
    def last_success(self, endpoint: WebhookEndpoint) -> str:
        """Return when it last took a message."""
        moment = endpoint.last_success_at
        return short_moment(moment) if moment else "–"

    def _verbs(
        self, request: HttpRequest, endpoint: WebhookEndpoint
    ) -> list[tuple[str, Verb]]:
        return [
            (name, verb)
            for name, verb in VERBS.items()
            if endpoint.status in verb.statuses and _may(request, verb.permission)
        ]

    def _endpoint(
        self, request: HttpRequest, pk: UUID, permission: str
    ) -> WebhookEndpoint:
        if not _may(request, permission):
            raise PermissionDenied
        return get_object_or_404(WebhookEndpoint, pk=pk)

    def _ask(
        self, request: HttpRequest, endpoint: WebhookEndpoint, **context: Any
    ) -> HttpResponse:
        site = self.admin_site.each_context(request)
        back = reverse("admin:events_webhookendpoint_change", args=[endpoint.pk])
        facts = {"notes": [endpoint.url], "back": back, **context}
        return render(request, "events/confirm.html", {**site, **facts})

    def _show_secret(
        self, request: HttpRequest, endpoint: WebhookEndpoint, secret: str, title: str
    ) -> HttpResponse:
        context = {
            "title": title,
            "endpoint": endpoint,
            "secret": secret,
            "back": reverse("admin:events_webhookendpoint_change", args=[endpoint.pk]),
        }
        site = self.admin_site.each_context(request)
        answer = render(request, "txmsg/webhook_secret.html", {**site, **context})
        answer["Cache-Control"] = "no-store"
        return answer


def _may(request: HttpRequest, verb: str) -> bool:
    """Say whether somebody may do something to endpoints."""
    return request.user.has_perm(f"events.{verb}_webhookendpoint")


def _pill(endpoint: WebhookEndpoint) -> dict[str, str]:
    """Return the label and the tone of an endpoint's health."""
    if endpoint.status != EndpointStatus.ACTIVE:
        return {"label": _LABELS[endpoint.status], "tone": _TONES[endpoint.status]}
    if settling.is_down(endpoint):
        return {"label": "Down", "tone": "danger"}
    if endpoint.failing_since is not None:
        return {"label": "Failing", "tone": "warning"}
    if endpoint.last_success_at is None:
        return {"label": "Not tried yet", "tone": ""}
    return {"label": "Well", "tone": "success"}


def body_of(message: WebhookMessage) -> str:
    """Return what a message says, for people."""
    data = {**message.data, "sequence": message.pk}
    return json.dumps(data, indent=2, ensure_ascii=False)
