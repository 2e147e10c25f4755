"""Browse: the list of messages, with what each of them sent today."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Sum
from django.http import HttpRequest
from django.utils import timezone
from django.utils.module_loading import import_string

from events.models import Channel
from history.models import DeliveryStatus, Tally
from templates_app.admin.messages import MessageAdmin
from templates_app.models import Message
from txmsg.channels.capture import CaptureChannel


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


def kept_here(channel: str) -> str:
    """Return in a sentence that a channel's messages stay here; empty if they leave."""
    if channel == Channel.EMAIL and settings.TXMSG_EMBEDDED_INBOX:
        missing = "mail server"
    elif import_string(settings.TXMSG_CHANNELS[channel]) is CaptureChannel:
        missing = f"{'SMS' if channel == Channel.SMS else channel} provider"
    else:
        return ""
    return f"No {missing} is set up: messages are kept in the Inbox and not sent."


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

    def not_sent(self, channel: str) -> str:
        """Return why messages of a channel are not sent from here."""
        return kept_here(channel)

    @admin.display(description="Sent today")
    def sent_today(self, message: Message) -> str:
        """Return today's count of one row."""
        return f"{getattr(message, 'today', 0):,}"
