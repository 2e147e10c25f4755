"""The History tab (executions with their counts and logs) and the suppression list."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminTextareaWidget

from events import addresses
from events.admin_lists import (
    BoundedChangeList,
    BoundedLists,
    OwnPages,
    SelectFilter,
    short_moment,
)
from events.bounded import bounded_read
from events.models import Channel
from history import explain, reports
from history.models import Delivery, DeliveryStatus, Execution, Suppression
from history.suppressions import normalized
from templates_app.models import Message

LOG_PAGE = 50
_CHECKS = {Channel.EMAIL: addresses.email, Channel.SMS: addresses.phone}
_EXCLUDED = (
    DeliveryStatus.EXCLUDED,
    DeliveryStatus.EXPIRED,
    DeliveryStatus.CANCELLED,
)


class MessageFilter(SelectFilter):
    """Executions of one message."""

    title = "message"
    parameter_name = "message"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the messages that were executed."""
        messages = Message.objects.filter(executions__isnull=False).distinct()
        return [(str(pk), label) for pk, label in messages.values_list("pk", "label")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Any]
    ) -> QuerySet[Any] | None:
        """Return the executions of the chosen message."""
        chosen = self.chosen()
        return queryset.filter(message_id=int(chosen)) if chosen else queryset


class ChannelFilter(SelectFilter):
    """Executions on one channel."""

    title = "channel"
    parameter_name = "channel"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return every channel."""
        return [(str(value), str(label)) for value, label in Channel.choices]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Any]
    ) -> QuerySet[Any] | None:
        """Return the executions on the chosen channel."""
        chosen = self.chosen()
        return queryset.filter(version__channel=chosen) if chosen else queryset


class MonthFilter(SelectFilter):
    """Executions of one month."""

    title = "month"
    parameter_name = "month"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the months there are, the newest first."""
        months = Execution.objects.dates("month", "month", order="DESC")
        return [(month.isoformat(), f"{month:%Y/%m}") for month in months]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Any]
    ) -> QuerySet[Any] | None:
        """Return the executions of the chosen month."""
        chosen = self.chosen()
        return queryset.filter(month=date.fromisoformat(chosen)) if chosen else queryset


class ExecutionChangeList(BoundedChangeList):
    """A page of executions, each with its counts: one query for all of them."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page, then its counts."""
        super().get_results(request)
        found = reports.counts_of([execution.pk for execution in self.result_list])
        for execution in self.result_list:
            execution.counts = found[execution.pk]


def _count(status: DeliveryStatus) -> Any:
    """Return a column that shows one of the counts."""

    @admin.display(description=str(status.label))
    def column(_admin: Any, execution: Any) -> int:
        return int(execution.counts.by_status.get(status, 0))

    return column


