"""Who may do what to a message's public state, and the note that goes with it."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from templates_app.admin.frame import DraftPages
from templates_app.models import Message


def may_publish(request: HttpRequest) -> bool:
    """Return whether this person may change what production sends."""
    return request.user.has_perm("templates_app.publish_message")


def publishable(admin: DraftPages, request: HttpRequest, pk: int) -> Message:
    """Return a message that this person may publish; else 404 or 403."""
    message: Message = admin.draft(request, pk)
    if not may_publish(request):
        raise PermissionDenied
    return message
