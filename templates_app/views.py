"""Uploaded images, for mail clients anywhere: public, and kept by who loads them."""

from __future__ import annotations

from django.http import FileResponse, Http404, HttpRequest, HttpResponseBase
from django.views.decorators.http import require_safe

from templates_app.models import Image

_YEAR = 31_536_000


@require_safe
def image(request: HttpRequest, name: str) -> HttpResponseBase:
    """Return an image by the name under which it was stored; it never changes."""
    found = Image.objects.filter(file=f"images/{name}").first()
    if found is None:
        raise Http404("There is no such image.")
    try:
        data = found.file.open("rb")
    except FileNotFoundError as error:
        raise Http404("The image is not on this machine any more.") from error
    headers = {
        "Cache-Control": f"public, max-age={_YEAR}, immutable",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "X-Content-Type-Options": "nosniff",
    }
    return FileResponse(data, content_type=found.media_type, headers=headers)
