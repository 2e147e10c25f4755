"""The publication log of a message: searched, filtered, and as a text file."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from templates_app.admin.frame import DraftPages, View
from templates_app.models import Message, PublicationAction, PublicationLog

_LINES = 500


def log_view(admin: DraftPages, request: HttpRequest, pk: int) -> HttpResponse:
    """Show what was done to a message's public state; ``?format=text`` as a file."""
    message: Message = admin.draft(request, pk)
    words = request.GET.get("q", "").replace("\0", "").strip()
    action = request.GET.get("action", "")
    lines = _found(message, words, action)
    if request.GET.get("format") == "text":
        text = "".join(f"{_as_text(line)}\n" for line in lines)
        name = f"{message.internal_name}-publication-log.txt"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return HttpResponse(
            text, content_type="text/plain; charset=utf-8", headers=headers
        )
    context = {
        "title": f"Publication log: {message.label}",
        "lines": lines[:_LINES],
        "words": words,
        "action": action,
        "actions": PublicationAction.choices,
    }
    return admin.answer(request, "log.html", context, draft=message)


STEPS: Mapping[str, View] = {"log": log_view}


def _found(message: Message, words: str, action: str) -> QuerySet[PublicationLog]:
    lines = message.publication_log.select_related("actor", "version")
    if action in PublicationAction.values:
        lines = lines.filter(action=action)
    if words:
        lines = lines.filter(
            Q(note__icontains=words) | Q(actor__username__icontains=words)
        )
    return lines


def _as_text(line: PublicationLog) -> str:
    at = timezone.localtime(line.at).isoformat(sep=" ", timespec="milliseconds")
    by = line.actor.get_username() if line.actor else "txmsg"
    version = f" version {line.version.number}" if line.version else ""
    note = f": {' '.join(line.note.split())}" if line.note else ""
    return f"{at} {line.get_action_display()}{version} by {by}{note}"
