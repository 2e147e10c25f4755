"""A whole Django project in one module: a view that answers "ok", and no middleware.

The same server runs it by the same command as the product: it is what a web process
in Python can do at most on this machine.
"""

from __future__ import annotations

import django
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.urls import path

SECRET_KEY = "of a view that keeps no secret"  # noqa: S105
ROOT_URLCONF = __name__
ALLOWED_HOSTS = ["127.0.0.1"]
MIDDLEWARE: list[str] = []
USE_TZ = True


def ok(_request: HttpRequest) -> HttpResponse:
    """Answer "ok"; its length is what a middleware would set."""
    return HttpResponse("ok\n", headers={"Content-Length": "3"})


urlpatterns = [path("ok", ok)]

# Last: setting Django up reads this very module for its settings.
django.setup(set_prefix=False)
application = WSGIHandler()
