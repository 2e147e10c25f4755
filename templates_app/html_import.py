"""HTML from elsewhere made a source of ours: cleaned, rewritten, its images reported.

What cannot stand in a mail is taken out and named; what cannot be reached from a
recipient's mail client is reported, never fetched.
"""

from __future__ import annotations

import base64
import binascii
import re
from bisect import bisect_left
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import unquote_to_bytes, urlsplit

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser

from templates_app import images
from templates_app.rendering import RenderError
from templates_app.rendering.adobe import rewritten
from templates_app.rendering.scanning import check_tags

MAX_CHARACTERS = 400_000
# All of these are possessive and begin at one character: what never ends is not looked
# for again and again in all the rest.
_TAG = re.compile(r"""<([a-zA-Z][\w:-]*+)(?:[^<>"']++|"[^"]*+"|'[^']*+')*+>""")
_ACTIVE = re.compile(
    r"<(/?)(script|noscript|iframe|object|applet|form)\b[^<>]*+>", re.IGNORECASE
)
_LOADS = frozenset({"base", "embed", "link"})
_REDIRECTS = re.compile(r"http-equiv\s*=\s*[\"']?refresh\b", re.IGNORECASE)
_HANDLER = re.compile(
    r"""(?<=[\s"'/])on[a-z]++\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s>"']++)""",
    re.IGNORECASE,
)
_SRC = re.compile(
    r"""(?<=[\s"'/])src\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"'>]++))""",
    re.IGNORECASE,
)
_STYLE_IMAGE = re.compile(
    r"""\bbackground\s*+=\s*+["']([^"'<>]++)["']|\burl\(\s*+["']?+([^"'()]++)["']?+\s*+\)""",
    re.IGNORECASE,
)
_UNUSABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
_DATA = re.compile(r"data:image/[\w.+-]+(;base64)?,(.*)", re.IGNORECASE | re.DOTALL)


class NotImported(Exception):
    """What was given is no HTML that could become a mail; the text says why."""


@dataclass(frozen=True, slots=True)
class ImageReport:
    """One image of the HTML: where it is loaded from, and what is to be done."""

    address: str
    advice: str
    is_good: bool


@dataclass(slots=True)
class ImportedHtml:
    """The source, its images, and in words what was changed on the way."""

    source: str
    images: list[ImageReport] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def import_html(text: str, *, uploader: AbstractBaseUser | None = None) -> ImportedHtml:
    """Return HTML as a source; raise NotImported.

    Images that stand in it as data are uploaded. Scripts, forms and what loads or
    redirects are taken out, `<%= rtEvent.ctx.a %>` becomes Liquid.
    """
    text = _UNUSABLE.sub("", text.replace("\r\n", "\n")).strip()
    if not text:
        raise NotImported("There is nothing in it: paste HTML or choose a file.")
    if len(text) > MAX_CHARACTERS:
        raise NotImported(
            f"It has {len(text):,} characters; {MAX_CHARACTERS:,} are allowed."
        )
    source, kept = rewritten(text)
    try:
        check_tags(source, part="html")
    except RenderError as error:
        raise NotImported(f"Line {error.line}: {error.message}.") from error
    if not _TAG.search(text):
        raise NotImported("There is no HTML tag in it: this looks like plain text.")
    imported = ImportedHtml(source)
    if source != text:
        imported.notes.append("Adobe's expressions were rewritten as {{ … }}.")
    if kept:
        imported.notes.append(
            f"Not rewritten, because they compute something: {', '.join(kept[:5])}"
        )
    _take_out_active(imported)
    _upload_data_images(imported, uploader)
    imported.images = _images_of(imported.source)
    return imported


