"""The admin's sidebar, tabs and start page: what a person may see, and where it is.

Named in settings by dotted path; lists only what is registered and may be viewed.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db.models import Count, Q
from django.http import HttpRequest
from django.urls import reverse

from templates_app.models import Message, MessageStatus, Template
from txmsg.admin.browse import sent_today
from txmsg.places import EVENT_TABS, SECTIONS, TABS, list_of

# The section in which event types and keys stand, and the page of the API.
_OF_DEVELOPERS = "Set-up"


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the sidebar's sections with the lists that this person may view."""
    sections = []
    for title, entries in SECTIONS:
        items = [
            {"title": name, "icon": icon, "link": list_of(model)}
            for name, icon, model in entries
            if _may_view(request, model)
        ]
        if title == _OF_DEVELOPERS and _may_view(request, "events.eventtype"):
            items.append({"title": "API", "icon": "api", "link": reverse("api-docs")})
        if items:
            sections.append({"title": title, "separator": True, "items": items})
    return sections


def tabs(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the tabs over the lists of transactional messages, and of events."""
    return [_tabs_of(request, TABS), _tabs_of(request, EVENT_TABS)]


def _tabs_of(request: HttpRequest, tabs: list[tuple[str, str]]) -> dict[str, Any]:
    shown = [(name, model) for name, model in tabs if _may_view(request, model)]
    items = [{"title": name, "link": list_of(model)} for name, model in shown]
    return {"models": [model for _, model in shown], "items": items}


def start_page(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add what the start page says: how many messages, and what was sent today."""
    context["may_view_messages"] = _may_view(request, "templates_app.message")
    if context["may_view_messages"]:
        live = Message.objects.filter(deleted_at=None)
        context["messages_by_status"] = live.aggregate(
            published=Count("pk", filter=Q(status=MessageStatus.PUBLISHED)),
            paused=Count("pk", filter=Q(status=MessageStatus.PAUSED)),
            draft=Count("pk", filter=Q(status=MessageStatus.DRAFT)),
            changed=Count(
                "pk",
                filter=Q(has_unpublished_changes=True) & ~Q(status=MessageStatus.DRAFT),
            ),
        )
        context["templates"] = Template.objects.count()
        context["sent_today"] = sum(sent_today().values())
    # In a Django template `section.items` is the dict's method.
    context["sections"] = [
        {"title": section["title"], "entries": section["items"]}
        for section in sidebar(request)
    ]
    return context


def _may_view(request: HttpRequest, label: str) -> bool:
    model = apps.get_model(label)
    if not admin.site.is_registered(model):
        return False
    return admin.site.get_model_admin(model).has_view_permission(request)