@admin.register(Execution)
class ExecutionAdmin(BoundedLists, ModelAdmin):
    """What was executed: a version's deliveries of one month."""

    list_title = "History"
    empty_title = "Nothing was executed yet"
    empty_sentence = (
        "As soon as an event meets a published message, that version's messages of the "
        "month are counted here: how many were sent, how many were not, and why."
    )
    list_display = (
        "execution_label",
        "channel",
        "processed",
        "sent",
        "failed",
        "excluded",
        "expired",
        "uncertain",
        "success",
        "last_active_hour",
    )
    list_display_links = ("execution_label",)
    list_filter = (MessageFilter, ChannelFilter, MonthFilter)
    list_select_related = ("message", "version")
    search_fields = ("message__label", "message__internal_name")
    search_help_text = "The name of a message"
    ordering = ("-month", "-id")

    sent = _count(DeliveryStatus.SENT)
    failed = _count(DeliveryStatus.FAILED)
    excluded = _count(DeliveryStatus.EXCLUDED)
    expired = _count(DeliveryStatus.EXPIRED)
    uncertain = _count(DeliveryStatus.UNCERTAIN)

    def get_changelist(
        self, request: HttpRequest, **_kwargs: Any
    ) -> type[ExecutionChangeList]:
        """Return the list that knows counts."""
        return ExecutionChangeList

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show one execution: its counts, its logs, and why some were not sent."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        execution = self._execution(object_id)
        counts = reports.counts_of([execution.pk])[execution.pk]
        wanted = request.GET.get("tab", "")
        tab = wanted if wanted in ("exclusion", "causes") else "sending"
        context: dict[str, Any] = {
            "execution": execution,
            "counts": counts,
            "counters": [
                (status.label, counts.by_status.get(status, 0), explain.tone(status))
                for status in DeliveryStatus
            ],
            "tab": tab,
            "title": str(execution),
        }
        with bounded_read():
            if tab == "causes":
                context["causes"] = [
                    (DeliveryStatus(c.status).label, explain.reason(c.reason), c)
                    for c in reports.causes_of(execution.pk)
                ]
            else:
                context |= self._log(
                    request, execution, only_excluded=tab == "exclusion"
                )
        site = self.admin_site.each_context(request)
        return render(request, "history/execution.html", {**site, **context})

    @admin.display(description="Execution")
    def execution_label(self, execution: Execution) -> str:
        """Return month, message and version."""
        return str(execution)

    @admin.display(description="Channel")
    def channel(self, execution: Execution) -> str:
        """Return the channel of its version."""
        return execution.version.get_channel_display()

    @admin.display(description="Processed")
    def processed(self, execution: Any) -> int:
        """Return how many ended."""
        return int(execution.counts.processed)

    @admin.display(description="Success")
    def success(self, execution: Any) -> SafeString:
        """Return the share that was sent, as a pill."""
        counts: reports.Counts = execution.counts
        bad = counts.by_status.get(DeliveryStatus.FAILED, 0)
        bad += counts.by_status.get(DeliveryStatus.UNCERTAIN, 0)
        tone = (
            "success" if not bad else "warning" if bad * 20 < counts.processed else ""
        )
        context = {"label": counts.success, "tone": tone or "danger"}
        return render_to_string("events/pill.html", context)

    @admin.display(description="Last active hour")
    def last_active_hour(self, execution: Any) -> str:
        """Return the last hour in which something ended: counts are kept by hour."""
        hour = execution.counts.last_hour
        if hour is None:
            return "–"
        end = timezone.localtime(hour + timedelta(hours=1))
        return f"{short_moment(hour)[:-3]}–{end:%H:%M}"

    def _execution(self, object_id: str) -> Execution:
        if object_id.isascii() and object_id.isdigit() and len(object_id) < 19:
            execution = (
                Execution.objects.select_related("message", "version")
                .filter(pk=int(object_id))
                .first()
            )
            if execution is not None:
                return execution
        raise Http404

    def _log(
        self, request: HttpRequest, execution: Execution, *, only_excluded: bool
    ) -> dict[str, Any]:
        """Return a page of the log; the next one begins below its last id."""
        deliveries = Delivery.objects.filter(execution=execution).order_by("-id")
        if only_excluded:
            deliveries = deliveries.filter(status__in=_EXCLUDED)
        before = _uuid(request.GET.get("before", ""))
        if before is not None:
            deliveries = deliveries.filter(pk__lt=before)
        rows: list[Any] = list(deliveries[: LOG_PAGE + 1])
        for row in rows:
            row.tone = explain.tone(row.status)
            row.why = explain.reason(row.reason)
        return {
            "rows": rows[:LOG_PAGE],
            "next_before": rows[LOG_PAGE - 1].pk if len(rows) > LOG_PAGE else None,
            "is_first_page": before is None,
        }


class SuppressionForm(forms.ModelForm):
    """An address is kept as it is compared: checked, and in lower case."""

    class Meta:
        model = Suppression
        fields = ("channel", "address", "reason", "note")
        widgets = {"note": UnfoldAdminTextareaWidget(attrs={"rows": 2})}

    def clean(self) -> dict[str, Any]:
        """Check the address by the rules of its channel."""
        cleaned: dict[str, Any] = super().clean() or {}
        address = str(cleaned.get("address") or "")
        check = _CHECKS.get(cleaned.get("channel", ""))
        try:
            cleaned["address"] = normalized(check(address) if check else address)
        except addresses.BadAddress as error:
            self.add_error("address", f"It {error}.")
        return cleaned


@admin.register(Suppression)
class SuppressionAdmin(OwnPages, ModelAdmin):
    """Who gets nothing, by channel."""

    list_title = "Suppression list"
    empty_title = "Nobody is suppressed"
    empty_sentence = (
        "An address on this list gets nothing on its channel. Addresses that a mail "
        "server refuses for good are added by themselves; add others by hand."
    )
    search_sentence = "Search takes an address, or its beginning."
    form = SuppressionForm
    list_display = ("address", "channel", "reason", "since", "note")
    list_filter = ("channel", "reason")
    search_fields = ("address",)
    search_help_text = "An address, or its beginning"
    show_full_result_count = False
    ordering = ("-created_at",)
    readonly_fields = ("since", "created_by", "source")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search by the beginning of an address, as it is kept."""
        term = normalized(search_term.replace("\x00", ""))
        return (queryset.filter(address__startswith=term) if term else queryset), False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Show who added it, and when, once it was added."""
        fields = ["channel", "address", "reason", "note"]
        return [*fields, "since", "created_by", "source"] if obj else fields

    def save_model(
        self, request: HttpRequest, obj: Suppression, form: Any, change: bool
    ) -> None:
        """Keep who added the address."""
        if not change:
            obj.created_by_id = request.user.pk
        super().save_model(request, obj, form, change)

    @admin.display(description="Since")
    def since(self, suppression: Suppression) -> str:
        """Return when it was added."""
        return short_moment(suppression.created_at)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