def decoded(data: bytes) -> str:
    """Return an uploaded file as text: UTF-8, or what its own meta element says."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        named = re.search(rb"charset\s*=\s*[\"']?([\w-]+)", data[:2048])
        name = named.group(1).decode("ascii") if named else "windows-1252"
        try:
            return data.decode(name)
        except (LookupError, UnicodeError) as error:
            raise NotImported(
                "The file's characters cannot be read: save it as UTF-8."
            ) from error


def _take_out_active(imported: ImportedHtml) -> None:
    names: list[str] = []
    source = _without_elements(imported.source, names)

    def cleaned(tag: re.Match[str]) -> str:
        name = tag.group(1).lower()
        redirects = name == "meta" and _REDIRECTS.search(tag.group())
        if name in _LOADS or redirects:
            names.append(f"<{name}>")
            return ""
        without = _HANDLER.sub("", tag.group())
        if without != tag.group():
            names.append("event handlers (onclick …)")
        return without

    imported.source = _TAG.sub(cleaned, source)
    if names:
        words = ", ".join(dict.fromkeys(names))
        imported.notes.append(f"Taken out, since mail clients block it: {words}.")


def _without_elements(source: str, names: list[str]) -> str:
    """Return a source without active elements; their names are added to `names`.

    One that is never closed loses its tag alone.
    """
    ends: dict[str, list[tuple[int, int]]] = {}
    tags = list(_ACTIVE.finditer(source))
    for tag in tags:
        if tag.group(1):
            ends.setdefault(tag.group(2).lower(), []).append(tag.span())
    pieces, done = [], 0
    for tag in tags:
        if tag.start() < done:
            continue
        name = tag.group(2).lower()
        closing = ends.get(name, [])
        at = bisect_left(closing, tag.span())
        if not tag.group(1):
            names.append(f"<{name}>")
        pieces.append(source[done : tag.start()])
        is_closed = not tag.group(1) and at < len(closing)
        done = closing[at][1] if is_closed else tag.end()
    return "".join([*pieces, source[done:]])


def _upload_data_images(
    imported: ImportedHtml, uploader: AbstractBaseUser | None
) -> None:
    count = 0

    def hosted(match: re.Match[str]) -> str:
        nonlocal count
        found = _source_of(match)
        address = (
            next((group for group in found.groups() if group), "") if found else ""
        )
        data = _data_of(unescape(address))
        if data is None:
            return match.group()
        try:
            image, _ = images.store(data, name="imported", uploader=uploader)
        except images.BadImage as error:
            imported.notes.append(f"An image in the HTML was left as it is: {error}")
            return match.group()
        count += 1
        return match.group().replace(address, images.address_of(image))

    imported.source = _TAG.sub(hosted, imported.source)
    if count:
        words = "1 image" if count == 1 else f"{count} images"
        imported.notes.append(f"Uploaded: {words} that stood inside the HTML.")


def _source_of(tag: re.Match[str]) -> re.Match[str] | None:
    """Return the address that an image is loaded from; None for any other tag."""
    return _SRC.search(tag.group()) if tag.group(1).lower() == "img" else None


def _data_of(address: str) -> bytes | None:
    match = _DATA.match(address)
    if match is None:
        return None
    try:
        if match.group(1):
            return base64.b64decode(match.group(2), validate=False)
        return unquote_to_bytes(match.group(2))
    except (binascii.Error, ValueError):
        return None


def _images_of(source: str) -> list[ImageReport]:
    """Return every image once, in the order of the source."""
    found = [
        *filter(None, map(_source_of, _TAG.finditer(source))),
        *_STYLE_IMAGE.finditer(source),
    ]
    addresses = [
        unescape(next((group for group in match.groups() if group), ""))
        for match in found
    ]
    return [_report(address.strip()) for address in dict.fromkeys(addresses)]


def _report(address: str) -> ImageReport:
    if "{{" in address or "{%" in address:
        return ImageReport(address, "Comes from the event.", is_good=True)
    if not address:
        return ImageReport("(empty)", "Choose an image.", is_good=False)
    try:
        scheme = urlsplit(address).scheme.lower()
    except ValueError:
        return ImageReport(address, "This is no address.", is_good=False)
    if address.startswith(f"{settings.TXMSG_PUBLIC_URL}/images/"):
        return ImageReport(address, "Uploaded here.", is_good=True)
    shown = address if len(address) <= 120 else f"{address[:117]}…"
    if scheme == "https":
        return ImageReport(shown, "Loaded from there by mail clients.", is_good=True)
    if scheme == "http":
        advice = "Not encrypted: many mail clients will not show it. Use https."
    elif scheme == "cid":
        advice = "Was attached to the old mail. Upload it and put in its address."
    elif scheme == "data":
        advice = "Gmail and Outlook show no such images. Upload it."
    elif scheme:
        advice = f"Mail clients load nothing from {scheme}: addresses."
    else:
        advice = "Relative: it leads nowhere in a mail. Upload it, or use https://…"
    return ImageReport(shown, advice, is_good=False)
