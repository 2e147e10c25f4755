"""What the admin's long lists share: plain filters, bounded pages, a bound on time.

A list of history is read by an index or not at all: nobody counts its rows, and a
question that takes too long ends with a plain answer instead of a slow database.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.paginator import InfinitePaginator
from unfold.views import ChangeList
from unfold.widgets import INPUT_CLASSES, UnfoldAdminSelectWidget

from events import ids
from events.bounded import READ_SECONDS, TookTooLong, bounded_read

PAGES = 200


class BoundedPaginator(InfinitePaginator):
    """Previous and next without a count, and no further than 200 pages deep."""

    @property
    def count(self) -> int:
        """Return a number that nobody sees; the last page ends by its length."""
        return PAGES * int(self.per_page)


class BoundedChangeList(ChangeList):
    """A list that says nothing of how many rows there are beside those it shows."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page."""
        super().get_results(request)
        # Else unfold offers to show all, with the paginator's number.
        self.full_result_count = self.result_count


class OwnPages:
    """A mixin of model admins: a list says what it is, and why it shows nothing."""

    change_list_template = "events/list.html"
    change_form_template = "events/form.html"
    list_title = ""
    empty_title = "Nothing is here yet"
    empty_sentence = ""
    search_sentence = ""

    def get_changelist(self, request: HttpRequest, **_kwargs: Any) -> type[ChangeList]:
        """Return the list that says once at most how many rows there are."""
        return BoundedChangeList

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list with its own title."""
        extra = {"title": self.list_title, **(extra_context or {})}
        answer: HttpResponse = super().changelist_view(request, extra)  # type: ignore[misc]
        return answer


class BoundedLists(OwnPages):
    """A mixin of model admins: lists without counts, read in bounded time."""

    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    list_max_show_all = 0
    list_filter_submit = True
    actions = None
    sortable_by = ()

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds history by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes history by hand."""
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list, or say that the question was too large."""
        try:
            with bounded_read():
                answer = super().changelist_view(request, extra_context)
                if hasattr(answer, "render"):
                    answer.render()
                return answer
        except TookTooLong:
            messages.error(
                request,
                f"This took longer than {READ_SECONDS} seconds and was stopped: "
                "choose a shorter period, or search by address or id.",
            )
            return HttpResponseRedirect(f"{request.path}?e=1" if request.GET else "..")


class SelectFilter(admin.SimpleListFilter):
    """A filter that is a plain select."""

    template = "unfold/filters/filters_field.html"

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Yield the form of the filter."""
        form = forms.Form(data={str(self.parameter_name): self.value() or ""})
        form.fields[str(self.parameter_name)] = forms.ChoiceField(
            label=str(self.title).capitalize(),
            required=False,
            choices=[("", "All"), *self.lookup_choices],
            widget=UnfoldAdminSelectWidget(),
        )
        yield {"form": form}

    def chosen(self) -> str:
        """Return the value if it is one that is offered, else nothing."""
        value = self.value()
        known = {str(choice[0]) for choice in self.lookup_choices}
        return value if value in known else ""


class IdDateFilter(admin.ListFilter):
    """Days from and to, inclusive, read off the ids: the primary key serves it."""

    title = "day"
    template = "events/filter_days.html"
    first_name = "from"
    last_name = "to"

    def __init__(
        self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any
    ) -> None:
        super().__init__(request, params, model, model_admin)
        for name in (self.first_name, self.last_name):
            value = params.pop(name, [""])
            self.used_parameters[name] = value[-1] if isinstance(value, list) else value

    def has_output(self) -> bool:
        """Return that this filter is always there."""
        return True

    def expected_parameters(self) -> list[str | None]:
        """Return the names of the two parameters."""
        return [self.first_name, self.last_name]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Any]
    ) -> QuerySet[Any] | None:
        """Return the rows of these days, in the server's time zone."""
        first, last = (self._day(n) for n in (self.first_name, self.last_name))
        if first is not None:
            queryset = queryset.filter(pk__gte=ids.first_id_at(_midnight(first)))
        if last is not None:
            after = _midnight(last + timedelta(days=1))
            queryset = queryset.filter(pk__lt=ids.first_id_at(after))
        return queryset

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Yield the form of the filter."""
        form = forms.Form(data=self.used_parameters)
        for name, label in ((self.first_name, "From day"), (self.last_name, "To day")):
            form.fields[name] = forms.DateField(
                label=label,
                required=False,
                widget=forms.DateInput(
                    attrs={
                        "type": "date",
                        "class": " ".join(INPUT_CLASSES),
                    }
                ),
            )
        yield {"form": form}

    def _day(self, name: str) -> date | None:
        try:
            day = date.fromisoformat(str(self.used_parameters.get(name) or ""))
        except ValueError:
            return None
        return day if 1970 < day.year < 9000 else None


def cut(text: str) -> SafeString:
    """Return a text for a narrow cell, whole when it is pointed at."""
    return format_html('<span class="pg-cut" title="{}">{}</span>', text, text)


def short_moment(moment: datetime) -> str:
    """Return a moment for a list: day and time to the second, the year if not this."""
    local = timezone.localtime(moment)
    year = "" if local.year == timezone.localtime().year else " Y"
    return date_format(local, f"j M{year}, H:i:s")


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, timezone.get_current_timezone())
