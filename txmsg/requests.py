"""The request as the web server's environment describes it, whatever stands in it."""

from __future__ import annotations

from typing import Any

from django.core.handlers.wsgi import WSGIRequest


class Request(WSGIRequest):
    """A request whose Content-Type cannot break it before any view is reached.

    Django raises on a charset that no codec has (``charset*=x''utf-8``, RFC 2231) and
    on a value that is very long, outside of everything that answers errors.
    """

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        try:
            super()._set_content_type_params(meta)  # type: ignore[misc]  # not in stubs
        except (LookupError, ValueError):
            self.content_type, self.content_params = "", {}
