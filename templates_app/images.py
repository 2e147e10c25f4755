"""Uploaded images: checked, stored under the hash of their bytes, served to everybody.

The only writer of images. What is stored never changes, so its address may be kept for
ever by whoever loads it.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import PurePath

import PIL
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.core.files.base import ContentFile
from django.urls import reverse
from PIL import Image as Pillow

from templates_app.models import Image, Message, Template

MAX_BYTES = 5_000_000
MAX_PIXELS = 25_000_000
_LARGE_BYTES = 500_000
# What mail clients show. SVG is left out: it may hold scripts, and Gmail drops it.
_FORMATS = {
    "PNG": ("png", "image/png"),
    "JPEG": ("jpg", "image/jpeg"),
    "GIF": ("gif", "image/gif"),
    "WEBP": ("webp", "image/webp"),
}


class BadImage(Exception):
    """An upload that is no image which mail clients show; the text says why."""


def store(
    data: bytes, *, name: str, uploader: AbstractBaseUser | None = None
) -> tuple[Image, bool]:
    """Store an image unless its bytes are stored; return it, and whether it is new.

    Raises BadImage. The type is read from the bytes; the name is only shown.
    """
    extension, media_type, (width, height) = _read(data)
    digest = hashlib.sha256(data).hexdigest()
    image = Image.objects.filter(digest=digest).first()
    if image is not None:
        return image, False
    shown = "".join(each for each in name.replace("\\", "/") if each.isprintable())
    image = Image(
        name=PurePath(shown).name[:160] or f"image.{extension}",
        digest=digest,
        media_type=media_type,
        width=width,
        height=height,
        size=len(data),
        uploaded_by_id=uploader.pk if uploader else None,
    )
    image.file.save(f"{digest[:32]}.{extension}", ContentFile(data), save=False)
    image.save()
    return image, True


def path_of(image: Image) -> str:
    """Return the address of an image on this server."""
    return reverse("image", args=[PurePath(image.file.name).name])


def address_of(image: Image) -> str:
    """Return the absolute address under which mail clients load an image."""
    return f"{settings.TXMSG_PUBLIC_URL}{path_of(image)}"


def advice(image: Image) -> str:
    """Return what an author should know of an image; empty if nothing."""
    if image.size > _LARGE_BYTES:
        return f"{image.size / 1000:,.0f} KB: it will load slowly on a phone."
    if image.media_type == "image/webp":
        return "WebP is not shown by Outlook for Windows; PNG or JPEG is."
    return ""


def delete(image: Image) -> None:
    """Delete an image and its file; what was sent with it shows an empty place."""
    image.file.delete(save=False)
    image.delete()


def used_by(image: Image) -> list[str]:
    """Return the labels of the messages and templates whose content names an image."""
    name = PurePath(image.file.name).name
    messages = Message.objects.filter(deleted_at=None, content__icontains=name)
    templates = Template.objects.filter(content__icontains=name)
    return [draft.label for rows in (messages, templates) for draft in rows]


def _read(data: bytes) -> tuple[str, str, tuple[int, int]]:
    """Return extension, media type and size in pixels; raise BadImage."""
    if len(data) > MAX_BYTES:
        size = f"{len(data) / 1_000_000:.1f} MB"
        most = f"{MAX_BYTES // 1_000_000} MB"
        raise BadImage(f"The image has {size}; {most} are allowed.")
    try:
        with Pillow.open(io.BytesIO(data), formats=tuple(_FORMATS)) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise BadImage(
                    f"The image has {width:,} × {height:,} pixels; "
                    f"{MAX_PIXELS // 1_000_000} million in all are allowed."
                )
            image.verify()
            return *_FORMATS[str(image.format)], (width, height)
    except (
        PIL.UnidentifiedImageError,
        Pillow.DecompressionBombError,
        OSError,
        SyntaxError,
        ValueError,
    ) as error:
        raise BadImage(
            "This is no image that mail clients show: upload PNG, JPEG, GIF or WebP."
        ) from error
