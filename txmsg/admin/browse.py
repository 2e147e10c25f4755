"""Browse: the list of messages, with what each of them sent today."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Sum
from django.http import HttpRequest
from django.utils import timezone
from django.utils.module_loading import import_string

from events.models import Channel
from history import dropping
from history.models import DeliveryStatus, Reason, Tally
from templates_app.admin.messages import MessageAdmin
from templates_app.admin.templates import TemplateAdmin
from templates_app.models import Message, Template
from txmsg.channels.capture import CaptureChannel
from txmsg.places import list_of

_DROP_SECONDS = 20.0
_DROP_REASONS = (
    Reason.CANCELLED,
    Reason.NO_PUBLISHED_MESSAGE,
    Reason.EXPIRED,
    Reason.ENDED_BY_OPERATOR,
)


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


class KeptHere:
    """A mixin of drafts' pages: says what stays on this machine, and where."""

    def not_sent(self, channel: str) -> str:
        """Return why messages of a channel are not sent from here."""
        return kept_here(channel)

    def inbox_of(self, request: HttpRequest, channel: str, address: str) -> str:
        """Return the Inbox's list of what came for an address, if it is kept here."""
        may_look = request.user.has_perm("txmsg.view_inboxmessage")
        if not may_look or not kept_here(channel):
            return ""
        return f"{list_of('txmsg.inboxmessage')}?{urlencode({'q': address})}"


@admin.register(Template)
class TemplatesAdmin(KeptHere, TemplateAdmin):
    """Templates, which know whether their proofs leave this machine."""


@admin.register(Message)
class BrowseAdmin(KeptHere, MessageAdmin):
    """The messages as the authors see them, and today's count beside each."""

    list_display = (*MessageAdmin.list_display, "sent_today")

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Return the list's page with today's counts on its rows."""
        page = super().get_changelist_instance(request)
        counts = sent_today(message.pk for message in page.result_list)
        for message in page.result_list:
            message.today = counts.get(message.pk, 0)
        return page

    def sent_under(self, version_ids: Iterable[int]) -> Mapping[int, int]:
        """Return how many messages each version has sent, by the tallies."""
        rows = Tally.objects.filter(
            status=DeliveryStatus.SENT, execution__version__in=list(version_ids)
        )
        return dict(rows.values_list("execution__version").annotate(Sum("count")))

    def drop_reasons(self) -> Sequence[tuple[str, str]]:
        """Return the reasons of the closed list that fit what was withdrawn."""
        return [(reason.value, str(reason.label)) for reason in _DROP_REASONS]

    def drop_waiting(
        self,
        row_ids: Sequence[UUID],
        *,
        channel: str,
        reason: str,
        actor: AbstractBaseUser,
    ) -> int:
        """End what waited for a message, as far as one request may take."""
        return dropping.drop(
            row_ids,
            channel=channel,
            reason=Reason(reason),
            actor=actor,
            seconds=_DROP_SECONDS,
        )

    @admin.display(description="Sent today")
    def sent_today(self, message: Message) -> str:
        """Return today's count of one row."""
        return f"{getattr(message, 'today', 0):,}"
