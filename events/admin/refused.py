"""Refused requests: what callers got wrong, for those who mend it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from events import refusals, refused_page
from events.admin_lists import BoundedLists, SelectFilter, cut, short_moment
from events.models import RefusalCount, RefusedRequest, Source

_COUNTED_DAYS = 7
_MOST_CODES = 100


class SourceFilter(SelectFilter):
    """Requests of one source."""

    title = "source"
    parameter_name = "source"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return every source by id."""
        return [
            (str(pk), name) for pk, name in Source.objects.values_list("pk", "name")
        ]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Any]
    ) -> QuerySet[Any] | None:
        """Return the requests of the chosen source."""
        chosen = self.chosen()
        return queryset.filter(source_id=int(chosen)) if chosen else queryset


class CodeFilter(SelectFilter):
    """Requests that were refused for one reason."""

    title = "code"
    parameter_name = "code"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the codes that occurred of late."""
        codes = RefusalCount.objects.exclude(source=None).order_by("code")
        found = codes.values_list("code", flat=True).distinct()[:_MOST_CODES]
        return [(code, code) for code in found]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Any]
    ) -> QuerySet[Any] | None:
        """Return the requests of the chosen code."""
        chosen = self.chosen()
        return queryset.filter(code=chosen) if chosen else queryset


@admin.register(RefusedRequest)
class RefusedRequestAdmin(BoundedLists, ModelAdmin):
    """The list of refused requests and the page of each."""

    list_title = "Refused requests"
    empty_title = "Nothing was refused"
    empty_sentence = (
        "A request that the API refuses appears here a second later, with every fault "
        "and without any value. The newest 200 of each source are kept."
    )
    search_sentence = "Search takes a whole request id."
    change_list_template = "events/refused_list.html"
    list_display = ("time", "caller", "type_or_path", "status_pill", "code")
    list_display_links = ("time",)
    list_filter = (SourceFilter, CodeFilter)
    list_select_related = ("source",)
    search_fields = ("request_id",)
    search_help_text = "Whole request id"
    ordering = ("-id",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody edits what was refused."""
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list, and how many there were of late."""
        extra = {"counted": _counted(), "kept": refusals.KEPT, **(extra_context or {})}
        return super().changelist_view(request, extra)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Return exact matches only."""
        term = search_term.strip().replace("\x00", "")
        return (queryset.filter(request_id=term) if term else queryset), False

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show one refused request."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        known = RefusedRequest.objects.select_related("source")
        is_id = object_id.isascii() and object_id.isdigit() and len(object_id) < 19
        refused = known.filter(pk=int(object_id)).first() if is_id else None
        if refused is None:
            raise Http404("There is no such request; only the newest are kept.")
        address = request.build_absolute_uri("/").rstrip("/")
        context = {
            "page": refused_page.page_of(refused, address=address),
            "tone": _tone(refused.status),
            "title": "Refused request",
        }
        site = self.admin_site.each_context(request)
        return render(request, "events/refused_page.html", {**site, **context})

    @admin.display(description="Time")
    def time(self, refused: RefusedRequest) -> str:
        """Return when it came, to the second."""
        return short_moment(refused.at)

    @admin.display(description="Source")
    def caller(self, refused: RefusedRequest) -> SafeString:
        """Return who sent it."""
        return cut(refused.source.name)

    @admin.display(description="Event type")
    def type_or_path(self, refused: RefusedRequest) -> SafeString:
        """Return the type that it names, else where it was sent."""
        return cut(refused.type_name or refused.path)

    @admin.display(description="Status")
    def status_pill(self, refused: RefusedRequest) -> SafeString:
        """Return the status as a pill."""
        context = {"label": refused.status, "tone": _tone(refused.status)}
        return render_to_string("events/pill.html", context)


def _tone(status: int) -> str:
    return "warning" if status in (207, 429) else "danger"


def _counted() -> dict[str, int]:
    """Return how many were refused in the last days, with a key and without."""
    first = timezone.localdate() - timedelta(days=_COUNTED_DAYS - 1)
    counts = RefusalCount.objects.filter(day__gte=first)
    return {
        "days": _COUNTED_DAYS,
        "known": counts.exclude(source=None).aggregate(n=Sum("count"))["n"] or 0,
        "unknown": counts.filter(source=None).aggregate(n=Sum("count"))["n"] or 0,
    }
