"""Browse: the list of messages, with what each of them sent today."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Sum
from django.http import HttpRequest
from django.utils import timezone

from history.models import DeliveryStatus, Tally
from templates_app.admin.messages import MessageAdmin
from templates_app.models import Message


def sent_today(message_ids: Iterable[int] | None = None) -> dict[int, int]:
    """Return how many deliveries each message sent since midnight; one query.

    Midnight is that of the installation's time zone. Without ids: all messages.
    """
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    rows = Tally.objects.filter(hour__gte=midnight, status=DeliveryStatus.SENT)
    if message_ids is not None:
        rows = rows.filter(execution__message__in=list(message_ids))
    sums = rows.values_list("execution__message").annotate(Sum("count"))
    return dict(sums)


@admin.register(Message)
class BrowseAdmin(MessageAdmin):
    """The messages as the authors see them, and today's count beside each."""

    list_display = (*MessageAdmin.list_display, "sent_today")

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Return the list's page with today's counts on its rows."""
        page = super().get_changelist_instance(request)
        counts = sent_today(message.pk for message in page.result_list)
        for message in page.result_list:
            message.today = counts.get(message.pk, 0)
        return page

    @admin.display(description="Sent today")
    def sent_today(self, message: Message) -> str:
        """Return today's count of one row."""
        return f"{getattr(message, 'today', 0):,}"
