"""HTML from templates and from mail, answered so that it cannot do anything.

It is shown in `<iframe sandbox>` from its own address, and is shut in by its headers
when that address is opened directly: no script, no form, no cookie, no way out.
"""

from __future__ import annotations

from django.http import HttpResponse

from templates_app import framing

_POLICY = f"sandbox; {framing.FRAME_POLICY}; form-action 'none'; frame-ancestors 'self'"


def framed(html: str) -> HttpResponse:
    """Return a page of its own, always light, with every power taken from it."""
    return HttpResponse(
        framing.framed(html),
        headers={
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": _POLICY,
            "X-Content-Type-Options": "nosniff",
            # The rest of the site is in no frame at all.
            "X-Frame-Options": "SAMEORIGIN",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "private, no-store",
        },
    )
