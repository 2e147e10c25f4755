"""The inbox: what the built-in SMTP server and the capture channels received."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from events import ids
from events.admin_lists import BoundedLists, SelectFilter, cut, short_moment
from events.models import Channel, Event
from txmsg.admin.framing import framed
from txmsg.inbox import parse_mail
from txmsg.models import InboxMessage


class ChannelFilter(SelectFilter):
    """Messages of one channel."""

    title = "channel"
    parameter_name = "channel"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return every channel."""
        return [(str(value), str(label)) for value, label in Channel.choices]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Any]
    ) -> QuerySet[Any] | None:
        """Return the messages of the chosen channel."""
        chosen = self.chosen()
        return queryset.filter(channel=chosen) if chosen else queryset


@admin.register(InboxMessage)
class InboxMessageAdmin(BoundedLists, ModelAdmin):
    """What arrived, newest first; nothing here is edited."""

    list_title = "Inbox"
    change_list_template = "txmsg/inbox_list.html"
    list_display = ("subject_line", "to", "channel", "from_", "received")
    list_display_links = ("subject_line",)
    list_filter = (ChannelFilter,)
    search_fields = ("recipient",)
    search_help_text = "A recipient or a part of a subject"
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave the messages themselves in the database until one is opened."""
        return super().get_queryset(request).defer("raw")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search in what the inbox keeps: a few thousand rows at most."""
        term = search_term.strip().replace("\x00", "")
        if not term:
            return queryset, False
        found = Q(recipient__icontains=term) | Q(subject__icontains=term)
        return queryset.filter(found), False

    def get_urls(self) -> list[URLPattern]:
        """Add the address of a message's HTML alone."""
        view = self.admin_site.admin_view(self.html_view)
        return [
            path("<int:pk>/html/", view, name="txmsg_inboxmessage_html"),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show one message: HTML, text or source."""
        message = self._message(request, object_id)
        raw = bytes(message.raw)
        source = raw.decode("utf-8", "replace")
        context: dict[str, Any] = {
            "message": message,
            "event_url": _event_url(message),
            "source": source,
            "title": self.subject_line(message),
        }
        if message.channel == Channel.EMAIL:
            context["mail"] = mail = parse_mail(raw)
            tabs = [("html", "HTML")] if mail.html else []
            tabs += [("text", "Text"), ("headers", "Headers"), ("source", "Source")]
        else:
            context["parts"] = _parts(source)
            tabs = [("text", "Message"), ("source", "Source")]
        tab = request.GET.get("tab", "")
        context |= {"tabs": tabs, "tab": tab if tab in dict(tabs) else tabs[0][0]}
        site = self.admin_site.each_context(request)
        return render(request, "txmsg/inbox_message.html", {**site, **context})

    def html_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Answer a mail's HTML alone, shut in wherever it is opened."""
        message = self._message(request, str(pk))
        if message.channel != Channel.EMAIL:
            raise Http404
        return framed(parse_mail(bytes(message.raw)).html)

    @admin.display(description="Subject")
    def subject_line(self, message: InboxMessage) -> str:
        """Return the subject, or what stands for it."""
        kind = message.get_channel_display()
        return message.subject or f"{kind} to {message.recipient[:60]}"

    @admin.display(description="Recipient")
    def to(self, message: InboxMessage) -> SafeString:
        """Return who it is for."""
        return cut(message.recipient)

    @admin.display(description="Sender")
    def from_(self, message: InboxMessage) -> SafeString:
        """Return who it is from."""
        return cut(message.sender or "–")

    @admin.display(description="Received")
    def received(self, message: InboxMessage) -> str:
        """Return when it came, to the second."""
        return short_moment(message.received_at)

    def _message(self, request: HttpRequest, object_id: str) -> InboxMessage:
        if not self.has_view_permission(request):
            raise PermissionDenied
        is_number = object_id.isascii() and object_id.isdigit() and len(object_id) < 19
        found = InboxMessage.objects.filter(pk=int(object_id)) if is_number else None
        message = found.first() if found is not None else None
        if message is None:
            raise Http404
        return message


def _event_url(message: InboxMessage) -> str:
    """Return the page of the event that a message belongs to, if it is ours."""
    delivery: UUID | None = message.delivery_id
    if delivery is None:
        return ""
    event_id = ids.event_id_of(delivery)
    if not Event.objects.filter(pk=event_id).exists():
        return ""
    return reverse("admin:events_event_change", args=[event_id])


def _parts(source: str) -> dict[str, str]:
    """Return the parts of a captured message, which are kept as a JSON object."""
    try:
        parts = json.loads(source)
    except ValueError:
        return {"text": source}
    return parts if isinstance(parts, dict) else {"text": source}
