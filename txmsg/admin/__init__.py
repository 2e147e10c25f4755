"""The admin's pages that join several apps; importing a module registers its pages."""

from django.contrib import admin

from txmsg.admin import (
    browse,
    event_history,
    event_types,
    inbox,
    users,
    webhook_messages,
    webhooks,
)

__all__ = [
    "browse",
    "event_history",
    "event_types",
    "inbox",
    "users",
    "webhook_messages",
    "webhooks",
]

admin.site.index_template = "templates_app/start.html"
admin.site.index_title = "Start"
