"""Where each list stands in the admin: sections of the sidebar, and the tabs.

Plain names and addresses; who may see a list is decided in `txmsg.admin.navigation`.
"""

from __future__ import annotations

from django.urls import reverse

SECTIONS: list[tuple[str, list[tuple[str, str, str]]]] = [
    (
        "Triggered messages",
        [
            ("Transactional messages", "mail", "templates_app.message"),
            ("Event history", "history", "events.event"),
        ],
    ),
    (
        "Content",
        [
            ("Content blocks", "widgets", "templates_app.contentblock"),
            ("Images", "image", "templates_app.image"),
            ("Folders", "folder", "templates_app.folder"),
            ("Test profiles", "badge", "templates_app.testprofile"),
        ],
    ),
    (
        "Set-up",
        [
            ("Event types", "bolt", "events.eventtype"),
            ("Mobile apps", "smartphone", "templates_app.mobileapp"),
            ("Sources and API keys", "key", "events.source"),
            ("Webhooks", "webhook", "events.webhookendpoint"),
            ("Suppression list", "block", "history.suppression"),
        ],
    ),
    (
        "Operations",
        [
            ("Inbox", "inbox", "txmsg.inboxmessage"),
            ("Webhook messages", "outbox", "events.webhookmessage"),
            ("Users", "person", "auth.user"),
            ("Groups", "group", "auth.group"),
        ],
    ),
]
TABS = [
    ("Browse", "templates_app.message"),
    ("Templates", "templates_app.template"),
    ("History", "history.execution"),
]
EVENT_TABS = [
    ("Event history", "events.event"),
    ("Refused requests", "events.refusedrequest"),
]


def list_of(label: str) -> str:
    """Return the address of a model's list."""
    return reverse(f"admin:{label.replace('.', '_')}_changelist")


def place_of(address: str) -> tuple[str, str] | None:
    """Return the section and the name under which the sidebar or a tab shows a list."""
    for section, entries in SECTIONS:
        for name, _, model in entries:
            if address == list_of(model):
                return section, name
    for tabs, (section, *_) in ((TABS, SECTIONS[0][1][0]), (EVENT_TABS, EVENT_TABS[0])):
        for name, model in tabs:
            if address == list_of(model):
                return section, name
    return None
