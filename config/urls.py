"""Every address of the product."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, path, re_path
from django.views.generic import RedirectView

from events import views
from templates_app import views as public
from txmsg.adobe import views as adobe
from txmsg.api import monitors
from txmsg.api.application import api, beside
from txmsg.api.document import serving

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("healthz", monitors.healthz),
    path("readyz", monitors.readyz),
    path("api/v1/events", beside(views.post_event, "events")),
    path("api/v1/events/batch", views.post_batch),
    path("api/v1/openapi.json", serving.openapi, name="openapi"),
    path("api/v1/docs", serving.page, name="api-docs"),
    path("api/v1/", api.urls),
    # Adobe Campaign's addresses; there only while TXMSG_ADOBE_ALIAS is set.
    re_path(r"^[^/]+/campaign/mc[^/]+/(?P<name>[^/]+)\Z", adobe.post_event),
    re_path(
        r"^[^/]+/campaign/mc[^/]+/(?P<name>[^/]+)/(?P<key>[^/]+)\Z", adobe.get_event
    ),
    re_path(r"^images/(?P<name>[0-9a-f]{32}\.[a-z]{3,4})$", public.image, name="image"),
    # Django's page of one app: the start page lists what there is by what it is for.
    re_path(
        r"^admin/(?:auth|django_rq|events|history|templates_app|txmsg)/$",
        RedirectView.as_view(pattern_name="admin:index"),
    ),
    path("admin/", admin.site.urls),
]

handler400 = "txmsg.api_errors.bad_request"
handler404 = "txmsg.api_errors.page_not_found"
handler500 = "txmsg.api_errors.server_error"
