"""Uploaded images in the admin: a gallery, and what the editor chooses from."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
)
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.admin import ModelAdmin

from templates_app import images
from templates_app.admin.frame import editor_of
from templates_app.models import Image

_PER_PAGE = 60
_OFFERED = 200


@admin.register(Image)
class ImageAdmin(ModelAdmin):
    """Images that stand in emails and push messages."""

    actions = None

    def get_urls(self) -> list[URLPattern]:
        """Put what the editor asks before Django's own."""
        choices = path(
            "choices/",
            self.admin_site.admin_view(self.choices_view),
            name="templates_app_image_choices",
        )
        return [choices, *super().get_urls()]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What is stored under the hash of its bytes cannot be changed."""
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show all images; take uploads."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            self._upload_all(request)
            return HttpResponseRedirect(request.get_full_path())
        found = Image.objects.all()
        query = request.GET.get("q", "").replace("\0", "").strip()
        if query:
            found = found.filter(name__icontains=query)
        page = Paginator(found, _PER_PAGE).get_page(request.GET.get("p"))
        context = {
            **self.admin_site.each_context(request),
            "title": "Images",
            "page": page,
            "images": [_shown(image) for image in page.object_list],
            "query": query,
            "may_add": self.has_add_permission(request),
            "may_delete": self.has_delete_permission(request),
            "limit": images.MAX_BYTES // 1_000_000,
        }
        return TemplateResponse(request, "templates_app/images.html", context)

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Images are added where they are shown."""
        return HttpResponseRedirect(reverse("admin:templates_app_image_changelist"))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """There is nothing to change: show them all."""
        return HttpResponseRedirect(reverse("admin:templates_app_image_changelist"))

    def choices_view(self, request: HttpRequest) -> HttpResponse:
        """Return the newest images as JSON; a POST uploads one and returns it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            offered = Image.objects.all()[:_OFFERED]
            return JsonResponse({"images": [_shown(image) for image in offered]})
        if not self.has_add_permission(request):
            raise PermissionDenied
        file = request.FILES.get("file")
        try:
            if file is None:
                raise images.BadImage("No file came with the request.")
            image = self._stored(request, file)
        except images.BadImage as error:
            return JsonResponse({"error": str(error)}, status=422)
        return JsonResponse({"image": _shown(image)}, status=201)

    def delete_view(
        self,
        request: HttpRequest,
        object_id: str,
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Ask, then delete; mails that were sent with it lose it, which is said."""
        image = self.get_object(request, object_id)
        if image is None:
            raise Http404("There is no such image.")
        if not self.has_delete_permission(request, image):
            raise PermissionDenied
        back = reverse("admin:templates_app_image_changelist")
        users = images.used_by(image)
        if request.method == "POST" and not users:
            images.delete(image)
            messages.success(request, f"“{image.name}” is deleted.")
            return HttpResponseRedirect(back)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Delete: {image.name}",
            "verb": "Delete",
            "draft": {"label": image.name},
            "is_danger": True,
            "refusal": f"It is used by {', '.join(users[:5])}" if users else "",
            "sentences": [
                "No message or template uses it now. Mails that were sent with it show "
                "an empty place from then on."
            ],
            "urls": {"change": back},
        }
        return TemplateResponse(request, "templates_app/confirm.html", context)

    def _upload_all(self, request: HttpRequest) -> None:
        if not self.has_add_permission(request):
            raise PermissionDenied
        files = request.FILES.getlist("files")
        if not files:
            messages.error(request, "Choose one image or more.")
        for file in files:
            try:
                image = self._stored(request, file)
            except images.BadImage as error:
                messages.error(request, f"{file.name}: {error}")
                continue
            hint = images.advice(image)
            messages.success(request, f"“{image.name}” is uploaded. {hint}".strip())

    def _stored(self, request: HttpRequest, file: Any) -> Image:
        if file.size > images.MAX_BYTES:
            raise images.BadImage(
                f"It is larger than {images.MAX_BYTES // 1_000_000} MB."
            )
        image, is_new = images.store(
            file.read(), name=file.name, uploader=editor_of(request)
        )
        if is_new:
            self.log_addition(request, image, "Uploaded.")
        return image


def _shown(image: Image) -> dict[str, Any]:
    """Return what a page or the editor shows of an image."""
    return {
        "id": image.pk,
        "name": image.name,
        "url": images.address_of(image),
        "path": images.path_of(image),
        "width": image.width,
        "height": image.height,
        "size": f"{image.size / 1000:,.0f} KB",
        "advice": images.advice(image),
    }
