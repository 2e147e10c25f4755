"""Templates as small pictures of what they make, for whoever chooses one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.urls import reverse

from events.models import Channel
from templates_app.admin.simulating import simulated
from templates_app.models import Template


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A template, and the address of its rendered HTML or its rendered words."""

    template: Template
    is_chosen: bool
    address: str = ""
    words: str = ""


def thumbnails(templates: Iterable[Template], *, chosen: str) -> list[Thumbnail]:
    """Return a picture of each template; the first is chosen unless another is."""
    rows = list(templates)
    known = {str(template.pk) for template in rows}
    picked = chosen if chosen in known else str(rows[0].pk) if rows else ""
    return [_thumbnail(template, str(template.pk) == picked) for template in rows]


def _thumbnail(template: Template, is_chosen: bool) -> Thumbnail:
    if template.channel == Channel.EMAIL:
        address = reverse("admin:templates_app_template_rendered", args=[template.pk])
        return Thumbnail(template, is_chosen, address=address)
    found = simulated(template, template.context_sample, event_type=None)
    parts = found.message.parts if found.message else {}
    words = [parts.get("title", ""), parts.get("body", "") or parts.get("text", "")]
    return Thumbnail(template, is_chosen, words="\n".join(filter(None, words)))
