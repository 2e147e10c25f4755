"""HTML from elsewhere: cleaned, rewritten, its images reported."""

from __future__ import annotations

import base64
import contextlib
import io
import time
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image as Pillow
from pytest_django import Settings

from templates_app import html_import
from templates_app.html_import import NotImported, import_html
from templates_app.models import Image
from tests.factories import make_message

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_folder(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.mark.parametrize(
    ("address", "is_good", "words"),
    [
        ("https://cdn.shop.example/a.png", True, "Loaded from there"),
        ("http://cdn.shop.example/a.png", False, "Not encrypted"),
        ("images/a.png", False, "Relative"),
        ("/a.png", False, "Relative"),
        ("cid:part1", False, "attached to the old mail"),
        ("file:///C:/a.png", False, "nothing from file"),
        ("{{ ctx.image }}", True, "Comes from the event"),
        ("", False, "Choose an image"),
    ],
)
def test_each_image_is_reported_with_what_to_do(
    address: str, is_good: bool, words: str
) -> None:
    """Nothing is fetched: the report goes by the address."""
    [report] = import_html(f'<p><img alt="" src="{address}"></p>').images
    assert report.is_good == is_good
    assert words in report.advice


def test_images_of_styles_are_reported_too_and_each_once() -> None:
    """Backgrounds are images as well."""
    html = (
        '<table background="bg.png"><tr><td style="background:url(\'b.jpg\')">'
        '<img src="c.png"><img src="c.png"></td></tr></table>'
    )
    assert [each.address for each in import_html(html).images] == [
        "c.png",
        "bg.png",
        "b.jpg",
    ]


def test_an_image_inside_the_html_is_uploaded() -> None:
    """Gmail and Outlook show no data: addresses."""
    buffer = io.BytesIO()
    Pillow.new("RGB", (4, 4)).save(buffer, "PNG")
    data = base64.b64encode(buffer.getvalue()).decode()
    imported = import_html(f'<img alt="" src="data:image/png;base64,{data}">')
    image = Image.objects.get()
    assert image.digest[:32] in imported.source
    assert "data:" not in imported.source
    assert imported.notes == ["Uploaded: 1 image that stood inside the HTML."]


@pytest.mark.parametrize(
    ("html", "gone"),
    [
        ("<p>a</p><script>alert(1)</script>", "<script"),
        ("<p>a</p><iframe src='https://x.example'></iframe>", "<iframe"),
        ("<form action='/x'><input></form><p>a</p>", "<form"),
        ('<p onclick="alert(1)" class="b">a</p>', "onclick"),
        ("<link rel=stylesheet href='https://x.example/a.css'><p>a</p>", "<link"),
        ("<meta http-equiv=refresh content='0;url=/'><p>a</p>", "<meta"),
        ("<base href='https://x.example'><p>a</p>", "<base"),
    ],
)
def test_what_mail_clients_block_is_taken_out_and_named(html: str, gone: str) -> None:
    """So that nobody wonders where it went."""
    imported = import_html(html)
    assert gone not in imported.source
    assert "a</p>" in imported.source
    assert imported.notes


def test_adobes_expressions_are_rewritten() -> None:
    """Plain paths are; what computes is named and stays."""
    imported = import_html(
        "<p><%= rtEvent.ctx.order.number %> <%= formatDate(x) %></p>"
    )
    assert "{{ rtEvent.ctx.order.number }}" in imported.source
    assert any("formatDate" in note for note in imported.notes)


@pytest.mark.parametrize("text", ["", "   ", "just words", "x" * 400_001])
def test_what_is_no_html_is_refused(text: str) -> None:
    """With a sentence that says what to do."""
    with pytest.raises(NotImported):
        import_html(text)


def test_a_file_of_an_old_encoding_is_read() -> None:
    """Exports of old tools name their own characters."""
    html = '<meta charset="iso-8859-2"><p>Łódź</p>'
    assert "Łódź" in html_import.decoded(html.encode("iso-8859-2"))
    assert html_import.decoded("é".encode("windows-1252")) == "é"
    with pytest.raises(NotImported, match="UTF-8"):
        html_import.decoded(b'<meta charset="no-such">\xff')


def test_the_page_shows_the_report_before_anything_changes() -> None:
    """Only the second click writes."""
    message = make_message()
    client = Client()
    client.force_login(User.objects.create_superuser("author", password="x"))
    address = reverse("admin:templates_app_message_import", args=[message.pk])
    assert b"HTML from elsewhere" in client.get(address).content
    assert client.post(address, {"html": "words"}).status_code == 422
    file = SimpleUploadedFile("mail.html", b'<p>New <img alt="" src="a.png"></p>')
    report = client.post(address, {"file": file})
    assert b"Relative" in report.content
    stood = message.content["en"]["source"]
    message.refresh_from_db()
    assert message.content["en"]["source"] == stood
    client.post(
        address,
        {
            "_confirmed": report.context["imported"].source,
            "seen": report.context["seen"],
        },
    )
    message.refresh_from_db()
    assert message.content["en"]["source"].startswith("<p>New ")
    assert message.content["en"]["source_kind"] == "html"


@pytest.mark.parametrize(
    "repeated",
    [
        *("{{", "<", "<a '", "<!--", "<script>", "<form>", "<meta x ", "<base", "<%"),
        *("<a onx=", " on", "url(", "url( ", "background=", "<img ", "<img src='"),
        *("<img a='\"", "<style>", " ", "<p>", "</p>", '<a b="">', "<svg/onload=a>"),
    ],
)
def test_hostile_text_is_read_in_no_time(repeated: str) -> None:
    """Each would be looked for again and again in all the rest."""
    text = f"<p>{repeated * 400_000}"[: html_import.MAX_CHARACTERS - 10] + "</p>"
    started = time.process_time()  # not the clock: others may have the processor
    with contextlib.suppress(NotImported):
        import_html(text)
    assert time.process_time() - started < 3


def test_what_is_never_closed_or_unquoted_is_taken_out_too() -> None:
    """Browsers are generous, and so are those who hide things."""
    html = "<p>a<script>b</p><svg/onload=x()><img/src=a.png onerror=y()><form>c</form>"
    imported = import_html(html)
    assert imported.source == "<p>ab</p><svg/><img/src=a.png >"
    assert [each.address for each in imported.images] == ["a.png"]


def test_characters_that_cannot_be_kept_are_left_out() -> None:
    """A file may hold anything."""
    assert import_html("<p>a\0b\ud800c</p>").source == "<p>abc</p>"
    with pytest.raises(NotImported):
        html_import.decoded(b"<meta charset=undefined>\xff")
