"""The admin's frame: breadcrumbs as the sidebar says them, actions that fit a row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.template import Library

from txmsg.places import place_of

register = Library()


@register.filter
def crumbs(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return unfold's breadcrumbs: app, list, object, as the sidebar names them.

    An app's name stands nowhere else in the product; an object's name and a page's
    own title stay as they were written.
    """
    if len(parts) < 2:
        return parts
    _, listed, *rest = parts
    place = place_of(str(listed["link"]))
    if place is None:
        name = str(listed["title"])
        return [{**listed, "title": name[:1].upper() + name[1:]}, *rest]
    section, name = place
    return [{"title": section, "is_section": True}, {**listed, "title": name}, *rest]


@register.filter
def fitting(actions: Iterable[dict[str, Any]], row: Any) -> list[dict[str, Any]]:
    """Return the actions that a row allows: its `field` has the action's `value`."""
    return [
        action
        for action in actions
        if "field" not in (wanted := action["attrs"] or {})
        or getattr(row, wanted["field"]) == wanted["value"]
    ]
