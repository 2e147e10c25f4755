"""Links and images of a body: where they lead, and what stands in for them.

Reads the source, so that each mistake has its place; and addresses as rendered, where
Liquid hides them in the source.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

from templates_app.checking.findings import Fault, Severity
from templates_app.rendering.mjml_lint import MARKUP, MAX_FAULTS
from templates_app.rendering.scanning import liquid_tokens, masked

_ATTRIBUTE = re.compile(
    r"""([^\s"'<>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'<>]+)))?"""
)
_SCHEME = re.compile(r"\s*([a-zA-Z][a-zA-Z0-9+.-]*):")
_WORDS = re.compile(r"[^\s\xa0]")

_MAX_LABEL = 200  # closing tags looked at for the end of a link

_LINKS = {
    "a": "the link",
    "area": "the link",
    "mj-button": "the button",
    "mj-image": "the image's link",
    "mj-navbar-link": "the link",
    "mj-social-element": "the link",
    "mj-carousel-image": "the image's link",
}
_NEEDS_LINK = frozenset({"a", "mj-button", "mj-navbar-link"})
_IMAGES = frozenset({"img", "mj-image", "mj-carousel-image"})
_LINK_SCHEMES = frozenset({"http", "https", "mailto", "tel", "sms"})
_IMAGE_SCHEMES = frozenset({"http", "https", "cid", "data"})
_PLACEHOLDERS = re.compile(
    r"(https?:/*$"
    r"|https?://(www\.)?(example\.(com|org|net)|your[-\w]*\.\w+|domain\.com)([/?#]|$)"
    r"|#$|todo\b|link$|url$|xxx)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of a tag: its value as it is written, and where it begins."""

    value: str
    start: int
    length: int


@dataclass(frozen=True, slots=True)
class Tag:
    """An opening tag of a source, with Liquid in its values as it is written."""

    name: str
    start: int
    end: int
    is_closed: bool
    attributes: dict[str, Attribute]


def tags_of(source: str) -> Iterator[Tag]:
    """Yield the opening tags of an HTML or MJML source, but those of mj-attributes."""
    is_default = False
    for match in _markup(source):
        if "mj-attributes" in (match["name"], match["end"]):
            is_default = bool(match["name"])
        elif match["name"] and not is_default:
            yield Tag(
                match["name"].lower(),
                match.start(),
                match.end(),
                match["attributes"].endswith("/"),
                _attributes(source, match),
            )


def _attributes(source: str, match: re.Match[str]) -> dict[str, Attribute]:
    begin = match.start("attributes")
    found: dict[str, Attribute] = {}
    for each in _ATTRIBUTE.finditer(match["attributes"]):
        group = each.lastindex if each.lastindex and each.lastindex > 1 else 0
        start, end = each.span(group) if group else (each.end(), each.end())
        value = source[begin + start : begin + end]
        name = each[1].lower()
        found.setdefault(name, Attribute(value, begin + start, end - start))
    return found


def link_faults(source: str) -> Iterator[Fault]:
    """Yield what is wrong with the links and images of an HTML or MJML source."""
    tags = list(tags_of(source))
    ends = _ends(source)
    for tag in tags:
        if tag.name in _LINKS:
            yield from _link(tag)
        if tag.name in _IMAGES:
            yield from _image(tag)
        if tag.name in {"a", "mj-button"} and "href" in tag.attributes:
            yield from _label(source, tag, ends)


def _link(tag: Tag) -> Iterator[Fault]:
    what = _LINKS[tag.name]
    href = tag.attributes.get("href")
    if href is None:
        is_anchor = tag.attributes.keys() & {"name", "id"}
        if tag.name in _NEEDS_LINK and not (tag.name == "a" and is_anchor):
            message = f"{what} leads nowhere: it has no href"
            yield _fault(tag, "link_missing", message, 'write href="https://…"')
        return
    problem = address_problem(href.value)
    if problem:
        code, severity, words, advice = problem
        yield Fault(
            href.start,
            code,
            f"{what} {words}",
            advice,
            max(href.length, 1),
            severity=severity,
        )


def address_problem(value: str) -> tuple[str, Severity, str, str] | None:
    """Return code, severity, words and advice for an address that is no good link.

    An address that begins with Liquid is not known here.
    """
    address = value.strip()
    if address.startswith(("{{", "{%")):
        return None
    if not address:
        return "link_empty", "error", "has an empty address", "write where it leads"
    scheme = _SCHEME.match(address)
    name = scheme[1].lower() if scheme else ""
    if name and name not in _LINK_SCHEMES:
        words = f"begins with {name}:, which mail programs do not open"
        return "link_scheme", "error", words, "use https:, mailto: or tel:"
    if _PLACEHOLDERS.match(address):
        words = f"has a placeholder for an address: {address[:40]}"
        return "link_placeholder", "warning", words, "write where it leads"
    if not name and not address.startswith(("#", "//")):
        words = f"has an address without https://: {address[:40]}"
        return "link_relative", "error", words, f"write {_whole(address)}"
    if name == "http":
        words = "is not encrypted: http:"
        return "link_http", "warning", words, "write https:"
    return None


def _whole(address: str) -> str:
    if address.startswith("/"):
        return f"https://…{address}"
    return f"https://{address}" if "." in address else f"https://…/{address}"


def _image(tag: Tag) -> Iterator[Fault]:
    source = tag.attributes.get("src")
    if source is None or not source.value.strip():
        place = source.start if source else tag.start
        yield Fault(
            place,
            "image_source",
            "the image has no source",
            'write src="https://…"',
            1 if source else len(tag.name) + 1,
        )
    else:
        yield from _image_source(source)
    if "alt" not in tag.attributes:
        yield _fault(
            tag,
            "image_alt",
            "the image has no alt text, which is all that many see of it",
            'write alt="…", or alt="" if it only decorates',
            "warning",
        )


def _image_source(source: Attribute) -> Iterator[Fault]:
    address = source.value.strip()
    if address.startswith(("{{", "{%")):
        return
    scheme = _SCHEME.match(address)
    name = scheme[1].lower() if scheme else ""
    length = max(source.length, 1)
    if name and name not in _IMAGE_SCHEMES:
        message = f"the image's source begins with {name}:"
        yield Fault(source.start, "image_source", message, "use https:", length)
    elif not name and not address.startswith("//"):
        message = f"the image's source has no https://: {address[:40]}"
        advice = "upload the image, or write its whole address"
        yield Fault(source.start, "image_source", message, advice, length)
    elif name == "http":
        yield Fault(
            source.start,
            "image_http",
            "the image is loaded without encryption, which many mail programs refuse",
            "write https:",
            length,
            severity="warning",
        )
    elif name == "data":
        yield Fault(
            source.start,
            "image_data",
            "an image inside the address is shown by few mail programs",
            "upload the image",
            5,
            severity="warning",
        )


def _ends(source: str) -> list[tuple[int, str]]:
    return [
        (match.start(), match["end"].lower())
        for match in _markup(source)
        if match["end"]
    ]


def _markup(source: str) -> Iterator[re.Match[str]]:
    """Yield tags, until too many were broken: each takes all the rest to be read."""
    broken = 0
    for match in MARKUP.finditer(masked(source)):
        broken += match.group() == "<"
        if broken > MAX_FAULTS:
            return
        yield match


def _label(source: str, tag: Tag, ends: list[tuple[int, str]]) -> Iterator[Fault]:
    """Yield a warning for a link without anything to click on."""
    following = ends[bisect_left(ends, (tag.end, "")) :][:_MAX_LABEL]
    end = next((at for at, name in following if name == tag.name), None)
    if tag.is_closed or end is None:
        return
    inside = source[tag.end : end]
    if any(token.group().startswith("{{") for token in liquid_tokens(inside)):
        return
    if not _WORDS.search(MARKUP.sub(_picture, _without_liquid(inside))):
        message = "the link has no text: there is nothing to click on"
        yield _fault(tag, "link_text", message, "write what it leads to", "warning")


def _without_liquid(text: str) -> str:
    pieces, done = [], 0
    for token in liquid_tokens(text):
        pieces.append(text[done : token.start()])
        done = token.end()
    return "".join([*pieces, text[done:]])


def _picture(match: re.Match[str]) -> str:
    return "x" if (match["name"] or "").lower() in {"img", "mj-image"} else ""


def _fault(
    tag: Tag, code: str, message: str, advice: str, severity: Severity = "error"
) -> Fault:
    return Fault(tag.start, code, message, advice, len(tag.name) + 1, severity=severity)
