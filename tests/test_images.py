"""Uploaded images: what is taken, where it is served, what cannot get in."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image as Pillow
from pytest_django import Settings

from templates_app import images
from templates_app.models import Image
from tests.factories import make_message

pytestmark = pytest.mark.django_db
CHOICES = "admin:templates_app_image_choices"


@pytest.fixture(autouse=True)
def _own_folder(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path
    settings.TXMSG_PUBLIC_URL = "https://mail.shop.example"


@pytest.fixture
def page() -> Client:
    """Return a browser in which an administrator is signed in."""
    client = Client()
    client.force_login(User.objects.create_superuser("author", password="x"))
    return client


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 20)) -> bytes:
    """Return the bytes of a picture."""
    buffer = io.BytesIO()
    Pillow.new("RGB", size, "#0f6d57").save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_an_image_is_served_to_everybody_under_its_hash(kind: str) -> None:
    """Mail clients have no account; what they keep never changes."""
    image, is_new = images.store(picture(kind), name="C:\\pictures\\logo.bin")
    assert is_new
    assert (image.name, image.width, image.height) == ("logo.bin", 40, 20)
    assert image.digest[:32] in images.address_of(image)
    assert images.address_of(image).startswith("https://mail.shop.example/images/")
    answer = Client().get(images.path_of(image))
    assert answer.status_code == 200
    assert b"".join(answer.streaming_content) == picture(kind)
    assert answer["Content-Type"] == image.media_type
    assert "immutable" in answer["Cache-Control"]
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_the_same_bytes_are_stored_once() -> None:
    """Whatever they are called."""
    first, _ = images.store(picture(), name="a.png")
    second, is_new = images.store(picture(), name="b.png")
    assert (first, is_new) == (second, False)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<html><script>alert(1)</script></html>",
        b"GIF89a",
        b"\x89PNG\r\n\x1a\n" + b"\x00" * 40,
        picture("BMP"),
        picture("TIFF"),
    ],
)
def test_what_mail_clients_do_not_show_is_refused(data: bytes) -> None:
    """The bytes decide, not the name."""
    with pytest.raises(images.BadImage, match="PNG, JPEG, GIF or WebP"):
        images.store(data, name="logo.png")
    assert not Image.objects.exists()


def test_what_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """In bytes, and in pixels that would fill the memory."""
    monkeypatch.setattr(images, "MAX_BYTES", 50)
    with pytest.raises(images.BadImage, match="MB are allowed"):
        images.store(picture(), name="a.png")
    monkeypatch.setattr(images, "MAX_BYTES", 5_000_000)
    monkeypatch.setattr(images, "MAX_PIXELS", 100)
    with pytest.raises(images.BadImage, match="40 × 20 pixels"):
        images.store(picture(), name="a.png")


@pytest.mark.parametrize("name", ["nothing.png", "..%2F..%2Fsecret-key", "%00"])
def test_only_what_was_stored_is_served(name: str) -> None:
    """No path leads out of the folder: the name is looked up, not opened."""
    assert Client().get(f"/images/{name}").status_code == 404


def test_the_editor_chooses_and_uploads(page: Client) -> None:
    """A refusal is a sentence."""
    assert page.get(reverse(CHOICES)).json() == {"images": []}
    file = SimpleUploadedFile("logo.png", picture())
    made = page.post(reverse(CHOICES), {"file": file})
    assert made.status_code == 201
    assert made.json()["image"]["width"] == 40
    assert len(page.get(reverse(CHOICES)).json()["images"]) == 1
    bad = page.post(reverse(CHOICES), {"file": SimpleUploadedFile("a.png", b"no")})
    assert bad.status_code == 422
    assert "PNG" in bad.json()["error"]


def test_the_gallery_uploads_and_deletes_what_is_not_used(page: Client) -> None:
    """A picture in use says where."""
    address = reverse("admin:templates_app_image_changelist")
    assert b"No image yet" in page.get(address).content
    page.post(address, {"files": [SimpleUploadedFile("logo.png", picture())]})
    image = Image.objects.get()
    message = make_message()
    message.content["en"]["source"] = f'<img src="{images.address_of(image)}" alt="">'
    message.save()
    delete = reverse("admin:templates_app_image_delete", args=[image.pk])
    assert message.label in page.get(delete).content.decode()
    page.post(delete)
    assert Image.objects.exists()
    message.content["en"]["source"] = "<p>no picture</p>"
    message.save()
    path = Path(image.file.path)
    page.post(delete)
    assert not Image.objects.exists()
    assert not path.exists()


@pytest.mark.parametrize("name", ["a\0b.png", "\ud800a.png", "a\u202eb.png"])
def test_a_name_is_kept_as_far_as_it_can_be(name: str) -> None:
    """It is only shown: nothing is refused for it."""
    assert images.store(picture(), name=name)[0].name in {"ab.png", "a.png"}


def test_a_search_for_anything_is_answered(page: Client) -> None:
    """NUL characters included."""
    address = reverse("admin:templates_app_image_changelist")
    assert page.get(f"{address}?q=%00").status_code == 200
