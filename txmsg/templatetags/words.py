"""Sentences with names of code in them, as pages show them."""

from __future__ import annotations

import re

from django.template import Library
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe

register = Library()

_CODE = re.compile(r"`([^`]+)`")


@register.filter
def coded(text: str) -> SafeString:
    """Return a sentence, escaped, with what stands in backticks as code."""
    shown = _CODE.sub(r"<code>\1</code>", str(conditional_escape(text)))
    return mark_safe(shown)  # noqa: S308  (escaped above)
