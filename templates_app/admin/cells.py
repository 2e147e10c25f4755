"""Small pieces of the lists: status pills, channels, labels with a second line."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from events.models import Channel
from templates_app.models import Message, MessageStatus

_TONES = {
    MessageStatus.DRAFT: "neutral",
    MessageStatus.PUBLISHED: "good",
    MessageStatus.PAUSED: "warn",
}
_ICONS = {Channel.EMAIL: "mail", Channel.SMS: "sms", Channel.PUSH: "notifications"}


def pills(message: Message) -> SafeString:
    """Return a message's status, and whether it has edits that are not live."""
    shown = [(_TONES[MessageStatus(message.status)], message.get_status_display())]
    if message.status != MessageStatus.DRAFT and message.has_unpublished_changes:
        shown.append(("info", "Unpublished changes"))
    return format_html_join(" ", '<span class="tx-pill tx-pill-{}">{}</span>', shown)


def two_lines(first: str | SafeString, second: str) -> SafeString:
    """Return a label with a smaller line below it."""
    return format_html('<span class="tx-two">{}<small>{}</small></span>', first, second)


def moment(at: datetime) -> SafeString:
    """Return when something was, in one line; the year only if it is not this one."""
    local = timezone.localtime(at)
    year = "" if local.year == timezone.localtime().year else " Y"
    return format_html(
        '<time class="tx-when" datetime="{}" title="{}">{}</time>',
        local.isoformat(timespec="seconds"),
        date_format(local, "j M Y, H:i:s"),
        date_format(local, f"j M{year}, H:i"),
    )


def channel(value: str) -> SafeString:
    """Return a channel with its symbol."""
    return format_html(
        '<span class="tx-channel"><span class="material-symbols-outlined" '
        'aria-hidden="true">{}</span>{}</span>',
        _ICONS[Channel(value)],
        Channel(value).label,
    )
