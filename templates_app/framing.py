"""Rendered HTML made fit for a sandboxed frame; it changes how it is shown, no word.

Knows no request: the header that says the same as the page is set where it is answered.
"""

from __future__ import annotations

import re

_POLICY = "default-src 'none'; img-src {images}; style-src 'unsafe-inline'"
# What a preview may load: nothing but pictures and the styles inside it.
FRAME_POLICY = _POLICY.format(images="'self' data: https:")
FRAME_POLICY_WITHOUT_IMAGES = _POLICY.format(images="'none'")

_SCHEME = re.compile(
    r"\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)", re.IGNORECASE
)
_HEAD = re.compile(r"<head\b[^>]*>", re.IGNORECASE)
_START = re.compile(r"\s*(?:<!doctype[^>]*>)?\s*(?:<html\b[^>]*>)?", re.IGNORECASE)
# Links open in a new window, which the sandbox forbids: a click leads nowhere.
_GUARD = (
    '<meta http-equiv="Content-Security-Policy" content="{policy}">'
    '<base target="_blank">'
)
_ONLY_LIGHT = "<style>:root{color-scheme:only light!important}</style>"


def framed(html: str, *, is_dark: bool = False, with_images: bool = True) -> str:
    """Return rendered HTML for a sandboxed frame: with a policy, without navigation.

    It looks light, or dark if the mail knows how, whatever the author's own system
    prefers. Without images none is loaded, not even one of the mail's styles.
    """
    html = _SCHEME.sub(lambda match: _fixed(match[1], is_dark=is_dark), html)
    head = _HEAD.search(html)
    place = head.end() if head else _match_end(_START.match(html))
    policy = FRAME_POLICY if with_images else FRAME_POLICY_WITHOUT_IMAGES
    guard = _GUARD.format(policy=policy) + ("" if is_dark else _ONLY_LIGHT)
    return html[:place] + guard + html[place:]


def _fixed(scheme: str, *, is_dark: bool) -> str:
    """Return a media feature that is always true or never, for a preference."""
    is_wanted = (scheme.lower() == "dark") == is_dark
    return "(min-width: 0)" if is_wanted else "(max-width: 0)"


def _match_end(match: re.Match[str] | None) -> int:
    return match.end() if match else 0
