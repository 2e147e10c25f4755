"""Sources and their API keys."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.admin import ModelAdmin

from events import api_keys, refusals, usage
from events.admin_lists import OwnPages, SelectFilter, short_moment
from events.forms import ApiKeyForm, SourceForm
from events.key_forms import RotateKeyForm
from events.models import ApiKey, Source

_SOON = timedelta(days=7)


class ActiveFilter(SelectFilter):
    """Sources whose keys are accepted, or not."""

    title = "active"
    parameter_name = "active"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return both."""
        return [("yes", "Yes"), ("no", "No")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Any]
    ) -> QuerySet[Any] | None:
        """Return the sources that are active, or those that are not."""
        chosen = self.chosen()
        return queryset.filter(is_active=chosen == "yes") if chosen else queryset


@admin.register(Source)
class SourceAdmin(OwnPages, ModelAdmin):
    """The systems that post events, and their keys."""

    list_title = "Sources and API keys"
    empty_title = "There is no source yet"
    empty_sentence = (
        "A source is a system that posts events, such as a shop. Add one, then make a "
        "key for it on its page."
    )
    form = SourceForm
    change_form_template = "events/source.html"
    list_display = ("name", "description", "active", "live_keys", "last_call")
    list_filter = (ActiveFilter,)
    list_filter_submit = True
    search_fields = ("name", "description")
    search_help_text = "A name or a description"
    ordering = ("name",)
    fieldsets = (
        (None, {"fields": ("name", "description", "is_active")}),
        (
            "What it may do",
            {
                "fields": (
                    "scopes",
                    "allowed_types",
                    "allowed_networks",
                    "rate_per_minute",
                )
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Read the keys of all of them at once."""
        return super().get_queryset(request).prefetch_related("keys")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let nobody delete a source: its events stay in history."""
        return False

    def get_urls(self) -> list[URLPattern]:
        """Add making, rotating and revoking keys."""
        view = self.admin_site.admin_view
        return [
            path(
                "<int:pk>/keys/new/",
                view(self.create_key_view),
                name="events_source_create_key",
            ),
            path(
                "<int:pk>/keys/<int:key_pk>/rotate/",
                view(self.rotate_key_view),
                name="events_source_rotate_key",
            ),
            path(
                "<int:pk>/keys/<int:key_pk>/revoke/",
                view(self.revoke_key_view),
                name="events_source_revoke_key",
            ),
            *super().get_urls(),
        ]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Add the keys of the source, and how much it posted."""
        source = kwargs.get("obj")
        if source is not None:
            context |= {
                "source": source,
                "keys": source.keys.all(),
                "now": timezone.now(),
                "soon": timezone.now() + _SOON,
                "usage": usage.chart_of(usage.of_source(source.pk)),
                "refused": refusals.count_of(source.pk, days=usage.DAYS),
            }
        return super().render_change_form(request, context, *args, **kwargs)

    def create_key_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask what a key may do; make it, and show it this once."""
        source = self._source(request, pk)
        form = ApiKeyForm(request.POST or None, source=source)
        context: dict[str, Any] = {
            "form": form,
            "question": f"A new key for {source.name}",
            "explanation": ["It is shown once, on the next page: have a place for it."],
            "button": "Create the key",
            "back": reverse("admin:events_source_change", args=[pk]),
            "title": "Create key",
        }
        if request.method == "POST" and form.is_valid():
            key, text = api_keys.create(
                source,
                scopes=form.cleaned_data["scopes"],
                expires_at=_after_days(form.cleaned_data["expires_in_days"]),
            )
            self.log_change(request, source, f"Created the key {key}.")
            return self._new_key(request, context, key, text)
        return self._render(request, "events/confirm.html", context)

    def rotate_key_view(
        self, request: HttpRequest, pk: int, key_pk: int
    ) -> HttpResponse:
        """Ask when a key ends; make another that may do the same, and show it once."""
        source = self._source(request, pk)
        old = get_object_or_404(ApiKey, pk=key_pk, source=source, revoked_at=None)
        form = RotateKeyForm(request.POST or None, key=old)
        context: dict[str, Any] = {
            "form": form,
            "question": f"Replace {old}?",
            "explanation": [
                "The new key may do the same, and is shown once, on the next page: "
                "have a place for it. Until the old one ends, both work."
            ],
            "button": "Create the new key",
            "back": reverse("admin:events_source_change", args=[pk]),
            "title": "Rotate key",
        }
        if request.method == "POST" and form.is_valid():
            key, text = api_keys.rotate(
                old,
                hours=form.cleaned_data["ends_in_hours"],
                expires_at=_after_days(form.cleaned_data["expires_in_days"]),
            )
            self.log_change(request, source, f"Replaced the key {old} by {key}.")
            old.refresh_from_db()
            return self._new_key(request, context | {"old": old}, key, text)
        return self._render(request, "events/confirm.html", context)

    def revoke_key_view(
        self, request: HttpRequest, pk: int, key_pk: int
    ) -> HttpResponse:
        """Ask, then revoke a key."""
        source = self._source(request, pk)
        key = get_object_or_404(ApiKey, pk=key_pk, source=source)
        back = reverse("admin:events_source_change", args=[pk])
        if request.method == "POST":
            api_keys.revoke(key)
            self.log_change(request, source, f"Revoked the key {key}.")
            messages.success(request, f"{key} is revoked.")
            return HttpResponseRedirect(back)
        context = {
            "question": f"Revoke {key}?",
            "explanation": [
                "Whoever uses it is refused from now on. This cannot be undone.",
                f"It was last used on {short_moment(key.last_used_at)}."
                if key.last_used_at
                else "It was never used.",
            ],
            "button": "Revoke it",
            "danger": True,
            "back": back,
            "title": "Revoke key",
        }
        return self._render(request, "events/confirm.html", context)

    @admin.display(description="Active", boolean=True, ordering="is_active")
    def active(self, source: Source) -> bool:
        """Return whether its keys are accepted at all."""
        return source.is_active

    @admin.display(description="Keys in use")
    def live_keys(self, source: Source) -> int:
        """Return how many keys are neither revoked nor expired."""
        now = timezone.now()
        return sum(
            key.revoked_at is None and (key.expires_at is None or key.expires_at > now)
            for key in source.keys.all()
        )

    @admin.display(description="Last call")
    def last_call(self, source: Source) -> str:
        """Return when one of its keys was last used."""
        used = [key.last_used_at for key in source.keys.all() if key.last_used_at]
        return short_moment(max(used)) if used else "–"

    def _new_key(
        self, request: HttpRequest, context: dict[str, Any], key: ApiKey, text: str
    ) -> HttpResponse:
        """Show a key, this once."""
        address = request.build_absolute_uri("/api/v1/events")
        more = {"key": key, "text": text, "address": address, "title": "The new key"}
        return self._render(request, "events/new_key.html", {**context, **more})

    def _render(
        self, request: HttpRequest, template: str, context: dict[str, Any]
    ) -> HttpResponse:
        site = self.admin_site.each_context(request)
        answer = render(request, template, {**site, **context})
        answer["Cache-Control"] = "no-store"
        return answer

    def _source(self, request: HttpRequest, pk: int) -> Source:
        if not self.has_change_permission(request):
            raise PermissionDenied
        source = Source.objects.filter(pk=pk).first() if pk < 2**63 else None
        if source is None:
            raise Http404
        return source


def _after_days(days: int | None) -> datetime | None:
    return timezone.now() + timedelta(days=days) if days else None
