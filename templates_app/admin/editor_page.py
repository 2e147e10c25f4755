"""What the editor's page shows beside its form, and what its scripts are told."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from events.models import Channel
from templates_app import languages
from templates_app.admin.frame import Draft, DraftPages
from templates_app.admin.sampling import grouped
from templates_app.rendering import mjml_names
from templates_app.rendering.blocks import describe


def editor_context(admin: DraftPages, draft: Draft, language: str) -> dict[str, Any]:
    """Return what the template of a draft's page needs for one language."""
    rows = languages.report(draft)
    groups, takeable = grouped(draft)
    return {
        "language": language,
        "language_name": languages.name_of(language),
        "languages": [row for row in rows if not row.is_missing],
        "untranslated": {row.tag for row in rows if _is_untranslated(row)},
        "is_default_language": language == draft.default_language,
        "samples": groups,
        "takeable": takeable,
        "editor": {
            "channel": draft.channel,
            "language": language,
            "kinds": describe() if draft.channel == Channel.EMAIL else None,
            "mjml": _mjml() if draft.channel == Channel.EMAIL else None,
            "urls": _urls(admin, draft),
        },
    }


def _urls(admin: DraftPages, draft: Draft) -> dict[str, str]:
    steps = ("preview", "vocabulary", "sample", "samples", "largest", "mjml")
    return {
        **{step: admin.url(step, draft.pk) for step in steps},
        "images": reverse("admin:templates_app_image_choices"),
        "content_blocks": reverse("admin:templates_app_contentblock_changelist"),
    }


def _mjml() -> dict[str, dict[str, list[str]]]:
    """Return the elements of MJML: what each stands in, and its attributes."""
    return {
        name: {
            "parents": sorted(parents),
            "attributes": sorted(mjml_names.ATTRIBUTES[name] or ()),
        }
        for name, parents in mjml_names.PARENTS.items()
    }


def _is_untranslated(row: languages.Row) -> bool:
    return not row.is_default and any(each.state != "filled" for each in row.cells)
